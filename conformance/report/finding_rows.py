"""Causes as reports tell them: everything that their reader can act on."""

from collections.abc import Callable

from conformance.outcome.causes import Cause
from conformance.outcome.findings import Evidence
from conformance.outcome.trouble import Trouble
from conformance.outcome.verdicts import Judgement
from conformance.report.field_table import messages
from conformance.report.ladder import ladder
from conformance.report.model import ExceptionRow, FindingRow, Head, StepRow
from conformance.trace.recording import Step
from tcrp import Dialect

WriteFiles = Callable[[Judgement, Evidence], tuple[str | None, str | None]]
"""Writes what repeats a finding. Returns the paths of the replay file and of the script, relative to the report."""


def finding_rows(causes: list[Cause], dialect: Dialect, write_files: WriteFiles) -> list[FindingRow]:
    """One row a cause, in their order. OSError if the files cannot be written."""
    return [_row(number, cause, dialect, write_files) for number, cause in enumerate(causes, 1)]


def _row(number: int, cause: Cause, dialect: Dialect, write_files: WriteFiles) -> FindingRow:
    root, outcome = cause.root, cause.root.outcome
    assert outcome is not None
    evidence = outcome.evidence or Evidence()
    replay, script = write_files(root, evidence) if evidence.steps and evidence.play else (None, None)
    failed, total = root.runs
    return {
        "number": number,
        **_head(root),
        "quote": root.clause.quote,
        "test": outcome.test.rpartition("::")[2].removeprefix("test_").replace("_", " "),
        "message": outcome.message,
        "bytes": None if outcome.data is None else outcome.data.hex(),
        "example": None if evidence.example == "{}" else evidence.example,
        "runs": {"failed": failed, "total": total},
        "summary": _summary(root, evidence),
        "seen_once": evidence.seen_once,
        "killer": None if evidence.killer is None else _step_row(evidence.killer),
        "exception": None if evidence.exception is None else _exception_row(evidence.exception),
        "hinge": evidence.hinge,
        "advice": evidence.advice,
        "conversation": [_step_row(step) for step in evidence.steps],
        "ladder": ladder(evidence.steps, dialect=dialect),
        "messages": messages(evidence.steps, dialect, outcome.data, evidence.at, outcome.actual or ""),
        "output": list(evidence.output),
        "replay": replay,
        "script": script,
        "also": [_head(one) for one in cause.also],
        "may_share": cause.may_share,
    }


def _summary(judgement: Judgement, evidence: Evidence) -> str:
    """The finding in one line: the rule and what came instead, or what happened to the server, in its own words."""
    outcome = judgement.outcome
    came = (outcome.actual or outcome.message or "") if outcome else ""
    if evidence.exception is not None and str(evidence.exception) not in came:
        came = f"{came} ({evidence.exception})" if came else str(evidence.exception)
    if evidence.killer is not None and outcome is not None and outcome.result != "crash":
        return f"{came}: {(outcome.expected or '').removeprefix('the service of others to go on ')}"
    if outcome is not None and outcome.result == "crash" and came:
        return came
    return f"{judgement.clause.title}: {came}".removesuffix(": ")


def _exception_row(trouble: Trouble) -> ExceptionRow:
    return {
        "type": trouble.type, "message": trouble.message, "file": trouble.file or None, "line": trouble.line or None,
    }  # fmt: skip


def _step_row(step: Step) -> StepRow:
    return {
        "at": round(step.at, 4), "who": step.who, "does": str(step.does), "bytes": step.data.hex(),
        "local": step.local, "note": step.note,
    }  # fmt: skip


def _head(judgement: Judgement) -> Head:
    found = judgement.outcome
    return {
        "clause": judgement.clause.id,
        "level": str(judgement.clause.level),
        "title": judgement.clause.title,
        "verdict": str(judgement.verdict),
        "expected": found.expected if found else None,
        "actual": found.actual if found else None,
    }
