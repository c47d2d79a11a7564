"""Bytes to messages and back: frames, and datagrams of either side (sections 2, 4 and 5).

`tcrp.layouts` declares how bytes lie; here they are cut and joined by hand, which is many times as fast, and held to
what is allowed: an error names clause, field and offset. A decode returns or raises RemoteProtocolError, an encode
returns or raises LocalProtocolError. Whatever bytes-like object is decoded, what comes out of it is bytes.
"""

import re
from typing import Any, Final, NamedTuple, NoReturn

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
from tcrp.messages import ChatMessage, ChatPacket, Disconnect, Frame, Header, Information, make

_PAYLOAD_SIZE_AT: Final = 3
_PAYLOAD_SIZE_SIZE: Final = HEADER_SIZE - _PAYLOAD_SIZE_AT
_CHAT_SPACE: Final = MAX_DOWN_SIZE - len(SEPARATOR)
_DISCONNECT: Final = bytes([NoticeKind.DISCONNECT])
_INFORMATION: Final = bytes([NoticeKind.INFORMATION])
_STATUSES: Final[dict[int, Status]] = {int(status): status for status in Status}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


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
    return Header(data[0], data[1], data[2], int.from_bytes(data[_PAYLOAD_SIZE_AT:], "big"))


def encode_header(header: Header) -> bytes:
    """Encode a header as it stands, whatever body follows or not: for reading in stages and for forging."""
    for field, value in (
        ("RoomNameSize", header.room_size), ("Operation", header.operation), ("State", header.state),
    ):  # fmt: skip
        if not isinstance(value, int) or not 0 <= value <= 255:
            _refuse_byte("TCRP-2.1", field, value)
    if not isinstance(header.payload_size, int) or not 0 <= header.payload_size < 1 << 29 * 8:
        _local(
            f"OperationPayloadSize is {_shown(header.payload_size)}: an integer of 29 bytes at most",
            clause="TCRP-2.1", field="OperationPayloadSize", value=header.payload_size, limit=(1 << 29 * 8) - 1,
        )  # fmt: skip
    return bytes(header[:3]) + header.payload_size.to_bytes(_PAYLOAD_SIZE_SIZE, "big")


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
    if len(data) < HEADER_SIZE:
        decode_header(data)  # which says so
    if type(data) is not bytes:
        data = memoryview(data).tobytes()
    room_end = HEADER_SIZE + data[0]
    payload_size = int.from_bytes(data[_PAYLOAD_SIZE_AT:HEADER_SIZE], "big")
    if len(data) != room_end + payload_size or payload_size > MAX_PAYLOAD_SIZE:
        _refuse_frame(len(data), room_end, payload_size)
    try:
        return make(Frame, (data[HEADER_SIZE:room_end].decode(), data[1], data[2], data[room_end:]))
    except UnicodeDecodeError as error:
        raise _not_utf8(error, "TCRP-2.3b", "room name", HEADER_SIZE) from None


