"""The command line of the suite as a process, and the servers of tests/ to point it at."""

import contextlib
import json
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcrp.endpoint import Endpoint

TESTS = Path(__file__).parent.parent
MADE = f"""
import sys
sys.path.insert(0, {str(TESTS / "faults")!r})
import server
from importlib import import_module
from plain import Server
from registry import FAULTS, fault, main
for module in server.MODULES:
    import_module(module)
"""
REFERENCE = f"{Path(sys.executable).with_name('tcrp-server')} --tcp-port {{tcp}} --udp-port {{udp}}"


def faulty(name: str) -> str:
    """The command of a server with this fault."""
    return f"{sys.executable} {TESTS / 'faults' / 'server.py'} --fault {name}"


class Commands:
    """Runs `tcrp-conformance` in an empty folder."""

    reference = REFERENCE
    faulty = staticmethod(faulty)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def server(self, source: str) -> str:
        """The command of a server made here, of the parts of tests/faults: every fault is registered already."""
        path = self.folder / "made.py"
        path.write_text(f"{MADE}{textwrap.dedent(source)}")
        return f"{sys.executable} {path}"

    def wrong_at(self, fault: str, starts: str) -> str:
        """The command of a server that has this fault at some of its starts, counted from 1, and else none.

        `starts`: an expression of `start`, such as `start in (1, 3)`.
        """
        return self.server(f"""
            from pathlib import Path
            log = Path({str(self.folder / "starts")!r})
            start = len(log.read_text() if log.exists() else "") + 1
            log.write_text("." * start)
            sys.argv[1:] = ["--fault", {fault!r} if {starts} else "none"]
            main("fault", FAULTS)
        """)  # fmt: skip

    @contextlib.contextmanager
    def started(self, command: str) -> Iterator[str]:
        """Start a server that prints a ready line. Its address, as -t takes it."""
        with subprocess.Popen(
            command.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder
        ) as process:
            try:
                assert process.stdout is not None
                ready = dict(word.partition("=")[::2] for word in process.stdout.readline().split()[1:])
                yield f"{ready['tcp']}:{ready['udp'].rpartition(':')[2]}"
            finally:
                process.kill()

    def script(self, name: str) -> str:
        """The console script of this name beside this Python."""
        return str(Path(sys.executable).with_name(name))

    def words(self, *words: str) -> list[str]:
        """Which dialect it is need not be found out, unless a test says so."""
        if words[:1] == ("run",) and "--dialect" not in words:
            words = ("run", "--dialect", "tcrp", *words[1:])
        return [self.script("tcrp-conformance"), *words]

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run(*self.words(*words))

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, capture_output=True, text=True, cwd=self.folder, check=False)

    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "tcrp-report" / "report.json").read_text()))


@pytest.fixture
def command(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture
def nowhere() -> Iterator[Endpoint]:
    """Ports on which nobody listens, and that nobody else can get meanwhile."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        udp.connect(("127.0.0.1", 9))  # so that it takes datagrams of this address alone
        yield Endpoint("127.0.0.1", tcp.getsockname()[1], udp.getsockname()[1])


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's folder of a run that found header-in-one-recv, recorded once."""
    command = Commands(tmp_path_factory.mktemp("recorded"))
    done = command("run", "2.1", "2.5a", "--runs", "1", "--seed", "1", "--exec", faulty("header-in-one-recv"))
    assert done.returncode == 1, done.stdout + done.stderr
    return command.folder / "tcrp-report"
