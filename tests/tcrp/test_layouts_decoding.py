"""Decoding by hand gives what the layouts declare, on any bytes, errors included."""

from collections.abc import Callable
from typing import Any

import pytest
from construct import Struct
from hypothesis import given, settings
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
    Up,
    UpKind,
)
from tcrp.dialects import fixed_fields, fixed_width, stage1
from tcrp.layouts import chat_layout, frame_layout, header_layout, notice_layout, packet_layout, status_layout
from tests.tcrp.declared import (
    TOKEN,
    NotDeclared,
    assert_same,
    byte,
    declared,
    decode_text,
    is_user,
    is_utf8,
    members,
    parts,
    rule,
)

SOURCE = ("127.0.0.1", 50000)


def header(data: bytes) -> Header:
    rule(len(data) >= 32, "header", len(data))  # a part of a header has an error of its own
    fields, rest = declared(header_layout, data)
    rule(not rest, "trailing bytes", 32)  # nothing follows
    return Header(fields.room_size, fields.operation, fields.state, fields.payload_size)


def frame(data: bytes) -> Frame:
    claim = header(data[:32]).payload_size
    rule(claim <= 2**29, "OperationPayloadSize", 3)  # TCRP-2.4a
    fields, rest = declared(frame_layout, data)
    rule(not rest, "trailing bytes", len(data) - len(rest))  # nothing follows
    return Frame(decode_text(fields.room, "room name", 32), fields.operation, fields.state, fields.payload)


def packet(data: bytes) -> ChatPacket:
    rule(len(data) <= 4096, "datagram", 4096)  # TCRP-4.1
    fields, _ = declared(packet_layout, data)
    return ChatPacket(decode_text(fields.room, "room name", 2), fields.token, fields.message)


def delivery(data: bytes) -> ChatMessage | Disconnect | Information:
    rule(len(data) <= 4094, "datagram", 4094)  # TCRP-4.6e
    if data[:1] in (b"\x04", b"\x05"):
        notice, _ = declared(notice_layout, data)
        return (Disconnect if notice.kind == 4 else Information)(decode_text(notice.text, "text", 1))
    rule(b": " in data, "separator", len(data))  # the error names the separator, not the user name before it
    fields, _ = declared(chat_layout, data)
    user = decode_text(fields.user, "user name", 0)
    rule(is_user(user), "user name", 0)  # TCRP-3.3b
    return ChatMessage(user, fields.message)


def status(data: bytes) -> int:
    fields, rest = declared(status_layout, data)
    rule(not rest, "status", 1)  # nothing follows
    return Status(fields.status) if fields.status < 7 else int(fields.status)


def token(data: bytes) -> bytes:
    rule(1 <= len(data) <= 255, "token", 0)  # TCRP-3.8c
    return data


def read_up(data: bytes, source: object) -> Up:
    room, key, message = packet(data)
    kind = {b"": UpKind.REGISTER, b"exit": UpKind.LEAVE}.get(message, UpKind.CHAT)
    return Up(kind, room, key, None, message)


def read_stage1(data: bytes, source: object) -> Up:
    rule(len(data) <= 4096, "datagram", 4096)  # TCRP-7.1
    fields, _ = declared(stage1.datagram_layout, data)
    user = fields.user.decode(errors="surrogateescape")
    return Up(UpKind.CHAT, None, None, user, fields.message)


def read_fixed_fields(data: bytes, source: object) -> Up:
    rule(len(data) <= 4096, "datagram", 4096)
    rule(data.count(b":") == 2, "separator", 0)  # the declaration accepts more than two
    rule(is_utf8(data), "datagram", 0)
    fields, _ = declared(fixed_fields.up_layout, data)
    kind = UpKind.LEAVE if fields.message == b"exit" else UpKind.CHAT
    return Up(kind, None, fields.token, fields.user.decode(), fields.message)


def read_fixed_width(data: bytes, source: object) -> Up:
    rule(len(data) == 4096, "datagram", min(len(data), 4096))  # the error names the datagram, not a field
    fields, _ = declared(fixed_width.up_layout, data)
    rule(is_utf8(fields.user) and is_utf8(fields.message), "datagram", 0)
    kind = UpKind.LEAVE if fields.message == b"exit" else UpKind.CHAT
    t = fields.token
    whole = b"-".join([t[:8], t[8:12], t[12:16], t[16:20], t[20:]])
    return Up(kind, None, whole, fields.user.decode(), fields.message)


