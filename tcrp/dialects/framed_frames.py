"""Frames of a dialect that a file describes.

RoomNameSize 1 | Operation 1 | State 1 | size 29 | room name | payload

The size is a binary number or digits, and counts the payload or the whole body. The room name may be left out.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from construct import Bytes, Construct, ConstructError, Int8ub, StreamError, Struct, stream_read

from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE, MAX_ROOM_SIZE
from tcrp.dialects.settings import HeaderSettings
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import header_layout
from tcrp.messages import Header
from tcrp.wire import check_payload_size

SIZE_FIELD_BYTES = HEADER_SIZE - 3


class AsciiDigits(Construct):  # type: ignore[misc]  # construct is untyped
    """A number in ASCII digits. It is written with `padding` after it, or without padding with zeros before it.

    Every form is read: zeros, NULs and spaces before the digits, NULs and spaces after them.
    """

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


def framed_header_layout(header: HeaderSettings) -> Struct:
    """The layout of the 32 bytes. Its fields have the names of those in `tcrp.messages.Header`."""
    if header.size == "binary":
        return header_layout
    size = AsciiDigits(SIZE_FIELD_BYTES, b"" if header.size == "digits" else b"\0")
    return Struct(
        "room_size" / Int8ub * "RoomNameSize",
        "operation" / Int8ub * "Operation",
        "state" / Int8ub * "State",
        "payload_size" / size * "OperationPayloadSize",
    )


def _parse_argument(name: str) -> Callable[[Any], int]:
    """A size that the caller passes to `parse`, because the header alone does not say it."""
    return lambda context: int(context["_"][name])


body_layout = Struct(
    "room" / Bytes(_parse_argument("room_bytes")) * "room name",
    "payload" / Bytes(_parse_argument("payload_bytes")) * "payload",
)


class RawFrame(NamedTuple):
    """A frame as it came. `room`: the bytes of the room name that are there, which need not be RoomNameSize bytes."""

    header: Header
    room: bytes
    payload: bytes


class FrameCodec:
    """The codec of frames with these settings."""

    def __init__(self, header: HeaderSettings) -> None:
        self._counts_body = header.counts == "body"
        self._header = framed_header_layout(header)

    def write_header(self, room: bytes, operation: int, state: int, payload: bytes, room_size: int) -> bytes:
        """The 32 bytes of a header.

        `room`: the bytes of the room name that will follow. `room_size`: the RoomNameSize to write. Raises
        LocalProtocolError for a RoomNameSize above 255.
        """
        if room_size > MAX_ROOM_SIZE:
            raise LocalProtocolError(
                f"the room name has {room_size} bytes: at most {MAX_ROOM_SIZE}",
                clause="TCRP-2.3b", field="room name", value=room_size, limit=MAX_ROOM_SIZE,
            )  # fmt: skip
        size = len(payload) + (len(room) if self._counts_body else 0)
        header = Header(room_size, operation, state, size)
        return bytes(self._header.build(header._asdict()))

    def write(self, room: bytes, operation: int, state: int, payload: bytes, room_size: int) -> bytes:
        """A whole frame. The parameters are those of `write_header`."""
        return self.write_header(room, operation, state, payload, room_size) + room + payload

    def read_header(self, data: bytes) -> Header:
        """The header in these 32 bytes. Raises RemoteProtocolError for a size that is not digits."""
        try:
            return Header(*(value for name, value in self._header.parse(data).items() if name in Header._fields))
        except ConstructError:
            shown = data[3:HEADER_SIZE]
            raise RemoteProtocolError(
                f"OperationPayloadSize is {shown!r}: digits are due",
                clause="TCRP-2.1", field="OperationPayloadSize", offset=3,
            ) from None  # fmt: skip

    def payload_size(self, header: Header, room_bytes: int) -> int:
        """Bytes of the payload, if `room_bytes` bytes of room name precede it.

        Raises RemoteProtocolError if the header says fewer bytes than the room name has.
        """
        size = header.payload_size - (room_bytes if self._counts_body else 0)
        if size < 0:
            raise RemoteProtocolError(
                f"OperationPayloadSize is {header.payload_size}: the room name alone has {room_bytes} bytes",
                clause="TCRP-2.2", field="OperationPayloadSize", offset=3, value=header.payload_size, limit=room_bytes,
            )  # fmt: skip
        return size


class RawFrameReader:
    """Splits a stream into frames. It holds only bytes that have arrived.

    `room_bytes`: a function that says how many bytes of room name follow a header. `limit`: bytes of a payload that are
    accepted.
    """

    def __init__(self, framing: FrameCodec, room_bytes: Callable[[Header], int], limit: int = MAX_PAYLOAD_SIZE) -> None:
        self._framing = framing
        self._room_bytes = room_bytes
        self._limit = limit
        self._buffer = bytearray()
        self._header: Header | None = None

    @property
    def started(self) -> bool:
        """Bytes of a frame have arrived that `next_frame` has not returned yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes of the stream, in any segmentation."""
        self._buffer += data

    def take_rest(self) -> bytes:
        """Remove and return the bytes after the frames that were read."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def next_header(self) -> Header | None:
        """The header of the next frame, or None until it is there.

        Raises RemoteProtocolError, also for a payload size above the limit. The reader cannot be used after an error.
        """
        if self._header is None and len(self._buffer) >= HEADER_SIZE:
            header = self._framing.read_header(bytes(self._buffer[:HEADER_SIZE]))
            check_payload_size(self._framing.payload_size(header, self._room_bytes(header)), self._limit)
            self._header = header
        return self._header

    def next_frame(self) -> RawFrame | None:
        """The next whole frame, or None until more bytes arrive. Raises RemoteProtocolError as `next_header` does."""
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
