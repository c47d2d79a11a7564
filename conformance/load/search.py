"""The highest rate that is held: doubled until it is not, or halved until it is, then bisected."""

from collections.abc import Callable
from dataclasses import dataclass, field

CLOSE_ENOUGH = 1.1
"""How far the rate that was held and the one that was not may be apart in the end."""
LEAST = 0.05
"""Messages a second of each member."""
KEEPS_UP = 0.5
"""Seconds after the last message, in which the last delivery of a rate that is held has come."""


@dataclass(frozen=True)
class Step:
    """One short run. `why`: what was wrong, "" if the rate was held; `ours`: it was the generator that could not."""

    rate: float
    why: str = ""
    ours: bool = False

    @property
    def held(self) -> bool:
        return not self.why


@dataclass
class Search:
    """What was tried, and what it came to. `held`: the highest rate that was, `failed`: the lowest above it that was
    not, each None if there is none.
    """

    steps: list[Step] = field(default_factory=list)

    @property
    def held(self) -> float | None:
        return max((step.rate for step in self.steps if step.held and not self._fails_at(step.rate)), default=None)

    def _fails_at(self, rate: float) -> bool:
        return any(not step.held and step.rate <= rate for step in self.steps)

    @property
    def failed(self) -> Step | None:
        held = self.held or 0.0
        return min(
            (step for step in self.steps if not step.held and step.rate > held),
            key=lambda step: step.rate,
            default=None,
        )

    @property
    def bounded_by_us(self) -> bool:
        """The generator could not send or read faster: the server might hold more."""
        return self.failed is not None and self.failed.ours


def search(try_at: Callable[[float], Step | None], first: float) -> Search:
    """Find the rate. `try_at` None: it is to end here. A step that fails for the generator's sake is a bound, too."""
    found = Search()
    rate = first
    while (step := try_at(rate)) is not None:
        found.steps.append(step)
        held, failed = found.held, found.failed
        if failed is None:
            rate *= 2
        elif held is None:
            rate = failed.rate / 2
            if rate < LEAST:
                break
        elif failed.rate / held <= CLOSE_ENOUGH:
            break
        else:
            rate = (held * failed.rate) ** 0.5
    return found
