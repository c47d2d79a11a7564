"""Faults of 2.1 and 2.2: the header of a frame, and what follows it."""

import struct

from tests.faults.bases import ReadsLastSizeBytes
from tests.faults.plain import MALFORMED, Header, Refused, Request, Server
from tests.faults.registry import fault

# 2.1: the header is 32 bytes, its size field 29 bytes, big-endian ---------------------------------


@fault("size-little-endian", "TCRP-2.1", note="the payload size is little-endian in both directions")
class SizeLittleEndian(Server):
    def parse_header(self, data: bytes) -> Header:
        room_size, operation, state, size = struct.unpack("!BBB29s", data)
        return Header(room_size, operation, state, int.from_bytes(size, "little"))

    def build_header(self, header: Header) -> bytes:
        size = header.payload_size.to_bytes(29, "little")
        return struct.pack("!BBB29s", header.room_size, header.operation, header.state, size)


@fault("size-in-digits", "TCRP-2.1", note="the payload size is 29 ASCII digits")
class SizeInDigits(Server):
    def parse_header(self, data: bytes) -> Header:
        room_size, operation, state, size = struct.unpack("!BBB29s", data)
        if not size.isdigit():
            raise Refused(MALFORMED)
        return Header(room_size, operation, state, int(size))

    def build_header(self, header: Header) -> bytes:
        size = b"%029d" % header.payload_size
        return struct.pack("!BBB29s", header.room_size, header.operation, header.state, size)


@fault("short-header-in-replies", "TCRP-2.1", note="replies have a 7-byte header, its size in 4 bytes")
class ShortHeaderInReplies(Server):
    def build_header(self, header: Header) -> bytes:
        return struct.pack("!BBBI", header.room_size, header.operation, header.state, header.payload_size)


@fault(
    "size-from-last-byte",
    "TCRP-2.1",
    also=("TCRP-2.4a", "TCRP-2.4c"),
    note="only the last of the 29 size bytes is read",
)
class SizeFromLastByte(ReadsLastSizeBytes):
    read = 1


# 2.2: the body is the room name, then the payload, and nothing else -------------------------------


@fault("size-includes-room", "TCRP-2.2", also=("TCRP-2.1",), note="the payload size counts the room name in")
class SizeIncludesRoom(Server):
    def parse_header(self, data: bytes) -> Header:
        header = super().parse_header(data)
        return header._replace(payload_size=max(0, header.payload_size - header.room_size))

    def build_header(self, header: Header) -> bytes:
        return super().build_header(header._replace(payload_size=header.payload_size + header.room_size))


@fault(
    "room-bytes-left-out",
    "TCRP-2.2",
    also=("TCRP-3.4a",),
    note="a reply's room size is announced, its bytes are not sent",
)
class RoomBytesLeftOut(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return self.build_header(Header(len(request.room), request.operation, state, len(payload))) + payload


@fault(
    "payload-before-room",
    "TCRP-2.2",
    also=("TCRP-3.4a",),
    note="a reply's payload comes before its room name",
)
class PayloadBeforeRoom(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        header = Header(len(request.room), request.operation, state, len(payload))
        return self.build_header(header) + payload + request.room


@fault("newline-after-frame", "TCRP-2.2", note="every reply is followed by a newline")
class NewlineAfterFrame(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request, state, payload) + b"\n"
