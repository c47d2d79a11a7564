"""Faults of sections 6.2 and 6.3: what a request leaves behind, and how little a server can bear."""

from __future__ import annotations

import collections
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from plain import Server
from plain_chat import Member, Room
from plain_control import CREATE, LIMIT_REACHED, Header, Refused, Request
from registry import fault
from staying_up import EightConnectionsAtATime
from stream import Stream, Vanished

# 6.2: what is left behind -----------------------------------------------------------------------


class AddsRoomFirst(Server):
    def add_room(self, name: bytes) -> None:
        with self.lock:
            self.rooms.setdefault(self.room_key(name), Room(self.room_key(name), b""))


@fault("refused-user-name-leaves-a-room", "TCRP-6.2a", note="CREATE with a malformed payload adds the room")
class RefusedUserNameLeavesARoom(AddsRoomFirst):
    def decide(self, request: Request, peer: tuple) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and request.room:
                self.add_room(request.room)
            raise


@fault("join-leaves-a-room", "TCRP-6.2a", note="JOIN of a room that does not exist gets 2 and adds the room")
class JoinLeavesARoom(AddsRoomFirst):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
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
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(self.room_key(name))
        if room is not None:
            room.password = password
        return super().create(name, user, password, peer)


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


# 6.3: what it must bear -------------------------------------------------------------------------


@fault(
    "eight-connections-at-most",
    "TCRP-6.3a",
    also=("TCRP-6.1b",),
    note="with 8 connections open every other gets 6",
)
class EightConnectionsAtMost(Server):
    max_connections = 8


@fault("four-connections-wait", "TCRP-6.3a", also=("TCRP-6.1b",), note="4 threads serve connections")
class FourConnectionsWait(EightConnectionsAtATime):
    pool = ThreadPoolExecutor(4)


@fault("eight-rooms-at-most", "TCRP-6.3b", note="a ninth room gets 6")
class EightRoomsAtMost(Server):
    max_rooms = 8


@fault("eight-members-at-most", "TCRP-6.3c", note="a ninth member of a room gets 6")
class EightMembersAtMost(Server):
    max_members = 8


@fault(
    "twenty-requests-a-second",
    "TCRP-6.3d",
    note="beyond 20 requests a second from one address the answer is 6",
)
class TwentyRequestsASecond(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        with self.lock:
            now = time.monotonic()
            self.recent = collections.deque(at for at in getattr(self, "recent", ()) if at > now - 1)
            if len(self.recent) >= 20:
                raise Refused(LIMIT_REACHED)
            self.recent.append(now)
        return super().decide(request, peer)


@fault(
    "five-requests-a-second",
    "TCRP-6.3d",
    note="requests are decided one after another, a fifth of a second each",
)
class FiveRequestsASecond(Server):
    queue = threading.Lock()

    def decide(self, request: Request, peer: tuple) -> Member:
        with self.queue:
            time.sleep(0.2)
        return super().decide(request, peer)
