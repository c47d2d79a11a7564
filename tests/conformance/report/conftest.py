"""Reports as a run writes them: of a server that does much wrong, and of one that conforms."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from conformance.report.model import Report
from tests.conformance.report.sample import HOSTILE, SAMPLE, VERDICTS, made
from tests.conformance.schemas import REPORT_SCHEMA


@pytest.fixture
def report() -> Report:
    """A report with every verdict but `error`, and every state of a deviation."""
    return copy.deepcopy(SAMPLE)


@pytest.fixture
def clean() -> Report:
    """The report of a server that conforms."""
    report = made()
    for one in report["clauses"]:
        one |= {"verdict": "pass", "message": None, "expected": None, "actual": None, "bytes": None, "replay": None}
    total = {"pass": len(report["clauses"])}
    return report | {"exit_code": 0, "findings": [], "deviations": [], "summary": dict.fromkeys(VERDICTS, 0) | total}


Rejudge = Callable[[str, str], Report]


@pytest.fixture
def rejudged(report: Report) -> Rejudge:
    """The report with another verdict of one clause."""

    def change(name: str, verdict: str) -> Report:
        changed = copy.deepcopy(report)
        (one,) = [one for one in changed["clauses"] if one["id"] == name]
        changed["summary"][one["verdict"]] -= 1
        changed["summary"][verdict] += 1
        one["verdict"] = verdict
        return changed

    return change


@pytest.fixture
def schema() -> dict[str, Any]:
    return REPORT_SCHEMA


@pytest.fixture
def hostile() -> str:
    return HOSTILE
