"""The load that the course behind TCRP asks for: 500 rooms of 10 members, each at 2 messages a second."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants.start import OTHERS, OURS, run_server, why_unusable
from benchmarks.report import Section, progress

ROOMS, MEMBERS, RATE, SECONDS = 500, 10, 2, 5
SEARCH_ROOMS, SEARCH_SECONDS = 100, 2


def run() -> list[Section]:
    """Measure all servers under that load, and the highest rate that each of them bears."""
    return [_course_load(), _highest_rate()]


def _course_load() -> Section:
    def row(figures: dict[str, Any]) -> tuple[str, ...]:
        latency = figures["latency_ms"]
        return (
            f"{figures['held']['deliveries_per_second']:,.0f}",
            f"{figures['lost'] / figures['expected']:.2%}",
            *(f"{latency[key]:.1f}" for key in ("p50", "p99", "max")),
            _generator_share(figures),
        )

    note = (
        f"`tcrp-conformance load` with {ROOMS} rooms of {MEMBERS}, {RATE} messages a second each, for {SECONDS} s: "
        f"{ROOMS * MEMBERS * RATE:,} messages and {ROOMS * MEMBERS * RATE * (MEMBERS - 1):,} deliveries a second. "
        "The servers take their turns, and generator and server share the machine."
    )
    columns = ("", "deliveries/s", "lost", "p50 ms", "p99 ms", "max ms", "generator")
    loads = _figures_of_all(f"{ROOMS} rooms of {MEMBERS}", "--rooms", ROOMS, "--rate", RATE, "--seconds", SECONDS)
    return Section("Servers under the load of the course", columns, _rows(columns, loads, row), (note,))


def _highest_rate() -> Section:
    ours: float | None = None

    def row(figures: dict[str, Any]) -> tuple[str, ...]:
        nonlocal ours
        held = (figures["search"]["held"] or 0.0) * SEARCH_ROOMS * MEMBERS
        ours = held if ours is None else ours
        share = f"{ours / held:.2f}" if held else ""
        return f"{held:,.0f}", f"{held * (MEMBERS - 1):,.0f}", share, _generator_share(figures)

    note = (
        f"`tcrp-conformance load --search` with {SEARCH_ROOMS} rooms of {MEMBERS}, {SEARCH_SECONDS} s a step, found to "
        "10 %. What a server has not read yet waits in its receive buffer, which a longer run would fill."
    )
    columns = ("", "messages/s", "deliveries/s", "tcrp / it", "generator")
    loads = _figures_of_all(
        "the highest rate without loss", "--rooms", SEARCH_ROOMS, "--seconds", SEARCH_SECONDS, "--search"
    )
    return Section("The highest rate without loss", columns, _rows(columns, loads, row), (note,))


def _figures_of_all(what: str, *options: str | int) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Name of each server, ours first, with the figures of a load or the reason why it cannot run."""
    for name, command in {"tcrp-server": OURS, **OTHERS}.items():
        if (why := why_unusable(command)) is not None:
            yield name, why
            continue
        progress(f"{name}: {what}")
        yield name, _run_load(command, *options)


def _rows(
    columns: Sequence[str],
    loads: Iterable[tuple[str, dict[str, Any] | str]],
    row: Callable[[dict[str, Any]], tuple[str, ...]],
) -> list[tuple[str, ...]]:
    return [
        (name, found, *[""] * (len(columns) - 2)) if isinstance(found, str) else (name, *row(found))
        for name, found in loads
    ]


def _generator_share(figures: dict[str, Any]) -> str:
    generator = figures["generator"]
    return f"{sum(generator['cores']):.2f} cores" + (", the limit" if generator["limit"] else "")


def _run_load(command: tuple[str, ...], *options: str | int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, run_server(command) as server:
        _, tcp, udp = server.endpoint
        words = ["load", "-t", f"127.0.0.1:{tcp}:{udp}", "--dialect", "tcrp", "--report-dir", folder]
        words += ["--members", str(MEMBERS), *map(str, options)]
        subprocess.run([sys.executable, "-m", "conformance", *words], check=False, stdout=subprocess.DEVNULL)
        figures: dict[str, Any] = json.loads((Path(folder) / "load.json").read_text(encoding="utf-8"))
        return figures
