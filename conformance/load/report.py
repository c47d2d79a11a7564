"""The report of a load for programs: load.json."""

from collections.abc import Sequence

from conformance.load.assessment import delivery_rate, generator_limits, sent_rate, server_faults
from conformance.load.figures import Figures
from conformance.load.model import SCHEMA, LoadReport, SearchRow, TimelineRow
from conformance.load.plan import Plan
from conformance.load.search import RateSearch
from conformance.outcome.verdicts import Exit
from tcrp import __version__


def make_report(
    *, target: str, dialect: str, plan: Plan, figures: Figures, code: Exit, notes: Sequence[str],
    found: RateSearch | None = None,
) -> LoadReport:  # fmt: skip
    """The report of a run. `code`: the exit code; `notes`: remarks for a person; `found`: of a search."""
    return {
        "schema": SCHEMA,
        "tool": f"tcrp-conformance {__version__}",
        "target": target,
        "dialect": dialect,
        "exit_code": int(code),
        "asked": {
            "rooms": plan.rooms, "members": plan.members, "rate": plan.rate, "seconds": round(plan.length, 3),
            "messages_per_second": round(plan.total_rate, 3), "deliveries_per_second": round(plan.delivery_rate, 3),
        },
        "held": {
            "messages_per_second": round(sent_rate(figures, plan), 3),
            "deliveries_per_second": round(delivery_rate(figures, plan), 3),
        },
        "messages": figures.sent,
        "expected": figures.expected,
        "delivered": figures.delivered,
        "lost": figures.lost,
        "lost_by_generator": figures.lost_by_generator,
        "duplicated": figures.duplicated,
        "foreign": figures.foreign,
        "garbled": figures.garbled,
        "disconnected": figures.disconnected,
        "refused": figures.refused,
        "seconds_behind": round(figures.seconds_behind, 3),
        "latency_ms": figures.latencies.summary(),
        "generator": {
            "cores": [round(share, 3) for share in figures.cores],
            "late_ms": figures.late.summary(),
            "own_ms": figures.own.summary(),
            "limit": generator_limits(figures, plan),
        },
        "faults": server_faults(figures),
        "notes": list(notes),
        "timeline": _timeline(figures, plan),
        "search": None if found is None else _search(found),
    }  # fmt: skip


def _timeline(figures: Figures, plan: Plan) -> list[TimelineRow]:
    rows: list[TimelineRow] = []
    for number, point in enumerate(figures.timeline):
        ms = point.latencies.summary()
        rows.append({
            "at": round(number * plan.point_seconds, 3), "sent": point.sent, "delivered": point.delivered,
            "lost": point.lost, "p50_ms": ms["p50"], "p90_ms": ms["p90"], "p99_ms": ms["p99"], "max_ms": ms["max"],
        })  # fmt: skip
    return rows


def _search(found: RateSearch) -> SearchRow:
    return {
        "held": found.held,
        "failed": None if found.failed is None else found.failed.rate,
        "bounded_by_generator": found.bounded_by_generator,
        "steps": [
            {"rate": step.rate, "held": step.held, "why": step.why, "generator": step.generator} for step in found.steps
        ],
    }
