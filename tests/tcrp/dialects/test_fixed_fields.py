"""`fixed-fields`: requests and datagrams that cannot be expressed, chat, and wrong bytes."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import Down, DownKind, LocalProtocolError, NoticeReason, RemoteProtocolError, Requested, UpKind
from tests.tcrp.conftest import Split
from tests.tcrp.dialects.conftest import Capture, Swallow
from tests.tcrp.dialects.fixed import (
    CREATE,
    CREATE_BYTES,
    CREATED_BYTES,
    DIALECT,
    JOIN,
    MEMBER,
    SOURCE,
    TOKEN,
    cuts,
    server,
)


@pytest.mark.parametrize(
    ("want", "field"),
    [
        (tcrp.List(), "operation"),
        (CREATE._replace(room=""), "room name"),
        (CREATE._replace(room="123456789"), "room name"),
        (CREATE._replace(room="a b"), "room name"),
        (CREATE._replace(room="部屋部"), "room name"),
        (CREATE._replace(room="\ud800"), "room name"),
        (CREATE._replace(user=""), "user name"),
        (CREATE._replace(user="x" * 11), "user name"),
        (CREATE._replace(user="a b"), "user name"),
        (CREATE._replace(user="a:b"), "user name"),
        (CREATE._replace(user=None), "user name"),  # type: ignore[arg-type]
        (CREATE._replace(capacity=256), "capacity"),
        (CREATE._replace(capacity=-1), "capacity"),
        (JOIN._replace(invite=None), "invite"),
        (JOIN._replace(invite=TOKEN[1:]), "invite"),
        *[
            (CREATE._replace(password=password), "password")
            for password in ("Abc12", "Abc123456789", "abc123", "ABC123", "Abcdef", "Abc 123", "Abc123ああ")
        ],
    ],
)
@pytest.mark.parametrize("name", ["fixed-fields", "fixed-width"])
def test_a_want_that_cannot_be_said_is_the_callers_fault(want: tcrp.Want, field: str, name: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        tcrp.dialects.get(name).client(want, None, 0.0)
    assert caught.value.field == field
    if field == "password":
        assert "Ab" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("password", ["Abc123", "Abcdefgh123", "1bC!?:", None, ""])
def test_passwords_that_can_be_said(password: str | None) -> None:
    request = DIALECT.client(CREATE._replace(password=password), None, 0.0).data_to_send()
    assert server().receive_data(request, 0.0) == [Requested(CREATE._replace(password=password or None))]


@pytest.mark.parametrize(
    ("user", "kind", "body", "field"),
    [
        ("alice", UpKind.CHAT, b"exit", "message"),
        ("alice", UpKind.CHAT, b"a:b", "message"),
        ("alice", UpKind.CHAT, b"\xff", "message"),
        ("alice", UpKind.CHAT, "text", "message"),
        ("alice", UpKind.CHAT, b"x" * 4054, "message"),
        ("a:b", UpKind.CHAT, b"x", "user name"),
        ("x" * 11, UpKind.LEAVE, b"", "user name"),
    ],
)
def test_a_datagram_that_cannot_be_said(user: str, kind: UpKind, body: bytes, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER._replace(user=user), kind, body)
    assert caught.value.field == field


def test_the_longest_message_goes_both_ways() -> None:
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"x" * 4053)
    assert data is not None
    assert len(data) == 4096
    up = DIALECT.read_up(data, SOURCE)
    down = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert down is not None
    assert DIALECT.read_down(down, MEMBER).body == up.body
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data + b"x", SOURCE)
    with pytest.raises(LocalProtocolError):
        DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * 4089))


def test_an_empty_message_is_chat_and_nothing_registers() -> None:
    assert DIALECT.write_up(MEMBER, UpKind.CHAT, b"") == TOKEN + b":alice:"
    assert DIALECT.read_up(TOKEN + b":alice:", SOURCE).kind is UpKind.CHAT
    assert DIALECT.write_up(MEMBER, UpKind.REGISTER) is None


@pytest.mark.parametrize("why", [why for why in NoticeReason if why is not NoticeReason.LEFT])
@pytest.mark.parametrize("kind", [DownKind.CLOSED, DownKind.INFO])
def test_there_are_no_notices(kind: DownKind, why: NoticeReason) -> None:
    assert DIALECT.write_down(Down(kind, "bob", b"", why, "r")) is None


@given(user=st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=20),
       body=st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=60).map(str.encode))  # fmt: skip
def test_chat_comes_back(user: str, body: bytes) -> None:
    up = DIALECT.read_up(TOKEN + b":" + user.encode() + b":" + body, SOURCE)
    assert (up.token, up.user, up.body) == (TOKEN, user, body)
    down = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert down == user.encode() + b":" + body
    assert DIALECT.read_down(down, MEMBER) == Down(DownKind.CHAT, user, body)


almost_requests = st.builds(lambda tail: CREATE_BYTES[:3] + tail, st.binary(max_size=70))
almost_replies = st.builds(lambda tail: CREATED_BYTES[:64] + tail, st.binary(max_size=70)) | st.just(CREATED_BYTES)


@given(data=st.binary(max_size=120) | almost_requests | almost_replies, cut=cuts)
def test_wrong_bytes_raise_nothing_else(data: bytes, cut: list[int], split: Split, swallow: Swallow) -> None:
    swallow(DIALECT, data, split(data, cut), [CREATE, JOIN])


def test_no_captured_bytes_break_anything(everything_captured: Iterable[Capture], swallow: Swallow) -> None:
    for *_, data in everything_captured:
        for name in ("fixed-fields", "fixed-width"):
            swallow(tcrp.dialects.get(name), data, [data], [CREATE, JOIN])
