"""The path to the server as a section of the report."""

from conformance.engine.path_finding import PathFinder
from conformance.net.path import CONTROL, KEEPS, MERGES, UNBOUNDED, Path, percent
from conformance.net.target import ImpairedTarget, Target
from conformance.report.model import DroppedRow, PathRow

DIGITS = 5
SOURCES = {KEEPS: "addresses are kept", MERGES: "one address for all clients"}


def path_row(found: PathFinder, target: Target) -> PathRow:
    """What was learnt of the path, and what a proxy has dropped on it."""
    path = found.path
    proxy = target.proxy if isinstance(target, ImpairedTarget) else None
    return {
        "measured_by": path.by or "nothing", "datagrams": path.sent, "seconds": round(found.seconds, 3),
        "loss_up": round(path.loss_up, DIGITS), "loss_down": round(path.loss_down, DIGITS),
        "doubled": round(path.doubled, DIGITS), "reordered": round(path.reordered, DIGITS),
        "late_seconds": round(path.late, DIGITS), "largest_up": _size(path.largest_up),
        "largest_down": _size(path.largest_down), "round_trip_seconds": round(path.round_trip, DIGITS + 1),
        "addresses": path.sources, "impairment": None if proxy is None else str(proxy.impairment),
        "dropped": None if proxy is None else {way: _dropped(counts) for way, counts in proxy.counts().items()},
        "flows_ended": None if proxy is None else proxy.flows_ended, "summary": summary(path),
    }  # fmt: skip


def summary(path: Path) -> str:
    """The path in one line: `loses 2 % of datagrams; at most 1472 bytes; round trip 0.3 ms; addresses are kept`."""
    if not path.by:
        return "not measured: what it loses, doubles or reorders is not known"
    said = []
    if path.loss_up or path.loss_down:
        both = f"{percent(path.loss_up)} up and {percent(path.loss_down)} down"
        said.append(f"loses {both if path.by == CONTROL else percent(path.loss_up)} of datagrams")
    if path.doubled:
        said.append(f"doubles {percent(path.doubled)}")
    if path.reordered:
        said.append(f"reorders {percent(path.reordered)}")
    said = said or ["every datagram arrives once and in order"]
    if path.largest < UNBOUNDED:
        said.append(f"at most {path.largest} bytes")
    said.append(f"round trip {1000 * path.round_trip:.2g} ms")
    said.append(SOURCES.get(path.sources, "the server may see one address for all"))
    return "; ".join(said)


def _size(largest: int) -> int | None:
    return None if largest >= UNBOUNDED else largest


def _dropped(counts: dict[str, int]) -> DroppedRow:
    return {
        "sent": counts["sent"], "lost": counts["lost"], "doubled": counts["doubled"],
        "reordered": counts["reordered"], "too_large": counts["too_large"], "overflow": counts["overflow"],
    }  # fmt: skip
