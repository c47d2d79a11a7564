"""The layouts of the canonical dialect, declared with construct. Numbers are sizes in bytes.

    frame     RoomNameSize 1 | Operation 1 | State 1 | OperationPayloadSize 29 | room name | payload
              its payload: a request's text, the status 1 of an ACK, the token of a COMPLETE
    packet    RoomNameSize 1 | TokenSize 1 | room name | token | message          client to server
    chat      user name | ": " | message                                         server to client
    notice    kind 1 (4 disconnect, 5 information) | text                         server to client

Annotated dumps are made from these declarations. To parse with them takes about 20 microseconds, so `tcrp.wire` slices
by hand, and a test compares it with the declarations. The layouts are never compiled: a compiled construct accepts
truncated input.
"""

from io import BytesIO
from typing import Any

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

from tcrp.constants import SEPARATOR
from tcrp.errors import LocalProtocolError, RemoteProtocolError


class Until(Construct):  # type: ignore[misc]  # construct is untyped
    """A construct for the bytes before the first `separator`. The separator stays in the stream.

    construct's own NullTerminated does not fit: it finds a separator of several bytes only at multiples of its size.
    """

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


def parse_layout(layout: Construct, data: bytes, clause: str) -> Any:
    """Parse bytes by a layout. Raises RemoteProtocolError, which names the field that does not fit."""
    try:
        return layout.parse_stream(BytesIO(data))
    except ConstructError as error:
        field = (error.path or "").rpartition(" -> ")[2] or "data"
        raise RemoteProtocolError(str(error).replace("\n", " "), clause=clause, field=field) from error


def build_layout(layout: Construct, fields: dict[str, Any], clause: str) -> bytes:
    """Build bytes by a layout. Raises LocalProtocolError, which names the field that does not fit."""
    try:
        return bytes(layout.build(fields))
    except ConstructError as error:
        field = (error.path or "").rpartition(" -> ")[2] or "data"
        raise LocalProtocolError(str(error).replace("\n", " "), clause=clause, field=field) from error
