"""Faults of 2.4: limits of a payload."""

import time

from tests.faults.bases import ReadsJoinsItsOwnWay, ReadsLastSizeBytes
from tests.faults.plain import (
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    MAX_PAYLOAD,
    SERVER_ERROR,
    Header,
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
