"""The canonical layouts, declared with construct, and the functions that decode and encode them.

    frame     RoomNameSize 1 | Operation 1 | State 1 | OperationPayloadSize 29 | room name | payload
              its payload: a request's text, the status 1 of an ACK, the token of a COMPLETE
    packet    RoomNameSize 1 | TokenSize 1 | room name | token | message          client to server
    chat      user name | ": " | message                                         server to client
    notice    kind 1 (4 disconnect, 5 information) | text                         server to client

The declarations say how bytes lie; the functions say what is allowed, and name clause, field and offset
of what is not. A decode returns or raises RemoteProtocolError, an encode returns or raises LocalProtocolError:
no ConstructError leaves this module. Parsing is interpreted on purpose: a compiled construct accepts truncated input.
"""

from io import BytesIO
from typing import Any, NamedTuple, NoReturn

from construct import (
    Bytes,
    BytesInteger,
    Const,
    Construct,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Rebuild,
    StreamError,
    Struct,
    len_,
    this,
)

from tcrp.constants import (
    HEADER_SIZE,
    MAX_DOWN_SIZE,
    MAX_PAYLOAD_SIZE,
    MAX_ROOM_SIZE,
    MAX_TOKEN_SIZE,
    MAX_UP_SIZE,
    MAX_USER_SIZE,
    SEPARATOR,
    NoticeKind,
    Status,
)
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import ChatMessage, ChatPacket, Disconnect, Frame, Header, Information


class Until(Construct):  # type: ignore[misc]  # construct is untyped
    """The bytes before the first `separator`, which stays in the stream (NullTerminated looks at whole multiples)."""

    def __init__(self, separator: bytes) -> None:
        super().__init__()
        self.separator = separator

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        start = stream.tell()
        before, found, _ = stream.read().partition(self.separator)
        if not found:
            raise StreamError(f"no {self.separator!r} in what follows", path=path)
        stream.seek(start + len(before))
        return bytes(before)

    def _build(self, obj: bytes, stream: Any, context: Any, path: str) -> bytes:
        stream.write(obj)
        return obj


header_layout = Struct(
    "room_size" / Int8ub * "RoomNameSize",
    "operation" / Int8ub * "Operation",
    "state" / Int8ub * "State",
    "payload_size" / BytesInteger(29) * "OperationPayloadSize",
)

frame_layout = Struct(
    "room_size" / Rebuild(Int8ub, len_(this.room)) * "RoomNameSize",
    "operation" / Int8ub * "Operation",
    "state" / Int8ub * "State",
    "payload_size" / Rebuild(BytesInteger(29), len_(this.payload)) * "OperationPayloadSize",
    "room" / Bytes(this.room_size) * "room name",
    "payload" / Bytes(this.payload_size) * "payload",
)

packet_layout = Struct(
    "room_size" / Rebuild(Int8ub, len_(this.room)) * "RoomNameSize",
    "token_size" / Rebuild(Int8ub, len_(this.token)) * "TokenSize",
    "room" / Bytes(this.room_size) * "room name",
    "token" / Bytes(this.token_size) * "token",
    "message" / GreedyBytes * "message",
)

chat_layout = Struct(
    "user" / Until(SEPARATOR) * "user name",
    "separator" / Const(SEPARATOR) * "separator",
    "message" / GreedyBytes * "message",
)

notice_layout = Struct(
    "kind" / Int8ub * "kind",
    "text" / GreedyBytes * "text",
)

request_layout = Struct("text" / GreedyBytes * "user name, or JSON object")

status_layout = Struct("status" / Int8ub * "status")

token_layout = Struct("token" / GreedyBytes * "token")


def decode_header(data: bytes) -> Header:
    """Decode exactly the 32 bytes of a header (TCRP-2.1).

    Any claimed size is returned as it stands: hold it against a limit before waiting for the body.
    """
    if len(data) < HEADER_SIZE:
        _remote(
            f"the header ends after {len(data)} of {HEADER_SIZE} bytes",
            clause="TCRP-2.1", field="header", offset=len(data), value=len(data), limit=HEADER_SIZE,
        )  # fmt: skip
    if len(data) > HEADER_SIZE:
        _trailing(len(data), HEADER_SIZE, "TCRP-2.1")
    fields = parse_layout(header_layout, data, "TCRP-2.1")
    return Header(fields.room_size, fields.operation, fields.state, fields.payload_size)


