"""What the steps of a conversation say, in fewer lines where that loses nothing."""

import pytest

from conformance.names import NONCE_SIZE
from conformance.reading import in_short, is_tcp, joined, listed, parted, printable, runs, without_keep_alives
from conformance.recording import BEFORE, FENCE, KEEP_ALIVE, SETTLE, Does, Step

ONE, TWO = (f"abcdef{n:0{NONCE_SIZE - 6}}".encode() for n in (1, 2))
ROOM = b"room-abcdef-1"
TOKEN = b"0123456789abcdef"


def steps(*rows):
    return tuple(Step(number, *row[:2], *row[2:3], note="".join(row[3:4])) for number, row in enumerate(rows))


def short(*rows):
    return [(step.who, step.does, step.note) for step in in_short(steps(*rows))]


SETTLING = (
    ("alicia", Does.SEND, ROOM + TOKEN, SETTLE),
    ("bob", Does.SEND, ROOM + TOKEN, SETTLE),
    ("alicia", Does.SEND, ROOM + TOKEN + ONE, SETTLE),
    ("bob", Does.HEAR, b"alicia: " + ONE),
    ("bob", Does.SEND, ROOM + TOKEN + TWO, SETTLE),
    ("alicia", Does.HEAR, b"bob: " + TWO),
)


def test_members_that_settle_are_one_line():
    assert short(*SETTLING, ("alicia", Does.SEND, b"hello"), ("bob", Does.HEAR, b"alicia: hello")) == [
        ("", Does.NOTE, "alicia, bob"), ("alicia", Does.SEND, ""), ("bob", Does.HEAR, ""),
    ]  # fmt: skip


def test_a_datagram_that_gives_a_token_away_is_not_taken_for_settling():
    assert short(*SETTLING, ("alicia", Does.SEND, b"hello"), ("bob", Does.HEAR, ROOM + TOKEN + b"hello"))[-1] == (
        "bob", Does.HEAR, "",
    )  # fmt: skip


def test_settling_that_the_conversation_ends_with_is_left_as_it_is():
    told = [("tcp 1", Does.SEND, ""), *((who, does, note[0] if note else "") for who, does, _, *note in SETTLING)]
    assert short(("tcp 1", Does.SEND, b"create"), *SETTLING) == told


def test_a_fence_is_a_line_that_says_who_heard_it():
    assert short(
        ("bob", Does.SEND, b"what is tested"),
        ("alicia", Does.SEND, b"x" + ONE, FENCE),
        ("bob", Does.HEAR, b"alicia: " + ONE),
        ("eve", Does.HEAR, b"alicia: " + ONE),
        ("eve", Does.HEAR, b"alicia: " + ONE),
        ("alicia", Does.SEND, TWO, FENCE),
    ) == [
        ("bob", Does.SEND, ""), ("alicia", Does.SEND, "heard by bob and eve"),
        ("alicia", Does.SEND, "heard by nobody"),
    ]  # fmt: skip


def test_what_made_the_shared_rooms_comes_apart():
    all_of_it = steps(("shared tcp 1", Does.SEND, b"", BEFORE), ("alicia", Does.HEAR), ("eve", Does.SEND, b"", BEFORE),
                      ("bob", Does.SEND))  # fmt: skip
    assert parted(all_of_it) == (all_of_it[:3], all_of_it[3:])
    assert parted(all_of_it[3:]) == ((), all_of_it[3:])


def test_segments_that_follow_each_other_are_taken_together():
    told = steps(
        ("tcp 1", Does.SEND, b"a"), ("tcp 1", Does.SEND, b"b"), ("tcp 2", Does.SEND, b"c"), ("tcp 1", Does.SEND, b"d"),
        ("tcp 1", Does.HEAR, b"e"), ("tcp 1", Does.HEAR, b"f"), ("bob", Does.SEND, b"g"), ("bob", Does.SEND, b"h"),
    )  # fmt: skip
    assert [joined(run) for run in runs(told)] == [b"ab", b"c", b"d", b"ef", b"g", b"h"]
    assert [joined(run) for run in runs(told, longest_gap=1)] == [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"]
    assert list(runs(())) == []


def test_keep_alives_may_be_left_out():
    told = steps(("bob", Does.SEND, b"", KEEP_ALIVE), ("bob", Does.SEND, b"x"))
    assert without_keep_alives(told) == told[1:]


@pytest.mark.parametrize(
    ("who", "is_one"), [("tcp 1", True), ("shared tcp 12", True), ("bob", False), ("tcp", False), ("tcp 1 2", False)]
)
def test_names_of_connections(who, is_one):
    assert is_tcp(who) is is_one


def test_words():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert printable("部屋\n\x1b[2J\u202e") == "部屋\\n\\x1b[2J\\u202e"
