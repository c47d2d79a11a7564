"""Which findings say that they may have the same cause."""

import pytest

from conformance.outcome.causes import causes
from conformance.outcome.findings import Evidence, Outcome
from conformance.outcome.verdicts import Judgement, judge
from conformance.spec.clauses import PREFIX, Clause, all_clauses, clause


def failed(name: str, result: str = "fail", output: tuple[str, ...] = ()) -> Judgement:
    one = clause(name)
    return judge(one, [Outcome(one.id, result, "test", 0.0, evidence=Evidence(output=output))])


def may_share(*names: str) -> dict[str, list[str]]:
    found = causes(failed(name) for name in names)
    return {one.root.clause.names()[0]: [other.removeprefix(PREFIX) for other in one.may_share] for one in found}


def test_what_follows_names_what_it_may_follow_from() -> None:
    assert may_share("2.3c", "4.2c") == {"2.3c": [], "4.2c": ["2.3c"]}
    assert may_share("4.2c") == {"4.2c": []}


def test_each_link_of_a_chain_names_the_one_before() -> None:
    assert may_share("4.7b", "4.7a", "3.3a", "3.2a")["3.3a"] == ["3.2a"]
    assert may_share("4.7b", "4.7a", "3.3a", "3.2a")["3.2a"] == []


def test_a_should_is_no_root_of_a_must() -> None:
    assert clause("5.6").level == "SHOULD"
    assert all(clause(one).level == "MUST" for other in all_clauses() for one in other.follows)


def test_crashes_at_one_place_of_the_server_stand_apart() -> None:
    output = ('  File "server.py", line 7, in serve', "IndexError: index out of range")
    found = causes([failed("6.1f", "crash", output), failed("2.6a", "crash", output), failed("2.2")])
    assert [one.root.clause.id for one in found] == ["TCRP-6.1f", "TCRP-2.6a", "TCRP-2.2"]
    assert [one.may_share for one in found] == [["TCRP-2.6a"], ["TCRP-6.1f"], []]


@pytest.mark.parametrize("one", all_clauses(), ids=lambda one: one.id)
def test_nothing_follows_from_itself(one: Clause) -> None:
    passed, left = set(), list(one.follows)
    while left:
        name = left.pop()
        if name not in passed:
            passed.add(name)
            left += clause(name).follows
    assert one.id not in passed
