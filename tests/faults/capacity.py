"""Faults of how many are served at once, what wears out, and what blocks what."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

from plain import Server
from plain_chat import Member, Room
from plain_control import CREATE, LIMIT_REACHED, ROOM_NOT_FOUND, SERVER_ERROR, Header, Refused, Request
from registry import fault
from stream import Stream, Vanished

# limits and what wears out ------------------------------------------------------------------------


class Limited(Server):
    """Never more than this many at once; 6 beyond."""

    open_at_once = 400

    def take(self, stream: Stream) -> None:
        self.max_connections = self.open_at_once
        super().take(stream)


@fault(
    "fifteen-connections-at-most", "TCRP-6.3a", also=("TCRP-6.1b",), note="with 15 connections open every other gets 6"
)
class FifteenConnectionsAtMost(Limited):
    open_at_once = 15


@fault("fifteen-members-at-most", "TCRP-6.3c", note="a 16th member of a room gets 6")
class FifteenMembersAtMost(Server):
    max_members = 15


@fault("fifteen-rooms-of-a-creator", "TCRP-6.3b", note="one IP address may hold 12 rooms")
class FifteenRoomsOfACreator(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        own = [room for room in self.rooms.values() if room.host and room.host.ip == self.ip_of(peer)]
        if len(own) >= 12:
            raise Refused(LIMIT_REACHED)
        return super().create(name, user, password, peer)


@fault("forty-requests-a-second", "TCRP-6.3d", note="beyond 40 requests a second from one address the answer is 6")
class FortyRequestsASecond(Server):
    times: ClassVar[list[float]] = []

    def decide(self, request: Request, peer: tuple) -> Member:
        now = time.monotonic()
        with self.lock:
            self.times[:] = [when for when in self.times if when > now - 1]
            self.times.append(now)
            if len(self.times) > 40:
                raise Refused(LIMIT_REACHED)
        return super().decide(request, peer)


@fault("places-of-leavers-not-free", "TCRP-6.3c", note="a room has 16 places, and those of who left stay taken")
class PlacesOfLeaversNotFree(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        room.__dict__["places"] = room.__dict__.get("places", 0) + 1
        if room.__dict__["places"] > 16:
            raise Refused(LIMIT_REACHED)
        return super().admit(room, user, peer)


@fault("places-of-closed-rooms-not-free", "TCRP-6.3b", note="there are 17 rooms, and those that closed stay taken")
class PlacesOfClosedRoomsNotFree(Server):
    created = 0

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if self.created >= 17:
            raise Refused(LIMIT_REACHED)
        member = super().create(name, user, password, peer)
        self.created += 1
        return member


class LosesWorkers(Server):
    """Sixteen workers serve connections; one that fails is gone."""

    workers = 16

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.free = threading.Semaphore(self.workers)

    def run_connection(self, stream: Stream) -> None:
        self.free.acquire()
        super().run_connection(stream)
        if not stream.__dict__.get("lost"):
            self.free.release()


@fault(
    "early-closes-use-up-the-workers", "TCRP-6.1a", also=("TCRP-6.1b",), note="of 16 workers each early close ends one"
)
class EarlyClosesUseUpTheWorkers(LosesWorkers):
    def lost(self, stream: Stream, error: Exception) -> None:
        stream.__dict__["lost"] = isinstance(error, Vanished)


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


@fault(
    "create-race-behind-a-password", "TCRP-3.9", note="only with a password the room is looked for and, later, added"
)
class CreateRaceBehindAPassword(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if not password or name in self.rooms:
            return super().create(name, user, password, peer)
        self.lock.release()
        time.sleep(0.1)
        self.lock.acquire()
        self.rooms.pop(name, None)
        return super().create(name, user, password, peer)


@fault("create-while-busy-gets-5", "TCRP-3.9", note="a CREATE that has to wait for another gets 5")
class CreateWhileBusyGets5(Server):
    turn = threading.Lock()

    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation != CREATE:
            return super().decide(request, peer)
        if not self.turn.acquire(blocking=False):
            raise Refused(SERVER_ERROR)
        try:
            time.sleep(0.002)
            return super().decide(request, peer)
        finally:
            self.turn.release()


@fault("joins-of-a-new-room-too-early", "TCRP-3.4c", note="a room can be joined half a second after its COMPLETE")
class JoinsOfANewRoomTooEarly(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().create(name, user, password, peer)
        member.room.__dict__["since"] = time.monotonic()
        return member

    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and time.monotonic() < room.__dict__.get("since", 0) + 0.5:
            raise Refused(ROOM_NOT_FOUND)
        return super().join(name, user, password, peer)
