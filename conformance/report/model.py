"""What report.json holds, as types. report.schema.json describes the same for other programs."""

from typing import Any, NotRequired, TypedDict

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
    """One verdict a clause. `bytes`: hex; `replay`: a path relative to the report; `how`: it was judged by a test, by
    comparing the server with itself, or by the probe; None if it was not.
    """

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
    how: str | None
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


class DifferenceRow(TypedDict):
    """Where the dialect that the server speaks differs from TCRP/1. `text`: what it has, and what TCRP/1 wants."""

    clause: str
    text: str


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


class DroppedRow(TypedDict):
    """What the proxy of `--impair` has done to the datagrams of one direction."""

    sent: int
    lost: int
    doubled: int
    reordered: int
    too_large: int
    overflow: int


class PathRow(TypedDict):
    """The path to the server. `measured_by`: "control", "relayed" or "nothing"; `datagrams`: that this rests on; loss
    and the like are parts of 1; sizes are in bytes, None where nothing was too large; `addresses`: "kept", "one for
    all" or "unknown"; `impairment`, `dropped`: of `--impair`, else None; `summary`: all that in one line.
    """

    measured_by: str
    datagrams: int
    seconds: float
    loss_up: float
    loss_down: float
    doubled: float
    reordered: float
    late_seconds: float
    largest_up: int | None
    largest_down: int | None
    round_trip_seconds: float
    addresses: str
    impairment: str | None
    dropped: dict[str, DroppedRow] | None
    flows_ended: int | None
    summary: str


class Report(TypedDict):
    """A whole run. `spec`: the revision of the rules (clauses.revision); `options`: what the run was asked for, by the
    name of the option.
    """

    schema: int
    tool: str
    spec: str
    options: dict[str, Any]
    target: str
    dialect: str
    seed: int
    seconds: float
    exit_code: int
    incomplete: Incomplete | None
    summary: dict[str, int]
    clauses: list[ClauseRow]
    findings: list[FindingRow]
    differences: NotRequired[list[DifferenceRow]]
    deviations: list[DeviationRow]
    path: NotRequired[PathRow]
