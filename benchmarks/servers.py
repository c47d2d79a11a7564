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


def run() -> list[Section]:
    rows: list[tuple[str, ...]] = []
    for name, command in {"tcrp-server": OURS, **OTHERS}.items():
        if (why := missing(command)) is not None:
            rows.append((name, why, "", "", "", "", ""))
            continue
        progress(f"{name}: {ROOMS} rooms of {MEMBERS}")
        figures = _loaded(command)
        latency, generator = figures["latency_ms"], figures["generator"]
        rows.append(
            (
                name,
                f"{figures['held']['deliveries_per_second']:,.0f}",
                f"{figures['lost'] / figures['expected']:.2%}",
                *(f"{latency[key]:.1f}" for key in ("p50", "p99", "max")),
                f"{sum(generator['cores']):.2f} cores" + (", the limit" if generator["limit"] else ""),
            )
        )
    note = (
        f"`tcrp-conformance load` with {ROOMS} rooms of {MEMBERS}, {RATE} messages a second each, for {SECONDS} s: "
        f"{ROOMS * MEMBERS * RATE:,} messages and {ROOMS * MEMBERS * RATE * (MEMBERS - 1):,} deliveries a second. "
        "The servers take their turns, and generator and server share the machine."
    )
    columns = ("", "deliveries/s", "lost", "p50 ms", "p99 ms", "max ms", "generator")
    return [Section("Servers under the load of the course", columns, rows, (note,))]


def _loaded(command: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, running(command) as server:
        _, tcp, udp = server.endpoint
        words = ["load", "-t", f"127.0.0.1:{tcp}:{udp}", "--dialect", "tcrp", "--report-dir", folder]
        words += ["--rooms", str(ROOMS), "--members", str(MEMBERS), "--rate", str(RATE), "--seconds", str(SECONDS)]
        subprocess.run([sys.executable, "-m", "conformance", *words], check=False, stdout=subprocess.DEVNULL)
        figures: dict[str, Any] = json.loads((Path(folder) / "load.json").read_text(encoding="utf-8"))
        return figures
