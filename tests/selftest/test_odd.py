"""Specificity: no server that is right is blamed, however odd it is."""

import pytest

from tests.selftest.conftest import Suite, Variant

pytestmark = pytest.mark.timeout(600)  # some of them are slow on purpose

BLAME = {"fail", "weak", "crash", "flaky", "error"}


def test_a_right_server_is_not_blamed(suite: Suite, odd: Variant) -> None:
    run = suite("odd", odd.name)
    assert not BLAME & set(run.verdicts.values()), run.output
    assert run.code == 0, run.output
    assert [*run.verdicts.values()].count("pass") > 80, run.output


def test_the_plain_server_is_not_blamed(suite: Suite) -> None:
    run = suite("faults", "none")
    assert not BLAME & set(run.verdicts.values()), run.output
    assert run.code == 0, run.output
