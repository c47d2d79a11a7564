"""What a person reads after a load: made from the report alone."""

from collections.abc import Iterator
from typing import Any

from conformance.screen import safe

LABEL = 13
NUMBER = 12


def lines(report: dict[str, Any]) -> list[str]:
    """One screen."""
    return [*_rates(report), "", *_counts(report), "", *_latencies(report), "", *_generator(report), *_end(report)]


def header(report_target: str, dialect: str, rooms: int, members: int, rate: float, seconds: float) -> str:
    """What is asked for, in one line."""
    return (
        f"{report_target}  dialect {dialect}  {rooms:,} room{'s' * (rooms != 1)} of {members:,} members, "
        f"{rate:g} messages a second each, {seconds:g} s"
    )


def _rates(report: dict[str, Any]) -> Iterator[str]:
    yield _row("", "asked", "held")
    for name, key in (("messages/s", "messages_per_second"), ("deliveries/s", "deliveries_per_second")):
        yield _row(name, f"{report['asked'][key]:,.0f}", f"{report['held'][key]:,.0f}")


def _counts(report: dict[str, Any]) -> Iterator[str]:
    expected = report["expected"]
    yield _row("expected", f"{expected:,}")
    for name in ("delivered", "lost", "duplicated", "foreign", "garbled", "disconnected"):
        count = report[name]
        if not count and name in ("foreign", "garbled", "disconnected"):
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


def _latencies(report: dict[str, Any]) -> Iterator[str]:
    yield _row("milliseconds", "p50", "p90", "p99", "max")
    yield _row("latency", *map(_ms, report["latency_ms"].values()))
    yield _row("  of itself", *map(_ms, report["generator"]["own_ms"].values())) + "   the generator to itself"
    yield _row("sent late by", *map(_ms, report["generator"]["late_ms"].values()))


def _generator(report: dict[str, Any]) -> Iterator[str]:
    generator = report["generator"]
    cores = " + ".join(f"{share:.0%}" for share in generator["cores"])
    count = len(generator["cores"])
    yield f"generator    {count} process{'es' * (count != 1)}, {cores or 0} of a core"
    if generator["limit"]:
        yield f"The generator may have been the limit: {'; '.join(generator['limit'])}."


def _end(report: dict[str, Any]) -> Iterator[str]:
    for note in report["notes"]:
        yield safe(note)
    if (search := report["search"]) is not None:
        yield ""
        yield _found(report, search)
    elif report["faults"]:
        yield f"Not held: {', '.join(report['faults'])}."


def _found(report: dict[str, Any], search: dict[str, Any]) -> str:
    asked = report["asked"]
    everybody, listeners = (
        asked["rooms"] * asked["members"],
        asked["deliveries_per_second"] / asked["messages_per_second"],
    )
    failed = search["failed"]
    beyond = (
        ""
        if failed is None
        else f"; at {_rate(failed, everybody)} "
        + ("the generator was the limit" if search["bounded_by_generator"] else "it was not held")
    )
    if search["held"] is None:
        return f"Held no rate without loss{beyond}."
    held = search["held"]
    return (
        f"Held {_rate(held, everybody)} ({held * everybody * listeners:,.0f} deliveries a second) without loss{beyond}."
    )


def _rate(rate: float, everybody: int) -> str:
    return f"{rate * everybody:,.0f} messages a second"


def _row(label: str, *cells: str) -> str:
    return (f"{label:<{LABEL}}" + "".join(f"{cell:>{NUMBER}}" for cell in cells)).rstrip()


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
