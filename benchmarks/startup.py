"""How long our programs take to start."""

import statistics
import subprocess
import sys
import time

from benchmarks.contestants.start import OURS
from benchmarks.report import Section, progress

ROUNDS = 9
COMMANDS = {
    "python, nothing more": [sys.executable, "-c", "pass"],
    "import tcrp": [sys.executable, "-c", "import tcrp"],
    "tcrp decode": [sys.executable, "-m", "tcrp", "decode", "010100" + 28 * "00" + "01" + "7261"],
    "tcrp-conformance explain": [sys.executable, "-m", "conformance", "explain", "2.1"],
}


def run() -> list[Section]:
    """Start each program several times, in turns."""
    progress("starting programs, in turns")
    taken: dict[str, list[float]] = {name: [] for name in (*COMMANDS, "tcrp-server, until both sockets listen")}
    for _ in range(ROUNDS):
        for name, words in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            taken[name].append(time.perf_counter() - began)
        began = time.perf_counter()
        with subprocess.Popen(OURS, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()
            taken["tcrp-server, until both sockets listen"].append(time.perf_counter() - began)
            server.terminate()
    rows = [(name, f"{statistics.median(times) * 1e3:.0f}") for name, times in taken.items()]
    return [Section("Starting", ("", "ms"), rows, (f"Medians of {ROUNDS} starts, whole processes.",))]
