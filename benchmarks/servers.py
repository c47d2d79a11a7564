"""What the course that TCRP comes from asks for: 500 rooms of 10 members at 2 messages a second each."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contestants.start import OTHERS, OURS, missing, running
from benchmarks.report import Section, progress

ROOMS, MEMBERS, RATE, SECONDS = 500, 10, 2, 5
SEARCH_ROOMS, SEARCH_SECONDS = 100, 2


def run() -> list[Section]:
    return [_of_the_course(), _highest()]


def _of_the_course() -> Section:
    rows: list[tuple[str, ...]] = []
    for name, command in {"tcrp-server": OURS, **OTHERS}.items():
        if (why := missing(command)) is not None:
            rows.append((name, why, "", "", "", "", ""))
            continue
        progress(f"{name}: {ROOMS} rooms of {MEMBERS}")
        figures = _loaded(command, "--rooms", ROOMS, "--rate", RATE, "--seconds", SECONDS)
        latency = figures["latency_ms"]
        rows.append(
            (
                name,
                f"{figures['held']['deliveries_per_second']:,.0f}",
                f"{figures['lost'] / figures['expected']:.2%}",
                *(f"{latency[key]:.1f}" for key in ("p50", "p99", "max")),
                _own_share(figures),
            )
        )
    note = (
        f"`tcrp-conformance load` with {ROOMS} rooms of {MEMBERS}, {RATE} messages a second each, for {SECONDS} s: "
        f"{ROOMS * MEMBERS * RATE:,} messages and {ROOMS * MEMBERS * RATE * (MEMBERS - 1):,} deliveries a second. "
        "The servers take their turns, and generator and server share the machine."
    )
    columns = ("", "deliveries/s", "lost", "p50 ms", "p99 ms", "max ms", "generator")
    return Section("Servers under the load of the course", columns, rows, (note,))


def _highest() -> Section:
    rows: list[tuple[str, ...]] = []
    ours = None
    for name, command in {"tcrp-server": OURS, **OTHERS}.items():
        if (why := missing(command)) is not None:
            rows.append((name, why, "", "", ""))
            continue
        progress(f"{name}: the highest rate without loss")
        figures = _loaded(command, "--rooms", SEARCH_ROOMS, "--seconds", SEARCH_SECONDS, "--search")
        held = (figures["search"]["held"] or 0.0) * SEARCH_ROOMS * MEMBERS
        ours = held if ours is None else ours
        share = f"{ours / held:.2f}" if held else ""
        rows.append((name, f"{held:,.0f}", f"{held * (MEMBERS - 1):,.0f}", share, _own_share(figures)))
    note = (
        f"`tcrp-conformance load --search` with {SEARCH_ROOMS} rooms of {MEMBERS}, {SEARCH_SECONDS} s a step, found to "
        "10 %. What a server has not read yet waits in its receive buffer, which a longer run would fill."
    )
    columns = ("", "messages/s", "deliveries/s", "tcrp / it", "generator")
    return Section("The highest rate without loss", columns, rows, (note,))


def _own_share(figures: dict[str, Any]) -> str:
    generator = figures["generator"]
    return f"{sum(generator['cores']):.2f} cores" + (", the limit" if generator["limit"] else "")


def _loaded(command: tuple[str, ...], *options: str | int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, running(command) as server:
        _, tcp, udp = server.endpoint
        words = ["load", "-t", f"127.0.0.1:{tcp}:{udp}", "--dialect", "tcrp", "--report-dir", folder]
        words += ["--members", str(MEMBERS), *map(str, options)]
        subprocess.run([sys.executable, "-m", "conformance", *words], check=False, stdout=subprocess.DEVNULL)
        figures: dict[str, Any] = json.loads((Path(folder) / "load.json").read_text(encoding="utf-8"))
        return figures
