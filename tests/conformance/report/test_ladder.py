"""The ladder of a recorded conversation."""

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from conformance.report.ladder import FIRST_LINES, MOST_LINES, ladder
from conformance.trace.recording import BEFORE, KEEP_ALIVE, Step, StepKind
from tcrp import Create, Join, Membership, UpKind, dialects
from tcrp.dialects import Capabilities
from tcrp.dialects.tcrp import Tcrp

DIALECT = dialects.get()
TOKEN = b"0123456789abcdef0123456789abcdef"


def ack(room: bytes, status: int, operation: int = 1) -> bytes:
    return bytes([len(room), operation, 1]) + bytes(28) + b"\x01" + room + bytes([status])


def complete(room: bytes, token: bytes = TOKEN, operation: int = 1) -> bytes:
    return bytes([len(room), operation, 2]) + bytes(28) + bytes([len(token)]) + room + token


def request(want: Create | Join) -> bytes:
    return DIALECT.client(want, None, 0.0).data_to_send()


def packet(user: str, message: bytes = b"", token: bytes = TOKEN, room: str = "r") -> bytes:
    kind = UpKind.CHAT if message else UpKind.REGISTER
    data = DIALECT.write_up(Membership(room, user, token, False), kind, message)
    assert data is not None
    return data


def steps(*rows: tuple[Any, ...]) -> tuple[Step, ...]:
    """(who, does, data, note, local), a millisecond apart, from 5 s on."""
    return tuple(
        Step(5 + number / 1000, row[0], row[1], *row[2:3], **dict(zip(("note", "local"), row[3:], strict=False)))
        for number, row in enumerate(rows)
    )


def lines(*rows: tuple[Any, ...], **options: Any) -> list[str]:
    """The lines of the ladder without its heading and without the times."""
    heading, *found = ladder(steps(*rows), **options)
    assert heading.split() == ["ms", "client", "server"]
    return [" ".join(line[9:].split()) if line[6].isdigit() else line for line in found]


CREATE = request(Create("r", "alicia"))
ENTER = (
    ("tcp 1", StepKind.CONNECT),
    ("tcp 1", StepKind.SEND, CREATE),
    ("tcp 1", StepKind.HEAR, ack(b"r", 0)),
    ("tcp 1", StepKind.HEAR, complete(b"r")),
    ("tcp 1", StepKind.TOKEN, TOKEN),
    ("tcp 1", StepKind.CLOSE),
    ("alicia", StepKind.OPEN),
    ("alicia", StepKind.SEND, packet("alicia")),
    ("alicia", StepKind.SEND, packet("alicia", b"hello")),
    ("alicia", StepKind.HEAR, b"bob: hi"),
    ("alicia", StepKind.CLOSE),
)


def test_a_whole_conversation() -> None:
    assert ladder(steps(*ENTER)) == [
        "     ms  client          server",
        "    0.0  tcp 1   ─────▶    55 B  CREATE REQUEST: room 'r', user 'alicia'",
        "    1.0  tcp 1   ◀─────    34 B  CREATE ACK: status 0 OK",
        "    2.0  tcp 1   ◀─────    65 B  CREATE COMPLETE: token '01234…'",
        "    6.0  alicia  ─────▶    35 B  REGISTER: room 'r', token '01234…'",
        "    7.0  alicia  ─────▶    40 B  CHAT: message 'hello'",
        "    8.0  alicia  ◀─────     7 B  CHAT: user 'bob', message 'hi'",
    ]


def test_no_token_is_shown_whole() -> None:
    assert TOKEN.decode() not in "\n".join(ladder(steps(*ENTER), width=1000))


def test_replies_in_one_segment_and_in_many() -> None:
    both = ack(b"r", 0) + complete(b"r")
    sent = ("tcp 1", StepKind.SEND, CREATE)
    expected = ["CREATE ACK: status 0 OK, then CREATE COMPLETE: token '01234…'"]
    assert [line.partition(" B ")[2] for line in lines(sent, ("tcp 1", StepKind.HEAR, both))[1:]] == expected
    trickled = [("tcp 1", StepKind.HEAR, bytes([byte])) for byte in both]
    assert lines(sent, *trickled)[1:] == [
        "tcp 1 ◀───── 34 B CREATE ACK: status 0 OK",
        "tcp 1 ◀───── 65 B CREATE COMPLETE: token '01234…'",
    ]


