"""The highest rate that is held: doubled until it is not, or halved until it is, then bisected."""

from collections.abc import Callable
from dataclasses import dataclass, field

CLOSE_ENOUGH = 1.1
"""Upper bound of the lowest rate that was not held, in multiples of the highest that was, at the end."""
LEAST = 0.05
"""Lower bound of the rate, in messages a second of each member."""
KEEPS_UP = 0.5
"""Seconds after the last message, in which the last delivery of a rate that is held has come."""


@dataclass(frozen=True)
class RateStep:
    """One short run. `rate`: messages a second of each member; `why`: what was wrong, "" if the rate was held;
    `generator`: the generator was the limit.
    """

    rate: float
    why: str = ""
    generator: bool = False

    @property
    def held(self) -> bool:
        """Whether the rate was held."""
        return not self.why


@dataclass
class RateSearch:
    """The rates that were tried, and what they came to."""

    steps: list[RateStep] = field(default_factory=list)

    @property
    def held(self) -> float | None:
        """The highest rate that was held while no lower one failed. None: there is none."""
        return max((step.rate for step in self.steps if step.held and not self._fails_at(step.rate)), default=None)

    def _fails_at(self, rate: float) -> bool:
        return any(not step.held and step.rate <= rate for step in self.steps)

    @property
    def failed(self) -> RateStep | None:
        """The lowest rate above `held` that was not held. None: there is none."""
        held = self.held or 0.0
        return min(
            (step for step in self.steps if not step.held and step.rate > held),
            key=lambda step: step.rate,
            default=None,
        )

    @property
    def bounded_by_generator(self) -> bool:
        """Whether the generator could not send or read faster: the server might hold more."""
        return self.failed is not None and self.failed.generator


def search(try_at: Callable[[float], RateStep | None], first: float) -> RateSearch:
    """Find the highest rate that is held, beginning with `first`.

    `try_at`: makes a run at a rate; None ends the search. A step that fails because of the generator is a bound, too.
    """
    found = RateSearch()
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
