"""What report.json holds, as types. report.schema.json describes the same for other programs."""

from typing import TypedDict

from conformance.outcome.deviations import Deviation, State

SCHEMA = 1


class Runs(TypedDict):
    """Of a finding: how often the same bytes failed. Of a clause without one: its tests."""

    failed: int
    total: int


class StepRow(TypedDict):
    """One thing that happened on the wire. `at`: seconds since the first step; `bytes`: hex."""

    at: float
    who: str
    does: str
    bytes: str
    local: str
    note: str


class FieldRow(TypedDict):
    """One field of a message. `bytes`: hex; `at`: the offset of the wrong byte."""

    offset: int
    bytes: str
    field: str
    value: str
    problem: str
    at: int | None


class MessageRow(TypedDict):
    """What one peer sent, field by field. `decisive`: the finding hinges on it."""

    title: str
    decisive: bool
    rows: list[FieldRow]


class ClauseRow(TypedDict):
    """One verdict a clause. `bytes`: hex; `replay`: a path relative to the report."""

    id: str
    level: str
    section: str
    title: str
    verdict: str
    examples: int
    seconds: float
    expected: str | None
    actual: str | None
    bytes: str | None
    replay: str | None
    message: str | None
    runs: Runs


class Head(TypedDict):
    """A clause that fails: its rule, its verdict, what was due and what came."""

    clause: str
    level: str
    title: str
    verdict: str
    expected: str | None
    actual: str | None


class ExceptionRow(TypedDict):
    """What a server has printed of its trouble: the exception, and where in the server's own code it came up."""

    type: str
    message: str
    file: str | None
    line: int | None


class FindingRow(Head):
    """One cause, under its clause. `also`: what fails because of it; `may_share`: the clauses of other findings that
    may have the same cause; `seen_once`: why it was not repeated; `killer`: the act after which the server served no
    longer; paths are relative to the report.
    """

    number: int
    quote: str
    test: str
    message: str | None
    bytes: str | None
    example: str | None
    runs: Runs
    summary: str
    seen_once: str | None
    killer: StepRow | None
    exception: ExceptionRow | None
    hinge: str | None
    advice: str | None
    conversation: list[StepRow]
    ladder: list[str]
    messages: list[MessageRow]
    output: list[str]
    replay: str | None
    script: str | None
    also: list[Head]
    may_share: list[str]


class Incomplete(TypedDict):
    """A run that time has ended: how many clauses were judged, of how many."""

    judged: int
    chosen: int


class DeviationRow(TypedDict):
    """What became of one entry of the deviations. Known is green; passing and expired are red."""

    clause: str
    reason: str
    link: str | None
    until: str | None
    state: State


def deviation_row(deviation: Deviation, state: State) -> DeviationRow:
    """The row of a deviation that a run found in this state."""
    until = deviation.until.isoformat() if deviation.until else None
    return {
        "clause": deviation.clause, "reason": deviation.reason, "link": deviation.link, "until": until, "state": state,
    }  # fmt: skip


class Report(TypedDict):
    """A whole run."""

    schema: int
    tool: str
    target: str
    dialect: str
    seed: int
    seconds: float
    exit_code: int
    incomplete: Incomplete | None
    summary: dict[str, int]
    clauses: list[ClauseRow]
    findings: list[FindingRow]
    deviations: list[DeviationRow]
