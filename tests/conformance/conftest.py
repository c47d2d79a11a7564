"""The command line of the suite as a process, and the servers of tests/ to point it at."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent.parent
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

    def script(self, name: str) -> str:
        """The console script of this name beside this Python."""
        return str(Path(sys.executable).with_name(name))

    def words(self, *words: str) -> list[str]:
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
