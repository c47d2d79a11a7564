"""Faults of 2.5 and 2.6: requests in segments, and one request per connection."""

from typing import ClassVar

from tests.faults.bases import DecodesChunks, joining
from tests.faults.plain import (
    JOIN,
    MALFORMED,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# 2.5a: a request is reassembled whatever its segmentation -----------------------------------------


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


@fault("join-in-one-recv", "TCRP-2.5a", note="the body of a JOIN is whatever one recv gives")
class JoinInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        if header.operation != JOIN:
            return super().read_body(stream, header)
        data = stream.recv(header.room_size + header.payload_size)
        return data[: header.room_size], data[header.room_size :]


@fault("room-name-in-one-recv", "TCRP-2.5a", note="the room name is what one recv gives, and the payload follows")
class RoomNameInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return stream.recv(header.room_size), stream.recv_exactly(header.payload_size)


@fault(
    "header-of-the-latest-connection",
    "TCRP-2.5a",
    also=("TCRP-6.1b", "TCRP-3.4a", "TCRP-3.4c"),
    note="the header is kept in a variable that the next connection overwrites",
)
class HeaderOfTheLatestConnection(Server):
    header = Header(0, 0, 0, 0)

    def read_request(self, stream: Stream) -> Request:
        self.header = self.parse_header(self.read_header(stream))
        self.check_sizes(self.header)
        room = stream.recv_exactly(self.header.room_size)
        payload = stream.recv_exactly(self.header.payload_size)
        return Request(self.header.operation, self.header.state, room, payload)


@fault(
    "one-buffer-for-all",
    "TCRP-2.5a",
    also=("TCRP-6.1b", "TCRP-6.1a"),
    note="bytes of all connections go into one buffer",
)
class OneBufferForAll(Server):
    buffer: ClassVar[bytearray] = bytearray()

    def read_request(self, stream: Stream) -> Request:
        while True:
            with self.lock:
                if len(self.buffer) >= 32:
                    header = self.parse_header(bytes(self.buffer[:32]))
                    self.check_sizes(header)
                    end = 32 + header.room_size + header.payload_size
                    if len(self.buffer) >= end:
                        room, payload = (
                            self.buffer[32 : 32 + header.room_size],
                            self.buffer[32 + header.room_size : end],
                        )
                        self.buffer.clear()
                        return Request(header.operation, header.state, bytes(room), bytes(payload))
            data = stream.recv(4096)
            with self.lock:
                if not data:
                    self.buffer.clear()
                    raise Vanished
                self.buffer.extend(data)


@fault(
    "characters-cut-by-segments-replaced",
    "TCRP-2.5a",
    also=("TCRP-3.7c",),
    note="a character that two segments share becomes replacement characters",
)
class CharactersCutBySegmentsReplaced(DecodesChunks):
    pass


@fault(
    "characters-cut-by-segments-refused",
    "TCRP-2.5a",
    note="a request with a character that two segments share is malformed",
)
class CharactersCutBySegmentsRefused(DecodesChunks):
    errors = "strict"


@fault(
    "segment-that-ends-with-a-brace-is-the-last",
    "TCRP-2.5a",
    also=("TCRP-6.2b",),
    note="a payload is whole once a segment ends with }",
)
class SegmentThatEndsWithABraceIsTheLast(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = stream.recv_exactly(header.room_size), b""
        while len(payload) < header.payload_size:
            data = stream.recv(header.payload_size - len(payload))
            if not data:
                raise Vanished
            payload += data
            if payload.endswith(b"}"):
                break
        return room, payload


@fault(
    "segments-stripped",
    "TCRP-2.5a",
    also=("TCRP-6.1b",),
    note="spaces at either end of each segment of a payload are taken off",
)
class SegmentsStripped(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload, left = stream.recv_exactly(header.room_size), b"", header.payload_size
        while left:
            data = stream.recv(left)
            if not data:
                raise Vanished
            left -= len(data)
            payload += data.strip(b" ") if left or payload else data
        return room, payload


# 2.6a: one request a connection: bytes after it are ignored ---------------------------------------


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


@fault("bytes-after-a-join-refused", "TCRP-2.6a", note="a JOIN with bytes after it is malformed")
class BytesAfterAJoinRefused(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        body = super().read_body(stream, header)
        if header.operation == JOIN and stream.peek(0.02):
            raise Refused(MALFORMED)
        return body


# 2.6b: bytes after the request are drained before the close ---------------------------------------


@fault(
    "answer-lost-to-reset",
    "TCRP-2.6b",
    also=("TCRP-2.6a",),
    note="closing on unread bytes sends a reset that overtakes the answer",
)
class AnswerLostToReset(Server):
    """The reset is sent in place of the answer, because over loopback the answer would arrive first.

    Up to 2 KiB are taken for read along with the request, as one large recv would.
    """

    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        if len(stream.peek(0.02, 65536) or b"") > 2048:
            stream.reset()
        return request


# 2.6c: a client that half-closes after a whole request is answered --------------------------------


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


@fault("join-half-close-unanswered", "TCRP-2.6c", note="a client that has ended its side does not join")
class JoinHalfCloseUnanswered(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if joining(request) and stream.peek(0.05) == b"":
            return
        super().accept(stream, request, member)
