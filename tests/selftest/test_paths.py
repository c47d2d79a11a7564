"""Behind a bad path no right server is blamed, and what is wrong is still found."""

from pathlib import Path

import pytest

from tests.selftest.conftest import Suite, Variant, variants
from tests.selftest.paths import PATHS, SERVERS, BadPath, complaints, run
from tests.selftest.test_faults import CAUGHT

pytestmark = pytest.mark.timeout(600)

QUICK = (("loss=2%", "none"), ("mtu=1472", "random-order"))
"""Those that `make test` runs."""
BEHIND = ("loss=2%", "dup=5%", "reorder=20%")
EXPLAINED = {
    "chat-ends-with-a-closed-port": "a closed port of a client is not seen through the proxy",
    "creator-must-stay": "the proxy still has the creator's connection when COMPLETE comes",
    "first-exit-only-registers": "`exit` comes twice where the path doubles it, and is said twice where it may be lost",
}
"""Faults that a bad path, or the proxy, explains, each with the reason why no more can be said of them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    everything = metafunc.config.getoption("--publish", None)
    if "right" in metafunc.fixturenames:
        rows = [(path, server) for path in PATHS for server in SERVERS if everything or (path.fields, server) in QUICK]
        metafunc.parametrize("right", rows, ids=[f"{path.fields}-{server}" for path, server in rows])
    if "wrong" in metafunc.fixturenames:
        first = {one.clauses[0]: one for one in reversed(variants("faults"))} if everything else {}
        faults = [(path, fault) for path in BEHIND for fault in first.values()]
        metafunc.parametrize("wrong", faults, ids=[f"{path}-{fault.name}" for path, fault in faults])


def test_a_right_server_is_not_blamed_for_its_path(right: tuple[BadPath, str], tmp_path: Path) -> None:
    path, server = right
    assert [*complaints(path, run(path.fields, server, 1, tmp_path))] == []


def test_a_fault_is_caught_behind_a_bad_path(suite: Suite, wrong: tuple[str, Variant]) -> None:
    path, fault = wrong
    ran = suite("faults", fault.name, *fault.clauses, "--impair", f"{path},seed=1")
    caught = {clause for clause, verdict in ran.verdicts.items() if verdict in CAUGHT}
    assert bool(caught & {*fault.clauses}) or fault.name in EXPLAINED, ran.output
    assert "error" not in ran.verdicts.values(), ran.output
