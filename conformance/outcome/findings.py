"""What a test can find: a mismatch with a clause, a target that is gone, a reason for not judging."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, Self

from conformance.outcome.trouble import Trouble
from conformance.trace.names import NameState
from conformance.trace.recording import Step, Steps
from conformance.trace.text import visible

OUTCOMES = "tcrp_outcomes"
"""The attribute of pytest's report of a test that holds the outcomes."""
VERDICT = "tcrp_verdict"
"""The attribute of pytest's report of a test that found something which does not make the run fail: what it is."""
PLAIN_CONVERSATION = "the plain conversation"
"""In place of the test's name, where no test but the conversation before them found something."""


TESTED, COMPARED, PROBED = "test", "comparison", "probe"
"""How a clause was judged: by a test of the suite, by comparing the server with itself, or while its dialect was
searched for.
"""


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
    held = 0
    """How often the conversation has failed, and never passed; 0 if that is not known yet."""
    stopped = False
    """The test has stopped the server, as it was to."""


class Mismatch(Finding, AssertionError):
    """The server did something else than the clause says. `data`: the bytes it hinges on, sent or received; `at`: the
    offset of the byte that is wrong in them.

    `clause`: the clause broken, where it is not the one under test (the plain conversation that every test needs).
    `check`: how a program can see it. `certain`: no path explains it, since none changes bytes or delays an answer.
    """

    def __init__(
        self, expected: str, actual: str, *, data: bytes | None = None, clause: str | None = None,
        at: int | None = None, check: Check | None = None, certain: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual
        self.data = data
        self.clause = clause
        self.at = at
        self.check = check
        self.held = int(certain)


class TargetLost(Finding):
    """The server cannot be reached any more, or its process ended."""


class TimeUp(BaseException):
    """The time of the run is over. It ends whatever goes on, and no test catches it."""


OUT_OF_TIME = "not judged within --max-time"
"""What the message of an outcome begins with that says nothing of its clause, since the time of the run was over."""


TOO_LARGE = "the path carries datagrams of at most"
"""What the message of an outcome begins with whose test sends more than the path carries."""


def unsupported(reason: str) -> NoReturn:
    """Give up judging, with the reason: the verdict is `unsupported`."""
    import pytest  # here, so that clauses can be listed and explained without it

    pytest.skip(visible(reason))


class Evidence(NamedTuple):
    """What a finding rests on.

    `play`: the address of the function that holds the conversation (engine.rerun.attempt.address_of); `example`: what
    was drawn, as Python writes it; `names`: where the names stood when the conversation began; `at`: the offset of the
    wrong byte; `output`: the last lines that the server printed; `usual`: the server reports the trouble in them of the
    plain conversation too, which it passes; `failed` of `runs` runs failed; `seen_once`: why it was not repeated;
    `ended`: the server served no longer then; `killer`: the act that did it; `exception`: what the server printed.
    """

    steps: Steps = ()
    play: str = ""
    example: str = "{}"
    names: NameState = NameState("", 0)
    at: int | None = None
    check: Check | None = None
    output: tuple[str, ...] = ()
    usual: bool = False
    failed: int = 1
    runs: int = 1
    seen_once: str | None = None
    killer: Step | None = None
    ended: bool = False
    exception: Trouble | None = None
    hinge: str | None = None
    advice: str | None = None


class Outcome(NamedTuple):
    """What one test said about its clause. `result`: pass, fail, unsupported, crash or error; `data`: the bytes on
    which the finding hinges; `how`: TESTED, COMPARED or PROBED.
    """

    clause: str
    result: str
    test: str
    seconds: float
    examples: int = 0
    expected: str | None = None
    actual: str | None = None
    data: bytes | None = None
    message: str | None = None
    evidence: Evidence | None = None
    how: str = TESTED

    def as_json(self) -> str:
        """For another process: a worker of pytest-xdist hands its outcomes on."""
        evidence = None
        if self.evidence is not None:
            check = self.evidence.check
            evidence = {
                **self.evidence._asdict(),
                "steps": [step.as_dict() for step in self.evidence.steps],
                "check": None if check is None else {**check._asdict(), "mark": check.mark.hex()},
                "killer": None if self.evidence.killer is None else self.evidence.killer.as_dict(),
            }
        data = None if self.data is None else self.data.hex()
        return json.dumps({**self._asdict(), "data": data, "evidence": evidence})

    @classmethod
    def of_json(cls, text: str) -> Self:
        """The same outcome in another process."""
        row = json.loads(text)
        data, evidence = row.pop("data"), row.pop("evidence")
        if evidence is not None:
            check = evidence["check"]
            if check is not None:
                check = Check(
                    **{**check, "mark": bytes.fromhex(check["mark"]), "statuses": tuple(check["statuses"])}
                )  # fmt: skip
            evidence = Evidence(
                **{
                    **evidence,
                    "steps": tuple(map(Step.of_dict, evidence["steps"])),
                    "check": check,
                    "names": NameState(*evidence["names"]),
                    "output": tuple(evidence["output"]),
                    "killer": None if evidence["killer"] is None else Step.of_dict(evidence["killer"]),
                    "exception": None if evidence["exception"] is None else Trouble(*evidence["exception"]),
                }
            )
        return cls(**row, data=None if data is None else bytes.fromhex(data), evidence=evidence)
