"""What a test can find: a mismatch with a clause, a target that is gone, a reason for not judging."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, Self

from conformance.names import NameState
from conformance.recording import Steps

PLAIN_CONVERSATION = "the plain conversation"
"""In place of the test's name, where no test but the conversation before them found something."""


class Check(NamedTuple):
    """The finding in a form that a program without the suite can look for in the same conversation.

    `kind`: "hears" (`who` must receive a datagram that holds `mark`), "silent" (`who` must not) or "answer" (the
    connection `who` must be answered with one of `statuses`, with a token if `token`; `close`: or closed plainly).
    """

    kind: str
    who: str
    mark: bytes = b""
    statuses: tuple[int, ...] = ()
    token: bool = False
    close: bool = False


class Finding(Exception):
    """What a test raises. Where it was found, for whoever repeats it: what was drawn, the conversation, and where the
    names stood at its beginning; None until they are known.
    """

    example: Mapping[str, Any] | None = None
    steps: Steps | None = None
    names: NameState | None = None
    stopped = False
    """The test has stopped the server, as it was to."""


class Mismatch(Finding, AssertionError):
    """The server did something else than the clause says. `data`: the bytes it hinges on, sent or received; `at`: the
    offset of the byte that is wrong in them.

    `clause`: the clause broken, where it is not the one under test (the plain conversation that every test needs).
    `check`: how a program can see it.
    """

    def __init__(
        self, expected: str, actual: str, *, data: bytes | None = None, clause: str | None = None,
        at: int | None = None, check: Check | None = None,
    ) -> None:  # fmt: skip
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual
        self.data = data
        self.clause = clause
        self.at = at
        self.check = check


class TargetLost(Finding):
    """The server cannot be reached any more, or its process ended."""


def unsupported(reason: str) -> NoReturn:
    """Give up judging, with the reason: the verdict is `unsupported`."""
    import pytest  # here, so that clauses can be listed and explained without it

    pytest.skip(reason)


class Evidence(NamedTuple):
    """What a finding rests on. Everything is plain data, so that it passes between processes and into a file.

    `steps`: rows of recording.Step; `play`: where the conversation is found again (trial.address_of); `example`: what
    was drawn, as Python writes it; `output`: the last words of the endpoint; `usual`: the trouble in them is what it
    reports of the plain conversation too, which it passes; `failed` of `runs` runs failed.
    """

    steps: tuple[dict[str, Any], ...] = ()
    play: str = ""
    example: str = "{}"
    names: tuple[str, int, int] = ("", 0, -1)
    at: int | None = None
    check: tuple[Any, ...] | None = None
    output: tuple[str, ...] = ()
    usual: bool = False
    failed: int = 1
    runs: int = 1
    hinge: str | None = None
    advice: str | None = None


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
    evidence: Evidence | None = None

    def as_json(self) -> str:
        """For passing it between processes."""
        evidence = self.evidence._asdict() if self.evidence else None
        return json.dumps({**self._asdict(), "evidence": evidence}, default=lambda data: data.hex())

    @classmethod
    def of_json(cls, text: str) -> Self:
        """The same outcome in another process."""
        row = json.loads(text)
        evidence = row.pop("evidence")
        return cls(**row, evidence=Evidence(**evidence) if evidence else None)


def shown(data: bytes, limit: int = 48) -> str:
    """Bytes as a person reads them, cut with their size."""
    cut = data[:limit]
    return f"{cut!r}" if len(data) <= limit else f"{cut!r}... ({len(data)} bytes)"
