"""Codecs: bytes to messages and back, for frames and for the datagrams of both sides (sections 2, 4 and 5).

`tcrp.layouts` declares the layouts. This module slices and joins the bytes by hand, which is many times as fast, and
checks that the protocol allows the values. Every `decode_*` function takes any bytes-like object, returns bytes in its
messages, and raises nothing but RemoteProtocolError. Every `encode_*` function raises nothing but LocalProtocolError.
An error names the clause, the field and the offset.
"""

from typing import Any, Final, NoReturn

from tcrp.constants import (
    HEADER_SIZE,
    MAX_DOWN_SIZE,
    MAX_PAYLOAD_SIZE,
    MAX_ROOM_SIZE,
    MAX_TOKEN_SIZE,
    MAX_UP_SIZE,
    SEPARATOR,
    NoticeKind,
    Status,
)
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import ChatMessage, ChatPacket, Disconnect, Frame, Header, Information, make
from tcrp.names import check_user, encode_text, user_problem

_PAYLOAD_SIZE_AT: Final = 3
_PAYLOAD_SIZE_BYTES: Final = HEADER_SIZE - _PAYLOAD_SIZE_AT
_CHAT_SPACE: Final = MAX_DOWN_SIZE - len(SEPARATOR)
_DISCONNECT: Final = bytes([NoticeKind.DISCONNECT])
_INFORMATION: Final = bytes([NoticeKind.INFORMATION])
_STATUSES: Final[dict[int, Status]] = {int(status): status for status in Status}


def decode_header(data: bytes) -> Header:
    """Decode exactly the 32 bytes of a header (TCRP-2.1).

    The payload size is returned as it stands: call `check_payload_size` before you wait for the body. Raises
    RemoteProtocolError for any other number of bytes.
    """
    if len(data) < HEADER_SIZE:
        _raise_remote(
            f"the header ends after {len(data)} of {HEADER_SIZE} bytes",
            clause="TCRP-2.1", field="header", offset=len(data), value=len(data), limit=HEADER_SIZE,
        )  # fmt: skip
    if len(data) > HEADER_SIZE:
        _refuse_trailing(len(data), HEADER_SIZE, "TCRP-2.1")
    return Header(data[0], data[1], data[2], int.from_bytes(data[_PAYLOAD_SIZE_AT:], "big"))


def encode_header(header: Header) -> bytes:
    """Encode a header as it stands, as 32 bytes. The sizes need not fit the body: this can forge wrong frames.

    Raises LocalProtocolError for a number that its field cannot hold.
    """
    for field, value in (
        ("RoomNameSize", header.room_size), ("Operation", header.operation), ("State", header.state),
    ):  # fmt: skip
        if not isinstance(value, int) or not 0 <= value <= 255:
            _refuse_byte("TCRP-2.1", field, value)
    if not isinstance(header.payload_size, int) or not 0 <= header.payload_size < 1 << 29 * 8:
        _raise_local(
            f"OperationPayloadSize is {_number_text(header.payload_size)}: an integer of 29 bytes at most",
            clause="TCRP-2.1", field="OperationPayloadSize", value=header.payload_size, limit=(1 << 29 * 8) - 1,
        )  # fmt: skip
    return bytes(header[:3]) + header.payload_size.to_bytes(_PAYLOAD_SIZE_BYTES, "big")


