"""Outcomes of tests as text, in which a worker of pytest-xdist hands them on."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.outcome.findings import Check, Evidence, Outcome
from conformance.outcome.trouble import Trouble
from conformance.trace.names import NameState
from conformance.trace.recording import Step, StepKind
from tcrp import Status

STEPS = (
    Step(0.0, "tcp 1", StepKind.CONNECT, local="127.0.0.2"),
    Step(0.0104, "tcp 1", StepKind.SEND, bytes(range(256))),
    Step(0.5, "bob", StepKind.HEAR, "alicia: 部屋".encode(), note="from 127.0.0.1:9"),
)
OUTPUT = ("Traceback (most recent call last):", "IndexError: 部屋")
FOUND = Outcome(
    "TCRP-2.5a", "fail", "test_2_frame.py::test_one", 0.25, examples=4, expected="an ACK", actual="nothing: \ud800",
    data=b"\x00\xff", message="expected an ACK; got nothing",
    evidence=Evidence(
        STEPS, "test_2_frame:test_one", "{'cuts': [1]}", NameState("abc", 7, 3), 4,
        Check("answer", "tcp 1", b"\xff\x00", (0, 4), token=True, close=True), OUTPUT, True, 2, 5,
        "no time", STEPS[1], True, Trouble("IndexError", "部屋", "server.py", 7), "a hinge", "advice",
    ),
)  # fmt: skip


def handed_on(outcome: Outcome) -> Outcome:
    """The outcome as it arrives in another process. Only ASCII is sent."""
    text = outcome.as_json()
    assert text.isascii()
    return Outcome.of_json(text)


@pytest.mark.parametrize(
    "outcome",
    [
        FOUND,
        FOUND._replace(evidence=FOUND.evidence and FOUND.evidence._replace(check=None, at=None, steps=())),
        FOUND._replace(data=b""),
        FOUND._replace(data=None, evidence=None),
        FOUND._replace(evidence=Evidence()),
        Outcome("TCRP-2.1", "pass", "test_2_frame.py::test_two", 0.0),
    ],
    ids=["all of it", "without a check", "no bytes", "without evidence", "empty evidence", "a test that passed"],
)
def test_an_outcome_is_the_same_in_another_process(outcome: Outcome) -> None:
    assert handed_on(outcome) == outcome


def test_the_parts_of_the_evidence_have_their_types_again() -> None:
    evidence = handed_on(FOUND).evidence
    assert evidence is not None
    assert evidence.check is not None
    assert {type(step) for step in evidence.steps} == {Step}
    assert {type(step.does) for step in evidence.steps} == {StepKind}
    parts = (evidence.steps, evidence.names, evidence.check, evidence.check.statuses, evidence.output)
    assert [type(part) for part in parts] == [tuple, NameState, Check, tuple, tuple]


def test_a_status_arrives_as_its_number() -> None:
    check = Check("answer", "tcp 1", statuses=(Status.WRONG_PASSWORD,))
    assert FOUND.evidence is not None
    text = FOUND._replace(evidence=FOUND.evidence._replace(check=check)).as_json()
    assert json.loads(text)["evidence"]["check"]["statuses"] == [3]


SECONDS = st.integers(0, 10**8).map(lambda ticks: ticks / 1e4)  # a step is told to a tenth of a millisecond
STEP = st.builds(Step, SECONDS, st.text(), st.sampled_from(StepKind), st.binary(), st.text(), st.text())
EVIDENCE = st.builds(
    Evidence,
    steps=st.lists(STEP).map(tuple),
    example=st.text(),
    names=st.builds(NameState, st.text(), st.integers(), st.integers()),
    at=st.none() | st.integers(0),
    check=st.none()
    | st.builds(Check, st.text(), st.text(), st.binary(), st.lists(st.integers(0, 255)).map(tuple), st.booleans()),
    output=st.lists(st.text()).map(tuple),
    killer=st.none() | STEP,
    exception=st.none() | st.builds(Trouble, st.text(), st.text(), st.text(), st.integers(0)),
)


@settings(deadline=None, max_examples=50)
@given(evidence=EVIDENCE, data=st.none() | st.binary(), text=st.none() | st.text())
def test_any_outcome_is_the_same_in_another_process(evidence: Evidence, data: bytes | None, text: str | None) -> None:
    outcome = Outcome("TCRP-4.5a", "crash", "test", 1.5, 3, text, text, data, text, evidence)
    assert handed_on(outcome) == outcome
