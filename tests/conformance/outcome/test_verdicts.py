"""From outcomes to verdicts, and from verdicts to exit codes."""

import pytest

from conformance.outcome.findings import OUT_OF_TIME, Outcome
from conformance.outcome.verdicts import Exit, Judgement, Verdict, exit_code, is_cut_short, judge
from conformance.spec.clauses import Level, clause

MUST, SHOULD, MAY = "TCRP-2.1", "TCRP-3.4b", "TCRP-5.5"


def outcome(clause_id: str, result: str) -> Outcome:
    return Outcome(clause_id, result, "test", 0.1)


@pytest.mark.parametrize(
    ("clause_id", "results", "verdict"),
    [
        (MUST, ["pass"], Verdict.PASS),
        (MUST, ["pass", "fail", "pass"], Verdict.FAIL),
        (SHOULD, ["fail"], Verdict.WEAK),
        (MAY, ["fail"], Verdict.INFO),
        (MAY, ["pass"], Verdict.INFO),
        (MUST, ["fail", "crash"], Verdict.CRASH),
        (SHOULD, ["crash"], Verdict.CRASH),
        (MUST, ["crash", "error"], Verdict.ERROR),
        (MUST, ["unsupported", "pass"], Verdict.PASS),
        (MUST, ["unsupported", "fail"], Verdict.FAIL),
        (MUST, ["unsupported"], Verdict.UNSUPPORTED),
        (MUST, [], Verdict.UNSUPPORTED),
    ],
)
def test_the_worst_outcome_decides(clause_id: str, results: list[str], verdict: Verdict) -> None:
    judged = judge(clause(clause_id), [outcome(clause_id, result) for result in results])
    assert judged.verdict is verdict


@pytest.mark.parametrize(
    ("results", "verdict", "code"),
    [
        (["pass", "late"], Verdict.UNSUPPORTED, Exit.NOTHING),
        (["unsupported", "late"], Verdict.UNSUPPORTED, Exit.NOTHING),
        (["late", "fail"], Verdict.FAIL, Exit.FAILED),
    ],
)
def test_a_clause_of_which_time_has_cut_a_test_does_not_pass(results: list[str], verdict: Verdict, code: Exit) -> None:
    late = outcome(MUST, "unsupported")._replace(message=f"{OUT_OF_TIME} of 3 s")
    judged = judge(clause(MUST), [late if one == "late" else outcome(MUST, one) for one in results])
    assert judged.verdict is verdict
    assert is_cut_short(judged) == (verdict is Verdict.UNSUPPORTED)
    assert exit_code([judge(clause("TCRP-2.2"), [outcome("TCRP-2.2", "pass")]), judged]) is code


def judgements(*verdicts: Verdict) -> list[Judgement]:
    return [Judgement(clause(MUST), verdict, outcome(MUST, "fail")) for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "level", "code"),
    [
        ([], Level.MUST, Exit.NOTHING),
        ([Verdict.UNSUPPORTED], Level.MUST, Exit.NOTHING),
        ([Verdict.PASS, Verdict.UNSUPPORTED], Level.MUST, Exit.CONFORMS),
        ([Verdict.PASS, Verdict.FAIL], Level.MUST, Exit.FAILED),
        ([Verdict.WEAK], Level.MUST, Exit.CONFORMS),
        ([Verdict.WEAK], Level.SHOULD, Exit.FAILED),
        ([Verdict.INFO], Level.SHOULD, Exit.CONFORMS),
        ([Verdict.INFO], Level.MAY, Exit.FAILED),
        ([Verdict.FAIL, Verdict.CRASH], Level.MUST, Exit.DIED),
        ([Verdict.FAIL, Verdict.CRASH, Verdict.ERROR], Level.MUST, Exit.SUITE_FAULT),
    ],
)
def test_exit_codes(verdicts: list[Verdict], level: Level, code: Exit) -> None:
    assert exit_code(judgements(*verdicts), level) is code


def test_an_interrupt_and_a_death_come_before_failures() -> None:
    assert exit_code(judgements(Verdict.FAIL), interrupted=True) is Exit.INTERRUPTED
    assert exit_code(judgements(Verdict.FAIL), died=True) is Exit.DIED
    assert exit_code([], interrupted=True) is Exit.INTERRUPTED
