"""What the figures come to: held or not, whose fault it was, the exit code, and the report for programs."""

from typing import Any

from conformance.load.figures import Figures
from conformance.load.plan import Plan
from conformance.load.search import Search
from conformance.verdicts import Exit
from tcrp import __version__

BUSY = 0.85
"""Of a core: a process that uses more has no time left."""
LATE_MS = 20.0
"""Milliseconds that 99 % of the messages may be sent late, and that what the generator sends to itself may take."""
REACHED = 0.95
"""The share of the rate asked for that must have been sent."""


def strain(figures: Figures, plan: Plan) -> list[str]:
    """Why the generator may have been the limit, in words; empty if it had time to spare."""
    why = []
    if (busiest := max(figures.shares, default=0.0)) > BUSY:
        why.append(f"it used {busiest:.0%} of a core")
    if (late := figures.late.ms(0.99) or 0.0) > LATE_MS:
        why.append(f"it sent {late:.0f} ms late (p99)")
    if (own := figures.own.ms(0.99) or 0.0) > LATE_MS:
        why.append(f"it heard itself {own:.0f} ms late (p99)")
    if figures.overrun:
        why.append(f"{figures.overrun:,} datagrams found its buffers full")
    if sent_rate(figures, plan) < REACHED * plan.total_rate:
        why.append("it did not reach the rate")
    return why


def sent_rate(figures: Figures, plan: Plan) -> float:
    """Messages a second that were sent."""
    seconds = (figures.last_sent - figures.first) / 1e9 + plan.interval / plan.everybody
    return figures.sent / seconds if figures.sent else 0.0


def delivery_rate(figures: Figures, plan: Plan) -> float:
    """Deliveries a second that came."""
    seconds = (max(figures.last_sent, figures.last_heard) - figures.first) / 1e9 + plan.interval / plan.everybody
    return figures.delivered / seconds if figures.delivered else 0.0


def faults(figures: Figures) -> list[str]:
    """What the server did wrong, in words."""
    found = []
    if (lost := figures.lost - figures.lost_by_us) > 0:
        found.append(f"{lost:,} lost")
    if figures.duplicated:
        found.append(f"{figures.duplicated:,} duplicated")
    if figures.foreign:
        found.append(f"{figures.foreign:,} heard by the wrong member")
    if figures.garbled:
        found.append(f"{figures.garbled:,} changed on their way")
    if figures.notices:
        found.append(f"{figures.notices:,} member{'s' * (figures.notices != 1)} disconnected")
    return found


def exit_code(figures: Figures, plan: Plan, *, interrupted: bool = False, died: bool = False) -> Exit:
    """0 only for the rate that was asked for, and nothing lost."""
    if interrupted:
        return Exit.INTERRUPTED
    if died:
        return Exit.DIED
    if faults(figures):
        return Exit.FAILED
    if figures.lost or sent_rate(figures, plan) < REACHED * plan.total_rate:
        return Exit.SUITE_FAULT
    return Exit.CONFORMS


def report(
    *,
    target: str,
    dialect: str,
    plan: Plan,
    figures: Figures,
    code: Exit,
    notes: list[str],
    found: Search | None = None,
) -> dict[str, Any]:
    """load.json, as load.schema.json describes it."""
    at = plan.bucket
    return {
        "schema": 1,
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
        "lost_by_generator": figures.lost_by_us,
        "duplicated": figures.duplicated,
        "foreign": figures.foreign,
        "garbled": figures.garbled,
        "disconnected": figures.notices,
        "refused": figures.refused,
        "seconds_behind": round(figures.behind, 3),
        "latency_ms": figures.latencies.summary(),
        "generator": {
            "cores": [round(share, 3) for share in figures.shares],
            "late_ms": figures.late.summary(),
            "own_ms": figures.own.summary(),
            "limit": strain(figures, plan),
        },
        "faults": faults(figures),
        "notes": notes,
        "timeline": [
            {
                "at": round(number * at, 3), "sent": moment.sent, "delivered": moment.delivered, "lost": moment.lost,
                **{f"{name}_ms": value for name, value in moment.latencies.summary().items()},
            }
            for number, moment in enumerate(figures.moments)
        ],
        "search": None if found is None else {
            "held": found.held,
            "failed": None if found.failed is None else found.failed.rate,
            "bounded_by_generator": found.bounded_by_us,
            "steps": [
                {"rate": step.rate, "held": step.held, "why": step.why, "generator": step.ours} for step in found.steps
            ],
        },
    }  # fmt: skip
