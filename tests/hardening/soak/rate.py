"""The highest rate of messages that the server bears on this machine, as `tcrp-conformance load --search` finds it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.hardening.soak.worker import ROOT
from tests.hardening.victim import Victim

ROOMS, MEMBERS = 100, 10
SECONDS: Final = 2
"""Of each step of the search."""


def highest_rate(folder: Path) -> float:
    """Messages a second, each to nine others, found to 10 %. Raises RuntimeError if none is borne."""
    victim = Victim(folder)
    try:
        where = f"{victim.endpoint.host}:{victim.endpoint.tcp}:{victim.endpoint.udp}"
        words = ["--rooms", ROOMS, "--members", MEMBERS, "--seconds", SECONDS, "--report-dir", folder]
        command = [sys.executable, "-m", "conformance", "load", "-t", where, "--search", *map(str, words)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    finally:
        victim.end()
    report = folder / "load.json"
    held = json.loads(report.read_text(encoding="utf-8"))["search"]["held"] if report.exists() else None
    if not held:
        raise RuntimeError(f"no rate is borne:\n{done.stdout}{done.stderr}")
    return float(held) * ROOMS * MEMBERS
