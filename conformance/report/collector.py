"""Where outcomes come together, from one process or several, and become verdicts and report.json."""

import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from conformance.outcome.deviations import Deviation, excused, state
from conformance.outcome.findings import OUTCOMES, Outcome
from conformance.outcome.verdicts import Exit, Judgement, Verdict, is_cut_short, judge
from conformance.report.model import (
    SCHEMA,
    ClauseRow,
    DeviationRow,
    DifferenceRow,
    FindingRow,
    Incomplete,
    PathRow,
    Report,
    deviation_row,
)
from conformance.spec.clauses import Clause, all_clauses, revision
from tcrp import __version__


def outcomes_of(report: pytest.TestReport) -> list[Outcome]:
    """The outcomes that the plugin has put into pytest's report of a test."""
    found: list[Outcome] = getattr(report, OUTCOMES, [])
    return found


class Collector:
    """A pytest plugin that collects what the tests of the suite found. `deviations`: what is known to fail."""

    def __init__(self, deviations: Sequence[Deviation] = ()) -> None:
        self.deviations = deviations
        self._today = date.today()
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
        return [self.judged(one) for one in all_clauses() if one.id in wanted]

    def judged(self, clause: Clause) -> Judgement:
        """The verdict of one clause, from what was found until now."""
        return excused(judge(clause, self.outcomes.get(clause.id, ())), self.deviations, self._today)

    def deviation_rows(self, judgements: Sequence[Judgement]) -> list[DeviationRow]:
        """What became of each listed deviation."""
        verdicts = {one.clause.id: str(one.verdict) for one in judgements}
        return [deviation_row(one, state(one, verdicts.get(one.clause), self._today)) for one in self.deviations]

    def report(
        self, *, options: Mapping[str, Any], target: str, dialect: str, seed: int, exit_code: Exit,
        judgements: list[Judgement], findings: list[FindingRow], deviations: list[DeviationRow],
        differences: list[DifferenceRow], path: PathRow | None = None,
    ) -> Report:  # fmt: skip
        """The whole run as report.json says it."""
        replays = {one["clause"]: one["replay"] for one in findings}
        report: Report = {
            "schema": SCHEMA,
            "tool": f"tcrp-conformance {__version__}",
            "spec": revision(),
            "options": dict(options),
            "target": target,
            "dialect": dialect,
            "seed": seed,
            "seconds": round(time.monotonic() - self.started, 3),
            "exit_code": int(exit_code),
            "incomplete": _incomplete(judgements),
            "summary": {str(v): sum(one.verdict is v for one in judgements) for v in Verdict},
            "clauses": [_clause_row(one, replays.get(one.clause.id)) for one in judgements],
            "findings": findings,
            "differences": differences,
            "deviations": deviations,
        }
        if path is not None:
            report["path"] = path
        return report


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
        "how": None if found is None or found.result == "unsupported" else found.how,
        "runs": {"failed": failed, "total": total},
    }