def heard_in(layout: Struct, size: int, *, errors: str = "strict", at_least: int = 0) -> Callable[..., Down]:
    """A reader of a server's datagrams: UNKNOWN if the declaration or a rule refuses the datagram."""

    def read(data: bytes, member: object) -> Down:
        try:
            rule(at_least <= len(data) <= size, "datagram")
            fields, _ = declared(layout, data)
            rule(errors != "strict" or is_utf8(fields.message), "datagram")
            rule(layout is not fixed_fields.down_layout or b":" not in fields.message, "separator")
            return Down(DownKind.CHAT, fields.user.decode(errors=errors), fields.message)
        except (NotDeclared, UnicodeDecodeError):
            return Down(DownKind.UNKNOWN, None, data)

    return read


READERS: dict[str, Callable[[bytes, object], Up]] = {
    "tcrp": read_up,
    "stage1": read_stage1,
    "fixed-fields": read_fixed_fields,
    "fixed-width": read_fixed_width,
}
HEARERS: dict[str, Callable[[bytes, object], Down]] = {
    "stage1": heard_in(stage1.datagram_layout, 4096, errors="surrogateescape"),
    "fixed-fields": heard_in(fixed_fields.down_layout, 4094),
    "fixed-width": heard_in(fixed_width.down_layout, 4094, at_least=4094),
}


def spoken(*strategies: st.SearchStrategy[Any], as_: Callable[..., bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(as_, *strategies)


headers = spoken(
    byte,
    byte,
    byte,
    st.integers(0, 300) | st.sampled_from([2**29, 2**29 + 1, 2**231]),
    as_=lambda r, o, s, size: bytes([r, o, s]) + size.to_bytes(29, "big"),
)
frames = spoken(
    parts,
    byte,
    byte,
    parts | st.binary(min_size=250, max_size=300),
    as_=lambda r, o, s, p: bytes([len(r), o, s]) + len(p).to_bytes(29, "big") + r + p,
)
packets = spoken(parts, parts, parts, as_=lambda r, t, m: bytes([len(r), len(t)]) + r + t + m)
chats = spoken(parts, parts, as_=lambda u, m: u + b": " + m)
notices = spoken(st.sampled_from([b"\4", b"\5"]), parts, as_=lambda kind, m: kind + m)

DATAGRAMS = {
    "tcrp": packets,
    "stage1": spoken(parts, parts, as_=lambda u, m: bytes([len(u)]) + u + m),
    "fixed-fields": st.lists(parts, min_size=1, max_size=4).map(b":".join),
    "fixed-width": spoken(parts, parts, as_=lambda u, m: TOKEN[:32] + u.ljust(255, b"\0") + m.ljust(3809, b"\0"))
    | spoken(parts, parts, as_=lambda u, m: u.ljust(255, b"\0") + m.ljust(3839, b"\0")),
}  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid bytes, as they are, cut short, with more bytes after them, padded to a limit, or changed; or any bytes."""
    data = draw(valid)
    match draw(st.sampled_from(["whole", "whole", "cut", "more", "limit", "changed", "any"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "more":
            return data + draw(st.binary(min_size=1, max_size=5))
        case "limit":
            return data.ljust(draw(st.integers(4093, 4098)), b"x")
        case "changed":
            changed = bytearray(data)
            for at in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=3 if data else 0)):
                changed[at] = draw(byte | st.sampled_from(b"\0\1\4\5 :\x7f\xff"))
            return bytes(changed)
        case "any":
            return draw(st.binary(max_size=80))
    return data


DECODERS: dict[str, tuple[Callable[[bytes], object], Callable[[bytes], object], st.SearchStrategy[bytes]]] = {
    "header": (tcrp.decode_header, header, headers),
    "frame": (tcrp.decode_frame, frame, frames | headers),
    "packet": (tcrp.decode_packet, packet, packets),
    "delivery": (tcrp.decode_delivery, delivery, chats | notices),
    "status": (tcrp.decode_status, status, st.integers(0, 8).map(lambda n: bytes([n]))),
    "token": (tcrp.check_token, token, st.integers(0, 257).map(bytes)),
}


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=300)
@given(data=st.data())
def test_decode(name: str, data: st.DataObject) -> None:
    ours, theirs, valid = DECODERS[name]
    assert_same(ours, theirs, data.draw(damaged(valid)))


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_bytes_come_out_of_any_bytes_like_object(name: str, data: st.DataObject) -> None:
    ours, theirs, valid = DECODERS[name]
    sample = data.draw(valid)
    for held in (bytearray(sample), memoryview(sample)):
        assert_same(lambda _, held=held: ours(held), theirs, sample)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300)
@given(data=st.data())
def test_read_up(name: str, data: st.DataObject) -> None:
    assert_same(tcrp.dialects.get(name).read_up, READERS[name], data.draw(damaged(DATAGRAMS[name])), SOURCE)


@pytest.mark.parametrize("name", HEARERS)
@given(data=st.data(), member=members)
def test_read_down(name: str, data: st.DataObject, member: Membership) -> None:
    assert_same(tcrp.dialects.get(name).read_down, HEARERS[name], data.draw(damaged(DATAGRAMS[name])), member)
