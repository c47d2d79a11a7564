"""Starts the servers of tests/faults and tests/odd as processes, on free ports of the loopback address."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent.parent
SCRIPTS = {"fault": TESTS / "faults" / "server.py", "odd": TESTS / "odd" / "server.py"}
PYTHON = [sys.executable, "-S", "-E"]  # the servers need the standard library alone
READY = re.compile(r"ready tcp=127\.0\.0\.1:(\d+) udp=127\.0\.0\.1:(\d+)\n")
WAIT = 10.0  # seconds; how long anything may take before a test gives up


class Target(NamedTuple):
    """A running server, with the addresses of its two ports."""

    process: subprocess.Popen[str]
    tcp: tuple[str, int]
    udp: tuple[str, int]

    def errors(self) -> str:
        """All that the process has written to stderr, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextlib.contextmanager
def start(option: str, name: str, *arguments: str) -> Iterator[Target]:
    """`with start("fault", "none", "--idle-timeout", "1") as target:` is a running server."""
    command = [*PYTHON, str(SCRIPTS[option]), f"--{option}", name, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            ready = READY.fullmatch(line)
            assert ready, f"{name}: no ready line but {line!r}: {process.stderr.read() if not line else ''}"
            yield Target(process, ("127.0.0.1", int(ready[1])), ("127.0.0.1", int(ready[2])))
        finally:
            process.kill()
