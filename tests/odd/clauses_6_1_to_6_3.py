"""Right but unusual in 6.1 to 6.3: pauses, limits and rates."""

import collections
import queue
import socket
import threading
import time

from tests.faults.plain import (
    ACK,
    COMPLETE,
    JOIN,
    LIMIT_REACHED,
    OK,
    ROOM_NOT_FOUND,
    Address,
    Member,
    Refused,
    Request,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import odd

# 6.1b: stalled and half-open connections block nobody else ----------------------------------------


@odd("pauses", "TCRP-6.1b", note="every 3 s the whole server stands still for 700 ms, as for a garbage collection")
class Pauses(Server):
    pause = 0.7

    def sweep_loop(self) -> None:
        threading.Thread(target=self.stand_still, daemon=True).start()
        super().sweep_loop()

    def stand_still(self) -> None:
        while True:
            time.sleep(3.0)
            with self.lock:
                time.sleep(self.pause)

    def take(self, stream: Stream) -> None:
        with self.lock:
            super().take(stream)

    def expired(self, member: Member, now: float) -> bool:
        """A datagram that came in time may have waited for the whole pause."""
        return super().expired(member, now - self.pause)


@odd(
    "guest-tokens-come-late",
    "TCRP-6.1b",
    note="with 8 other connections open a guest's token comes 1.3 s after its ACK",
)
class GuestTokensComeLate(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if request.operation != JOIN or self.connections <= 8:
            super().accept(stream, request, member)
            return
        stream.send(self.frame(request, ACK, self.status(OK)))
        time.sleep(1.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd("short-patience", "TCRP-6.1b", note="closes what says nothing for 1 s, and a request that takes more than 3 s")
class ShortPatience(Server):
    def read_header(self, stream: Stream) -> bytes:
        if stream.peek(1.0) is None:
            raise Vanished
        return super().read_header(stream)

    def read_request(self, stream: Stream) -> Request:
        late = threading.Timer(3.0, stream.socket.shutdown, (socket.SHUT_RD,))
        late.start()
        try:
            return super().read_request(stream)
        finally:
            late.cancel()


# 6.3a: 16 connections at once are served ----------------------------------------------------------


@odd("backlog-1", "TCRP-6.3a", note="the kernel holds one connection that is not accepted yet")
class Backlog1(Server):
    backlog = 1


@odd(
    "the-floor",
    "TCRP-6.3a",
    "TCRP-6.3b",
    "TCRP-6.3c",
    "TCRP-6.3d",
    note="16 connections, 16 rooms, 16 members, 50 requests a second, and not one more",
)
class TheFloor(Server):
    """Beyond a limit the answer is 6. It first waits a little for connections that are about to end."""

    max_open = 16
    max_rooms = 16
    max_members = 16
    max_requests = 50

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.recent: dict[str, collections.deque[float]] = collections.defaultdict(collections.deque)

    def decide(self, request: Request, peer: Address) -> Member:
        until = time.monotonic() + 0.3
        while self.connections > self.max_open and time.monotonic() < until:
            time.sleep(0.005)
        with self.lock:
            if self.connections > self.max_open or not self.within_rate(self.ip_of(peer)):
                raise Refused(LIMIT_REACHED)
        return super().decide(request, peer)

    def within_rate(self, ip: str) -> bool:
        now = time.monotonic()
        recent = self.recent[ip]
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self.max_requests:
            return False
        recent.append(now)
        return True


@odd("pool-of-16", "TCRP-6.3a", note="16 threads, each held by a connection until it is closed; the next ones wait")
class PoolOf16(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.waiting: queue.SimpleQueue[Stream] = queue.SimpleQueue()

    def accept_loop(self) -> None:
        for _ in range(16):
            threading.Thread(target=self.work, daemon=True).start()
        super().accept_loop()

    def take(self, stream: Stream) -> None:
        self.waiting.put(stream)

    def work(self) -> None:
        while True:
            self.run_connection(self.waiting.get())


@odd("the-floor-or-nothing", "TCRP-6.3a", "TCRP-6.3d", note="beyond 16 connections and 50 requests a second: a RST")
class TheFloorOrNothing(TheFloor):
    """A suite that stays within the limits sees nothing unusual."""

    max_rooms = 4096  # not 16: a client cannot know when a room is gone that its host has left
    max_members = 256

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == LIMIT_REACHED:
            stream.reset()
            raise Vanished
        super().refuse(stream, request, status)


# 6.3d: 50 requests a second from one address are served -------------------------------------------


@odd("one-at-a-time", "TCRP-6.3d", note="requests are decided one after another, 15 ms each, as by a disk that syncs")
class OneAtATime(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        with self.lock:
            time.sleep(0.015)
            return super().decide(request, peer)


@odd("unknown-rooms-take-time", "TCRP-6.3d", note="a status 2 is held back for 1.2 s, any number of them at once")
class UnknownRoomsTakeTime(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == ROOM_NOT_FOUND:
            time.sleep(1.2)
        super().refuse(stream, request, status)


@odd("slow-accept", "TCRP-6.3d", note="20 ms pass before each accept: 50 connections a second and not one more")
class SlowAccept(Server):
    def take(self, stream: Stream) -> None:
        super().take(stream)
        time.sleep(0.018)
