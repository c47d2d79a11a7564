"""Where outcomes come together, from one process or several, and become verdicts and report.json."""

import time

import pytest

from conformance.outcome.findings import OUTCOMES, Outcome
from conformance.outcome.verdicts import Exit, Judgement, Verdict, is_cut_short, judge
from conformance.report.model import SCHEMA, ClauseRow, DeviationRow, FindingRow, Incomplete, Report
from conformance.spec.clauses import all_clauses
from tcrp import __version__


def outcomes_of(report: pytest.TestReport) -> list[Outcome]:
    """The outcomes that the plugin has put into pytest's report of a test."""
    found: list[Outcome] = getattr(report, OUTCOMES, [])
    return found


class Collector:
    """A pytest plugin that collects what the tests of the suite found."""

    def __init__(self) -> None:
        self.outcomes: dict[str, list[Outcome]] = {}
        self.chosen: list[str] = []
        self.started = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for outcome in outcomes_of(report):
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Take note of one outcome."""
        self.outcomes.setdefault(outcome.clause, []).append(outcome)

    def judgements(self) -> list[Judgement]:
        """One verdict for each clause that was chosen or of which something was found, in the order of the document."""
        wanted = {*self.chosen, *self.outcomes}
        return [judge(one, self.outcomes.get(one.id, ())) for one in all_clauses() if one.id in wanted]

    def report(
        self, *, target: str, dialect: str, seed: int, exit_code: Exit, judgements: list[Judgement],
        findings: list[FindingRow], deviations: list[DeviationRow],
    ) -> Report:  # fmt: skip
        """The whole run as report.json says it."""
        replays = {one["clause"]: one["replay"] for one in findings}
        return {
            "schema": SCHEMA,
            "tool": f"tcrp-conformance {__version__}",
            "target": target,
            "dialect": dialect,
            "seed": seed,
            "seconds": round(time.monotonic() - self.started, 3),
            "exit_code": int(exit_code),
            "incomplete": _incomplete(judgements),
            "summary": {str(v): sum(one.verdict is v for one in judgements) for v in Verdict},
            "clauses": [_clause_row(one, replays.get(one.clause.id)) for one in judgements],
            "findings": findings,
            "deviations": deviations,
        }


def _incomplete(judgements: list[Judgement]) -> Incomplete | None:
    """How far a run has come that time has ended. None of another."""
    if not any(map(is_cut_short, judgements)):
        return None
    judged = sum(one.verdict is not Verdict.UNSUPPORTED for one in judgements)
    return {"judged": judged, "chosen": len(judgements)}


def _clause_row(judgement: Judgement, replay: str | None) -> ClauseRow:
    found, outcomes = judgement.outcome, judgement.outcomes
    failed, total = judgement.runs
    return {
        "id": judgement.clause.id,
        "level": str(judgement.clause.level),
        "section": judgement.clause.section,
        "title": judgement.clause.title,
        "verdict": str(judgement.verdict),
        "examples": sum(max(1, one.examples) for one in outcomes if one.result != "unsupported"),
        "seconds": round(sum(one.seconds for one in outcomes), 3),
        "expected": found.expected if found else None,
        "actual": found.actual if found else None,
        "bytes": found.data.hex() if found and found.data is not None else None,
        "replay": replay,
        "message": judgement.message,
        "runs": {"failed": failed, "total": total},
    }
