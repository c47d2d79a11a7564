"""Faults of 6.1c to 6.1e: resets, huge sizes and other bytes."""

import time
from collections import Counter
from typing import ClassVar

from tests.faults.bases import Counting, Crashing, LosingControl
from tests.faults.plain import (
    MALFORMED,
    Address,
    Header,
    Member,
    Request,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# 6.1c: a reset at any point disturbs nobody else --------------------------------------------------


@fault("dies-of-a-reset", "TCRP-6.1c", note="a connection that is reset ends the process")
class DiesOfAReset(Crashing):
    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            self.failed(error)


@fault("control-ends-with-a-reset", "TCRP-6.1c", note="after a connection that is reset no other is accepted")
class ControlEndsWithAReset(LosingControl):
    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            self.failed(error)


@fault(
    "resets-stay-counted",
    "TCRP-6.1c",
    also=("TCRP-6.1a", "TCRP-6.2b", "TCRP-6.3a"),
    note="a connection that was reset counts as open for ever, of 16",
)
class ResetsStayCounted(Counting):
    most = 16

    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, OSError):
            self.count()


@fault("reset-pauses-chat", "TCRP-6.1c", note="after a reset there is no chat for 1.5 s")
class ResetPausesChat(Server):
    until = 0.0

    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, OSError):
            self.until = time.monotonic() + 1.5

    def on_datagram(self, data: bytes, source: Address) -> None:
        time.sleep(max(0.0, self.until - time.monotonic()))
        super().on_datagram(data, source)


# 6.1d: a huge size disturbs nobody else -----------------------------------------------------------


@fault(
    "dies-of-a-huge-size",
    "TCRP-6.1d",
    also=("TCRP-2.4a",),
    note="a claimed size is given to recv, which cannot hold it",
)
class DiesOfAHugeSize(Crashing):
    def check_sizes(self, header: Header) -> None:
        pass

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if header.payload_size <= self.max_payload:
            return room, stream.recv_exactly(header.payload_size)
        return room, stream.recv(header.payload_size)


# 6.1e: bad UTF-8 and any other bytes on TCP disturb nobody else -----------------------------------


@fault("dies-of-bad-utf8", "TCRP-6.1e", also=("TCRP-3.7c",), note="a request that is not UTF-8 ends the process")
class DiesOfBadUtf8(Crashing):
    def decode(self, data: bytes) -> str:
        return data.decode("utf-8")


@fault(
    "control-ends-with-bad-utf8",
    "TCRP-6.1e",
    also=("TCRP-3.7c",),
    note="after a request that is not UTF-8 no other is accepted",
)
class ControlEndsWithBadUtf8(LosingControl):
    def decode(self, data: bytes) -> str:
        return data.decode("utf-8")


@fault(
    "dies-of-an-unknown-operation",
    "TCRP-6.1e",
    also=("TCRP-3.7a",),
    note="an operation that is not in its table ends the process",
)
class DiesOfAnUnknownOperation(Crashing):
    def decide(self, request: Request, peer: Address) -> Member:
        name = {1: "CREATE", 2: "JOIN"}[request.operation]
        return super().decide(request._replace(operation={"CREATE": 1, "JOIN": 2}[name]), peer)


@fault(
    "dies-of-a-missing-username",
    "TCRP-6.1e",
    also=("TCRP-3.2c",),
    note="JSON without a username ends the process",
)
class DiesOfAMissingUsername(Crashing):
    def user_in(self, fields: dict[str, object]) -> bytes:
        fields["username"]
        return super().user_in(fields)


@fault(
    "dies-of-deep-json",
    "TCRP-6.1e",
    also=("TCRP-3.2g", "TCRP-3.2h"),
    note="JSON nested more than 300 times ends the process",
)
class DiesOfDeepJson(Crashing):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        if payload.count(b"[") + payload.count(b"{") > 300:
            raise RecursionError("a small stack, and a reader that calls itself")
        return super().parse_json(payload)


@fault("dies-of-bad-json", "TCRP-6.1e", also=("TCRP-3.2g",), note="JSON that does not parse ends the process")
class DiesOfBadJson(Crashing):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return self.load_json(payload.decode("utf-8"))


@fault(
    "refusal-pauses-its-ip",
    "TCRP-6.1e",
    also=("TCRP-6.2a",),
    note="after a malformed request the next one from that IP waits 1.5 s",
)
class RefusalPausesItsIp(Server):
    until: ClassVar[dict[str, float]] = {}

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == MALFORMED:
            self.until[stream.peer[0]] = time.monotonic() + 1.5
        super().refuse(stream, request, status)

    def read_header(self, stream: Stream) -> bytes:
        time.sleep(max(0.0, self.until.pop(stream.peer[0], 0.0) - time.monotonic()))
        return super().read_header(stream)


@fault(
    "ten-malformed-requests-ban-an-ip",
    "TCRP-6.1e",
    also=("TCRP-6.2a",),
    note="after 10 malformed requests an IP is answered no more",
)
class TenMalformedRequestsBanAnIp(Server):
    malformed: ClassVar[Counter[str]] = Counter()

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        self.malformed[stream.peer[0]] += status == MALFORMED
        super().refuse(stream, request, status)

    def read_request(self, stream: Stream) -> Request:
        if self.malformed[stream.peer[0]] >= 10:
            raise Vanished
        return super().read_request(stream)
