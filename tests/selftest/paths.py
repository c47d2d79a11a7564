"""The suite against right servers behind bad paths, as often as is asked for: who is blamed, and how much is judged.

    .venv/bin/python -m tests.selftest.paths --runs 20 --jobs 2

Exit code 1 if a right server was blamed, or if less was judged, or took longer, than is promised.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent
SECONDS = 90.0
BLAME = {"fail", "weak", "crash", "flaky", "error"}


class BadPath(NamedTuple):
    """A path, and how many clauses can be judged over it at least."""

    fields: str
    judged: int = 85


PATHS = (
    BadPath("loss=2%"), BadPath("loss=10%", 60), BadPath("dup=5%"), BadPath("reorder=20%"), BadPath("mtu=1472", 80),
    BadPath("nat=udp", 80), BadPath("nat", 80),
)  # fmt: skip
SERVERS = ("none", "random-order", "informs-of-everything", "notices-come-late", "tokens-of-255-bytes")
"""Of tests/odd, and the plain one."""


class Ran(NamedTuple):
    """One run: who is blamed under which clause, how many clauses were judged, and how long it took."""

    blamed: tuple[str, ...]
    judged: int
    seconds: float
    output: str


def run(fields: str, server: str, seed: int, folder: Path) -> Ran:
    """Run the suite against a right server of tests/ behind this path."""
    kind, option = ("faults", "--fault") if server == "none" else ("odd", "--odd")
    command = f"{sys.executable} -S -E {TESTS / kind / 'server.py'} {option} {server}"
    words = [
        sys.executable, "-m", "conformance", "run", "-q", "--dialect", "tcrp", "--seed", str(seed), "--report-dir",
        str(folder), "--impair", f"{fields},seed={seed}", "--exec", command,
    ]  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    rows = report["clauses"]
    return Ran(
        tuple(one["id"] for one in rows if one["verdict"] in BLAME),
        sum(one["verdict"] != "unsupported" for one in rows),
        time.monotonic() - started,
        done.stdout + done.stderr,
    )


def complaints(path: BadPath, ran: Ran) -> Iterator[str]:
    """What is wrong with a run against a right server."""
    if ran.blamed:
        yield f"blamed under {', '.join(ran.blamed)}\n{ran.output}"
    if ran.judged < path.judged:
        yield f"{ran.judged} clauses judged, at least {path.judged} are due"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3, help="of each server behind each path")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--path", action="append", help="only this one, as --impair takes it")
    parser.add_argument("--server", action="append", help="only this one of tests/odd, or none")
    arguments = parser.parse_args()
    paths = [BadPath(one, 0) for one in arguments.path or ()] or PATHS
    wanted = [
        (path, server, seed)
        for path in paths
        for server in arguments.server or SERVERS
        for seed in range(1, arguments.runs + 1)
    ]
    bad = 0
    with ThreadPoolExecutor(arguments.jobs) as pool, tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(len(wanted))]
        rans = pool.map(
            lambda one: run(one[0][0].fields, one[0][1], one[0][2], one[1]), zip(wanted, places, strict=True)
        )
        for (path, server, seed), ran in zip(wanted, rans, strict=True):
            wrong = [*complaints(path, ran)]
            if ran.seconds > SECONDS:
                wrong.append(f"took longer than {SECONDS:g} s")
            bad += bool(wrong)
            print(f"{path.fields:<12} {server:<24} seed {seed:<3} {ran.judged:>3} judged {ran.seconds:6.1f} s  "
                  f"{'; '.join(wrong)}", flush=True)  # fmt: skip
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
