"""The steps of a conversation in words, and in fewer lines where nothing is lost by that."""

from typing import Any

import pytest

from conformance.trace.description import in_short, joined, listed, parted, runs, without_keep_alives
from conformance.trace.names import NONCE_SIZE
from conformance.trace.recording import BEFORE, FENCE, KEEP_ALIVE, SETTLE, Step, StepKind, Steps, is_tcp
from conformance.trace.text import printable

ONE, TWO = (f"abcdef{n:0{NONCE_SIZE - 6}}".encode() for n in (1, 2))
ROOM = b"room-abcdef-1"
TOKEN = b"0123456789abcdef"


def steps(*rows: tuple[Any, ...]) -> Steps:
    """(who, does, data, note), a second apart."""
    return tuple(
        Step(number, row[0], row[1], b"".join(row[2:3]), note="".join(row[3:4])) for number, row in enumerate(rows)
    )


def short(*rows: tuple[Any, ...]) -> list[tuple[str, StepKind, str]]:
    return [(step.who, step.does, step.note) for step in in_short(steps(*rows))]


SETTLING = (
    ("alicia", StepKind.SEND, ROOM + TOKEN, SETTLE),
    ("bob", StepKind.SEND, ROOM + TOKEN, SETTLE),
    ("alicia", StepKind.SEND, ROOM + TOKEN + ONE, SETTLE),
    ("bob", StepKind.HEAR, b"alicia: " + ONE),
    ("bob", StepKind.SEND, ROOM + TOKEN + TWO, SETTLE),
    ("alicia", StepKind.HEAR, b"bob: " + TWO),
)


def test_members_that_settle_are_one_line() -> None:
    assert short(*SETTLING, ("alicia", StepKind.SEND, b"hello"), ("bob", StepKind.HEAR, b"alicia: hello")) == [
        ("", StepKind.NOTE, "alicia, bob"), ("alicia", StepKind.SEND, ""), ("bob", StepKind.HEAR, ""),
    ]  # fmt: skip


def test_a_datagram_that_gives_a_token_away_is_not_taken_for_settling() -> None:
    told = short(*SETTLING, ("alicia", StepKind.SEND, b"hello"), ("bob", StepKind.HEAR, ROOM + TOKEN + b"hello"))
    assert told[-1] == ("bob", StepKind.HEAR, "")


def test_settling_that_the_conversation_ends_with_is_left_as_it_is() -> None:
    told = [("tcp 1", StepKind.SEND, ""), *((who, does, note[0] if note else "") for who, does, _, *note in SETTLING)]
    assert short(("tcp 1", StepKind.SEND, b"create"), *SETTLING) == told


def test_a_fence_is_a_line_that_says_who_heard_it() -> None:
    assert short(
        ("bob", StepKind.SEND, b"what is tested"),
        ("alicia", StepKind.SEND, b"x" + ONE, FENCE),
        ("bob", StepKind.HEAR, b"alicia: " + ONE),
        ("eve", StepKind.HEAR, b"alicia: " + ONE),
        ("eve", StepKind.HEAR, b"alicia: " + ONE),
        ("alicia", StepKind.SEND, TWO, FENCE),
    ) == [
        ("bob", StepKind.SEND, ""), ("alicia", StepKind.SEND, "heard by bob and eve"),
        ("alicia", StepKind.SEND, "heard by nobody"),
    ]  # fmt: skip


def test_what_made_the_shared_rooms_comes_apart() -> None:
    all_of_it = steps(
        ("shared tcp 1", StepKind.SEND, b"", BEFORE),
        ("alicia", StepKind.HEAR),
        ("eve", StepKind.SEND, b"", BEFORE),
        ("bob", StepKind.SEND),
    )
    assert parted(all_of_it) == (all_of_it[:3], all_of_it[3:])
    assert parted(all_of_it[3:]) == ((), all_of_it[3:])


def test_segments_that_follow_each_other_are_taken_together() -> None:
    told = steps(
        ("tcp 1", StepKind.SEND, b"a"),
        ("tcp 1", StepKind.SEND, b"b"),
        ("tcp 2", StepKind.SEND, b"c"),
        ("tcp 1", StepKind.SEND, b"d"),
        ("tcp 1", StepKind.HEAR, b"e"),
        ("tcp 1", StepKind.HEAR, b"f"),
        ("bob", StepKind.SEND, b"g"),
        ("bob", StepKind.SEND, b"h"),
    )
    assert [joined(run) for run in runs(told)] == [b"ab", b"c", b"d", b"ef", b"g", b"h"]
    assert [joined(run) for run in runs(told, longest_gap=1)] == [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"]
    assert list(runs(())) == []


def test_keep_alives_may_be_left_out() -> None:
    told = steps(("bob", StepKind.SEND, b"", KEEP_ALIVE), ("bob", StepKind.SEND, b"x"))
    assert without_keep_alives(told) == told[1:]


@pytest.mark.parametrize(
    ("who", "is_one"), [("tcp 1", True), ("shared tcp 12", True), ("bob", False), ("tcp", False), ("tcp 1 2", False)]
)
def test_names_of_connections(who: str, is_one: bool) -> None:
    assert is_tcp(who) is is_one


def test_words() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert printable("部屋\n\x1b[2J\u202e") == "部屋\\n\\x1b[2J\\u202e"
