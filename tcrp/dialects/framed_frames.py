"""Frames whose size is a number or digits, counts what it counts, and whose room name is there or not.

RoomNameSize 1 | Operation 1 | State 1 | size 29 | room name | payload
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from construct import Bytes, BytesInteger, Construct, ConstructError, Int8ub, StreamError, Struct, stream_read

from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE, MAX_ROOM_SIZE
from tcrp.dialects.answers import HeaderAnswers
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Header
from tcrp.wire import check_payload_size

SIZE_BYTES = HEADER_SIZE - 3


class Digits(Construct):  # type: ignore[misc]  # construct is untyped
    """A number in ASCII digits: zeros before it, or `padding` after it. Either is read, and so is padding before it."""

    def __init__(self, length: int, padding: bytes) -> None:
        super().__init__()
        self.length = length
        self.padding = padding

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        digits = bytes(stream_read(stream, self.length, path)).strip(b"\0 ")
        if not digits.isdigit():
            raise StreamError("not a number in ASCII digits", path=path)
        return int(digits)

    def _build(self, obj: int, stream: Any, context: Any, path: str) -> int:
        digits = b"%d" % obj
        stream.write(digits.ljust(self.length, self.padding) if self.padding else digits.rjust(self.length, b"0"))
        return obj

    def _sizeof(self, context: Any, path: str) -> int:
        return self.length


def header_layout(header: HeaderAnswers) -> Struct:
    """The 32 bytes, in the field names of `tcrp.messages.Header`."""
    size = {
        "binary": BytesInteger(SIZE_BYTES),
        "digits": Digits(SIZE_BYTES, b""),
        "digits-nul": Digits(SIZE_BYTES, b"\0"),
    }[header.size]
    return Struct(
        "room_size" / Int8ub * "RoomNameSize",
        "operation" / Int8ub * "Operation",
        "state" / Int8ub * "State",
        "payload_size" / size * "OperationPayloadSize",
    )


def _given(name: str) -> Callable[[Any], int]:
    """A size that is given to `parse`, since the header alone does not tell it."""
    return lambda context: int(context["_"][name])


body_layout = Struct(
    "room" / Bytes(_given("room_bytes")) * "room name",
    "payload" / Bytes(_given("payload_bytes")) * "payload",
)


class RawFrame(NamedTuple):
    """A frame as it came: the room's bytes are those that are there, whatever their size says."""

    header: Header
    room: bytes
    payload: bytes


class Framing:
    """Frames for these answers, to write and to read."""

    def __init__(self, header: HeaderAnswers) -> None:
        self._counts_body = header.counts == "body"
        self._header = header_layout(header)

    def write_header(self, room: bytes, operation: int, state: int, payload: bytes, room_size: int) -> bytes:
        """The 32 bytes before `room`, the bytes of it that follow, and `payload`."""
        if room_size > MAX_ROOM_SIZE:
            raise LocalProtocolError(
                f"the room name has {room_size} bytes: at most {MAX_ROOM_SIZE}",
                clause="TCRP-2.3b", field="room name", value=room_size, limit=MAX_ROOM_SIZE,
            )  # fmt: skip
        size = len(payload) + (len(room) if self._counts_body else 0)
        header = Header(room_size, operation, state, size)
        return bytes(self._header.build(header._asdict()))

    def write(self, room: bytes, operation: int, state: int, payload: bytes, room_size: int) -> bytes:
        """A frame. `room_size` is what the header says of the room."""
        return self.write_header(room, operation, state, payload, room_size) + room + payload

    def read_header(self, data: bytes) -> Header:
        """The 32 bytes. Raises RemoteProtocolError."""
        try:
            return Header(*(value for name, value in self._header.parse(data).items() if name in Header._fields))
        except ConstructError:
            shown = data[3:HEADER_SIZE]
            raise RemoteProtocolError(
                f"OperationPayloadSize is {shown!r}: digits are due",
                clause="TCRP-2.1", field="OperationPayloadSize", offset=3,
            ) from None  # fmt: skip

    def payload_size(self, header: Header, room_bytes: int) -> int:
        """Bytes of the payload, where `room_bytes` of the room are there. Raises RemoteProtocolError."""
        size = header.payload_size - (room_bytes if self._counts_body else 0)
        if size < 0:
            raise RemoteProtocolError(
                f"OperationPayloadSize is {header.payload_size}: the room name alone has {room_bytes} bytes",
                clause="TCRP-2.2", field="OperationPayloadSize", offset=3, value=header.payload_size, limit=room_bytes,
            )  # fmt: skip
        return size


class Reader:
    """Frames out of a stream, only what has arrived being held. `room_bytes`: how many bytes of the room follow a
    header.
    """

    def __init__(self, framing: Framing, room_bytes: Callable[[Header], int], limit: int = MAX_PAYLOAD_SIZE) -> None:
        self._framing = framing
        self._room_bytes = room_bytes
        self._limit = limit
        self._buffer = bytearray()
        self._header: Header | None = None

    @property
    def started(self) -> bool:
        """A frame has begun and is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take_rest(self) -> bytes:
        """What follows the frames that were read."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def next_header(self) -> Header | None:
        """The header of the next frame as soon as it is there. Raises RemoteProtocolError, also for a size that is
        too large; the reader is then of no further use.
        """
        if self._header is None and len(self._buffer) >= HEADER_SIZE:
            header = self._framing.read_header(bytes(self._buffer[:HEADER_SIZE]))
            check_payload_size(self._framing.payload_size(header, self._room_bytes(header)), self._limit)
            self._header = header
        return self._header

    def next_frame(self) -> RawFrame | None:
        """The next whole frame. Raises RemoteProtocolError as `next_header`."""
        header = self.next_header()
        if header is None:
            return None
        room = self._room_bytes(header)
        payload = self._framing.payload_size(header, room)
        end = HEADER_SIZE + room + payload
        if len(self._buffer) < end:
            return None
        body = body_layout.parse(bytes(self._buffer[HEADER_SIZE:end]), room_bytes=room, payload_bytes=payload)
        del self._buffer[:end]
        self._header = None
        return RawFrame(header, body.room, body.payload)
