"""What the figures come to."""

import json
from pathlib import Path

import jsonschema
import pytest

import conformance.load
from conformance.load import outcome, page
from conformance.load.figures import Figures, Latencies, step_of
from conformance.load.plan import Plan
from conformance.load.run import judge
from conformance.load.search import Search, Step
from conformance.verdicts import Exit

PLAN = Plan(5, 4, rate=2.0, seconds=1.0)
SCHEMA = json.loads((Path(conformance.load.__file__).with_name("load.schema.json")).read_text())


def latencies(ms, count=120):
    found = Latencies()
    found.counts[step_of(round(ms * 1e6))] = count
    found.most = round(ms * 1e6)
    return found


def figures(**otherwise):
    """A run in which all went well, but for this."""
    good = {
        "sent": 40, "expected": 120, "delivered": 120, "shares": [0.2], "first": 1, "last_sent": 975_000_001,
        "last_heard": 976_000_001, "latencies": latencies(1.0), "late": latencies(0.5), "own": latencies(0.1),
    }  # fmt: skip
    return Figures(**{**good, **otherwise})


@pytest.mark.parametrize(
    ("otherwise", "code"),
    [
        ({}, Exit.CONFORMS),
        ({"delivered": 119}, Exit.FAILED),
        ({"duplicated": 1}, Exit.FAILED),
        ({"foreign": 1}, Exit.FAILED),
        ({"garbled": 1}, Exit.FAILED),
        ({"notices": 1}, Exit.FAILED),
        ({"delivered": 119, "overrun": 1}, Exit.SUITE_FAULT),
        ({"delivered": 118, "overrun": 1}, Exit.FAILED),
        ({"last_sent": 2_000_000_000}, Exit.SUITE_FAULT),
    ],
)
def test_the_exit_code_tells_whose_fault_it_was(otherwise, code):
    assert outcome.exit_code(figures(**otherwise), PLAN) is code
    assert outcome.exit_code(figures(**otherwise), PLAN, died=True) is Exit.DIED
    assert outcome.exit_code(figures(**otherwise), PLAN, interrupted=True, died=True) is Exit.INTERRUPTED


@pytest.mark.parametrize(
    ("otherwise", "why"),
    [
        ({"shares": [0.3, 0.9]}, "it used 90% of a core"),
        ({"late": latencies(50.0)}, "it sent 50 ms late (p99)"),
        ({"own": latencies(30.0)}, "it heard itself 30 ms late (p99)"),
        ({"overrun": 7}, "7 datagrams found its buffers full"),
        ({"last_sent": 2_000_000_000}, "it did not reach the rate"),
    ],
)
def test_a_generator_that_was_the_limit_says_why(otherwise, why):
    assert outcome.strain(figures(), PLAN) == []
    assert outcome.strain(figures(**otherwise), PLAN) == [why]
    text = "\n".join(page.lines(reported(figures(**otherwise))))
    assert f"The generator may have been the limit: {why}." in text


def reported(measured, found=None):
    report = outcome.report(
        target="127.0.0.1:1:2", dialect="tcrp", plan=PLAN, figures=measured, code=Exit.CONFORMS, notes=[], found=found
    )
    jsonschema.validate(report, SCHEMA)
    return report


def test_the_page_says_what_was_lost():
    text = "\n".join(page.lines(reported(figures(delivered=100, duplicated=2, notices=1))))
    assert "Not held: 20 lost, 2 duplicated, 1 member disconnected." in text
    assert "lost                   20     16.67 %" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_last_line_of_a_search_tells_both_bounds():
    found = Search([Step(2.0), Step(4.0, "3 lost"), Step(2.83, "1 lost")])
    text = page.lines(reported(figures(), found))[-1]
    assert (
        text
        == "Held 40 messages a second (120 deliveries a second) without loss; at 57 messages a second it was not held."
    )
    ours = Search([Step(2.0), Step(4.0, "it did not reach the rate", True)])
    assert page.lines(reported(figures(), ours))[-1].endswith("at 80 messages a second the generator was the limit.")
    nothing = Search([Step(2.0, "1 lost")])
    assert page.lines(reported(figures(), nothing))[-1] == (
        "Held no rate without loss; at 40 messages a second it was not held."
    )


def test_a_step_is_held_if_nothing_was_lost_or_left_behind():
    assert judge(figures(), PLAN) == Step(2.0)
    assert judge(figures(delivered=110), PLAN) == Step(2.0, "10 lost")
    assert judge(figures(delivered=110, shares=[0.9]), PLAN) == Step(2.0, "10 lost", True)
    assert judge(figures(last_heard=3_975_000_001), PLAN) == Step(2.0, "3.0 s behind")
    assert judge(figures(last_sent=2_000_000_000), PLAN) == Step(2.0, "it did not reach the rate", True)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
