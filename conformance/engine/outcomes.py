"""From what a test raised to its outcome, with the evidence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.client.bench import Bench
from conformance.engine.rerun.attempt import to_text
from conformance.engine.rerun.repetition import Repeated
from conformance.outcome.findings import Evidence, Finding, Mismatch, Outcome
from conformance.outcome.trouble import exception_of
from conformance.spec.clauses import clause
from conformance.spec.grounds import is_about_refusals
from conformance.trace.names import NameState
from conformance.trace.recording import Steps
from conformance.trace.text import visible
from tcrp import LocalProtocolError


def outcome_of(done: Outcome, bench: Bench, call: "pytest.CallInfo[None]", found: BaseException | None) -> Outcome:
    """What the test says about its clause. `done`: the outcome if all was well; `found`: what the test raised."""
    record = bench.record
    match found:
        case None if record.unlearnt is not None and is_about_refusals(done.clause):
            return done._replace(result="unsupported", message=record.unlearnt)
        case None if record.waived and not record.judged:
            return done._replace(result="unsupported", message=record.waived[0])
        case None:
            return done._replace(message="; ".join(record.notes) or None)
        case LocalProtocolError() as unsayable:
            return done._replace(result="unsupported", message=f"in dialect {bench.dialect.name}: {unsayable}")
        case Finding():
            return failed(done, found)
        case pytest.skip.Exception():
            return done._replace(result="unsupported", message=found.msg)
        case error:
            assert call.excinfo is not None
            where = call.excinfo.traceback[-1]
            text = f"{type(error).__name__}: {error} ({Path(where.path).name}:{where.lineno + 1})"
            return done._replace(result="error", message=" ".join(text.split()))


def cut_short(found: Finding, bench: Bench, play: str, output: list[str]) -> Evidence:
    """What a finding rests on that the time of the run does not let be looked into."""
    steps = bench.trace.steps() if found.steps is None else found.steps
    evidence = evidence_of(found, steps, play, found.example or {}, found.names or bench.began_with, output)
    return evidence._replace(seen_once="the time of the run was over (--max-time)")


def failed(outcome: Outcome, found: Finding) -> Outcome:
    """The outcome of a test that found this."""
    if not isinstance(found, Mismatch):
        return outcome._replace(
            result="crash", expected="the server to go on serving", actual=str(found), message=str(found)
        )
    return outcome._replace(
        clause=found.clause or outcome.clause, result="fail", expected=found.expected, actual=found.actual,
        data=found.data, message=str(found),
    )  # fmt: skip


def evidence_of(
    found: Finding, steps: Steps, play: str, example: Mapping[str, Any], names: NameState, output: list[str]
) -> Evidence:
    """What a finding rests on. `play`: the address of the test's function; `output`: the server's last lines."""
    at, check = (found.at, found.check) if isinstance(found, Mismatch) else (None, None)
    exception = exception_of(output)
    return Evidence(steps, play, to_text(example), names, at, check, tuple(output), exception=exception)


def with_repetitions(evidence: Evidence, repeated: Repeated) -> Evidence:
    """The evidence, with how often the conversation failed and what that hinges on."""
    evidence = evidence._replace(failed=repeated.failed, runs=repeated.runs, seen_once=repeated.seen_once)
    if repeated.hinge is None:
        return evidence
    return evidence._replace(hinge=repeated.hinge.text, advice=repeated.hinge.advice or None)


def in_words(outcome: Outcome, *, redact: bool = False) -> str:
    """A finding in words, for whoever runs the suite from pytest. `redact`: the rule alone, without what was said."""
    if redact:
        return f"{outcome.clause}: {clause(outcome.clause).quote}"
    lines = [f"{outcome.clause}: {clause(outcome.clause).quote}", f"expected  {outcome.expected}"]
    lines.append(f"actual    {outcome.actual}")
    if outcome.data is not None:
        lines.append(f"bytes     {outcome.data.hex()}")
    return visible("\n".join(lines))
