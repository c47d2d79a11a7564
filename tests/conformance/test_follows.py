"""What is told as one finding, and under which clause."""

import pytest

from conformance.causes import causes
from conformance.clauses import all_clauses, clause
from conformance.findings import Evidence, Outcome
from conformance.verdicts import Verdict, judge


def failed(name: str, result: str = "fail", output: tuple[str, ...] = ()):
    one = clause(name)
    return judge(one, [Outcome(one.id, result, "test", 0.0, evidence=Evidence(output=output))])


def told(*names: str) -> dict[str, list[str]]:
    found = causes(failed(name) for name in names)
    return {one.root.clause.names()[0]: [other.clause.names()[0] for other in one.also] for one in found}


def test_what_follows_is_told_under_what_it_follows_from():
    assert told("2.3c", "4.2c") == {"2.3c": ["4.2c"]}
    assert told("4.2c") == {"4.2c": []}


def test_a_chain_is_told_under_its_beginning():
    assert told("4.7b", "4.7a", "3.3a", "3.2a") == {"3.2a": ["3.3a", "4.7a", "4.7b"]}


def test_two_causes_stay_two_although_something_follows_from_both():
    assert told("3.10a", "4.5a", "5.3e") == {"3.10a": ["5.3e"], "4.5a": []}


def test_a_should_is_no_root_of_a_must():
    assert clause("5.6").level == "SHOULD"
    assert all(clause(one).level == "MUST" for other in all_clauses() for one in other.follows)


def test_what_broke_at_one_place_of_the_server_is_one_finding():
    output = ('  File "server.py", line 7, in serve', "IndexError: index out of range")
    found = causes([failed("6.1f", "crash", output), failed("2.6a", "crash", output), failed("2.2")])
    assert [one.root.clause.id for one in found] == ["TCRP-2.6a", "TCRP-2.2"]
    assert [one.clause.id for one in found[0].also] == ["TCRP-6.1f"]
    assert found[0].root.verdict is Verdict.CRASH


def test_a_place_that_follows_takes_all_of_it_along():
    output = ("server.go:41", "panic: index out of range")
    assert [
        (one.root.clause.id, [other.clause.id for other in one.also])
        for one in causes([failed("4.2b", "crash", output), failed("2.2", "crash", output), failed("6.1f", "crash")])
    ] == [("TCRP-6.1f", ["TCRP-2.2", "TCRP-4.2b"])]


@pytest.mark.parametrize("one", all_clauses(), ids=lambda one: one.id)
def test_nothing_follows_from_itself(one):
    passed, left = set(), list(one.follows)
    while left:
        name = left.pop()
        if name not in passed:
            passed.add(name)
            left += clause(name).follows
    assert one.id not in passed