def check_payload_size(size: int, limit: int = MAX_PAYLOAD_SIZE) -> None:
    """Raise RemoteProtocolError if a header's payload size is above the protocol's limit of 2**29 bytes (TCRP-2.4a) or
    above the caller's own `limit` (TCRP-2.4d; its status is LIMIT_REACHED).
    """
    if size > MAX_PAYLOAD_SIZE:
        _raise_remote(
            f"OperationPayloadSize is {_number_text(size)}: a payload is at most {MAX_PAYLOAD_SIZE} bytes",
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
    """Decode exactly one frame (TCRP-2.1, TCRP-2.2).

    An empty room name and unknown operations and states are accepted. Raises RemoteProtocolError if bytes are missing
    or left over, and for a room name that is not UTF-8.
    """
    if len(data) < HEADER_SIZE:
        decode_header(data)  # raises
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
    """Encode one frame (TCRP-2.1, TCRP-2.2). The sizes follow from the room name and the payload.

    Raises LocalProtocolError for a value that its field cannot hold.
    """
    operation, state, payload = frame.operation, frame.state, frame.payload
    room = encode_text(frame.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not isinstance(operation, int) or not 0 <= operation <= 255:
        _refuse_byte("TCRP-2.1", "Operation", operation)
    if not isinstance(state, int) or not 0 <= state <= 255:
        _refuse_byte("TCRP-2.1", "State", state)
    if not isinstance(payload, bytes) or len(payload) > MAX_PAYLOAD_SIZE:
        _refuse_bytes("TCRP-2.4a", "payload", payload, MAX_PAYLOAD_SIZE, secret=True)
    return bytes((len(room), operation, state)) + len(payload).to_bytes(_PAYLOAD_SIZE_BYTES, "big") + room + payload


def decode_packet(data: bytes) -> ChatPacket:
    """Decode a client's datagram (TCRP-4.1). Any room name and any token are accepted, empty ones too.

    Raises RemoteProtocolError for more than 4096 bytes, for sizes that do not fit (TCRP-4.2), and for a room name that
    is not UTF-8.
    """
    return make(ChatPacket, split_packet(data))


def split_packet(data: bytes) -> tuple[str, bytes, bytes]:
    """Decode a client's datagram as `decode_packet` does, and return room name, token and message as a plain tuple.

    Callers that put the parts into another message need not make a ChatPacket first.
    """
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
    """Encode a client's datagram, at most 4096 bytes (TCRP-4.1). An empty message registers, `exit` leaves.

    Raises LocalProtocolError for a value that its field or the datagram cannot hold.
    """
    token, message = packet.token, packet.message
    room = encode_text(packet.room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not isinstance(token, bytes) or len(token) > MAX_TOKEN_SIZE:
        _refuse_bytes("TCRP-3.8c", "token", token, MAX_TOKEN_SIZE, secret=True)
    space = MAX_UP_SIZE - 2 - len(room) - len(token)
    if not isinstance(message, bytes) or len(message) > space:
        _refuse_bytes("TCRP-4.1", "message", message, space)
    return bytes((len(room), len(token))) + room + token + message


def decode_delivery(data: bytes) -> ChatMessage | Disconnect | Information:
    """Decode a server's datagram: chat (TCRP-4.6a), disconnect (TCRP-5.4a) or information (TCRP-5.5).

    The first `: ` ends the user name. If the name itself holds `: `, the rest of the name is read as message. Raises
    RemoteProtocolError for more than 4094 bytes and for bytes that are none of the three.
    """
    if len(data) > MAX_DOWN_SIZE:
        _raise_remote(
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
        _raise_remote(
            "the datagram is neither chat, which holds ': ' after the user name, nor a notice",
            clause="TCRP-4.6a", field="separator", offset=len(data),
        )  # fmt: skip
    user = _text(before, "TCRP-4.6a", "user name", 0)
    if problem := user_problem(user):
        _raise_remote(clause="TCRP-4.6a", field="user name", offset=0, **problem._asdict())
    return ChatMessage(user, message)


def encode_delivery(delivery: ChatMessage | Disconnect | Information) -> bytes:
    """Encode a server's datagram, at most 4094 bytes (TCRP-4.6e).

    Raises LocalProtocolError for a value that the datagram cannot hold.
    """
    if isinstance(delivery, ChatMessage):
        return encode_chat(delivery.user, delivery.message)
    if not isinstance(delivery, Disconnect | Information):
        _raise_local(
            f"the datagram is {type(delivery).__name__}, not ChatMessage, Disconnect or Information",
            clause="TCRP-4.6c", field="datagram",
        )  # fmt: skip
    kind, clause = (_DISCONNECT, "TCRP-5.4a") if isinstance(delivery, Disconnect) else (_INFORMATION, "TCRP-5.5")
    return kind + encode_text(delivery.text, clause, "text", MAX_DOWN_SIZE - 1)


def encode_chat(user: str, message: bytes) -> bytes:
    """Encode chat as `encode_delivery` does, without a ChatMessage."""
    name = check_user(user)
    if not isinstance(message, bytes) or len(name) + len(message) > _CHAT_SPACE:
        _refuse_bytes("TCRP-4.6e", "message", message, _CHAT_SPACE - len(name))
    return name + SEPARATOR + message


def decode_status(payload: bytes) -> int:
    """Decode the payload of an ACK, one byte (TCRP-3.4a). An unknown status stays a plain integer.

    Raises RemoteProtocolError for any other number of bytes.
    """
    if len(payload) != 1:
        _raise_remote(
            f"the payload of an ACK has {len(payload)} bytes: it is one byte of status",
            clause="TCRP-3.4a", field="status", offset=min(len(payload), 1), value=len(payload), limit=1,
        )  # fmt: skip
    return _STATUSES.get(payload[0], payload[0])


def encode_status(status: int) -> bytes:
    """Encode the payload of an ACK, one byte (TCRP-3.4a). Raises LocalProtocolError for a number above 255."""
    if not isinstance(status, int) or not 0 <= status <= 255:
        _refuse_byte("TCRP-3.4a", "status", status)
    return bytes((status,))


def check_token(payload: bytes) -> bytes:
    """Check the payload of a COMPLETE, which is the token, and return it.

    Raises RemoteProtocolError unless it has 1 to 255 bytes (TCRP-3.8c).
    """
    if not 1 <= len(payload) <= MAX_TOKEN_SIZE:
        _raise_remote(
            f"the token has {len(payload)} bytes: 1 to {MAX_TOKEN_SIZE}",
            clause="TCRP-3.8c", field="token", offset=0, value=len(payload), limit=MAX_TOKEN_SIZE,
        )  # fmt: skip
    return bytes(payload)


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


def _refuse_frame(size: int, room_end: int, payload_size: int) -> NoReturn:
    """Raise the error for a frame of `size` bytes whose header says another number of bytes."""
    check_payload_size(payload_size)
    end = room_end + payload_size
    if size > end:
        _refuse_trailing(size, end, "TCRP-2.2")
    field, start, due = (
        ("room name", HEADER_SIZE, room_end - HEADER_SIZE) if size < room_end else ("payload", room_end, payload_size)
    )
    _refuse_truncated(field, start, size - start, due, "TCRP-2.2")


def _refuse_packet(data: bytes) -> NoReturn:
    """Raise the error for a client's datagram that is too long or whose sizes do not fit."""
    if len(data) > MAX_UP_SIZE:
        _raise_remote(
            f"the datagram has {len(data)} bytes: at most {MAX_UP_SIZE}",
            clause="TCRP-4.2a", field="datagram", offset=MAX_UP_SIZE, value=len(data), limit=MAX_UP_SIZE,
        )  # fmt: skip
    if len(data) < 2:
        _raise_remote(
            f"the datagram ends after {len(data)} of the 2 bytes of sizes",
            clause="TCRP-4.2b", field="TokenSize" if data else "RoomNameSize",
            offset=len(data), value=len(data), limit=2,
        )  # fmt: skip
    room_size, token_size = data[:2]
    field, start, due = (
        ("room name", 2, room_size) if len(data) < 2 + room_size else ("token", 2 + room_size, token_size)
    )
    _refuse_truncated(field, start, len(data) - start, due, "TCRP-4.2b")


def _refuse_truncated(field: str, start: int, size: int, due: int, clause: str) -> NoReturn:
    _raise_remote(
        f"the {field} ends after {size} of {due} bytes",
        clause=clause, field=field, offset=start, value=size, limit=due,
    )  # fmt: skip


def _refuse_bytes(clause: str, field: str, value: bytes, limit: int, *, secret: bool = False) -> NoReturn:
    if not isinstance(value, bytes):
        _raise_local(
            f"the {field} is {type(value).__name__}, not bytes",
            clause=clause, field=field, value=None if secret else value, limit="bytes",
        )  # fmt: skip
    _raise_local(
        f"the {field} has {len(value)} bytes: at most {limit} fit",
        clause=clause, field=field, value=len(value), limit=limit,
    )  # fmt: skip


def _refuse_byte(clause: str, field: str, value: object) -> NoReturn:
    _raise_local(
        f"{field} is {_number_text(value)}: one byte, 0 to 255",
        clause=clause, field=field, value=value, limit=255,
    )  # fmt: skip


def _refuse_trailing(size: int, end: int, clause: str) -> NoReturn:
    _raise_remote(
        f"{size - end} bytes are left over after {end}",
        clause=clause, field="trailing bytes", offset=end, value=size, limit=end,
    )  # fmt: skip


def _number_text(value: object) -> str:
    """A number as a short text. str() raises for an integer of more than 4300 digits."""
    if not isinstance(value, int):
        return type(value).__name__
    if abs(value) < 1 << 64:
        return str(int(value))
    return f"about {'-' if value < 0 else ''}2^{value.bit_length() - 1}"


def _raise_remote(message: str, **where: Any) -> NoReturn:
    raise RemoteProtocolError(message, **where)


def _raise_local(message: str, **where: Any) -> NoReturn:
    raise LocalProtocolError(message, **where)
