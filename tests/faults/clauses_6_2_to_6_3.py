"""Faults of 6.2 and 6.3: what a request leaves behind, and how much a server can bear."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from tests.faults.plain import (
    CREATE,
    LIMIT_REACHED,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# 6.2a: a refused request leaves nothing behind ----------------------------------------------------


class AddsRoomFirst(Server):
    """Can add a room without a member."""

    def add_room(self, name: bytes) -> None:
        with self.lock:
            self.rooms.setdefault(self.room_key(name), Room(self.room_key(name), b""))


@fault("refused-user-name-leaves-a-room", "TCRP-6.2a", note="CREATE with a malformed payload adds the room")
class RefusedUserNameLeavesARoom(AddsRoomFirst):
    def decide(self, request: Request, peer: Address) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and request.room:
                self.add_room(request.room)
            raise


@fault("join-leaves-a-room", "TCRP-6.2a", note="JOIN of a room that does not exist gets 2 and adds the room")
class JoinLeavesARoom(AddsRoomFirst):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        try:
            return super().join(name, user, password, peer)
        finally:
            self.add_room(name)


@fault(
    "refused-create-sets-the-password",
    "TCRP-6.2a",
    also=("TCRP-3.4d",),
    note="CREATE of a room that exists gets 1 and changes its password",
)
class RefusedCreateSetsThePassword(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(self.room_key(name))
        if room is not None:
            room.password = password
        return super().create(name, user, password, peer)


@fault(
    "refused-create-takes-the-host",
    "TCRP-6.2a",
    also=("TCRP-3.4d", "TCRP-3.8f"),
    note="CREATE of a room that exists gets 1, and the host is host no more",
)
class RefusedCreateTakesTheHost(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.rooms:
            self.rooms[name].host = None
        return super().create(name, user, password, peer)


@fault(
    "refused-create-empties-the-room",
    "TCRP-6.2a",
    also=("TCRP-3.4d",),
    note="CREATE of a room that exists gets 1 and voids its tokens",
)
class RefusedCreateEmptiesTheRoom(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.rooms:
            self.rooms[name].members.clear()
        return super().create(name, user, password, peer)


@fault(
    "refused-join-replaces-a-namesake", "TCRP-6.2a", note="a JOIN with a wrong password removes the member of that name"
)
class RefusedJoinReplacesANamesake(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            super().check_password(room, user, password)
        except Refused:
            for member in list(room.members.values()):
                if member.name == user:
                    self.remove(member)
            raise


@fault("refused-state-leaves-a-room", "TCRP-6.2a", note="CREATE with a state other than 0 gets 4 and adds the room")
class RefusedStateLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == CREATE and request.state:
            super().decide(request._replace(state=0), peer)
        return super().decide(request, peer)


@fault("refused-operation-leaves-a-room", "TCRP-6.2a", note="an unknown operation gets 4 and adds the room")
class RefusedOperationLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation not in (1, 2):
            super().decide(request._replace(operation=CREATE), peer)
        return super().decide(request, peer)


@fault(
    "refused-size-leaves-a-room",
    "TCRP-6.2a",
    note="CREATE with a payload over 2^29 gets 4 and adds the room, if it is there",
)
class RefusedSizeLeavesARoom(Server):
    def read_request(self, stream: Stream) -> Request:
        header = self.parse_header(self.read_header(stream))
        try:
            self.check_sizes(header)
        except Refused:
            if room := stream.peek(0.1, header.room_size or 1):
                with self.lock:
                    self.rooms.setdefault(room, Room(room, b""))
            raise
        return Request(header.operation, header.state, *self.read_body(stream, header))


@fault(
    "refused-password-leaves-a-room",
    "TCRP-6.2a",
    note="CREATE with a password of the wrong type gets 4 and adds the room",
)
class RefusedPasswordLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and b'"password"' in request.payload and request.room not in self.rooms:
                self.rooms[request.room] = Room(request.room, b"")
            raise


# 6.2b: a request that never arrived whole leaves nothing behind -----------------------------------


@fault(
    "half-a-request-leaves-a-room",
    "TCRP-6.2b",
    note="a CREATE adds its room once the room name is there, whatever comes after",
)
class HalfARequestLeavesARoom(AddsRoomFirst):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        try:
            return room, stream.recv_exactly(header.payload_size)
        except (Vanished, OSError):
            if header.operation == CREATE:
                self.add_room(room)
            raise


@fault("half-a-payload-is-one", "TCRP-6.2b", note="of a request that is cut off, what came is served")
class HalfAPayloadIsOne(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return stream.recv_until_closed(header.room_size), stream.recv_until_closed(header.payload_size)


@fault("json-ends-the-payload", "TCRP-6.2b", note="a payload is whole once it parses as JSON, whatever its size says")
class JsonEndsThePayload(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = stream.recv_exactly(header.room_size), b""
        while len(payload) < header.payload_size:
            if not (data := stream.recv(header.payload_size - len(payload))):
                raise Vanished
            payload += data
            try:
                if isinstance(json.loads(payload), dict):
                    break
            except ValueError:
                pass
        return room, payload


@fault(
    "reset-request-leaves-a-room", "TCRP-6.2b", note="a CREATE that ends with a RST within its payload adds its room"
)
class ResetRequestLeavesARoom(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        try:
            return room, stream.recv_exactly(header.payload_size)
        except ConnectionError:
            with self.lock:
                self.rooms.setdefault(room, Room(room, b""))
            raise


@fault(
    "half-a-room-name-leaves-a-room",
    "TCRP-6.2b",
    note="a CREATE that ends within its room's name adds a room of that half",
)
class HalfARoomNameLeavesARoom(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_until_closed(header.room_size)
        if len(room) < header.room_size:
            with self.lock:
                self.rooms.setdefault(room, Room(room, b""))
            raise Vanished
        return room, stream.recv_exactly(header.payload_size)


@fault("half-a-join-joins", "TCRP-6.2b", note="a JOIN that is cut within its payload joins")
class HalfAJoinJoins(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if header.operation == CREATE:
            return room, stream.recv_exactly(header.payload_size)
        return room, stream.recv_until_closed(header.payload_size)


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
