"""Recorded steps: their order, the names of connections and peers, and how they are stored in a file."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.trace.recording import BEFORE, KEEP_ALIVE, Recorder, Step, StepKind

STEPS = st.builds(
    Step, st.floats(0, 1e6).map(lambda at: round(at, 4)), st.text(), st.sampled_from(StepKind), st.binary(), st.text(),
    st.text(),
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_a_step_is_the_same_after_a_file(step: Step) -> None:
    assert Step.of_dict(json.loads(json.dumps(step.as_dict()))) == step


@pytest.mark.parametrize(
    "change",
    [{"at": "soon"}, {"does": "sing"}, {"bytes": "0"}, {"bytes": "xy"}],
)
def test_what_is_no_step_is_refused(change: dict[str, object]) -> None:
    row = Step(0.0, "tcp 1", StepKind.SEND, b"x").as_dict()
    with pytest.raises(ValueError):  # noqa: PT011
        Step.of_dict({**row, **change})
    del row["who"]
    with pytest.raises(KeyError):
        Step.of_dict(row)


def said(recorder: Recorder) -> list[tuple[str, StepKind, str]]:
    return [(step.who, step.does, step.note) for step in recorder.steps()]


def test_connections_and_peers_are_numbered_in_each_conversation() -> None:
    recorder = Recorder()
    for _ in range(2):
        recorder.begin()
        assert [recorder.connection() for _ in range(2)] == ["tcp 1", "tcp 2"]
        assert [recorder.peer(name) for name in ("bob", "eve", "bob", "bob")] == ["bob", "eve", "bob 2", "bob 3"]


def test_times_count_from_the_beginning_of_the_conversation() -> None:
    recorder = Recorder()
    recorder.take("bob", StepKind.SEND)
    recorder.begin()
    assert recorder.steps() == ()
    recorder.take("bob", StepKind.SEND)
    recorder.take("bob", StepKind.CLOSE)
    first, second = recorder.steps()
    assert 0 <= first.at <= second.at < 60


def test_the_outermost_note_is_that_of_what_is_sent() -> None:
    recorder = Recorder()
    with recorder.noting(KEEP_ALIVE):
        with recorder.noting("inner"):
            recorder.take("bob", StepKind.SEND)
            recorder.take("bob", StepKind.HEAR)
        recorder.take("bob", StepKind.SEND, note="own")
    recorder.take("bob", StepKind.SEND)
    assert [note for _, _, note in said(recorder)] == [KEEP_ALIVE, "", "own", ""]


def shared(recorder: Recorder) -> None:
    with recorder.prologue():
        who = recorder.connection()
        recorder.take(who, StepKind.SEND, b"create")
        recorder.take(recorder.peer("alicia"), StepKind.HEAR, b"hi", note="from elsewhere")


def test_how_the_shared_rooms_were_made_belongs_to_whoever_uses_them() -> None:
    recorder = Recorder()
    recorder.begin()
    recorder.take(recorder.connection(), StepKind.SEND)
    shared(recorder)
    recorder.take(recorder.connection(), StepKind.SEND)
    made = [("shared tcp 1", StepKind.SEND, BEFORE), ("alicia", StepKind.HEAR, "from elsewhere")]
    assert said(recorder) == [*made, ("tcp 1", StepKind.SEND, ""), ("tcp 2", StepKind.SEND, "")]
    assert all(step.at == 0 for step in recorder.steps()[:2])

    recorder.begin()
    recorder.take(recorder.peer("alicia"), StepKind.SEND)
    assert said(recorder) == [("alicia 2", StepKind.SEND, "")], "the name is taken by the shared room"
    recorder.use_shared()
    assert said(recorder) == [*made, ("alicia 2", StepKind.SEND, "")]

    recorder.drop_prologue()
    recorder.begin()
    recorder.use_shared()
    assert said(recorder) == []
    assert recorder.peer("alicia") == "alicia"


def test_shared_rooms_that_could_not_be_made_are_part_of_the_finding() -> None:
    recorder = Recorder()
    recorder.begin()
    recorder.take("tcp 1", StepKind.SEND)

    def fail() -> None:
        with recorder.prologue():
            recorder.take("shared tcp 1", StepKind.SEND)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert said(recorder) == [("tcp 1", StepKind.SEND, ""), ("shared tcp 1", StepKind.SEND, "")]


def test_a_conversation_that_rests_on_an_earlier_one_begins_with_it() -> None:
    recorder = Recorder()
    recorder.take("tcp 1", StepKind.SEND)
    earlier = recorder.steps()
    recorder.begin()
    recorder.take("bob", StepKind.SEND)
    recorder.adopt(earlier)
    assert said(recorder) == [("tcp 1", StepKind.SEND, ""), ("bob", StepKind.SEND, "")]
