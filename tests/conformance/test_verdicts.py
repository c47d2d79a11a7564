"""From outcomes to verdicts, and from verdicts to exit codes."""

import pytest

from conformance.clauses import Level, clause
from conformance.findings import Outcome
from conformance.verdicts import Exit, Judgement, Verdict, exit_code, judge

MUST, SHOULD, MAY = "TCRP-2.1", "TCRP-3.4b", "TCRP-5.5"


def outcome(clause_id, result):
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
def test_the_worst_outcome_decides(clause_id, results, verdict):
    judged = judge(clause(clause_id), [outcome(clause_id, result) for result in results])
    assert judged.verdict is verdict


def judgements(*verdicts):
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
def test_exit_codes(verdicts, level, code):
    assert exit_code(judgements(*verdicts), level) is code


def test_an_interrupt_and_a_death_come_before_failures():
    assert exit_code(judgements(Verdict.FAIL), interrupted=True) is Exit.INTERRUPTED
    assert exit_code(judgements(Verdict.FAIL), died=True) is Exit.DIED
    assert exit_code([], interrupted=True) is Exit.INTERRUPTED
