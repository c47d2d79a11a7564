"""The servers to compare, and a function that runs one.

Those of OTHERS create and join rooms, give out tokens and relay messages. They have no idle times, no passwords, no
limits and few notices, so they do less than our server for each datagram. Ours tells nobody of joins here, because
whoever measures counts the datagrams that arrive.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from conformance.net.ports import parse_ready
from tcrp import dialects
from tcrp.endpoint import Endpoint

_ROOT: Final = Path(__file__).parents[2]
_HERE: Final = "benchmarks.contestants"
_OPTIONS: Final = ("--tcp-port", "0", "--udp-port", "0", "--log-level", "error", "--no-announce")
OURS: Final = (sys.executable, "-m", "reference_server", *_OPTIONS)
WILDCARD: Final = (*OURS, "--host", "0.0.0.0")
DUAL_STACK: Final = (*OURS, "--host", "::")
PORTABLE: Final = (sys.executable, "-m", f"{_HERE}.portable", *_OPTIONS)
OTHERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "threads and a lock": (sys.executable, "-m", f"{_HERE}.threads"),
        "plain asyncio": (sys.executable, "-m", f"{_HERE}.plain_asyncio"),
        "plain asyncio, uvloop": (sys.executable, "-m", f"{_HERE}.plain_asyncio", "--uvloop"),
    }
)
"""Commands by name, for `run_server`. All print a line that begins `ready`, as our server does."""


class RunningServer(NamedTuple):
    """A server process. `endpoint.tcp`: None if the server has no TCP."""

    pid: int
    endpoint: Endpoint


def why_unusable(command: tuple[str, ...]) -> str | None:
    """Why a command cannot run here; None: it can."""
    return "uvloop is not installed" if "--uvloop" in command and find_spec("uvloop") is None else None


@contextmanager
def run_server(command: tuple[str, ...]) -> Iterator[RunningServer]:
    """Start a server, wait until it is ready, and end it after the block. RuntimeError if it is not ready."""
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ports = parse_ready(line, dialects.get().ports)
            if ports is None:
                raise RuntimeError(f"{' '.join(command)} is not ready: it says {line!r}")
            yield RunningServer(process.pid, Endpoint("127.0.0.1", *ports))
        finally:
            process.terminate()