def encode_header(header: Header) -> bytes:
    """Encode a header as it stands, whatever body follows or not: for reading in stages and for forging."""
    for field, value in (
        ("RoomNameSize", header.room_size), ("Operation", header.operation), ("State", header.state),
    ):  # fmt: skip
        _check_byte("TCRP-2.1", field, value)
    if not isinstance(header.payload_size, int) or not 0 <= header.payload_size < 1 << 29 * 8:
        _local(
            f"OperationPayloadSize is {_shown(header.payload_size)}: an integer of 29 bytes at most",
            clause="TCRP-2.1", field="OperationPayloadSize", value=header.payload_size, limit=(1 << 29 * 8) - 1,
        )  # fmt: skip
    return build_layout(header_layout, header._asdict(), "TCRP-2.1")


def check_payload_size(size: int, limit: int = MAX_PAYLOAD_SIZE) -> None:
    """Raise for a claimed payload size beyond the protocol's limit (TCRP-2.4a) or beyond one's own (TCRP-2.4d)."""
    if size > MAX_PAYLOAD_SIZE:
        _remote(
            f"OperationPayloadSize is {_shown(size)}: a payload is at most {MAX_PAYLOAD_SIZE} bytes",
            clause="TCRP-2.4a", field="OperationPayloadSize", offset=3, value=size, limit=MAX_PAYLOAD_SIZE,
        )  # fmt: skip
    if size > limit:
        error = RemoteProtocolError(
            f"OperationPayloadSize is {size}: at most {limit} bytes are taken here",
            clause="TCRP-2.4d", field="OperationPayloadSize", offset=3, value=size, limit=limit,
        )  # fmt: skip
        error.status = Status.LIMIT_REACHED
        raise error


def decode_frame(data: bytes) -> Frame:
    """Decode exactly one frame (TCRP-2.1, TCRP-2.2): bytes that lack or are left over raise.

    An empty room name decodes, as do unknown operations and states.
    """
    header = decode_header(data[:HEADER_SIZE])
    check_payload_size(header.payload_size)
    room_end = HEADER_SIZE + header.room_size
    end = room_end + header.payload_size
    if len(data) < end:
        field, offset, size = (
            ("room name", HEADER_SIZE, header.room_size)
            if len(data) < room_end
            else ("payload", room_end, header.payload_size)
        )
        _remote(
            f"the {field} ends after {len(data) - offset} of {size} bytes",
            clause="TCRP-2.2", field=field, offset=offset, value=len(data) - offset, limit=size,
        )  # fmt: skip
    if len(data) > end:
        _trailing(len(data), end, "TCRP-2.2")
    fields = parse_layout(frame_layout, data, "TCRP-2.2")
    room = _text(fields.room, "TCRP-2.3b", "room name", HEADER_SIZE)
    return Frame(room, fields.operation, fields.state, fields.payload)


