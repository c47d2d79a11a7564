"""Starts the servers of this folder and of ../odd as processes, on free ports of the loopback address."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
SCRIPTS = {"fault": HERE / "server.py", "odd": HERE.parent / "odd" / "server.py"}
PYTHON = [sys.executable, "-S", "-E"]  # the servers need the standard library alone
READY = re.compile(r"ready tcp=127\.0\.0\.1:(\d+) udp=127\.0\.0\.1:(\d+)\n")


class Target(NamedTuple):
    process: subprocess.Popen[str]
    tcp: tuple[str, int]
    udp: tuple[str, int]


@contextlib.contextmanager
def start(option: str, name: str, *arguments: str) -> Iterator[Target]:
    command = [*PYTHON, str(SCRIPTS[option]), f"--{option}", name, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            line = process.stdout.readline()
            ready = READY.fullmatch(line)
            assert ready, f"{name}: no ready line but {line!r}: {process.stderr.read() if not line else ''}"
            yield Target(process, ("127.0.0.1", int(ready[1])), ("127.0.0.1", int(ready[2])))
        finally:
            process.kill()


@pytest.fixture(scope="session")
def started() -> Callable[..., AbstractContextManager[Target]]:
    """`with started("fault", "none", "--idle-timeout", "1") as target:` is a running server."""
    return start
