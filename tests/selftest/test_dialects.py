"""The other dialects: wrong servers are reported under the clause that they break, and right ones are not blamed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.selftest import forked
from tests.spoken import odd as odd
from tests.spoken import wrong
from tests.spoken.variants import ODD, RIGHT, WRONG, rows

pytestmark = pytest.mark.timeout(600)  # what fails is often waited for, and many run at once

SERVER = Path(wrong.__file__).with_name("server.py")
SAMPLED = 10
"""One wrong server of so many is run by `make test`."""
CAUGHT = {"fail", "weak", "crash"}
BLAME = {*CAUGHT, "flaky", "error"}


def _run(folder: Path, dialect: str, name: str, *words: str) -> tuple[int, dict[str, str], str]:
    """Exit code, verdicts by clause, and what was said."""
    server = f"{sys.executable} {SERVER} {dialect} {name}"
    command = ["run", *words, "--quiet", "--runs", "1", "--dialect", dialect, "--seed", "1", "--ready-timeout", "60"]
    code, output = forked.run([*command, "--report-dir", str(folder), "--exec", server], folder)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return code, {one["id"].removeprefix("TCRP-"): one["verdict"] for one in report["clauses"]}, output


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All of them for the page; else, minutes less, some that are wrong, and one right one."""
    everything = metafunc.config.getoption("--publish", None)
    wrongs = sorted(rows(WRONG))[:: 1 if everything else SAMPLED]
    rights = [*((dialect, "") for dialect in RIGHT), *sorted(rows(ODD))][: None if everything else 1]
    for name, found in (("wrong_row", wrongs), ("right_row", rights)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=["-".join(row) for row in found])


def test_a_wrong_server_is_reported_under_its_clause(tmp_path: Path, wrong_row: tuple[str, str]) -> None:
    dialect, name = wrong_row
    clauses = WRONG[name].clauses[dialect]
    code, verdicts, output = _run(tmp_path, dialect, name, *clauses)
    assert {clause for clause, verdict in verdicts.items() if verdict in CAUGHT} & set(clauses), output
    assert code in (1, 7), output
    assert "error" not in verdicts.values(), output


def test_a_right_server_is_not_blamed(tmp_path: Path, right_row: tuple[str, str]) -> None:
    dialect, name = right_row
    code, verdicts, output = _run(tmp_path, dialect, name)
    assert not BLAME & set(verdicts.values()), output
    assert code == 0, output


def test_every_other_dialect_has_its_servers() -> None:
    for table, least in ((WRONG, 10), (ODD, 3)):
        for one in RIGHT:
            assert sum(dialect == one for dialect, _ in rows(table)) >= least, one
