"""Sensitivity in the other dialects: our own server, wrong in one way, is reported under the clause that it breaks."""

import json
import sys
from pathlib import Path

import pytest

from tests.broken.faults import FAULTS, rows
from tests.selftest import forked

pytestmark = pytest.mark.timeout(300)  # what fails is often waited for, and many run at once

SERVER = Path(__file__).with_name("server.py")
CAUGHT = {"fail", "weak", "crash"}


@pytest.mark.parametrize(("dialect", "name"), sorted(rows()))
def test_a_fault_is_reported_in_the_terms_of_the_dialect(tmp_path: Path, dialect: str, name: str) -> None:
    clauses = FAULTS[name].clauses[dialect]
    server = f"{sys.executable} {SERVER} {name} --dialect {dialect} --tcp-port {{tcp}} --udp-port {{udp}}"
    words = ["run", *clauses, "--quiet", "--runs", "1", "--dialect", dialect, "--seed", "1", "--exec", server]
    code, output = forked.run([*words, "--report-dir", str(tmp_path)], tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    verdicts = {one["id"].removeprefix("TCRP-"): one["verdict"] for one in report["clauses"]}
    caught = {clause for clause, verdict in verdicts.items() if verdict in CAUGHT}
    assert caught & set(clauses), output
    assert code in (1, 7), output
    assert "error" not in verdicts.values(), output


def test_every_other_dialect_has_its_faults() -> None:
    counted: dict[str, int] = {}
    for dialect, _ in rows():
        counted[dialect] = counted.get(dialect, 0) + 1
    assert set(counted) == {"model-answer", "json-status", "json-envelope", "fixed-fields", "fixed-width", "stage1"}
    assert min(counted.values()) >= 5, counted
