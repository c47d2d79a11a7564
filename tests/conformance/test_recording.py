"""Steps are taken down in order, with names that tell connections and peers apart, and pass through a file."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.recording import BEFORE, KEEP_ALIVE, Does, Recorder, Step

STEPS = st.builds(
    Step, st.floats(0, 1e6).map(lambda at: round(at, 4)), st.text(), st.sampled_from(Does), st.binary(), st.text(),
    st.text(),
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_a_step_is_the_same_after_a_file(step):
    assert Step.of_dict(json.loads(json.dumps(step.as_dict()))) == step


@pytest.mark.parametrize(
    "change",
    [{"at": "soon"}, {"does": "sing"}, {"bytes": "0"}, {"bytes": "xy"}],
)
def test_what_is_no_step_is_refused(change):
    row = Step(0.0, "tcp 1", Does.SEND, b"x").as_dict()
    with pytest.raises(ValueError):  # noqa: PT011
        Step.of_dict({**row, **change})
    del row["who"]
    with pytest.raises(KeyError):
        Step.of_dict(row)


def said(recorder):
    return [(step.who, step.does, step.note) for step in recorder.steps()]


def test_connections_and_peers_are_numbered_in_each_conversation():
    recorder = Recorder()
    for _ in range(2):
        recorder.begin()
        assert [recorder.connection() for _ in range(2)] == ["tcp 1", "tcp 2"]
        assert [recorder.peer(name) for name in ("bob", "eve", "bob", "bob")] == ["bob", "eve", "bob 2", "bob 3"]


def test_times_count_from_the_beginning_of_the_conversation():
    recorder = Recorder()
    recorder.take("bob", Does.SEND)
    recorder.begin()
    assert recorder.steps() == ()
    recorder.take("bob", Does.SEND)
    recorder.take("bob", Does.CLOSE)
    first, second = recorder.steps()
    assert 0 <= first.at <= second.at < 60


def test_the_outermost_note_is_that_of_what_is_sent():
    recorder = Recorder()
    with recorder.noting(KEEP_ALIVE):
        with recorder.noting("inner"):
            recorder.take("bob", Does.SEND)
            recorder.take("bob", Does.HEAR)
        recorder.take("bob", Does.SEND, note="own")
    recorder.take("bob", Does.SEND)
    assert [note for _, _, note in said(recorder)] == [KEEP_ALIVE, "", "own", ""]


def shared(recorder):
    with recorder.prologue():
        who = recorder.connection()
        recorder.take(who, Does.SEND, b"create")
        recorder.take(recorder.peer("alicia"), Does.HEAR, b"hi", note="from elsewhere")


def test_how_the_shared_rooms_were_made_belongs_to_whoever_uses_them():
    recorder = Recorder()
    recorder.begin()
    recorder.take(recorder.connection(), Does.SEND)
    shared(recorder)
    recorder.take(recorder.connection(), Does.SEND)
    made = [("shared tcp 1", Does.SEND, BEFORE), ("alicia", Does.HEAR, "from elsewhere")]
    assert said(recorder) == [*made, ("tcp 1", Does.SEND, ""), ("tcp 2", Does.SEND, "")]
    assert all(step.at == 0 for step in recorder.steps()[:2])

    recorder.begin()
    recorder.take(recorder.peer("alicia"), Does.SEND)
    assert said(recorder) == [("alicia 2", Does.SEND, "")], "the name is taken by the shared room"
    recorder.use_shared()
    assert said(recorder) == [*made, ("alicia 2", Does.SEND, "")]

    recorder.drop_prologue()
    recorder.begin()
    recorder.use_shared()
    assert said(recorder) == []
    assert recorder.peer("alicia") == "alicia"


def test_shared_rooms_that_could_not_be_made_are_part_of_the_finding():
    recorder = Recorder()
    recorder.begin()
    recorder.take("tcp 1", Does.SEND)

    def fail():
        with recorder.prologue():
            recorder.take("shared tcp 1", Does.SEND)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert said(recorder) == [("tcp 1", Does.SEND, ""), ("shared tcp 1", Does.SEND, "")]


def test_a_conversation_that_rests_on_an_earlier_one_begins_with_it():
    recorder = Recorder()
    recorder.take("tcp 1", Does.SEND)
    earlier = recorder.steps()
    recorder.begin()
    recorder.take("bob", Does.SEND)
    recorder.adopt(earlier)
    assert said(recorder) == [("tcp 1", Does.SEND, ""), ("bob", Does.SEND, "")]
