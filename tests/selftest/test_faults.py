"""Sensitivity: every wrong server is reported under its clause, and every clause can be broken."""

import pytest

from conformance.spec.clauses import Level, all_clauses, choose
from tests.selftest.conftest import Suite, Variant

pytestmark = pytest.mark.timeout(600)  # what fails is often waited for, and many run at once

CAUGHT = {"fail", "weak", "crash"}


def test_a_witness_is_the_root_of_a_finding_of_the_whole_suite(suite: Suite, witness: Variant) -> None:
    run = suite("faults", witness.name)
    assert set(witness.clauses) & run.roots.keys(), run.output
    assert "error" not in run.verdicts.values(), run.output


def test_a_fault_is_reported_under_its_clause(suite: Suite, fault: Variant) -> None:
    run = suite("faults", fault.name, *fault.clauses)
    root, *also = fault.clauses
    caught = {clause for clause, verdict in run.verdicts.items() if verdict in CAUGHT}
    assert caught, run.output
    assert root in caught or caught & set(also), run.output
    assert run.code in (1, 7) or all(run.verdicts[clause] == "weak" for clause in caught), run.output
    assert "error" not in run.verdicts.values(), run.output


def test_every_clause_that_is_judged_has_a_fault(all_faults: tuple[Variant, ...]) -> None:
    judged = {clause.id for clause in choose([], []) if clause.level is not Level.MAY}
    faulty = {fault.clauses[0] for fault in all_faults}
    assert judged - faulty == set()
    assert faulty <= {clause.id for clause in all_clauses()}