def test_an_answer_about_another_room_says_so() -> None:
    assert (
        "ACK: room 'x', status 0 OK"
        in lines(("tcp 1", StepKind.SEND, CREATE), ("tcp 1", StepKind.HEAR, ack(b"x", 0)))[1]
    )


def test_segments_of_one_request() -> None:
    def sent(*edges: int) -> str:
        whole = (0, *edges, len(CREATE))
        return lines(*(("tcp 1", StepKind.SEND, CREATE[a:b]) for a, b in itertools.pairwise(whole)))[0]

    assert sent(1, 32).startswith("tcp 1 ─────▶ 55 B cut at 1, 32: CREATE REQUEST: room 'r'")
    assert sent(*range(1, 55)).startswith("tcp 1 ─────▶ 55 B cut at 1, 2, 3, … 54: CREATE REQUEST")


def test_a_request_that_is_sent_while_others_talk() -> None:
    rows = ("tcp 1", StepKind.SEND, CREATE[:20]), ("bob", StepKind.SEND, b""), ("tcp 1", StepKind.SEND, CREATE[20:])
    found = lines(*rows, width=120)
    assert found[0] == "tcp 1 ─────▶ 20 B 20 bytes that are no frame: the header ends after 20 of 32 bytes (TCRP-2.1)"
    assert found[2] == "tcp 1 ─────▶ 35 B the rest: CREATE REQUEST: room 'r', user 'alicia'"


def test_what_is_wrong() -> None:
    found = lines(
        ("tcp 1", StepKind.SEND, b"\x01\x09" + CREATE[2:]),
        ("tcp 1", StepKind.HEAR, b"nonsense"),
        ("bob", StepKind.SEND, b"\x01"),
        ("bob", StepKind.HEAR, b"hello"),
        width=120,
    )
    assert [line.partition(" B ")[2] for line in found] == [
        "wrong: Operation is 9: 1 creates, 2 joins (TCRP-3.7a)",
        "8 bytes that are no frame: the header ends after 8 of 32 bytes (TCRP-2.1)",
        "wrong: the datagram ends after 1 of the 2 bytes of sizes (TCRP-4.2b)",
        "wrong: the datagram is neither chat, which holds ': ' after the user name, nor a notic…",
    ]


def test_what_is_no_message_is_told_in_words() -> None:
    assert lines(
        ("tcp 1", StepKind.CONNECT, b"", "", "127.0.0.2"),
        ("tcp 1", StepKind.SEND, CREATE),
        ("tcp 1", StepKind.HALF_CLOSE),
        ("tcp 1", StepKind.WAIT, b"", "2.0 s"),
        ("tcp 1", StepKind.END),
        ("tcp 2", StepKind.CONNECT),
        ("tcp 2", StepKind.END, b"", "reset"),
        ("tcp 3", StepKind.CONNECT),
        ("tcp 3", StepKind.RESET),
        ("bob", StepKind.OPEN, b"", "", "=tcp 1"),
        ("bob", StepKind.CLOSE),
        ("bob", StepKind.NOTE, b"", "bob is gone"),
        ("carol", StepKind.HEAR, b"\x04bye", "127.0.0.1:9"),
    ) == [
        "tcp 1 ─────▶ connects from 127.0.0.2",
        "tcp 1 ─────▶ 55 B CREATE REQUEST: room 'r', user 'alicia'",
        "tcp 1 ─────▶ half-closes: no more bytes follow",
        "tcp 1 nothing comes for 2.0 s",
        "tcp 1 ◀───── closed by the server",
        "tcp 2 ─────▶ connects",
        "tcp 2 ◀───── reset by the server",
        "tcp 3 ─────▶ connects",
        "tcp 3 ─────▶ resets the connection",
        "bob opens a UDP socket from the port of tcp 1",
        "bob ─────▶ closes",
        "bob bob is gone",
        "carol ◀───── 4 B from 127.0.0.1:9: DISCONNECT: text 'bye'",
    ]


