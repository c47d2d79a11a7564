"""Faults of section 2: the frame on TCP."""

from __future__ import annotations

import struct
import time
import unicodedata

from plain import Server
from plain_control import LIMIT_REACHED, MALFORMED, MAX_PAYLOAD, SERVER_ERROR, Header, Refused, Request
from registry import fault
from stream import Stream, Vanished

# 2.1 and 2.2: the layout ------------------------------------------------------------------------


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


# 2.3: sizes and room names ----------------------------------------------------------------------


@fault("reply-size-in-characters", "TCRP-2.3a", also=("TCRP-3.4a",), note="a reply's room size counts characters")
class ReplySizeInCharacters(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        characters = len(request.room.decode("utf-8", "replace"))
        header = Header(characters, request.operation, state, len(payload))
        return self.build_header(header) + request.room + payload


@fault(
    "request-size-in-characters",
    "TCRP-2.3a",
    also=("TCRP-2.3b",),
    note="the body is decoded first and cut by characters then",
)
class RequestSizeInCharacters(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        body = b"".join(super().read_body(stream, header))
        text = self.decode(body)
        return text[: header.room_size].encode(), text[header.room_size :].encode()


@fault("room-ascii-only", "TCRP-2.3b", note="a room name that is not ASCII is refused")
class RoomAsciiOnly(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.isascii():
            raise Refused(MALFORMED)


@fault("room-32-bytes-at-most", "TCRP-2.3b", note="a room name over 32 bytes is refused")
class Room32BytesAtMost(Server):
    longest = 32

    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if len(name) > self.longest:
            raise Refused(MALFORMED)


@fault("room-254-bytes-at-most", "TCRP-2.3b", note="a room name of 255 bytes is refused")
class Room254BytesAtMost(Room32BytesAtMost):
    longest = 254


@fault("room-control-characters-refused", "TCRP-2.3b", note="a room name with a control character is refused")
class RoomControlCharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if any(unicodedata.category(character) == "Cc" for character in name.decode()):
            raise Refused(MALFORMED)


@fault(
    "room-spaces-only-refused",
    "TCRP-2.3b",
    also=("TCRP-2.3c",),
    note="a room name of nothing but spaces counts as empty",
)
class RoomSpacesOnlyRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.decode().strip():
            raise Refused(MALFORMED)


@fault("room-names-stripped", "TCRP-2.3c", note="room names are compared without the white space around them")
class RoomNamesStripped(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.strip()


@fault("room-names-casefolded", "TCRP-2.3c", note="room names are compared without case")
class RoomNamesCasefolded(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.decode("utf-8", "replace").casefold().encode()


@fault(
    "room-names-lowercased-ascii",
    "TCRP-2.3c",
    note="room names are compared without the case of ASCII letters",
)
class RoomNamesLowercasedAscii(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.lower()


@fault("room-names-nfc", "TCRP-2.3c", note="room names are compared in NFC")
class RoomNamesNfc(Server):
    def room_key(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFC", name.decode("utf-8", "replace")).encode()


@fault("room-names-nfkc", "TCRP-2.3c", note="room names are compared in NFKC: full-width letters are ASCII")
class RoomNamesNfkc(Server):
    def room_key(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFKC", name.decode("utf-8", "replace")).encode()


@fault("room-names-cut-at-32", "TCRP-2.3c", note="room names are compared in their first 32 bytes")
class RoomNamesCutAt32(Server):
    compared = 32

    def room_key(self, name: bytes) -> bytes:
        return name[: self.compared]


@fault("room-names-cut-at-128", "TCRP-2.3c", note="room names are compared in their first 128 bytes")
class RoomNamesCutAt128(RoomNamesCutAt32):
    compared = 128


@fault("room-names-end-at-nul", "TCRP-2.3c", note="room names are compared up to the first NUL")
class RoomNamesEndAtNul(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.partition(b"\0")[0]


# 2.4: limits ------------------------------------------------------------------------------------


@fault(
    "huge-size-awaited",
    "TCRP-2.4a",
    also=("TCRP-2.4d",),
    note="any claimed size is believed and its body waited for",
)
class HugeSizeAwaited(Server):
    def check_sizes(self, header: Header) -> None:
        pass


@fault(
    "size-from-last-4-bytes",
    "TCRP-2.4a",
    also=("TCRP-2.1",),
    note="only the last 4 of the 29 size bytes are read",
)
class SizeFromLast4Bytes(Server):
    read = 4

    def parse_header(self, data: bytes) -> Header:
        header = super().parse_header(data)
        return header._replace(payload_size=header.payload_size % 256**self.read)


@fault(
    "size-from-last-8-bytes",
    "TCRP-2.4a",
    also=("TCRP-2.1",),
    note="only the last 8 of the 29 size bytes are read",
)
class SizeFromLast8Bytes(SizeFromLast4Bytes):
    read = 8


@fault(
    "size-from-last-byte",
    "TCRP-2.1",
    also=("TCRP-2.4a", "TCRP-2.4c"),
    note="only the last of the 29 size bytes is read",
)
class SizeFromLastByte(SizeFromLast4Bytes):
    read = 1


@fault("payload-500-bytes-at-most", "TCRP-2.4c", note="a payload over 500 bytes is refused")
class Payload500BytesAtMost(Server):
    max_payload = 500


@fault("payload-1023-bytes-at-most", "TCRP-2.4c", note="a payload of 1024 bytes is refused")
class Payload1023BytesAtMost(Server):
    max_payload = 1023


@fault("payload-over-the-limit-gets-5", "TCRP-2.4d", note="a payload over 64 KiB gets status 5")
class PayloadOverTheLimitGets5(Server):
    def check_sizes(self, header: Header) -> None:
        try:
            super().check_sizes(header)
        except Refused:
            if header.payload_size <= MAX_PAYLOAD:
                raise Refused(SERVER_ERROR) from None
            raise


@fault("payload-over-the-limit-unanswered", "TCRP-2.4d", note="a payload over 64 KiB gets neither answer nor close")
class PayloadOverTheLimitUnanswered(Server):
    def read_request(self, stream: Stream) -> Request:
        try:
            return super().read_request(stream)
        except Refused as refused:
            if refused.status == LIMIT_REACHED:
                stream.recv_until_closed(MAX_PAYLOAD)
                raise Vanished from None
            raise


@fault("huge-size-unanswered", "TCRP-2.4a", note="a claim over 2^29 gets neither an answer nor a close")
class HugeSizeUnanswered(Server):
    def check_sizes(self, header: Header) -> None:
        if header.payload_size > MAX_PAYLOAD:
            time.sleep(3600)
        super().check_sizes(header)


# 2.5: reassembly --------------------------------------------------------------------------------


@fault("header-in-one-recv", "TCRP-2.5a", note="the header is whatever one recv gives")
class HeaderInOneRecv(Server):
    def read_header(self, stream: Stream) -> bytes:
        data = stream.recv(32)
        if len(data) < 32:
            raise Refused(MALFORMED)
        return data


@fault("body-in-one-recv", "TCRP-2.5a", note="the body is whatever one recv gives after the header")
class BodyInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        body = stream.recv(header.room_size + header.payload_size)
        return body[: header.room_size], body[header.room_size :]


@fault("payload-in-one-recv", "TCRP-2.5a", note="header and room name are reassembled, the payload is one recv")
class PayloadInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return stream.recv_exactly(header.room_size), stream.recv(header.payload_size)


@fault("request-in-one-recv", "TCRP-2.5a", note="the whole request is one recv of 4096 bytes")
class RequestInOneRecv(Server):
    def read_request(self, stream: Stream) -> Request:
        data = stream.recv(4096)
        if len(data) < 32:
            raise Refused(MALFORMED)
        header = self.parse_header(data[:32])
        self.check_sizes(header)
        body = data[32:]
        if len(body) < header.room_size + header.payload_size:
            raise Refused(MALFORMED)
        room_end = header.room_size
        return Request(header.operation, header.state, body[:room_end], body[room_end : room_end + header.payload_size])


@fault(
    "fields-in-one-recv-each",
    "TCRP-2.5a",
    note="3 bytes and then 29, one recv each: a split at byte 31 breaks it",
)
class FieldsInOneRecvEach(Server):
    def read_header(self, stream: Stream) -> bytes:
        data = stream.recv_exactly(3) + stream.recv(29)
        return data.ljust(32, b"\0")


# 2.6: one request, and how it ends --------------------------------------------------------------


@fault("second-request-served", "TCRP-2.6a", note="bytes after a request are served as another request")
class SecondRequestServed(Server):
    def exchange(self, stream: Stream) -> None:
        super().exchange(stream)
        while stream.peek(0.02):
            super().exchange(stream)


@fault(
    "trailing-bytes-refused",
    "TCRP-2.6a",
    also=("TCRP-2.6b",),
    note="a request with bytes after it is malformed",
)
class TrailingBytesRefused(Server):
    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        if stream.peek(0.02):
            raise Refused(MALFORMED)
        return request


@fault(
    "trailing-bytes-in-payload",
    "TCRP-2.6a",
    also=("TCRP-2.6b",),
    note="the payload is all that is there, not what its size says",
)
class TrailingBytesInPayload(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = super().read_body(stream, header)
        if stream.peek(0.02):
            payload += stream.recv(4096)
        return room, payload


@fault(
    "answer-lost-to-reset",
    "TCRP-2.6b",
    also=("TCRP-2.6a",),
    note="closing on unread bytes sends a reset that overtakes the answer",
)
class AnswerLostToReset(Server):
    """Over loopback the answer would win the race, so the reset is sent in its place.

    Up to 2 KiB are taken for read along with the request, as one large recv would.
    """

    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        if len(stream.peek(0.02, 65536) or b"") > 2048:
            stream.reset()
        return request


@fault(
    "half-close-unanswered",
    "TCRP-2.6c",
    also=("TCRP-3.11",),
    note="a client that has ended its side is not answered",
)
class HalfCloseUnanswered(Server):
    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        if stream.peek(0.05) == b"":
            raise Vanished
        return request
