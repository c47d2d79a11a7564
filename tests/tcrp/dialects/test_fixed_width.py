"""The datagrams of `fixed-width`. The tests of `fixed-fields` cover the TCP conversation."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Create,
    Down,
    DownKind,
    Join,
    LocalProtocolError,
    Membership,
    NoticeReason,
    RemoteProtocolError,
    Up,
    UpKind,
)
from tcrp.policy import IdleScope
from tests.tcrp.conftest import Split
from tests.tcrp.dialects.conftest import Swallow

DIALECT = tcrp.dialects.get("fixed-width")
FIELDS = tcrp.dialects.get("fixed-fields")
SOURCE = ("127.0.0.1", 50000)
TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
SHORT = bytes.fromhex("3339646263363739 3033623334396436 3831386235383061 3065613734366535")
MEMBER = Membership("room1", "alice", TOKEN, True)


def up_bytes(user: bytes, message: bytes) -> bytes:
    return SHORT + user + bytes(255 - len(user)) + message + bytes(3809 - len(message))


def down_bytes(user: bytes, message: bytes) -> bytes:
    return user + bytes(255 - len(user)) + message + bytes(3839 - len(message))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (UpKind.CHAT, b"hello"),
        (UpKind.CHAT, b""),
        (UpKind.CHAT, b"a:b"),
        (UpKind.CHAT, "部屋".encode()),
        (UpKind.CHAT, b"\0x"),
        (UpKind.CHAT, b"x" * 3809),
        (UpKind.LEAVE, b"exit"),
    ],
)
def test_up(kind: UpKind, message: bytes) -> None:
    data, up = up_bytes(b"alice", message), Up(kind, None, TOKEN, "alice", message)
    assert len(data) == 4096
    assert (DIALECT.read_up(data, SOURCE), DIALECT.write_up(MEMBER, kind, message)) == (up, data)


@pytest.mark.parametrize("message", [b"hello", b"", "部屋".encode(), b"x" * 3839])
def test_down(message: bytes) -> None:
    data, down = down_bytes(b"bob", message), Down(DownKind.CHAT, "bob", message)
    assert len(data) == 4094
    assert (DIALECT.read_down(data, MEMBER), DIALECT.write_down(down)) == (down, data)


def test_a_member_that_leaves_is_heard_to_say_so_and_nothing_else_is_told() -> None:
    assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", NoticeReason.LEFT, "r")) == down_bytes(b"bob", b"exit")
    for why in NoticeReason:
        assert DIALECT.write_down(Down(DownKind.CLOSED, "bob", b"", why, "r")) is None
    assert DIALECT.write_up(MEMBER, UpKind.REGISTER) is None


def test_the_token_keeps_its_bytes_whatever_they_are() -> None:
    assert DIALECT.read_up(b"\xff" * 32 + bytes(4064), SOURCE).token == b"-".join(
        [b"\xff" * 8, *[b"\xff" * 4] * 3, b"\xff" * 12]
    )


@given(user=st.text(max_size=60), body=st.text(st.characters(codec="utf-8"), max_size=99).map(str.encode))
def test_chat_comes_back_or_is_refused(user: str, body: bytes) -> None:
    down = Down(DownKind.CHAT, user, body)
    if user.endswith("\0") or body.endswith(b"\0") or any("\ud800" <= c <= "\udfff" for c in user):
        with pytest.raises(LocalProtocolError):
            DIALECT.write_down(down)
        return
    data = DIALECT.write_down(down)
    assert data is not None
    assert DIALECT.read_down(data, MEMBER) == down


@pytest.mark.parametrize(
    ("user", "kind", "body", "field"),
    [
        ("alice", UpKind.CHAT, b"exit", "message"),
        ("alice", UpKind.CHAT, b"x\0", "message"),
        ("alice", UpKind.CHAT, b"\xff", "message"),
        ("alice", UpKind.CHAT, b"x" * 3810, "message"),
        ("x" * 11, UpKind.CHAT, b"x", "user name"),
        ("\ud800", UpKind.LEAVE, b"", "user name"),
    ],
)
def test_a_datagram_that_cannot_be_said(user: str, kind: UpKind, body: bytes, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER._replace(user=user), kind, body)
    assert caught.value.field == field


@pytest.mark.parametrize("token", [b"x" * 36, b"xxx-" * 9, TOKEN[:-1] + b"-"])
def test_a_token_of_another_form_cannot_be_said(token: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER._replace(token=token), UpKind.CHAT, b"x")
    assert (caught.value.field, caught.value.limit) == ("token", 36)
    assert token.decode() not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 4095, b"x" * 4097, SHORT + b"\xff" + bytes(4063), up_bytes(b"a", b"\xff")],
    ids=["empty", "short", "long", "name", "message"],
)
def test_wrong_datagrams(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data, SOURCE)


def test_its_control_and_its_rules_are_those_of_fixed_fields_but_for_idling() -> None:
    for want in (Create("r", "a", None, 3), Join("r", "a", None, TOKEN)):
        sent = [dialect.client(want, None, 0.0).data_to_send() for dialect in (DIALECT, FIELDS)]
        assert sent[0] == sent[1]
    assert (DIALECT.can, DIALECT.ports) == (FIELDS.can, FIELDS.ports)
    assert replace(DIALECT.policy, idle=FIELDS.policy.idle) == FIELDS.policy
    assert DIALECT.policy.idle.scope is IdleScope.MEMBER


@given(data=st.binary(max_size=60) | st.binary(min_size=4093, max_size=4097), cut=st.lists(st.integers(1, 99)))
def test_wrong_bytes_raise_nothing_else(data: bytes, cut: list[int], split: Split, swallow: Swallow) -> None:
    swallow(DIALECT, data, split(data, cut), [Create("r", "a"), Join("r", "a", None, TOKEN)])
