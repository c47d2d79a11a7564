"""The suite is run, as a user would run it, against servers that are wrong on purpose and ones right but unusual."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TESTS = Path(__file__).parent.parent
IDLE_TIMEOUT = "2"
IDLE_CLAUSES = {"TCRP-4.4c", "TCRP-5.3a", "TCRP-5.3b", "TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e", "TCRP-5.4b"}


class Variant(NamedTuple):
    """One line of a server's --list. `clauses`: where the suite must report it, the root first."""

    name: str
    clauses: tuple[str, ...]
    note: str


def variants(kind: str) -> list[Variant]:
    """The servers of tests/faults or tests/odd."""
    server = TESTS / kind / "server.py"
    listed = subprocess.run([sys.executable, server, "--list"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    return [
        Variant(name, (root, *(one for one in also.split(",") if one != "-")), note) for name, root, also, note in rows
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, kind in (("fault", "faults"), ("odd", "odd")):
        if name in metafunc.fixturenames:
            found = variants(kind)
            metafunc.parametrize(name, found, ids=[one.name for one in found])


class Run(NamedTuple):
    """What one run of the suite said."""

    code: int
    verdicts: dict[str, str]
    report: dict[str, Any]
    output: str


Suite = Callable[..., Run]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Runs `tcrp-conformance run` with these words against a server of tests/, and reads its report."""

    def run(kind: str, name: str, *words: str) -> Run:
        option = "--fault" if kind == "faults" else "--odd"
        server = f"{sys.executable} {TESTS / kind / 'server.py'} {option} {name}"
        idle = ()
        if not words or IDLE_CLAUSES & set(words):
            server, idle = f"{server} --idle-timeout {IDLE_TIMEOUT}", ("--idle-timeout", IDLE_TIMEOUT)
        command = [
            Path(sys.executable).with_name("tcrp-conformance"), "run", *words, "--exec", server,
            *idle, "--report-dir", tmp_path,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        output = done.stdout + done.stderr
        assert (tmp_path / "report.json").exists(), output
        report = json.loads((tmp_path / "report.json").read_text())
        return Run(done.returncode, {one["id"]: one["verdict"] for one in report["clauses"]}, report, output)

    return run


@pytest.fixture
def all_faults() -> list[Variant]:
    return variants("faults")
