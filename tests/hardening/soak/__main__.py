"""`make soak`: half of the highest rate that the server bears here, while members and rooms come and go.

Exit codes: 0 nothing is wrong, 1 something is, 4 usage. One line a minute, then one JSON object. Memory and descriptors
are measured every second; they are flat if the median of the last third of the time is not above that of the second
third (by 4 MiB, by 8 descriptors), and if no descriptor is open in the end that was not before the first client. What
is lost is blamed on the server only beyond what the kernel says that full buffers took.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.hardening.soak.judging import growth
from tests.hardening.soak.rate import highest_rate
from tests.hardening.soak.run import Plan, Progress, Result, soak
from tests.hardening.torment.canary import can_bind

VISITS_A_SECOND, PASSWORD_EVERY = 20.0, 5
MANY = 1 << 62


def main() -> int:
    """Soak as the arguments say."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hardening.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (%(default)g)")
    parser.add_argument("--rate", type=float, help="messages a second (half of the highest, which is measured first)")
    parser.add_argument("--visits", type=float, default=VISITS_A_SECOND, help="a second (%(default)g)")
    parser.add_argument("--state", action="store_true", help="the server keeps rooms and members in a file")
    options = parser.parse_args()
    for name in ("minutes", "rate", "visits"):
        if (value := getattr(options, name)) is not None and not 0 < value < 1e6:
            parser.error(f"--{name} is {value:g}: more than 0, less than a million")
    if not can_bind("127.0.0.2"):
        parser.error("this machine has no 127.0.0.2, from which visitors come")
    with TemporaryDirectory() as name:
        folder = Path(name)
        highest = None
        if options.rate is None:
            highest = highest_rate(folder)
            print(f"highest rate: {highest:,.0f} messages a second, each to nine others", flush=True)
        rate = options.rate or (highest or 0.0) / 2
        state = ("--state", str(folder / "rooms.db")) if options.state else ()
        plan = Plan(MANY, 1.0, MANY, MANY, rate, options.visits, PASSWORD_EVERY, state, longest=60 * options.minutes)
        try:
            result = soak(plan, folder, _teller())
        except RuntimeError as error:
            print(f"FAILS: {error}", flush=True)
            return 1
    for problem in result.problems:
        print(f"FAILS: {problem}", flush=True)
    print(json.dumps(report(plan, highest, result)), flush=True)
    return 1 if result.problems else 0


def _teller() -> Callable[[Progress], None]:
    """What prints a line after each minute."""
    minutes = 0

    def tell(progress: Progress) -> None:
        nonlocal minutes
        if progress.elapsed >= 60 * (minutes + 1):
            minutes = int(progress.elapsed // 60)
            print(line(minutes, progress), flush=True)

    return tell


def line(minute: int, progress: Progress) -> str:
    """The summary of a soak up to the end of a minute."""
    chat, churn, sample = progress.chat, progress.churn, progress.sample
    return (
        f"minute {minute}: {chat.sent:,} messages, {chat.heard:,} deliveries, {chat.unheard + chat.missing} lost, "
        f"{chat.doubled} doubled, {progress.taken.up + chat.dropped} dropped by the system; {churn.visits:,} visits; "
        f"{sample.memory / (1 << 20):.1f} MiB, {sample.files} descriptors, "
        f"{progress.cpu / progress.elapsed:.2f} cores"
    )


def report(plan: Plan, highest: float | None, result: Result) -> dict[str, Any]:
    """Everything that was measured, for a file."""
    last = result.last
    memory, files = [one.memory for one in result.samples], [one.files for one in result.samples]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "seconds": round(last.elapsed, 1),
        "highest_rate": highest,
        "rate": plan.rate,
        "sent_a_second": round(last.chat.sent / last.elapsed, 1),
        "server_cores": round(last.cpu / last.elapsed, 3),
        "memory": {"first": memory[0], "last": memory[-1], "most": max(memory), "growth": growth(memory)},
        "descriptors": {"first": files[0], "last": files[-1], "most": max(files), "growth": growth(files)},
        "chat": last.chat._asdict(),
        "churn": last.churn._asdict(),
        "taken": last.taken._asdict(),
        "left": result.left._asdict(),
        "problems": result.problems,
    }


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else "unknown"


if __name__ == "__main__":
    sys.exit(main())
