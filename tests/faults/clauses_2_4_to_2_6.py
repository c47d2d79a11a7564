"""Faults of 2.4 to 2.6: limits of a payload, requests in segments, and one request per connection."""

import time

from tests.faults.bases import ReadsJoinsItsOwnWay, ReadsLastSizeBytes, joining
from tests.faults.plain import (
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    MAX_PAYLOAD,
    SERVER_ERROR,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# 2.4a: a payload size over 2^29 is refused without waiting for the body ---------------------------


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
class SizeFromLast4Bytes(ReadsLastSizeBytes):
    read = 4


@fault(
    "size-from-last-8-bytes",
    "TCRP-2.4a",
    also=("TCRP-2.1",),
    note="only the last 8 of the 29 size bytes are read",
)
class SizeFromLast8Bytes(ReadsLastSizeBytes):
    read = 8


@fault("huge-size-unanswered", "TCRP-2.4a", note="a claim over 2^29 gets neither an answer nor a close")
class HugeSizeUnanswered(Server):
    def check_sizes(self, header: Header) -> None:
        if header.payload_size > MAX_PAYLOAD:
            time.sleep(3600)
        super().check_sizes(header)


@fault("payload-size-in-128-bits", "TCRP-2.4a", also=("TCRP-2.1",), note="of the size, the lower 16 bytes are read")
class PayloadSizeIn128Bits(Server):
    def parse_header(self, data: bytes) -> Header:
        return super().parse_header(data[:3] + bytes(13) + data[16:])


@fault("join-claims-without-limit", "TCRP-2.4a", note="the payload of a JOIN may be of any size")
class JoinClaimsWithoutLimit(Server):
    def check_sizes(self, header: Header) -> None:
        if header.operation != JOIN:
            super().check_sizes(header)


@fault("room-name-waited-for", "TCRP-2.4a", note="a claim is looked at once the room name has come")
class RoomNameWaitedFor(Server):
    def check_sizes(self, header: Header) -> None:
        pass

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        super().check_sizes(header)
        return room, stream.recv_exactly(header.payload_size)


# 2.4c: a payload of up to 1024 bytes is accepted --------------------------------------------------


@fault("payload-500-bytes-at-most", "TCRP-2.4c", note="a payload over 500 bytes is refused")
class Payload500BytesAtMost(Server):
    max_payload = 500


@fault("payload-1023-bytes-at-most", "TCRP-2.4c", note="a payload of 1024 bytes is refused")
class Payload1023BytesAtMost(Server):
    max_payload = 1023


@fault("join-payload-512-bytes-at-most", "TCRP-2.4c", note="a JOIN's payload over 512 bytes is refused")
class JoinPayload512BytesAtMost(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if len(payload) > 512:
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


# 2.4d: a lower payload limit of the server's own is refused by 4, 6 or close ----------------------


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
