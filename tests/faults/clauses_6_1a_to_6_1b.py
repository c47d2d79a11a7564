"""Faults of 6.1a and 6.1b: early closes, and connections that stall."""

import contextlib
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from tests.faults.bases import Counting, Crashing, LosingControl
from tests.faults.plain import (
    JOIN,
    LIMIT_REACHED,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
    Vanished,
)
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


@fault(
    "early-close-ends-the-latest-connection",
    "TCRP-6.1a",
    also=("TCRP-6.1c",),
    note="a connection that ends early takes the one that was accepted last with it",
)
class EarlyCloseEndsTheLatestConnection(Server):
    latest: Stream | None = None

    def take(self, stream: Stream) -> None:
        self.latest = stream
        super().take(stream)

    def lost(self, stream: Stream, error: Exception) -> None:
        if self.latest is not None and self.latest is not stream:
            with contextlib.suppress(OSError):
                self.latest.socket.shutdown(socket.SHUT_RDWR)


@fault(
    "early-closes-stay-counted",
    "TCRP-6.1a",
    also=("TCRP-6.1c", "TCRP-6.2b", "TCRP-6.3a"),
    note="a connection that ended early counts as open for ever, of 16",
)
class EarlyClosesStayCounted(Counting):
    most = 16

    def lost(self, stream: Stream, error: Exception) -> None:
        self.count()


@fault(
    "early-close-pauses-accepting",
    "TCRP-6.1a",
    also=("TCRP-6.1c",),
    note="after an early close nothing is accepted for 1.5 s",
)
class EarlyClosePausesAccepting(Server):
    until = 0.0

    def lost(self, stream: Stream, error: Exception) -> None:
        self.until = time.monotonic() + 1.5

    def take(self, stream: Stream) -> None:
        time.sleep(max(0.0, self.until - time.monotonic()))
        super().take(stream)


@fault(
    "early-close-locks-its-room",
    "TCRP-6.1a",
    also=("TCRP-6.2b", "TCRP-6.1c"),
    note="after a JOIN that was cut off within its payload its room is joined by nobody",
)
class EarlyCloseLocksItsRoom(Server):
    locked: ClassVar[set[bytes]] = set()

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        try:
            return room, stream.recv_exactly(header.payload_size)
        except (Vanished, OSError):
            if header.operation == JOIN:
                self.locked.add(room)
            raise

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.locked:
            raise Refused(LIMIT_REACHED)
        return super().join(name, user, password, peer)


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


@fault(
    "chat-silent-while-a-request-is-stuck",
    "TCRP-6.1b",
    note="while a request is stuck after its header for more than half a second there is no chat",
)
class ChatSilentWhileARequestIsStuck(Server):
    begun: ClassVar[dict[Stream, float]] = {}

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        self.begun[stream] = time.monotonic()
        try:
            return super().read_body(stream, header)
        finally:
            del self.begun[stream]

    def on_datagram(self, data: bytes, source: Address) -> None:
        while any(time.monotonic() - one > 0.5 for one in list(self.begun.values())):
            time.sleep(0.01)
        super().on_datagram(data, source)


@fault(
    "chat-of-a-room-silent-while-a-join-is-stuck",
    "TCRP-6.1b",
    note="while a JOIN is stuck after its room name that room has no chat",
)
class ChatOfARoomSilentWhileAJoinIsStuck(Server):
    stuck: ClassVar[Counter[bytes]] = Counter()

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if header.operation != JOIN:
            return room, stream.recv_exactly(header.payload_size)
        self.stuck[room] += 1
        try:
            return room, stream.recv_exactly(header.payload_size)
        finally:
            self.stuck[room] -= 1

    def relay(self, member: Member, message: bytes) -> None:
        if self.stuck[member.room.key] <= 0:
            super().relay(member, message)


@fault(
    "idling-stops-while-a-request-is-stuck",
    "TCRP-6.1b",
    also=("TCRP-5.3a",),
    note="while a request is stuck nobody is removed for idling",
)
class IdlingStopsWhileARequestIsStuck(Server):
    stuck = 0

    def read_header(self, stream: Stream) -> bytes:
        self.stuck += 1
        try:
            return super().read_header(stream)
        finally:
            self.stuck -= 1

    def sweep(self) -> None:
        if not self.stuck:
            super().sweep()
