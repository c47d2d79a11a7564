"""What the figures come to."""

from typing import Any

import pytest

from conformance.load import page
from conformance.load.assessment import exit_code, generator_limits, judge_step
from conformance.load.search import RateStep
from conformance.outcome.verdicts import Exit
from tests.conformance.load.samples import PLAN, figures, latencies, reported


@pytest.mark.parametrize(
    ("otherwise", "code"),
    [
        ({}, Exit.CONFORMS),
        ({"delivered": 119}, Exit.FAILED),
        ({"duplicated": 1}, Exit.FAILED),
        ({"foreign": 1}, Exit.FAILED),
        ({"garbled": 1}, Exit.FAILED),
        ({"disconnected": 1}, Exit.FAILED),
        ({"delivered": 119, "overrun": 1}, Exit.SUITE_FAULT),
        ({"delivered": 118, "overrun": 1}, Exit.FAILED),
        ({"last_sent": 2_000_000_000}, Exit.SUITE_FAULT),
    ],
)
def test_the_exit_code_tells_whose_fault_it_was(otherwise: dict[str, Any], code: Exit) -> None:
    assert exit_code(figures(**otherwise), PLAN) is code
    assert exit_code(figures(**otherwise), PLAN, died=True) is Exit.DIED
    assert exit_code(figures(**otherwise), PLAN, interrupted=True, died=True) is Exit.INTERRUPTED


@pytest.mark.parametrize(
    ("otherwise", "why"),
    [
        ({"cores": [0.3, 0.9]}, "it used 90% of a core"),
        ({"late": latencies(50.0)}, "it sent 50 ms late (p99)"),
        ({"own": latencies(30.0)}, "it heard itself 30 ms late (p99)"),
        ({"overrun": 7}, "7 datagrams found its buffers full"),
        ({"last_sent": 2_000_000_000}, "it did not reach the rate"),
    ],
)
def test_a_generator_that_was_the_limit_says_why(otherwise: dict[str, Any], why: str) -> None:
    assert generator_limits(figures(), PLAN) == []
    assert generator_limits(figures(**otherwise), PLAN) == [why]
    text = "\n".join(page.lines(reported(figures(**otherwise))))
    assert f"The generator may have been the limit: {why}." in text


def test_a_step_is_held_if_nothing_was_lost_or_left_behind() -> None:
    assert judge_step(figures(), PLAN) == RateStep(2.0)
    assert judge_step(figures(delivered=110), PLAN) == RateStep(2.0, "10 lost")
    assert judge_step(figures(delivered=110, cores=[0.9]), PLAN) == RateStep(2.0, "10 lost", True)
    assert judge_step(figures(last_heard=3_975_000_001), PLAN) == RateStep(2.0, "3.0 s behind")
    assert judge_step(figures(last_sent=2_000_000_000), PLAN) == RateStep(2.0, "it did not reach the rate", True)
