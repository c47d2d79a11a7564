"""The names of the dialects, and the datagrams of the canonical dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Create,
    Down,
    DownKind,
    Join,
    List,
    LocalProtocolError,
    Membership,
    NoticeReason,
    RemoteProtocolError,
    Up,
    UpKind,
)
from tcrp.dialects import UnknownDialect

DIALECT = tcrp.dialects.get("tcrp")
SOURCE = ("127.0.0.1", 50000)
MEMBER = Membership("部屋", "alice", b"\xde\xad\xbe\xef", True)
HEAD = bytes.fromhex("0604 e983a8e5b18b deadbeef")


def test_the_canonical_dialect_is_the_default() -> None:
    assert tcrp.dialects.get() is DIALECT
    assert (DIALECT.name, DIALECT.ports) == ("tcrp", (9001, 9002))
    assert tcrp.dialects.DEFAULT in tcrp.dialects.names()


@pytest.mark.parametrize("name", tcrp.dialects.names())
def test_each_dialect_has_the_name_it_is_found_by(name: str) -> None:
    assert tcrp.dialects.get(name).name == name


@pytest.mark.parametrize("name", ["", "TCRP", "tcrp ", "nonsense"])
def test_an_unknown_dialect_is_one_line_that_names_those_there_are(name: str) -> None:
    with pytest.raises(UnknownDialect) as caught:
        tcrp.dialects.get(name)
    assert repr(name) in str(caught.value)
    assert "tcrp" in str(caught.value).partition("choose from")[2]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (UpKind.REGISTER, b""),
        (UpKind.LEAVE, b"exit"),
        (UpKind.CHAT, b"exit\n"),
        (UpKind.CHAT, b"EXIT"),
        (UpKind.CHAT, b" exit"),
        (UpKind.CHAT, b"exit now"),
        (UpKind.CHAT, b"\xff\x00"),
    ],
)
def test_up(kind: UpKind, body: bytes) -> None:
    data = HEAD + body
    up = Up(kind, "部屋", b"\xde\xad\xbe\xef", None, body)
    assert (DIALECT.read_up(data, SOURCE), DIALECT.write_up(MEMBER, kind, body)) == (up, data)


def test_leaving_needs_no_body() -> None:
    assert DIALECT.write_up(MEMBER, UpKind.LEAVE) == HEAD + b"exit"


@pytest.mark.parametrize(
    ("kind", "body", "clause"),
    [
        (UpKind.CHAT, b"", "TCRP-4.4a"),
        (UpKind.CHAT, b"exit", "TCRP-5.1d"),
        (UpKind.REGISTER, b"x" * 5000, "TCRP-5.1d"),
        (UpKind.CHAT, b"x" * 4085, "TCRP-4.1"),
        (UpKind.CHAT, "text", "TCRP-4.1"),
        (UpKind.REGISTER, 10**5000, "TCRP-5.1d"),
    ],
    ids=["empty chat", "exit as chat", "long register", "too long", "text", "number"],
)
def test_a_body_that_would_mean_something_else_is_the_callers_fault(kind: UpKind, body: bytes, clause: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER, kind, body)
    assert (caught.value.clause, caught.value.field) == (clause, "message")
    assert len(str(caught.value)) < 200


def test_a_datagram_that_is_to_be_dropped_raises() -> None:
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(b"\x05", SOURCE)


@pytest.mark.parametrize(
    ("hexes", "down"),
    [
        ("626f62 3a20 6869", Down(DownKind.CHAT, "bob", b"hi")),
        ("04 627965", Down(DownKind.CLOSED, None, b"bye")),
        ("05 e983a8", Down(DownKind.INFO, None, "部".encode())),
    ],
)
def test_down(hexes: str, down: Down) -> None:
    data = bytes.fromhex(hexes)
    assert (DIALECT.read_down(data, MEMBER), DIALECT.write_down(down)) == (down, data)


@given(data=st.binary(max_size=40) | st.binary(min_size=4093, max_size=4097))
def test_any_datagram_is_read_and_what_is_unknown_comes_as_it_is(data: bytes) -> None:
    down = DIALECT.read_down(data, MEMBER)
    if down.kind is DownKind.UNKNOWN:
        assert down.body == data
        assert DIALECT.write_down(down) is None
        with pytest.raises(RemoteProtocolError):
            tcrp.decode_delivery(data)
    else:
        assert DIALECT.write_down(down) == data


@pytest.mark.parametrize("why", list(NoticeReason))
@pytest.mark.parametrize(("kind", "first"), [(DownKind.CLOSED, 4), (DownKind.INFO, 5)])
def test_every_notice_has_words_that_come_back(why: NoticeReason, kind: DownKind, first: int) -> None:
    data = DIALECT.write_down(Down(kind, "{bob}", why=why, room="r1"))
    assert data is not None
    assert data[0] == first
    read = DIALECT.read_down(data, MEMBER)
    assert (read.kind, bool(read.body)) == (kind, True)
    others_hear_of = {NoticeReason.JOINED, NoticeReason.LEFT}
    if kind is DownKind.INFO:  # to the others: it says who
        others_hear_of |= {NoticeReason.IDLE, NoticeReason.UNREACHABLE}
    assert (b"{bob}" in read.body) == (why in others_hear_of)


@pytest.mark.parametrize(
    "down",
    [
        Down(DownKind.CHAT, None, b"x"),
        Down(DownKind.CHAT, "", b"x"),
        Down(DownKind.CHAT, "a\n", b"x"),
        Down(DownKind.CHAT, "a", b"x" * 4092),
        Down(DownKind.CHAT, "a", "x"),  # type: ignore[arg-type]
        Down(DownKind.CLOSED, None, b"\xff"),
        Down(DownKind.CLOSED, None, "text"),  # type: ignore[arg-type]
        Down(DownKind.INFO, None, b"\xff"),
        Down(DownKind.INFO, None, b"x" * 4094),
        Down(DownKind.INFO, "\ud800", why=NoticeReason.JOINED),
    ],
)
def test_what_cannot_be_said_down_is_the_callers_fault(down: Down) -> None:
    with pytest.raises(LocalProtocolError):
        DIALECT.write_down(down)


@pytest.mark.parametrize(
    ("want", "field"),
    [
        (List(), "Operation"),
        (Create("r", "a", capacity=3), "capacity"),
        (Join("r", "a", invite=b"s3cret"), "invite"),
        (Create("", "a"), "room name"),
        (Create("r" * 256, "a"), "room name"),
        (Create("r", ""), "user name"),
        (Create("r", "a\x00"), "user name"),
        (Join("r", "a", "p" * 1025), "password"),
        (Join(None, "a"), "room name"),  # type: ignore[arg-type]
        (Join("r", b"a"), "user name"),  # type: ignore[arg-type]
        (Join("r", "a", b"s3cret"), "password"),  # type: ignore[arg-type]
    ],
)
def test_a_want_that_cannot_be_said_is_the_callers_fault(want: tcrp.Want, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.client(want, None, 0.0)
    assert caught.value.field == field
    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


def test_the_request_of_a_client_is_the_golden_one() -> None:
    payload = bytes.fromhex("7b22757365726e616d65223a20227531222c202270617373776f7264223a20227077227d")
    sent = DIALECT.client(Join("部屋", "u1", "pw"), None, 0.0).data_to_send()
    assert sent == bytes.fromhex("06 02 00" + "00" * 28 + "24 e983a8e5b18b") + payload
