"""Figures and reports of a run, without a server."""

import json
from pathlib import Path
from typing import Any

import jsonschema

import conformance.load
from conformance.load.figures import Figures, Latencies, step_of
from conformance.load.model import LoadReport
from conformance.load.plan import Plan
from conformance.load.report import make_report
from conformance.load.search import RateSearch
from conformance.outcome.verdicts import Exit

SCHEMA: dict[str, Any] = json.loads(Path(conformance.load.__file__).with_name("load.schema.json").read_text())
PLAN = Plan(5, 4, rate=2.0, seconds=1.0)
"""The plan of all samples: 40 messages and 120 deliveries."""


def latencies(ms: float, count: int = 120) -> Latencies:
    """So many latencies of this many milliseconds."""
    ns = round(ms * 1e6)
    found = Latencies(longest=ns)
    found.counts[step_of(ns)] = count
    return found


def figures(**otherwise: Any) -> Figures:
    """A run in which all went well, except for these fields."""
    good: dict[str, Any] = {
        "sent": 40, "expected": 120, "delivered": 120, "cores": [0.2], "first": 1, "last_sent": 975_000_001,
        "last_heard": 976_000_001, "latencies": latencies(1.0), "late": latencies(0.5), "own": latencies(0.1),
    }  # fmt: skip
    return Figures(**{**good, **otherwise})


def reported(measured: Figures, found: RateSearch | None = None) -> LoadReport:
    """The report of a run, which fits the schema. `found`: of a search."""
    report = make_report(
        target="127.0.0.1:1:2", dialect="tcrp", plan=PLAN, figures=measured, code=Exit.CONFORMS, notes=[], found=found
    )
    jsonschema.validate(report, SCHEMA)
    return report
