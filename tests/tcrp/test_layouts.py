"""What is cut and joined by hand is what the layouts declare: on any bytes and any values, results and errors alike.

Beside each function stands the same said by its declaration: what it holds, or the field at which it stops; what a
declaration cannot say is a `rule`. The tests compare the two. Layouts made of answers: dialects/test_framed_layouts.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeAlias

import pytest
from construct import ConstructError, Struct
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
    LocalProtocolError,
    Membership,
    ProtocolError,
    RemoteProtocolError,
    Status,
    Up,
    UpKind,
)
from tcrp.annotate import annotate
from tcrp.dialects import fixed_fields, fixed_width, stage1
from tcrp.layouts import (
    chat_layout,
    frame_layout,
    header_layout,
    notice_layout,
    packet_layout,
    status_layout,
    token_layout,
)

SOURCE = ("127.0.0.1", 50000)
TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
CANONICAL = tcrp.dialects.get("tcrp")
Said: TypeAlias = tuple[str, int | None]
"""An error: the field that it names, and its offset."""


class Refused(Exception):
    """The declaration stops here, or a rule does."""

    def __init__(self, field: str, offset: int | None = None) -> None:
        self.said: Said = (field, offset)


def declared(layout: Struct, data: bytes) -> tuple[Any, bytes]:
    """What the declaration holds, and what is left over. Refused with the field at which it stopped."""
    stream = BytesIO(data)
    try:
        return layout.parse_stream(stream), stream.read()
    except ConstructError as error:
        offset = next(row.offset for row in annotate(data, layout) if row.problem)
        raise Refused(docs(layout)[stopped_at(error)], offset) from None


def built(layout: Struct, names: dict[str, str] | None = None, **fields: object) -> bytes:
    """The bytes as declared. `names`: what a field is called where the function means another one."""
    try:
        return bytes(layout.build(fields))
    except ConstructError as error:
        field = docs(layout)[stopped_at(error)]
        raise Refused((names or {}).get(field, field)) from None


def docs(layout: Struct) -> dict[str, str]:
    return {field.name: field.docs for field in layout.subcons}


def stopped_at(error: ConstructError) -> str:
    return str(error.path).rpartition(" -> ")[2]


def text(data: bytes, field: str, start: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused(field, start + error.start) from None


def text_bytes(value: str, field: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise Refused(field) from None


def rule(holds: bool, field: str, offset: int | None = None) -> None:
    if not holds:
        raise Refused(field, offset)


def same(ours: Callable[..., object], theirs: Callable[..., object], *args: object) -> None:
    """Both return the same, or ours raises what theirs refuses."""
    expected: object = None
    refused: Said | None = None
    try:
        expected = theirs(*args)
    except Refused as refusal:
        refused = refusal.said
    if refused:
        with pytest.raises(ProtocolError) as caught:
            ours(*args)
        assert type(caught.value) is (RemoteProtocolError if isinstance(args[0], bytes) else LocalProtocolError)
        assert (caught.value.field, caught.value.offset) == refused
        return
    found = ours(*args)
    assert (type(found), found) == (type(expected), expected)
    if isinstance(found, tuple) and isinstance(expected, tuple):
        assert [type(part) for part in found] == [type(part) for part in expected]


# -------------------------------------------------------------------------------------------------------- to decode


def header(data: bytes) -> Header:
    rule(len(data) >= 32, "header", len(data))  # a part of a header is told as such
    fields, rest = declared(header_layout, data)
    rule(not rest, "trailing bytes", 32)  # nothing follows
    return Header(fields.room_size, fields.operation, fields.state, fields.payload_size)


def frame(data: bytes) -> Frame:
    claim = header(data[:32]).payload_size
    rule(claim <= 2**29, "OperationPayloadSize", 3)  # TCRP-2.4a
    fields, rest = declared(frame_layout, data)
    rule(not rest, "trailing bytes", len(data) - len(rest))  # nothing follows
    return Frame(text(fields.room, "room name", 32), fields.operation, fields.state, fields.payload)


def packet(data: bytes) -> ChatPacket:
    rule(len(data) <= 4096, "datagram", 4096)  # TCRP-4.1
    fields, _ = declared(packet_layout, data)
    return ChatPacket(text(fields.room, "room name", 2), fields.token, fields.message)


def delivery(data: bytes) -> ChatMessage | Disconnect | Information:
    rule(len(data) <= 4094, "datagram", 4094)  # TCRP-4.6e
    if data[:1] in (b"\x04", b"\x05"):
        notice, _ = declared(notice_layout, data)
        return (Disconnect if notice.kind == 4 else Information)(text(notice.text, "text", 1))
    rule(b": " in data, "separator", len(data))  # it is this that is missing, not the user name before it
    fields, _ = declared(chat_layout, data)
    user = text(fields.user, "user name", 0)
    rule(is_user(user), "user name", 0)  # TCRP-3.3b
    return ChatMessage(user, fields.message)


def is_user(user: str) -> bool:
    return 1 <= len(user.encode()) <= 255 and not any(c < " " or c == "\x7f" for c in user)


def status(data: bytes) -> int:
    fields, rest = declared(status_layout, data)
    rule(not rest, "status", 1)  # nothing follows
    return Status(fields.status) if fields.status < 7 else int(fields.status)


def token(data: bytes) -> bytes:
    fields, _ = declared(token_layout, data)
    rule(1 <= len(fields.token) <= 255, "token", 0)  # TCRP-3.8c
    return bytes(fields.token)


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
    rule(data.count(b":") == 2, "separator", 0)  # one that is missing is told as such; the declaration takes more
    rule(is_utf8(data), "datagram", 0)
    fields, _ = declared(fixed_fields.up_layout, data)
    kind = UpKind.LEAVE if fields.message == b"exit" else UpKind.CHAT
    return Up(kind, None, fields.token, fields.user.decode(), fields.message)


def read_fixed_width(data: bytes, source: object) -> Up:
    rule(len(data) == 4096, "datagram", min(len(data), 4096))  # no field is short: the datagram is
    fields, _ = declared(fixed_width.up_layout, data)
    rule(is_utf8(fields.user) and is_utf8(fields.message), "datagram", 0)
    kind = UpKind.LEAVE if fields.message == b"exit" else UpKind.CHAT
    t = fields.token
    whole = b"-".join([t[:8], t[8:12], t[12:16], t[16:20], t[20:]])
    return Up(kind, None, whole, fields.user.decode(), fields.message)


def is_utf8(data: bytes) -> bool:
    return data.decode(errors="ignore").encode() == data


def heard_in(layout: Struct, size: int, *, errors: str = "strict", at_least: int = 0) -> Callable[..., Down]:
    """What a client makes of a datagram, which raises nothing: UNKNOWN where the declaration or a rule refuses it."""

    def read(data: bytes, member: object) -> Down:
        try:
            rule(at_least <= len(data) <= size, "datagram")
            fields, _ = declared(layout, data)
            rule(errors != "strict" or is_utf8(fields.message), "datagram")
            rule(layout is not fixed_fields.down_layout or b":" not in fields.message, "separator")
            return Down(DownKind.CHAT, fields.user.decode(errors=errors), fields.message)
        except (Refused, UnicodeDecodeError):
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


byte = st.integers(0, 255)
parts = (
    st.binary(max_size=20)
    | st.text(st.characters(codec="utf-8"), max_size=10).map(str.encode)
    | st.sampled_from(
        [b"", b"r", b"exit", b": ", b"a: b: c", b"\0x", b"x\0", b"a\x7f", b"\xff", "部屋".encode(), b"u" * 255]
    )
)
members = st.builds(Membership, st.just("r"), st.sampled_from(["u", "alice", "部屋"]), st.just(TOKEN), st.just(True))


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
    """Bytes that may be valid; the same cut short, with more behind, filled up to a limit, changed; or any at all."""
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
    same(ours, theirs, data.draw(damaged(valid)))


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_bytes_come_out_of_any_bytes_like_object(name: str, data: st.DataObject) -> None:
    ours, theirs, valid = DECODERS[name]
    sample = data.draw(valid)
    for held in (bytearray(sample), memoryview(sample)):
        same(lambda _, held=held: ours(held), theirs, sample)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300)
@given(data=st.data())
def test_read_up(name: str, data: st.DataObject) -> None:
    same(tcrp.dialects.get(name).read_up, READERS[name], data.draw(damaged(DATAGRAMS[name])), SOURCE)


@pytest.mark.parametrize("name", HEARERS)
@given(data=st.data(), member=members)
def test_read_down(name: str, data: st.DataObject, member: Membership) -> None:
    same(tcrp.dialects.get(name).read_down, HEARERS[name], data.draw(damaged(DATAGRAMS[name])), member)


# -------------------------------------------------------------------------------------------------------- to encode


def write_header(value: Header) -> bytes:
    return built(header_layout, **value._asdict())


def write_frame(value: Frame) -> bytes:
    room = text_bytes(value.room, "room name")
    return built(frame_layout, {"RoomNameSize": "room name"}, **{**value._asdict(), "room": room})


def write_packet(value: ChatPacket) -> bytes:
    room = text_bytes(value.room, "room name")
    names = {"RoomNameSize": "room name", "TokenSize": "token"}
    data = built(packet_layout, names, **{**value._asdict(), "room": room})
    rule(len(data) <= 4096, "message")  # TCRP-4.1
    return data


def write_delivery(value: ChatMessage | Disconnect | Information) -> bytes:
    if isinstance(value, ChatMessage):
        user = text_bytes(value.user, "user name")
        rule(is_user(value.user), "user name")  # TCRP-3.3b
        data = built(chat_layout, user=user, separator=b": ", message=value.message)
        rule(len(data) <= 4094, "message")  # TCRP-4.6e
        return data
    kind = 4 if isinstance(value, Disconnect) else 5
    data = built(notice_layout, kind=kind, text=text_bytes(value.text, "text"))
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
    user = text_bytes(value.user or "", "user name")
    rule(b":" not in user, "user name")  # it would end it
    rule(b":" not in value.body, "message")
    data = built(fixed_fields.down_layout, user=user, before_message=b":", message=value.body)
    rule(len(data) <= 4094, "message")
    return data


def write_fixed_width(value: Down) -> bytes:
    user = text_bytes(value.user or "", "user name")
    rule(len(user) <= 255 and not user.endswith(b"\0"), "user name")  # NUL only fills up
    rule(len(value.body) <= 3839 and not value.body.endswith(b"\0"), "message")
    return built(fixed_width.down_layout, user=user, message=value.body)


def send_fixed_fields(member: Membership, kind: UpKind, body: bytes) -> bytes:
    rule(body != b"exit" and is_utf8(body) and b":" not in body, "message")  # it would leave; text without `:`
    user = member.user.encode()
    separators = {"before_user": b":", "before_message": b":"}
    data = built(fixed_fields.up_layout, token=member.token, user=user, message=body, **separators)
    rule(len(data) <= 4096, "message")
    return data


def send_fixed_width(member: Membership, kind: UpKind, body: bytes) -> bytes:
    rule(body != b"exit" and is_utf8(body), "message")  # it would leave; text
    rule(len(body) <= 3809 and not body.endswith(b"\0"), "message")  # NUL only fills up
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
    same(ours, theirs, data.draw(values))


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
    same(ours, theirs, SIZED[name](size))


@pytest.mark.parametrize(("name", "theirs"), [("fixed-fields", send_fixed_fields), ("fixed-width", send_fixed_width)])
@given(member=members, body=contents)
def test_write_up(name: str, theirs: Callable[..., bytes], member: Membership, body: bytes) -> None:
    same(tcrp.dialects.get(name).write_up, theirs, member, UpKind.CHAT, body)
