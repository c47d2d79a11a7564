"""Faults of 6.1a to 6.1e: connections that end the server or block it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from tests.faults.bases import Crashing, LosingControl
from tests.faults.plain import Address, Header, Member, Request, Server, Stream, Vanished
from tests.faults.registry import fault

# 6.1a: a truncated header or an early close disturbs nobody else ----------------------------------


class ParsesShortHeaders(Server):
    """Parses a header that is cut off as if it were whole, which raises an error."""

    def read_header(self, stream: Stream) -> bytes:
        return stream.recv_until_closed(32)


@fault(
    "dies-of-a-short-header",
    "TCRP-6.1a",
    note="a connection that closes before its 32nd byte ends the process",
)
class DiesOfAShortHeader(ParsesShortHeaders, Crashing):
    pass


@fault(
    "control-ends-with-a-short-header",
    "TCRP-6.1a",
    note="after a connection that closes before its 32nd byte no other is accepted",
)
class ControlEndsWithAShortHeader(ParsesShortHeaders, LosingControl):
    pass


@fault("dies-of-a-short-body", "TCRP-6.1a", note="a connection that closes within its body ends the process")
class DiesOfAShortBody(Crashing):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        try:
            return super().read_body(stream, header)
        except Vanished:
            raise ValueError("incomplete body") from None


class LosesWorkers(Server):
    """Sixteen workers serve connections. A connection in `lost_by` has ended its worker."""

    workers = 16

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.free = threading.Semaphore(self.workers)
        self.lost_by: set[Stream] = set()

    def run_connection(self, stream: Stream) -> None:
        self.free.acquire()
        super().run_connection(stream)
        if stream not in self.lost_by:
            self.free.release()


@fault(
    "early-closes-use-up-the-workers", "TCRP-6.1a", also=("TCRP-6.1b",), note="of 16 workers each early close ends one"
)
class EarlyClosesUseUpTheWorkers(LosesWorkers):
    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, Vanished):
            self.lost_by.add(stream)


# 6.1b: stalled and half-open connections block nobody else ----------------------------------------


@fault(
    "one-connection-at-a-time",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="a connection is accepted once the one before it is over",
)
class OneConnectionAtATime(Server):
    def take(self, stream: Stream) -> None:
        self.run_connection(stream)


@fault(
    "eight-connections-at-a-time",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="8 threads serve connections, so 8 that stall block all others",
)
class EightConnectionsAtATime(Server):
    pool = ThreadPoolExecutor(8)

    def take(self, stream: Stream) -> None:
        self.pool.submit(self.run_connection, stream)


@fault(
    "chat-waits-for-control",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="while a request is being read, nothing else is served, chat included",
)
class ChatWaitsForControl(Server):
    def read_request(self, stream: Stream) -> Request:
        with self.lock:
            return super().read_request(stream)


@fault(
    "header-holds-everything-up",
    "TCRP-6.1b",
    note="a connection that has sent a header holds everything up until its body is there",
)
class HeaderHoldsEverythingUp(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        with self.lock:
            return super().read_body(stream, header)


@fault("stalled-request-locks-its-room", "TCRP-6.1b", note="while a request's payload is awaited its room is locked")
class StalledRequestLocksItsRoom(Server):
    locks: ClassVar[dict[bytes, threading.Lock]] = {}

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        with self.locks.setdefault(room, threading.Lock()):
            return room, stream.recv_exactly(header.payload_size)


@fault(
    "unclosed-connections-hold-everything-up",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="after its answer a client must close before another is served",
)
class UnclosedConnectionsHoldEverythingUp(Server):
    turn = threading.Lock()

    def exchange(self, stream: Stream) -> None:
        with self.turn:
            pass
        super().exchange(stream)

    def finish(self, stream: Stream) -> None:
        with self.turn:
            super().finish(stream)


@fault("one-at-a-time-for-300-ms", "TCRP-6.1b", note="one connection at a time, which may stall for 300 ms")
class OneAtATimeFor300Ms(Server):
    def take(self, stream: Stream) -> None:
        stream.begun, stream.deadline = True, time.monotonic() + 0.3
        self.run_connection(stream)

    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)


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
