"""Where outcomes come together, from one process or several, and become verdicts and report.json."""

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from conformance.clauses import all_clauses
from conformance.findings import Outcome
from conformance.plugin import PROPERTY
from conformance.verdicts import Exit, Judgement, Verdict, judge

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
                self.add(Outcome(**json.loads(str(value))))

    def add(self, outcome: Outcome) -> None:
        """Take note of one outcome."""
        self.outcomes.setdefault(outcome.clause, []).append(outcome)

    def judgements(self) -> list[Judgement]:
        """One verdict for each clause that was chosen or of which something was found, in the order of the document."""
        wanted = {*self.chosen, *self.outcomes}
        return [judge(one, self.outcomes.get(one.id, ())) for one in all_clauses() if one.id in wanted]

    def report(self, *, target: str, dialect: str, seed: int, exit_code: Exit) -> dict[str, Any]:
        """The whole run as report.json says it; report.schema.json describes it."""
        judgements = self.judgements()
        return {
            "schema": SCHEMA,
            "tool": f"tcrp-conformance {version('tcrp')}",
            "target": target,
            "dialect": dialect,
            "seed": seed,
            "seconds": round(time.monotonic() - self.started, 3),
            "exit_code": int(exit_code),
            "summary": {str(v): sum(one.verdict is v for one in judgements) for v in Verdict},
            "clauses": [_clause_row(one) for one in judgements],
        }

    def write(self, folder: Path, report: dict[str, Any]) -> Path:
        """Write report.json into the folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "report.json"
        path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return path


def _clause_row(judgement: Judgement) -> dict[str, Any]:
    found, outcomes = judgement.outcome, judgement.outcomes
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
        "replay": None,
        "message": judgement.message,
        "runs": {
            "failed": sum(one.result in ("fail", "crash", "error") for one in outcomes),
            "total": sum(one.result != "unsupported" for one in outcomes),
        },
    }
