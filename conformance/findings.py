"""What a test can find: a mismatch with a clause, a target that is gone, a reason for not judging."""

from typing import NamedTuple, NoReturn


class Mismatch(AssertionError):
    """The server did something else than the clause says. `data`: the bytes it hinges on, sent or received.

    `clause`: the clause broken, where it is not the one under test (the plain conversation that every test needs).
    """

    def __init__(self, expected: str, actual: str, *, data: bytes | None = None, clause: str | None = None) -> None:
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual
        self.data = data
        self.clause = clause


class TargetLost(Exception):
    """The server cannot be reached any more, or its process ended."""


def unsupported(reason: str) -> NoReturn:
    """Give up judging, with the reason: the verdict is `unsupported`."""
    import pytest  # here, so that clauses can be listed and explained without it

    pytest.skip(reason)


class Outcome(NamedTuple):
    """What one test said about its clause. `result`: pass, fail, unsupported, crash or error."""

    clause: str
    result: str
    test: str
    seconds: float
    examples: int = 0
    expected: str | None = None
    actual: str | None = None
    data: str | None = None
    message: str | None = None


def shown(data: bytes, limit: int = 48) -> str:
    """Bytes as a person reads them, cut with their size."""
    cut = data[:limit]
    return f"{cut!r}" if len(data) <= limit else f"{cut!r}... ({len(data)} bytes)"
