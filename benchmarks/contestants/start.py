"""Servers to compare, and how to run one.

Those of OTHERS create and join rooms, give out tokens and relay; they know no idling, no passwords, few notices and no
limits, and so do less than ours for each datagram.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from conformance.endpoint import parse_ready
from tcrp import dialects
from tcrp.endpoint import Endpoint

_ROOT: Final = Path(__file__).parents[2]
_HERE: Final = "benchmarks.contestants"
_OPTIONS: Final = ("--tcp-port", "0", "--udp-port", "0", "--log-level", "error")
OURS: Final = (sys.executable, "-m", "reference_server", *_OPTIONS)
PORTABLE: Final = (sys.executable, "-m", f"{_HERE}.portable", *_OPTIONS)
OTHERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "threads and a lock": (sys.executable, "-m", f"{_HERE}.threads"),
        "plain asyncio": (sys.executable, "-m", f"{_HERE}.plain_asyncio"),
        "plain asyncio, uvloop": (sys.executable, "-m", f"{_HERE}.plain_asyncio", "--uvloop"),
    }
)
"""Commands by name, to be run by `running`. All print a line that begins `ready`, as ours does."""


class Running(NamedTuple):
    """A server process. `endpoint.tcp` is None where there is no TCP."""

    pid: int
    endpoint: Endpoint


def missing(command: tuple[str, ...]) -> str | None:
    """Why a command cannot run here."""
    return "uvloop is not installed" if "--uvloop" in command and find_spec("uvloop") is None else None


@contextmanager
def running(command: tuple[str, ...]) -> Iterator[Running]:
    """Start a server, wait until it is ready, end it. RuntimeError if it is never ready."""
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ports = parse_ready(line, dialects.get().ports)
            if ports is None:
                raise RuntimeError(f"{' '.join(command)} is not ready: it says {line!r}")
            yield Running(process.pid, Endpoint("127.0.0.1", *ports))
        finally:
            process.terminate()
