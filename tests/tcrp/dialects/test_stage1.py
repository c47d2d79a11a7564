"""The dialect `stage1`: one layout for datagrams in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import Create, Down, DownKind, LocalProtocolError, Membership, RemoteProtocolError, Up, UpKind

DIALECT = tcrp.dialects.get("stage1")
SOURCE = ("127.0.0.1", 50000)


def member(user: str) -> Membership:
    return Membership("", user, b"", False)


@pytest.mark.parametrize(
    ("hexes", "user", "message"),
    [
        ("05 616c696365 68656c6c6f", "alice", b"hello"),
        ("06 e983a8e5b18b e38182", "部屋", "あ".encode()),
        ("01 61", "a", b""),
        ("01 61 65786974", "a", b"exit"),
        ("01 61 fffe", "a", b"\xff\xfe"),
    ],
)
def test_a_datagram_both_ways(hexes: str, user: str, message: bytes) -> None:
    """TCRP-7.1"""
    data, up, down = (
        bytes.fromhex(hexes),
        Up(UpKind.CHAT, None, None, user, message),
        Down(DownKind.CHAT, user, message),
    )
    assert (DIALECT.read_up(data, SOURCE), DIALECT.write_up(member(user), UpKind.CHAT, message)) == (up, data)
    assert (DIALECT.read_down(data, member("x")), DIALECT.write_down(down)) == (down, data)


@given(data=st.binary(max_size=40) | st.binary(min_size=4090, max_size=4100))
def test_what_is_relayed_is_unchanged_and_the_rest_is_dropped(data: bytes) -> None:
    if data and 1 + data[0] <= len(data) <= 4096:
        up = DIALECT.read_up(data, SOURCE)
        assert DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body)) == data
        return
    with pytest.raises(RemoteProtocolError, match=r"TCRP-7\.1"):
        DIALECT.read_up(data, SOURCE)
    assert DIALECT.read_down(data, member("x")) == Down(DownKind.UNKNOWN, None, data)


@pytest.mark.parametrize("kind", [UpKind.REGISTER, UpKind.LEAVE])
def test_there_is_nothing_to_say_but_chat(kind: UpKind) -> None:
    assert DIALECT.write_up(member("alice"), kind) is None


@pytest.mark.parametrize("kind", [DownKind.CLOSED, DownKind.INFO, DownKind.UNKNOWN])
def test_there_are_no_notices(kind: DownKind) -> None:
    assert DIALECT.write_down(Down(kind, "a", b"x", tcrp.NoticeReason.LEFT)) is None
    assert DIALECT.policy.tell == {}


@pytest.mark.parametrize(
    ("user", "body", "field"),
    [
        ("", b"x", "user name"),
        ("u" * 256, b"x", "user name"),
        ("\ud800", b"x", "user name"),
        ("u", b"x" * 4095, "message"),
    ],
)
def test_what_cannot_be_said(user: str, body: bytes, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(member(user), UpKind.CHAT, body)
    assert (caught.value.clause, caught.value.field) == ("TCRP-7.1", field)


def test_the_longest_datagram() -> None:
    data = DIALECT.write_up(member("u"), UpKind.CHAT, b"x" * 4094)
    assert data is not None
    assert len(data) == 4096
    assert DIALECT.read_up(data, SOURCE).body == b"x" * 4094


def test_there_is_no_tcp() -> None:
    assert DIALECT.ports.tcp is None
    with pytest.raises(LocalProtocolError):
        DIALECT.client(Create("r", "alice"), None, 0.0)
    with pytest.raises(LocalProtocolError):
        DIALECT.server(SOURCE, tcrp.Limits(), 0.0)
