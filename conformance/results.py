"""Where outcomes come together, from one process or several, and become verdicts and report.json."""

import time
from typing import Any

import pytest

from conformance.clauses import all_clauses
from conformance.findings import Outcome
from conformance.plugin import PROPERTY
from conformance.verdicts import Exit, Judgement, Verdict, judge
from tcrp import __version__

SCHEMA = 1


class Results:
    """A pytest plugin that collects what the tests of the suite found."""

    def __init__(self, report_dir: str | None = None) -> None:
        self.report_dir = report_dir
        self.outcomes: dict[str, list[Outcome]] = {}
        self.chosen: list[str] = []
        self.started = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and report.when in ("setup", "call"):
                self.add(Outcome.of_json(str(value)))

    def add(self, outcome: Outcome) -> None:
        """Take note of one outcome."""
        self.outcomes.setdefault(outcome.clause, []).append(outcome)

    def judgements(self) -> list[Judgement]:
        """One verdict for each clause that was chosen or of which something was found, in the order of the document."""
        wanted = {*self.chosen, *self.outcomes}
        return [judge(one, self.outcomes.get(one.id, ())) for one in all_clauses() if one.id in wanted]

    def report(
        self, *, target: str, dialect: str, seed: int, exit_code: Exit, judgements: list[Judgement],
        findings: list[dict[str, Any]], deviations: list[dict[str, Any]],
    ) -> dict[str, Any]:  # fmt: skip
        """The whole run as report.json says it; report.schema.json describes it."""
        replays = {one["clause"]: one["replay"] for one in findings}
        return {
            "schema": SCHEMA,
            "tool": f"tcrp-conformance {__version__}",
            "target": target,
            "dialect": dialect,
            "seed": seed,
            "seconds": round(time.monotonic() - self.started, 3),
            "exit_code": int(exit_code),
            "summary": {str(v): sum(one.verdict is v for one in judgements) for v in Verdict},
            "clauses": [_clause_row(one, replays.get(one.clause.id)) for one in judgements],
            "findings": findings,
            "deviations": deviations,
        }


def _clause_row(judgement: Judgement, replay: str | None) -> dict[str, Any]:
    found, outcomes = judgement.outcome, judgement.outcomes
    failed, total = judgement.runs
    return {
        "id": judgement.clause.id,
        "level": str(judgement.clause.level),
        "section": judgement.clause.section,
        "title": judgement.clause.title,
        "verdict": str(judgement.verdict),
        "examples": sum(max(1, one.examples) for one in outcomes if one.result not in ("unsupported",)),
        "seconds": round(sum(one.seconds for one in outcomes), 3),
        "expected": found.expected if found else None,
        "actual": found.actual if found else None,
        "bytes": found.data if found else None,
        "replay": replay,
        "message": judgement.message,
        "runs": {"failed": failed, "total": total},
    }
