"""Faults of 6.3: how much a server can bear."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from tests.faults.plain import (
    LIMIT_REACHED,
    Address,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 6.3a: 16 connections at once are served ----------------------------------------------------------


@fault(
    "eight-connections-at-most",
    "TCRP-6.3a",
    also=("TCRP-6.1b",),
    note="with 8 connections open every other gets 6",
)
class EightConnectionsAtMost(Server):
    max_connections = 8


@fault("four-connections-wait", "TCRP-6.3a", also=("TCRP-6.1b",), note="4 threads serve connections")
class FourConnectionsWait(Server):
    pool = ThreadPoolExecutor(4)

    def take(self, stream: Stream) -> None:
        self.pool.submit(self.run_connection, stream)


@fault(
    "fifteen-connections-at-most", "TCRP-6.3a", also=("TCRP-6.1b",), note="with 15 connections open every other gets 6"
)
class FifteenConnectionsAtMost(Server):
    max_connections = 15


# 6.3b: 16 rooms stand at once ---------------------------------------------------------------------


@fault("eight-rooms-at-most", "TCRP-6.3b", note="a ninth room gets 6")
class EightRoomsAtMost(Server):
    max_rooms = 8


@fault("fifteen-rooms-of-a-creator", "TCRP-6.3b", note="one IP address may hold 12 rooms")
class FifteenRoomsOfACreator(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        own = [room for room in self.rooms.values() if room.host and room.host.ip == self.ip_of(peer)]
        if len(own) >= 12:
            raise Refused(LIMIT_REACHED)
        return super().create(name, user, password, peer)


@fault("places-of-closed-rooms-not-free", "TCRP-6.3b", note="there are 17 rooms, and those that closed stay taken")
class PlacesOfClosedRoomsNotFree(Server):
    created = 0

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.created >= 17:
            raise Refused(LIMIT_REACHED)
        member = super().create(name, user, password, peer)
        self.created += 1
        return member


# 6.3c: a room holds 16 members --------------------------------------------------------------------


@fault("eight-members-at-most", "TCRP-6.3c", note="a ninth member of a room gets 6")
class EightMembersAtMost(Server):
    max_members = 8


@fault("fifteen-members-at-most", "TCRP-6.3c", note="a 16th member of a room gets 6")
class FifteenMembersAtMost(Server):
    max_members = 15


@fault("places-of-leavers-not-free", "TCRP-6.3c", note="a room has 16 places, and those of who left stay taken")
class PlacesOfLeaversNotFree(Server):
    places: ClassVar[Counter[Room]] = Counter()

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        self.places[room] += 1
        if self.places[room] > 16:
            raise Refused(LIMIT_REACHED)
        return super().admit(room, user, peer)


# 6.3d: 50 requests a second from one address are served -------------------------------------------


@fault(
    "twenty-requests-a-second",
    "TCRP-6.3d",
    note="beyond 20 requests a second from one address the answer is 6",
)
class TwentyRequestsASecond(Server):
    recent: tuple[float, ...] = ()

    def decide(self, request: Request, peer: Address) -> Member:
        with self.lock:
            now = time.monotonic()
            self.recent = tuple(at for at in self.recent if at > now - 1)
            if len(self.recent) >= 20:
                raise Refused(LIMIT_REACHED)
            self.recent += (now,)
        return super().decide(request, peer)


@fault(
    "five-requests-a-second",
    "TCRP-6.3d",
    note="requests are decided one after another, a fifth of a second each",
)
class FiveRequestsASecond(Server):
    queue = threading.Lock()

    def decide(self, request: Request, peer: Address) -> Member:
        with self.queue:
            time.sleep(0.2)
        return super().decide(request, peer)


@fault("forty-requests-a-second", "TCRP-6.3d", note="beyond 40 requests a second from one address the answer is 6")
class FortyRequestsASecond(Server):
    times: ClassVar[list[float]] = []

    def decide(self, request: Request, peer: Address) -> Member:
        now = time.monotonic()
        with self.lock:
            self.times[:] = [when for when in self.times if when > now - 1]
            self.times.append(now)
            if len(self.times) > 40:
                raise Refused(LIMIT_REACHED)
        return super().decide(request, peer)