def test_a_socket_at_another_address_is_told() -> None:
    rows = [
        (who, StepKind.OPEN, b"", "", local)
        for who, local in [("a", "127.0.0.1"), ("b", "127.0.0.2"), ("c", "127.0.0.1")]
    ]
    said = [(who, StepKind.SEND, b"") for who, *_ in rows]
    assert [line for line in lines(*rows, *said) if "socket" in line] == ["b opens a UDP socket from 127.0.0.2"]


def test_equal_lines_are_folded_and_keep_alives_left_out() -> None:
    said = ("bob", StepKind.SEND, packet("bob"))
    assert lines(said, (*said, KEEP_ALIVE), said, said, ("bob", StepKind.SEND, packet("bob", b"x"))) == [
        "bob ─────▶ 35 B ×3 REGISTER: room 'r', token '01234…'",
        "bob ─────▶ 36 B CHAT: message 'x'",
    ]


def test_the_prologue_is_one_line() -> None:
    members = [("alicia", "x"), ("bob", "x"), ("charles", "x"), ("dagmar", "y"), ("eve", "y")]
    rows = [(who, StepKind.SEND, packet(who, room=room), BEFORE) for who, room in members]
    join = ("tcp 1", StepKind.SEND, request(Join("x", "bob")), BEFORE)
    found = lines(join, *rows, *rows, ("bob", StepKind.SEND, packet("bob", b"x", room="x")))
    assert found[0] == "before: alicia, bob and charles in room 'x', dagmar and eve in room 'y'"
    assert found[1:] == ["bob ─────▶ 36 B CHAT: room 'x', token '01234…', message 'x'"]


@pytest.mark.parametrize("excess", [0, 1, 100])
def test_a_long_conversation_keeps_both_ends(excess: int) -> None:
    count = MOST_LINES + excess
    found = lines(*(("bob", StepKind.SEND, packet("bob", b"%d" % number)) for number in range(count)))
    assert len(found) == MOST_LINES
    assert found[-1].endswith(f"'{count - 1}'")
    assert found[0].endswith("'0'")
    if excess:
        assert found[FIRST_LINES].split() == ["⋮", str(excess + 1), "lines", "are", "left", "out"]
    else:
        assert found[FIRST_LINES].endswith(f"'{FIRST_LINES}'")


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_is_longer_than_asked(width: int) -> None:
    rows = [
        ("部屋の太郎さんと花子さん", StepKind.SEND, packet("bob", "部屋".encode() * 200)),
        ("a\n\x1b[2J\u202eb", StepKind.SEND, b""),
    ]
    found = ladder(
        steps(*((f"p{number}", StepKind.SEND, packet("bob"), BEFORE) for number in range(50)), *rows), width=width
    )
    assert len(found) == 4
    assert max(cell_len(line) for line in found) <= width
    assert all(line.isprintable() for line in found)


def test_a_dialect_without_frames_shows_bytes_and_tokens() -> None:
    other = dataclasses.replace(Tcrp(), name="other", can=Capabilities(frames=False))
    assert lines(
        ("tcp 1", StepKind.SEND, b"want"),
        ("tcp 1", StepKind.HEAR, b"\xfftok"),
        ("tcp 1", StepKind.TOKEN, b"tok"),
        dialect=other,
    ) == ["tcp 1 ─────▶ 4 B 4 bytes", "tcp 1 ◀───── 4 B 4 bytes", "tcp 1 takes this for the token: b'tok'…"]


def test_nothing_said() -> None:
    assert lines() == []


WHO = st.sampled_from(["tcp 1", "tcp 2", "bob", "bob 2", "\ud800"])
STEP = st.builds(Step, st.floats(0, 99), WHO, st.sampled_from(StepKind), st.binary(max_size=80), st.just(""), st.text())


@settings(deadline=None)
@given(recorded=st.lists(STEP, max_size=30).map(tuple), width=st.integers(40, 120))
def test_any_steps_have_a_ladder(recorded: tuple[Step, ...], width: int) -> None:
    found = ladder(recorded, width=width)
    assert len(found) <= MOST_LINES + 2
    assert all(cell_len(line) <= width and line.isprintable() for line in found)
