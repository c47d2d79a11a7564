"""How many examples properties try in a run, how they are drawn, and how long that may take."""

from typing import NamedTuple, Self

DEFAULT_EXAMPLES = 3
SECONDS = 2.0


class Drawing(NamedTuple):
    """`seconds`: for trying the examples of one property; `shrink_seconds`: for making a failing one small."""

    examples: int = DEFAULT_EXAMPLES
    seed: int = 0
    seconds: float = SECONDS
    shrink_seconds: float = 3.0

    @classmethod
    def of(cls, examples: int | None, seed: int | None) -> Self:
        """As the options of a run ask for. More examples than usual get more time."""
        wanted = examples or DEFAULT_EXAMPLES
        return cls(wanted, seed or 0, SECONDS * max(1.0, wanted / DEFAULT_EXAMPLES))
