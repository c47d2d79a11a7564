"""How much time a run of the suite takes, by clause."""

import json
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.report import Section, progress

SERVER = f"{sys.executable} -m reference_server --tcp-port {{tcp}} --udp-port {{udp}} --log-level error"
SLOWEST = 12


def run() -> list[Section]:
    """Run the suite once against our server."""
    progress("the suite against the reference server")
    with tempfile.TemporaryDirectory() as folder:
        words = ["run", "--quiet", "--seed", "1", "--report-dir", folder, "--exec", SERVER]
        before = _children_cpu_seconds()
        subprocess.run([sys.executable, "-m", "conformance", *words], check=True, stdout=subprocess.DEVNULL)
        spent = _children_cpu_seconds() - before
        report: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    clauses = [clause for clause in report["clauses"] if clause["seconds"]]
    whole = report["seconds"]
    sections: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for clause in clauses:
        sections[clause["section"]].append(clause)
    rows = [
        (f"section {section}", str(len(found)), f"{_seconds(found):.1f}", f"{_seconds(found) / whole:.0%}")
        for section, found in sorted(sections.items())
    ]
    rows += [
        (f"{clause['id']}: {clause['title']}", "", f"{clause['seconds']:.1f}", f"{clause['seconds'] / whole:.0%}")
        for clause in sorted(clauses, key=lambda clause: -clause["seconds"])[:SLOWEST]
    ]
    notes = (
        f"A whole run takes {whole:.1f} s, and {spent:.1f} s of CPU, server and start included. The rest is waiting.",
        "Fewer than the 50 connections a second are opened that every server must serve (TCRP-6.3d).",
        "A test that several clauses share counts for each of them.",
    )
    return [Section("The suite, by clause", ("", "clauses", "seconds", "share"), rows, notes)]


def _seconds(clauses: list[dict[str, Any]]) -> float:
    return sum(float(clause["seconds"]) for clause in clauses)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
