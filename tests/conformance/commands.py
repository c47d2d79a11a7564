"""Runs the command line of the suite as a process, against servers of tests/."""

import contextlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Done = subprocess.CompletedProcess[str]

TESTS = Path(__file__).parents[1]
MADE = f"""
import sys
sys.path[0] = {str(TESTS.parent)!r}
from tests.faults.plain import Server
from tests.faults.registry import FAULTS, fault, load, main
load("faults")
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
        """Write a server of the parts of tests/faults. Every fault is registered already. Returns its command."""
        path = self.folder / "made.py"
        path.write_text(f"{MADE}{textwrap.dedent(source)}")
        return f"{sys.executable} {path}"

    def wrong_at(self, fault: str, starts: str) -> str:
        """The command of a server that has this fault at some of its starts. The starts are counted from 1.

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
        """Start a server that prints a ready line. Gives its address, in the form that -t takes."""
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
        """The words of the command line. A run is made in the dialect tcrp, unless the test names another."""
        if words[:1] == ("run",) and "--dialect" not in words:
            words = ("run", "--dialect", "tcrp", *words[1:])
        return [self.script("tcrp-conformance"), *words]

    def __call__(self, *words: str) -> Done:
        return self.run(*self.words(*words))

    def run(self, *words: str) -> Done:
        return subprocess.run(words, capture_output=True, text=True, cwd=self.folder, check=False)

    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "tcrp-report" / "report.json").read_text()))
