"""The page that a person reads after a load, made from the report alone."""

from collections.abc import Iterator
from typing import Literal

from conformance.load.model import LatencySummary, LoadReport, SearchRow
from conformance.load.plan import Plan
from conformance.trace.text import safe

LABEL_WIDTH = 13
NUMBER_WIDTH = 12
_Rate = Literal["messages_per_second", "deliveries_per_second"]
_RATES: tuple[tuple[str, _Rate], ...] = (
    ("messages/s", "messages_per_second"), ("deliveries/s", "deliveries_per_second"),
)  # fmt: skip
_Count = Literal["delivered", "lost", "duplicated", "foreign", "garbled", "disconnected"]
_COUNTS: tuple[_Count, ...] = ("delivered", "lost", "duplicated", "foreign", "garbled", "disconnected")
_IF_ANY = ("foreign", "garbled", "disconnected")
"""Counts that have no line if they are 0."""


def lines(report: LoadReport) -> list[str]:
    """The page, at most 100 columns wide."""
    return [*_rates(report), "", *_counts(report), "", *_latencies(report), "", *_generator(report), *_end(report)]


def header(target: str, dialect: str, plan: Plan) -> str:
    """What is asked for, in one line."""
    return (
        f"{target}  dialect {dialect}  {plan.rooms:,} room{'s' * (plan.rooms != 1)} of {plan.members:,} members, "
        f"{plan.rate:g} messages a second each, {plan.seconds:g} s"
    )


def _rates(report: LoadReport) -> Iterator[str]:
    yield _row("", "asked", "held")
    for name, key in _RATES:
        yield _row(name, f"{report['asked'][key]:,.0f}", f"{report['held'][key]:,.0f}")


def _counts(report: LoadReport) -> Iterator[str]:
    expected = report["expected"]
    yield _row("expected", f"{expected:,}")
    for name in _COUNTS:
        count = report[name]
        if not count and name in _IF_ANY:
            continue
        share = f"{100 * count / expected:.2f} %" if expected and name in ("delivered", "lost") else ""
        note = {
            "lost": f"   of which at the generator's own sockets: {report['lost_by_generator']:,}" if count else "",
            "foreign": "   heard by a member who should not hear it",
            "garbled": "   changed on their way",
            "disconnected": "   members that the server put out",
        }.get(name, "")
        yield _row(name, f"{count:,}", share) + note
    if report["seconds_behind"] >= 1:
        yield f"The last delivery came {report['seconds_behind']:.1f} s after the last message."


def _latencies(report: LoadReport) -> Iterator[str]:
    yield _row("milliseconds", "p50", "p90", "p99", "max")
    yield _latency_row("latency", report["latency_ms"])
    yield _latency_row("  of itself", report["generator"]["own_ms"]) + "   the generator to itself"
    yield _latency_row("sent late by", report["generator"]["late_ms"])


def _latency_row(label: str, found: LatencySummary) -> str:
    return _row(label, *map(_ms, (found["p50"], found["p90"], found["p99"], found["max"])))


def _generator(report: LoadReport) -> Iterator[str]:
    generator = report["generator"]
    cores = " + ".join(f"{share:.0%}" for share in generator["cores"])
    count = len(generator["cores"])
    yield f"generator    {count} process{'es' * (count != 1)}, {cores or 0} of a core"
    if generator["limit"]:
        yield f"The generator may have been the limit: {'; '.join(generator['limit'])}."


def _end(report: LoadReport) -> Iterator[str]:
    for note in report["notes"]:
        yield safe(note)
    if (search := report["search"]) is not None:
        yield ""
        yield _found(report, search)
    elif report["faults"]:
        yield f"Not held: {', '.join(report['faults'])}."


def _found(report: LoadReport, search: SearchRow) -> str:
    """What a search has found, in one line."""
    asked, held, failed = report["asked"], search["held"], search["failed"]
    members = asked["rooms"] * asked["members"]
    listeners = asked["deliveries_per_second"] / asked["messages_per_second"]
    beyond = ""
    if failed is not None:
        why = "the generator was the limit" if search["bounded_by_generator"] else "it was not held"
        beyond = f"; at {failed * members:,.0f} messages a second {why}"
    if held is None:
        return f"Held no rate without loss{beyond}."
    rate = held * members
    return f"Held {rate:,.0f} messages a second ({rate * listeners:,.0f} deliveries a second) without loss{beyond}."


def _row(label: str, *cells: str) -> str:
    return (f"{label:<{LABEL_WIDTH}}" + "".join(f"{cell:>{NUMBER_WIDTH}}" for cell in cells)).rstrip()


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