def encode_frame(frame: Frame) -> bytes:
    """Encode one frame; the sizes follow from the room name and the payload."""
    operation, state, payload = frame.operation, frame.state, frame.payload
    room = _text_bytes(frame.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not isinstance(operation, int) or not 0 <= operation <= 255:
        _refuse_byte("TCRP-2.1", "Operation", operation)
    if not isinstance(state, int) or not 0 <= state <= 255:
        _refuse_byte("TCRP-2.1", "State", state)
    if not isinstance(payload, bytes) or len(payload) > MAX_PAYLOAD_SIZE:
        _refuse_bytes("TCRP-2.4a", "payload", payload, MAX_PAYLOAD_SIZE, secret=True)
    return bytes((len(room), operation, state)) + len(payload).to_bytes(_PAYLOAD_SIZE_SIZE, "big") + room + payload


def decode_packet(data: bytes) -> ChatPacket:
    """Decode a client's datagram (TCRP-4.1). What it says is not judged: the room may be empty, the token unknown."""
    return make(ChatPacket, split_packet(data))


def split_packet(data: bytes) -> tuple[str, bytes, bytes]:
    """What `decode_packet` makes a message of, for callers that make another of it: room name, token, message."""
    if type(data) is not bytes:
        data = memoryview(data).tobytes()
    if not 2 <= len(data) <= MAX_UP_SIZE:
        _refuse_packet(data)
    token_start = 2 + data[0]
    message_start = token_start + data[1]
    if len(data) < message_start:
        _refuse_packet(data)
    try:
        return data[2:token_start].decode(), data[token_start:message_start], data[message_start:]
    except UnicodeDecodeError as error:
        raise _not_utf8(error, "TCRP-2.3b", "room name", 2) from None


def encode_packet(packet: ChatPacket) -> bytes:
    """Encode a client's datagram, at most 4096 bytes (TCRP-4.1). An empty message registers, `exit` leaves."""
    token, message = packet.token, packet.message
    room = _text_bytes(packet.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not isinstance(token, bytes) or len(token) > MAX_TOKEN_SIZE:
        _refuse_bytes("TCRP-3.8c", "token", token, MAX_TOKEN_SIZE, secret=True)
    space = MAX_UP_SIZE - 2 - len(room) - len(token)
    if not isinstance(message, bytes) or len(message) > space:
        _refuse_bytes("TCRP-4.1", "message", message, space)
    return bytes((len(room), len(token))) + room + token + message


def decode_delivery(data: bytes) -> ChatMessage | Disconnect | Information:
    """Decode a server's datagram: chat (TCRP-4.6a), disconnect (TCRP-5.4a) or information (TCRP-5.5).

    A user name that holds `: ` itself cannot be told from the message: the first `: ` ends it.
    """
    if len(data) > MAX_DOWN_SIZE:
        _remote(
            f"the datagram has {len(data)} bytes: at most {MAX_DOWN_SIZE}",
            clause="TCRP-4.6e", field="datagram", offset=MAX_DOWN_SIZE, value=len(data), limit=MAX_DOWN_SIZE,
        )  # fmt: skip
    if type(data) is not bytes:
        data = memoryview(data).tobytes()
    if data[:1] == _DISCONNECT:
        return Disconnect(_text(data[1:], "TCRP-5.4a", "text", 1))
    if data[:1] == _INFORMATION:
        return Information(_text(data[1:], "TCRP-5.5", "text", 1))
    before, separator, message = data.partition(SEPARATOR)
    if not separator:
        _remote(
            "the datagram is neither chat, which holds ': ' after the user name, nor a notice",
            clause="TCRP-4.6a", field="separator", offset=len(data),
        )  # fmt: skip
    user = _text(before, "TCRP-4.6a", "user name", 0)
    if problem := user_problem(user):
        _remote(clause="TCRP-4.6a", field="user name", offset=0, **problem._asdict())
    return ChatMessage(user, message)


def encode_delivery(delivery: ChatMessage | Disconnect | Information) -> bytes:
    """Encode a server's datagram, at most 4094 bytes (TCRP-4.6e)."""
    if isinstance(delivery, ChatMessage):
        return encode_chat(delivery.user, delivery.message)
    if not isinstance(delivery, Disconnect | Information):
        _local(
            f"the datagram is {type(delivery).__name__}, not ChatMessage, Disconnect or Information",
            clause="TCRP-4.6c", field="datagram",
        )  # fmt: skip
    kind, clause = (_DISCONNECT, "TCRP-5.4a") if isinstance(delivery, Disconnect) else (_INFORMATION, "TCRP-5.5")
    return kind + _text_bytes(delivery.text, clause, "text", MAX_DOWN_SIZE - 1)


def encode_chat(user: str, message: bytes) -> bytes:
    """`encode_delivery` of a ChatMessage that was never made."""
    name = check_user(user)
    if not isinstance(message, bytes) or len(name) + len(message) > _CHAT_SPACE:
        _refuse_bytes("TCRP-4.6e", "message", message, _CHAT_SPACE - len(name))
    return name + SEPARATOR + message


def decode_status(payload: bytes) -> int:
    """Decode the payload of an ACK: one byte (TCRP-3.4a). A status that nobody knows stays a plain integer."""
    if len(payload) != 1:
        _remote(
            f"the payload of an ACK has {len(payload)} bytes: it is one byte of status",
            clause="TCRP-3.4a", field="status", offset=min(len(payload), 1), value=len(payload), limit=1,
        )  # fmt: skip
    return _STATUSES.get(payload[0], payload[0])


def encode_status(status: int) -> bytes:
    """Encode the payload of an ACK."""
    if not isinstance(status, int) or not 0 <= status <= 255:
        _refuse_byte("TCRP-3.4a", "status", status)
    return bytes((status,))


def check_token(payload: bytes) -> bytes:
    """The payload of a COMPLETE is the token: return it if it is 1 to 255 bytes (TCRP-3.8c)."""
    if not 1 <= len(payload) <= MAX_TOKEN_SIZE:
        _remote(
            f"the token has {len(payload)} bytes: 1 to {MAX_TOKEN_SIZE}",
            clause="TCRP-3.8c", field="token", offset=0, value=len(payload), limit=MAX_TOKEN_SIZE,
        )  # fmt: skip
    return bytes(payload)


def check_room(room: str) -> bytes:
    """The bytes of a room name that a request can hold: 1 to 255 bytes of UTF-8 (TCRP-2.3b)."""
    encoded = _text_bytes(room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not encoded:
        _local("the room name is empty: 1 to 255 bytes", clause="TCRP-3.7d", field="room name", value=0, limit=1)
    return encoded


def check_user(user: str) -> bytes:
    """The bytes of a user name: 1 to 255 bytes of UTF-8 without control characters (TCRP-3.3a)."""
    # what is printable has neither control characters nor lone surrogates
    if isinstance(user, str) and user.isprintable() and 1 <= len(encoded := user.encode()) <= MAX_USER_SIZE:
        return encoded
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
    control = _CONTROL.search(user)
    if control is None:
        return None
    return Problem(
        f"the user name holds the control character U+{ord(control[0]):04X}: none is allowed",
        control[0],
        "no control characters",
    )


def _text(data: bytes, clause: str, field: str, offset: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(error, clause, field, offset) from None


def _not_utf8(error: UnicodeDecodeError, clause: str, field: str, offset: int) -> RemoteProtocolError:
    byte, at = error.object[error.start], offset + error.start
    return RemoteProtocolError(
        f"the {field} is not UTF-8: byte 0x{byte:02x} at {at}, {error.reason}",
        clause=clause, field=field, offset=at, value=byte, limit="UTF-8",
    )  # fmt: skip


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


def _refuse_frame(size: int, room_end: int, payload_size: int) -> NoReturn:
    """Say what is wrong with a frame of `size` bytes whose sizes do not fit."""
    check_payload_size(payload_size)
    end = room_end + payload_size
    if size > end:
        _trailing(size, end, "TCRP-2.2")
    field, start, due = (
        ("room name", HEADER_SIZE, room_end - HEADER_SIZE) if size < room_end else ("payload", room_end, payload_size)
    )
    _cut_short(field, start, size - start, due, "TCRP-2.2")


def _refuse_packet(data: bytes) -> NoReturn:
    """Say what is wrong with a datagram that is too long or whose sizes do not fit."""
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
    room_size, token_size = data[:2]
    field, start, due = (
        ("room name", 2, room_size) if len(data) < 2 + room_size else ("token", 2 + room_size, token_size)
    )
    _cut_short(field, start, len(data) - start, due, "TCRP-4.2b")


def _cut_short(field: str, start: int, size: int, due: int, clause: str) -> NoReturn:
    _remote(
        f"the {field} ends after {size} of {due} bytes",
        clause=clause, field=field, offset=start, value=size, limit=due,
    )  # fmt: skip


def _refuse_bytes(clause: str, field: str, value: bytes, limit: int, *, secret: bool = False) -> NoReturn:
    if not isinstance(value, bytes):
        _local(
            f"the {field} is {type(value).__name__}, not bytes",
            clause=clause, field=field, value=None if secret else value, limit="bytes",
        )  # fmt: skip
    _local(
        f"the {field} has {len(value)} bytes: at most {limit} fit",
        clause=clause, field=field, value=len(value), limit=limit,
    )  # fmt: skip


def _refuse_byte(clause: str, field: str, value: object) -> NoReturn:
    _local(
        f"{field} is {_shown(value)}: one byte, 0 to 255",
        clause=clause, field=field, value=value, limit=255,
    )  # fmt: skip


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