def encode_frame(frame: Frame) -> bytes:
    """Encode one frame; the sizes follow from the room name and the payload."""
    room = _text_bytes(frame.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    _check_byte("TCRP-2.1", "Operation", frame.operation)
    _check_byte("TCRP-2.1", "State", frame.state)
    _check_bytes("TCRP-2.4a", "payload", frame.payload, MAX_PAYLOAD_SIZE, secret=True)
    return build_layout(frame_layout, {**frame._asdict(), "room": room}, "TCRP-2.2")


def decode_packet(data: bytes) -> ChatPacket:
    """Decode a client's datagram (TCRP-4.1). What it says is not judged: the room may be empty, the token unknown."""
    if len(data) > MAX_UP_SIZE:
        _remote(
            f"the datagram has {len(data)} bytes: at most {MAX_UP_SIZE}",
            clause="TCRP-4.2a", field="datagram", offset=MAX_UP_SIZE, value=len(data), limit=MAX_UP_SIZE,
        )  # fmt: skip
    if len(data) < 2:
        _remote(
            f"the datagram ends after {len(data)} of the 2 bytes of sizes",
            clause="TCRP-4.2b", field="TokenSize" if data else "RoomNameSize",
            offset=len(data), value=len(data), limit=2,
        )  # fmt: skip
    token_start = 2 + data[0]
    if len(data) < token_start + data[1]:
        field, offset, size = ("room name", 2, data[0]) if len(data) < token_start else ("token", token_start, data[1])
        _remote(
            f"the {field} ends after {len(data) - offset} of {size} bytes",
            clause="TCRP-4.2b", field=field, offset=offset, value=len(data) - offset, limit=size,
        )  # fmt: skip
    fields = parse_layout(packet_layout, data, "TCRP-4.2b")
    return ChatPacket(_text(fields.room, "TCRP-2.3b", "room name", 2), fields.token, fields.message)


def encode_packet(packet: ChatPacket) -> bytes:
    """Encode a client's datagram, at most 4096 bytes (TCRP-4.1). An empty message registers, `exit` leaves."""
    room = _text_bytes(packet.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    _check_bytes("TCRP-3.8c", "token", packet.token, MAX_TOKEN_SIZE, secret=True)
    space = MAX_UP_SIZE - 2 - len(room) - len(packet.token)
    _check_bytes("TCRP-4.1", "message", packet.message, space)
    return build_layout(packet_layout, {**packet._asdict(), "room": room}, "TCRP-4.1")


def decode_delivery(data: bytes) -> ChatMessage | Disconnect | Information:
    """Decode a server's datagram: chat (TCRP-4.6a), disconnect (TCRP-5.4a) or information (TCRP-5.5).

    A user name that holds `: ` itself cannot be told from the message: the first `: ` ends it.
    """
    if len(data) > MAX_DOWN_SIZE:
        _remote(
            f"the datagram has {len(data)} bytes: at most {MAX_DOWN_SIZE}",
            clause="TCRP-4.6e", field="datagram", offset=MAX_DOWN_SIZE, value=len(data), limit=MAX_DOWN_SIZE,
        )  # fmt: skip
    if data[:1] == bytes([NoticeKind.DISCONNECT]):
        return Disconnect(_text(parse_layout(notice_layout, data, "TCRP-5.4a").text, "TCRP-5.4a", "text", 1))
    if data[:1] == bytes([NoticeKind.INFORMATION]):
        return Information(_text(parse_layout(notice_layout, data, "TCRP-5.5").text, "TCRP-5.5", "text", 1))
    if SEPARATOR not in data:
        _remote(
            "the datagram is neither chat, which holds ': ' after the user name, nor a notice",
            clause="TCRP-4.6a", field="separator", offset=len(data),
        )  # fmt: skip
    fields = parse_layout(chat_layout, data, "TCRP-4.6a")
    user = _text(fields.user, "TCRP-4.6a", "user name", 0)
    if problem := user_problem(user):
        _remote(clause="TCRP-4.6a", field="user name", offset=0, **problem._asdict())
    return ChatMessage(user, fields.message)


def encode_delivery(delivery: ChatMessage | Disconnect | Information) -> bytes:
    """Encode a server's datagram, at most 4094 bytes (TCRP-4.6e)."""
    if isinstance(delivery, ChatMessage):
        user = check_user(delivery.user)
        _check_bytes("TCRP-4.6e", "message", delivery.message, MAX_DOWN_SIZE - len(user) - len(SEPARATOR))
        return build_layout(chat_layout, {"user": user, "message": delivery.message}, "TCRP-4.6a")
    if not isinstance(delivery, Disconnect | Information):
        _local(
            f"the datagram is {type(delivery).__name__}, not ChatMessage, Disconnect or Information",
            clause="TCRP-4.6c", field="datagram",
        )  # fmt: skip
    closed = isinstance(delivery, Disconnect)
    text = _text_bytes(delivery.text, "TCRP-5.4a" if closed else "TCRP-5.5", "text", MAX_DOWN_SIZE - 1)
    kind = NoticeKind.DISCONNECT if closed else NoticeKind.INFORMATION
    return build_layout(notice_layout, {"kind": kind, "text": text}, "TCRP-5.4a")


def decode_status(payload: bytes) -> int:
    """Decode the payload of an ACK: one byte (TCRP-3.4a). A status that nobody knows stays a plain integer."""
    if len(payload) != 1:
        _remote(
            f"the payload of an ACK has {len(payload)} bytes: it is one byte of status",
            clause="TCRP-3.4a", field="status", offset=min(len(payload), 1), value=len(payload), limit=1,
        )  # fmt: skip
    status: int = parse_layout(status_layout, payload, "TCRP-3.4a").status
    return Status(status) if status in Status.__members__.values() else status


def encode_status(status: int) -> bytes:
    """Encode the payload of an ACK."""
    _check_byte("TCRP-3.4a", "status", status)
    return build_layout(status_layout, {"status": status}, "TCRP-3.4a")


def check_token(payload: bytes) -> bytes:
    """The payload of a COMPLETE is the token: return it if it is 1 to 255 bytes (TCRP-3.8c)."""
    if not 1 <= len(payload) <= MAX_TOKEN_SIZE:
        _remote(
            f"the token has {len(payload)} bytes: 1 to {MAX_TOKEN_SIZE}",
            clause="TCRP-3.8c", field="token", offset=0, value=len(payload), limit=MAX_TOKEN_SIZE,
        )  # fmt: skip
    return bytes(parse_layout(token_layout, payload, "TCRP-3.8c").token)


def check_room(room: str) -> bytes:
    """The bytes of a room name that a request can hold: 1 to 255 bytes of UTF-8 (TCRP-2.3b)."""
    encoded = _text_bytes(room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not encoded:
        _local("the room name is empty: 1 to 255 bytes", clause="TCRP-3.7d", field="room name", value=0, limit=1)
    return encoded


def check_user(user: str) -> bytes:
    """The bytes of a user name: 1 to 255 bytes of UTF-8 without control characters (TCRP-3.3a)."""
    encoded = _text_bytes(user, "TCRP-3.3a", "user name", None)
    if problem := user_problem(user):
        _local(clause="TCRP-3.3b", field="user name", **problem._asdict())
    return encoded


class Problem(NamedTuple):
    """What keeps a text from being a user name: in words, with the value found and the limit."""

    message: str
    value: object
    limit: object


def user_problem(user: str) -> Problem | None:
    """Why a text is not a user name (TCRP-3.3b), or None. The text has no lone surrogates."""
    size = len(user.encode())
    if not 1 <= size <= MAX_USER_SIZE:
        return Problem(f"the user name has {size} bytes: 1 to {MAX_USER_SIZE}", size, MAX_USER_SIZE if size else 1)
    control = next((c for c in user if c < "\x20" or c == "\x7f"), None)
    if control is None:
        return None
    return Problem(
        f"the user name holds the control character U+{ord(control):04X}: none is allowed",
        control,
        "no control characters",
    )


def parse_layout(layout: Construct, data: bytes, clause: str) -> Any:
    try:
        return layout.parse_stream(BytesIO(data))
    except ConstructError as error:
        field = (error.path or "").rpartition(" -> ")[2] or "data"
        raise RemoteProtocolError(str(error).replace("\n", " "), clause=clause, field=field) from error


def build_layout(layout: Construct, fields: dict[str, Any], clause: str) -> bytes:
    try:
        return bytes(layout.build(fields))
    except ConstructError as error:
        field = (error.path or "").rpartition(" -> ")[2] or "data"
        raise LocalProtocolError(str(error).replace("\n", " "), clause=clause, field=field) from error


def _text(data: bytes, clause: str, field: str, offset: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the {field} is not UTF-8: byte 0x{data[error.start]:02x} at {offset + error.start}, {error.reason}",
            clause=clause, field=field, offset=offset + error.start, value=data[error.start], limit="UTF-8",
        ) from None  # fmt: skip


def _text_bytes(text: str, clause: str, field: str, limit: int | None) -> bytes:
    if not isinstance(text, str):
        _local(
            f"the {field} is {type(text).__name__}, not str",
            clause=clause,
            field=field,
            value=text,
            limit="str",
        )
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        _local(
            f"the {field} holds a lone surrogate at character {error.start}, which UTF-8 cannot say",
            clause=clause, field=field, value=text[error.start], limit="UTF-8",
        )  # fmt: skip
    if limit is not None and len(encoded) > limit:
        _local(
            f"the {field} has {len(encoded)} bytes: at most {limit}",
            clause=clause, field=field, value=len(encoded), limit=limit,
        )  # fmt: skip
    return encoded


def _check_bytes(clause: str, field: str, value: bytes, limit: int, *, secret: bool = False) -> None:
    if not isinstance(value, bytes):
        shown = None if secret else value
        _local(
            f"the {field} is {type(value).__name__}, not bytes",
            clause=clause,
            field=field,
            value=shown,
            limit="bytes",
        )
    if len(value) > limit:
        _local(
            f"the {field} has {len(value)} bytes: at most {limit} fit",
            clause=clause, field=field, value=len(value), limit=limit,
        )  # fmt: skip


def _check_byte(clause: str, field: str, value: int) -> None:
    if not isinstance(value, int) or not 0 <= value <= 255:
        _local(
            f"{field} is {_shown(value)}: one byte, 0 to 255",
            clause=clause,
            field=field,
            value=value,
            limit=255,
        )


def _trailing(size: int, end: int, clause: str) -> NoReturn:
    _remote(
        f"{size - end} bytes are left over after {end}",
        clause=clause, field="trailing bytes", offset=end, value=size, limit=end,
    )  # fmt: skip


def _shown(value: object) -> str:
    """A number in words that stay short: str() of an integer of more than 4300 digits raises."""
    if not isinstance(value, int):
        return type(value).__name__
    if abs(value) < 1 << 64:
        return str(int(value))
    return f"about {'-' if value < 0 else ''}2^{value.bit_length() - 1}"


def _remote(message: str, **where: Any) -> NoReturn:
    raise RemoteProtocolError(message, **where)


def _local(message: str, **where: Any) -> NoReturn:
    raise LocalProtocolError(message, **where)
