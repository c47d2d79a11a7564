"""Encoding by hand gives what the layouts declare, on any values, errors included."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    ChatMessage,
    ChatPacket,
    Disconnect,
    Down,
    DownKind,
    Frame,
    Header,
    Information,
    Membership,
    Status,
    UpKind,
)
from tcrp.dialects import fixed_fields, fixed_width, stage1
from tcrp.layouts import chat_layout, frame_layout, header_layout, notice_layout, packet_layout, status_layout
from tests.tcrp.declared import TOKEN, assert_same, built, byte, encode_text, is_user, is_utf8, members, parts, rule

CANONICAL = tcrp.dialects.get("tcrp")


def write_header(value: Header) -> bytes:
    return built(header_layout, **value._asdict())


def write_frame(value: Frame) -> bytes:
    room = encode_text(value.room, "room name")
    return built(frame_layout, {"RoomNameSize": "room name"}, **{**value._asdict(), "room": room})


def write_packet(value: ChatPacket) -> bytes:
    room = encode_text(value.room, "room name")
    names = {"RoomNameSize": "room name", "TokenSize": "token"}
    data = built(packet_layout, names, **{**value._asdict(), "room": room})
    rule(len(data) <= 4096, "message")  # TCRP-4.1
    return data


def write_delivery(value: ChatMessage | Disconnect | Information) -> bytes:
    if isinstance(value, ChatMessage):
        user = encode_text(value.user, "user name")
        rule(is_user(value.user), "user name")  # TCRP-3.3b
        data = built(chat_layout, user=user, separator=b": ", message=value.message)
        rule(len(data) <= 4094, "message")  # TCRP-4.6e
        return data
    kind = 4 if isinstance(value, Disconnect) else 5
    data = built(notice_layout, kind=kind, text=encode_text(value.text, "text"))
    rule(len(data) <= 4094, "text")  # TCRP-4.6e
    return data


def write_status(value: int) -> bytes:
    return built(status_layout, status=value)


def write_down(value: Down) -> bytes:
    return write_delivery(ChatMessage(value.user or "", value.body))


def write_stage1(value: Down) -> bytes:
    user = (value.user or "").encode(errors="surrogateescape")
    rule(1 + len(user) + len(value.body) <= 4096, "message")  # TCRP-7.1
    return built(stage1.datagram_layout, {"UserNameSize": "user_size"}, user=user, message=value.body)


def write_fixed_fields(value: Down) -> bytes:
    user = encode_text(value.user or "", "user name")
    rule(b":" not in user, "user name")  # it would end the name
    rule(b":" not in value.body, "message")
    data = built(fixed_fields.down_layout, user=user, before_message=b":", message=value.body)
    rule(len(data) <= 4094, "message")
    return data


def write_fixed_width(value: Down) -> bytes:
    user = encode_text(value.user or "", "user name")
    rule(len(user) <= 255 and not user.endswith(b"\0"), "user name")  # NUL is padding
    rule(len(value.body) <= 3839 and not value.body.endswith(b"\0"), "message")
    return built(fixed_width.down_layout, user=user, message=value.body)


def send_fixed_fields(member: Membership, kind: UpKind, body: bytes) -> bytes:
    rule(body != b"exit" and is_utf8(body) and b":" not in body, "message")  # `exit` would leave the room
    layout, user = fixed_fields.up_layout, member.user.encode()
    data = built(layout, token=member.token, before_user=b":", user=user, before_message=b":", message=body)
    rule(len(data) <= 4096, "message")
    return data


def send_fixed_width(member: Membership, kind: UpKind, body: bytes) -> bytes:
    rule(body != b"exit" and is_utf8(body), "message")  # `exit` would leave the room
    rule(len(body) <= 3809 and not body.endswith(b"\0"), "message")  # NUL is padding
    return built(fixed_width.up_layout, token=TOKEN.replace(b"-", b""), user=member.user.encode(), message=body)


texts = (
    st.text(max_size=20)
    | st.text(st.characters(), max_size=20)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.integers(84, 86).map(lambda n: "屋" * n)
    | st.integers(254, 257).map(lambda n: "r" * n)
    | st.sampled_from(["", "a:b", "a: b", "a\0", "a\x7f", "\x80", "\udcff", "exit"])
)
contents = parts | st.integers(3800, 4100).map(lambda n: b"x" * n)
numbers = st.sampled_from([-1, 256, True, *tcrp.Operation, *Status]) | byte
payload_sizes = st.integers(-2, 300) | st.booleans() | st.sampled_from([2**29, 2**232 - 1, 2**232])
keys = parts | st.integers(254, 257).map(bytes)
downs = st.builds(Down, st.just(DownKind.CHAT), texts, contents)
escaped = st.binary(max_size=20).map(lambda data: data.decode(errors="surrogateescape"))

ENCODERS: dict[str, tuple[Callable[..., object], Callable[..., bytes], st.SearchStrategy[Any]]] = {
    "header": (tcrp.encode_header, write_header, st.builds(Header, numbers, numbers, numbers, payload_sizes)),
    "frame": (tcrp.encode_frame, write_frame, st.builds(Frame, texts | st.just("r"), numbers, numbers, contents)),
    "packet": (tcrp.encode_packet, write_packet, st.builds(ChatPacket, texts, keys, contents)),
    "chat": (tcrp.encode_delivery, write_delivery, st.builds(ChatMessage, texts, contents)),
    "notice": (tcrp.encode_delivery, write_delivery, st.builds(Disconnect, texts) | st.builds(Information, texts)),
    "status": (tcrp.encode_status, write_status, numbers),
    "tcrp": (CANONICAL.write_down, write_down, downs),
    "stage1": (
        tcrp.dialects.get("stage1").write_down,
        write_stage1,
        st.builds(Down, st.just(DownKind.CHAT), escaped | st.integers(254, 257).map(lambda n: "u" * n), contents),
    ),
    "fixed-fields": (tcrp.dialects.get("fixed-fields").write_down, write_fixed_fields, downs),
    "fixed-width": (tcrp.dialects.get("fixed-width").write_down, write_fixed_width, downs),
}


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.data())
def test_encode(name: str, data: st.DataObject) -> None:
    ours, theirs, values = ENCODERS[name]
    assert_same(ours, theirs, data.draw(values))


SIZED: dict[str, Callable[[int], object]] = {
    "packet": lambda size: ChatPacket("r", b"t", b"x" * (size - 4)),
    "chat": lambda size: ChatMessage("u", b"x" * (size - 3)),
    "notice": lambda size: Information("x" * (size - 1)),
    "tcrp": lambda size: Down(DownKind.CHAT, "u", b"x" * (size - 3)),
    "stage1": lambda size: Down(DownKind.CHAT, "u", b"x" * (size - 2)),
    "fixed-fields": lambda size: Down(DownKind.CHAT, "u", b"x" * (size - 2)),
    "fixed-width": lambda size: Down(DownKind.CHAT, "u", b"x" * (size - 255)),
}


@pytest.mark.parametrize("name", SIZED)
@pytest.mark.parametrize("size", range(4093, 4098))
def test_encode_at_the_limit(name: str, size: int) -> None:
    ours, theirs, _ = ENCODERS[name]
    assert_same(ours, theirs, SIZED[name](size))


@pytest.mark.parametrize(("name", "theirs"), [("fixed-fields", send_fixed_fields), ("fixed-width", send_fixed_width)])
@given(member=members, body=contents)
def test_write_up(name: str, theirs: Callable[..., bytes], member: Membership, body: bytes) -> None:
    assert_same(tcrp.dialects.get(name).write_up, theirs, member, UpKind.CHAT, body)
