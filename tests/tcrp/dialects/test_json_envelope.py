"""`json-envelope`: requests that cannot be expressed, datagrams, and wrong bytes."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Create,
    Down,
    DownKind,
    Frame,
    Join,
    List,
    LocalProtocolError,
    NoticeReason,
    RemoteProtocolError,
    Up,
    UpKind,
)
from tests.tcrp.conftest import Split
from tests.tcrp.dialects.conftest import Capture, Swallow
from tests.tcrp.dialects.envelope import DIALECT, HASH, JOIN, MEMBER, SOURCE, TOKEN, cuts


@pytest.mark.parametrize(
    ("want", "field"),
    [
        (Create("", "a"), "room name"),
        (Create("r" * 256, "a"), "room name"),
        (Join("", "a"), "room name"),
        (Create("r", ""), "user name"),
        (Join("r", "a\x00"), "user name"),
        (Create("r", "a", "p" * 73), "password"),
        (Join("r", "a", "あ" * 25), "password"),
        (Join("r", "a", "\ud800"), "password"),
        (Create("r", "a", None, 3), "capacity"),
        (Join("r", "a", None, b"s3cret"), "invite"),
    ],
)
def test_a_want_that_cannot_be_said_is_the_callers_fault(want: tcrp.Want, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.client(want, None, 0.0)
    assert caught.value.field == field
    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("body", [b"\xff", b"x" * 4096, "text"], ids=["not UTF-8", "too long", "not bytes"])
def test_a_message_that_cannot_be_said(body: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER, UpKind.CHAT, body)
    assert caught.value.field == "message"
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_down(Down(DownKind.CHAT, "alice", body))
    assert caught.value.field == "message"


def test_whatever_can_be_said_up_can_be_said_down() -> None:
    space = 4096 - len(DIALECT.write_up(MEMBER, UpKind.CHAT, b"") or b"")
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"x" * space)
    assert data is not None
    assert len(data) == 4096
    assert DIALECT.write_down(Down(DownKind.CHAT, "alice", DIALECT.read_up(data, SOURCE).body)) is not None


def test_what_would_be_too_long_down_is_not_said() -> None:
    frame_size = len(DIALECT.write_down(Down(DownKind.CHAT, "alice", b"")) or b"")
    assert len(DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * (4094 - frame_size))) or b"") == 4094
    for more in (4095, 4096, 4097):
        with pytest.raises(LocalProtocolError) as caught:
            DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * (more - frame_size)))
        assert caught.value.field == "message"


def test_the_word_exit_is_chat() -> None:
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"exit")
    assert data is not None
    assert DIALECT.read_up(data, SOURCE) == Up(UpKind.CHAT, "room1", TOKEN, "alice", b"exit")


@given(user=st.text(st.characters(codec="utf-8"), max_size=30), body=st.text(st.characters(codec="utf-8"), max_size=99))
def test_chat_comes_back(user: str, body: str) -> None:
    data = DIALECT.write_up(MEMBER._replace(user=user), UpKind.CHAT, body.encode())
    assert data is not None
    up = DIALECT.read_up(data, SOURCE)
    assert up == Up(UpKind.CHAT, "room1", TOKEN, user, body.encode())
    relayed = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert relayed is not None
    assert DIALECT.read_down(relayed, MEMBER) == Down(DownKind.CHAT, user, body.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b"[]", b"hello", b'{"type": "CHAT", "user_name": "a"}', b'{"type": "CHAT", "chat_data": "a"}',
        b'{"type": "SHOUT", "user_name": "a", "chat_data": "b"}', b'{"type": 1, "user_name": "a", "chat_data": "b"}',
        b'{"type": "CHAT", "user_name": "\\ud800", "chat_data": "b"}', b"[" * 3000,
    ],
)  # fmt: skip
def test_wrong_datagrams(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(b"\x01\x01rt" + text, SOURCE)
    data = b"\0\0" + text
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.UNKNOWN, None, data)


objects = st.dictionaries(
    st.sampled_from(["error_message", "type", "token", "password", "room_list", "user_name", "chat_data"]),
    st.none()
    | st.booleans()
    | st.sampled_from(["", "GET", "JOIN", "CHAT", HASH])
    | st.lists(st.text(max_size=3), max_size=2),
).map(lambda value: json.dumps(value).encode())
frames = st.builds(Frame, st.sampled_from(["", "r"]), st.sampled_from([1, 2, 9]), st.integers(0, 3), objects)
noise = st.one_of(
    st.binary(max_size=120),
    st.lists(frames.map(tcrp.encode_frame), max_size=3).map(b"".join),
    objects.map(lambda data: b"\x01\x01rt" + data),
)


@given(data=noise, cut=cuts)
def test_wrong_bytes_raise_nothing_else(data: bytes, cut: list[int], split: Split, swallow: Swallow) -> None:
    swallow(DIALECT, data, split(data, cut), [JOIN._replace(user="a"), List()])


def test_no_captured_bytes_break_anything(everything_captured: Iterable[Capture], swallow: Swallow) -> None:
    for *_, data in everything_captured:
        swallow(DIALECT, data, [data], [Create("r", "a"), JOIN._replace(user="a"), List()])


def test_a_server_that_stops() -> None:
    data = DIALECT.write_down(Down(DownKind.CLOSED, "alice", b"", NoticeReason.STOPPED, "r"))
    assert data is not None
    text = "システムメンテナンス中のためシステムが終了しました。"
    assert data[:2] == b"\0\0"
    assert json.loads(data[2:]) == {"type": "STOP", "user_name": "", "chat_data": text}
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CLOSED, None, text.encode())


def test_members_are_not_informed() -> None:
    for why in NoticeReason:
        assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", why, "r")) is None
