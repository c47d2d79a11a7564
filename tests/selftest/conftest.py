"""The suite is run, as a user would run it, against servers that are wrong on purpose and ones right but unusual."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.spec.clauses import Level, all_clauses, clause
from tests.selftest import forked
from tests.selftest.matrix import Matrix

TESTS = Path(__file__).parent.parent
SERVER = (sys.executable, "-S", "-E")  # the servers need the standard library alone
IDLE_TIMEOUT = 2
IDLE_CLAUSES = {f"TCRP-{one}" for one in ["4.4c", "4.6c", "4.6d", "5.3a", "5.3b", "5.3c", "5.3d", "5.3e", "5.4b"]}
SEED = 1
WITNESSES = ("other-ip-ends-membership", "room-names-casefolded")
"""Run against the whole suite although another fault of its clause comes first: what ends chat for good is noticed by
whatever test comes next, and names that are trimmed refuse blank ones too.
"""


class Variant(NamedTuple):
    """One line of a server's --list. `clauses`: where the suite must report it, the root first."""

    name: str
    clauses: tuple[str, ...]
    note: str


@cache
def variants(kind: str) -> tuple[Variant, ...]:
    """The servers of tests/faults or tests/odd, by clause."""
    words = [*SERVER, str(TESTS / kind / "server.py"), "--list"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in listed.splitlines()]
    return tuple(
        Variant(name, (root, *(one for one in also.split(",") if one != "-")), note) for name, root, also, note in rows
    )


@cache
def witnesses() -> dict[str, Variant]:
    """For each MUST the fault that is run against the whole suite: the one that is told apart best from others."""
    found: dict[str, Variant] = {}
    for fault in sorted(variants("faults"), key=lambda one: (one.name not in WITNESSES, len(one.clauses))):
        if clause(fault.clauses[0]).level is Level.MUST:
            found.setdefault(fault.clauses[0], fault)
    return found


def _followers(root: str) -> int:
    return sum(root in one.follows for one in all_clauses())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--publish", metavar="FILE", help="write the kill matrix there; the same examples are drawn then")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    publish = config.getoption("--publish", None)
    matrix = Matrix(variants("faults"), variants("odd"), witnesses(), publish and Path(publish))
    config.pluginmanager.register(matrix, "tcrp-kill-matrix")


SLOW = (
    "polls-every-200-ms", "slow-answers", "slow-chat", "delivers-late", "stands-at-complete", "far-apart",
    "polls-every-50-ms", "registers-late", "unknown-rooms-take-time",
)  # fmt: skip
"""Right servers whose run takes minutes, because all that the suite does waits for them."""
LEAD = 0.8
"""The whole runs have all begun when so much of the short ones have."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of them for the page; else, minutes less, a fault of each clause, and one of six odd servers that are
    not slow.
    """
    everything = metafunc.config.getoption("--publish", None)
    faults, first = variants("faults"), {one.clauses[0]: one for one in reversed(variants("faults"))}
    whole: list[Variant] = []
    if everything:
        whole = sorted(witnesses().values(), key=lambda one: -_followers(one.clauses[0]))  # what breaks most is slowest
    for name, found in (
        ("witness", whole),
        ("fault", [one for one in faults if one not in whole and (everything or one in first.values())]),
        ("odd", [*variants("odd")] if everything else [one for one in variants("odd") if one.name not in SLOW][::6]),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=[one.name for one in found])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For the page: what waits (whole runs) among what computes (short ones), the slow first, so that the machine is
    busy until the end. A worker is given two tests to begin with: the second, which waits for the first, is short.
    """
    if not config.getoption("--publish", None):
        items.sort(key=lambda item: [kind in getattr(item, "fixturenames", ()) for kind in ("fault", "witness", "odd")])
        return
    kinds: dict[str, list[pytest.Item]] = {"slow": [], "whole": [], "short": []}
    for item in items:
        length = "whole" if {"odd", "witness"} & {*getattr(item, "fixturenames", ())} else "short"
        kinds["slow" if any(f"[{name}]" in item.name for name in SLOW) else length].append(item)
    slow, whole, short = kinds.values()
    short.reverse()  # those of the last clauses take longest
    pairs = [item for pair in itertools.zip_longest(slow, short[: len(slow)]) for item in pair if item is not None]
    begins = [(at / len(short), item) for at, item in enumerate(short) if at >= len(slow)]
    begins += [(LEAD * at / len(whole), item) for at, item in enumerate(whole)]
    items[:] = [*pairs, *(item for _, item in sorted(begins, key=itemgetter(0)))]


class Run(NamedTuple):
    """What one run of the suite said. `roots`: of each finding its clause, and what is folded under it."""

    code: int
    verdicts: dict[str, str]
    roots: dict[str, list[str]]
    output: str


Suite = Callable[..., Run]


@pytest.fixture
def suite(tmp_path: Path, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]) -> Suite:
    """Runs `tcrp-conformance run` with these words against a server of tests/, reads its report, and notes it."""

    def run(kind: str, name: str, *words: str) -> Run:
        record_property("selftest", json.dumps({"kind": kind, "name": name}))  # however it ends
        option = "--fault" if kind == "faults" else "--odd"
        server = [*SERVER, TESTS / kind / "server.py", option, name]
        idle = ("--idle-timeout", str(IDLE_TIMEOUT)) if not words or IDLE_CLAUSES & {*words} else ()
        seed = ("--seed", str(SEED)) if pytestconfig.getoption("--publish", None) else ()
        command = [
            "run", *words, "--quiet", "--ready-timeout", "60", "--runs", "1", "--dialect", "tcrp", *seed, *idle,
            "--report-dir", str(tmp_path), "--exec", " ".join(map(str, (*server, *idle))),
        ]  # fmt: skip
        code, output = forked.run(command, tmp_path)
        assert (tmp_path / "report.json").exists(), output
        report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
        verdicts = {one["id"]: one["verdict"] for one in report["clauses"]}
        roots = {one["clause"]: [folded["clause"] for folded in one["also"]] for one in report["findings"]}
        record_property("selftest", json.dumps({"kind": kind, "name": name, "verdicts": verdicts, "roots": roots}))
        return Run(code, verdicts, roots, output)

    return run


@pytest.fixture
def all_faults() -> tuple[Variant, ...]:
    return variants("faults")
