"""Faults of what a server keeps, or forgets, when a member leaves, a room closes or a request is refused."""

from __future__ import annotations

from typing import ClassVar

from plain import Server
from plain_chat import Member, Room
from plain_control import (
    CREATE,
    WRONG_PASSWORD,
    Header,
    Refused,
    Request,
)
from registry import fault
from stream import Stream, Vanished

# leaving and closing ------------------------------------------------------------------------------


@fault(
    "leaver-cannot-join-again",
    "TCRP-3.4c",
    also=("TCRP-5.3e",),
    note="who left a room cannot join it under its name again",
)
class LeaverCannotJoinAgain(Server):
    def remove(self, member: Member) -> None:
        super().remove(member)
        member.room.__dict__.setdefault("gone", set()).add(member.name)

    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and user in room.__dict__.get("gone", ()):
            raise Refused(WRONG_PASSWORD)
        return super().join(name, user, password, peer)


@fault(
    "leaver-needs-no-password",
    "TCRP-3.10a",
    also=("TCRP-5.3e",),
    note="who left comes back under its name without the password",
)
class LeaverNeedsNoPassword(LeaverCannotJoinAgain):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and user in room.__dict__.get("gone", ()):
            password = room.password
        return Server.join(self, name, user, password, peer)


@fault(
    "password-remembered-after-closing",
    "TCRP-5.2c",
    also=("TCRP-3.10a", "TCRP-3.4c"),
    note="the next room of a name has the password of the first",
)
class PasswordRememberedAfterClosing(Server):
    passwords: ClassVar[dict[bytes, bytes]] = {}

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().create(name, user, password, peer)
        member.room.password = self.passwords.setdefault(name, password)
        return member


@fault(
    "second-room-of-a-name-has-no-host",
    "TCRP-3.8f",
    also=("TCRP-5.2a", "TCRP-5.2c", "TCRP-5.2b"),
    note="the host of a name is the first for ever",
)
class SecondRoomOfANameHasNoHost(Server):
    named: ClassVar[set[bytes]] = set()

    def leave(self, member: Member) -> None:
        room = member.room
        if member is room.host and room.__dict__.get("second"):
            self.remove(member)
            return
        super().leave(member)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().create(name, user, password, peer)
        member.room.__dict__["second"] = name in self.named
        self.named.add(name)
        return member


@fault(
    "unregistered-host-cannot-leave",
    "TCRP-5.2c",
    also=("TCRP-5.1a", "TCRP-5.2a"),
    note="exit as a host's first datagram only registers",
)
class UnregisteredHostCannotLeave(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.first = member.address is None and member is member.room.host
        super().hear(member, source, message)

    def act(self, member: Member, message: bytes) -> None:
        if not (self.first and self.leaves(message)):
            super().act(member, message)


@fault(
    "closing-stops-at-an-unregistered-member",
    "TCRP-5.2a",
    note="after an unregistered member nobody is told that a room closes",
)
class ClosingStopsAtAnUnregisteredMember(Server):
    def close_room(self, room: Room, why: str) -> None:
        members = list(room.members.values())
        unregistered = [number for number, member in enumerate(members) if member.address is None]
        for member in members[unregistered[0] :] if unregistered else ():
            member.address = None
        super().close_room(room, why)


@fault(
    "closing-told-at-the-first-address",
    "TCRP-5.2a",
    also=("TCRP-4.3a", "TCRP-5.4b"),
    note="a closing room is told at the members' first addresses",
)
class ClosingToldAtTheFirstAddress(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        member.__dict__.setdefault("first", source)

    def close_room(self, room: Room, why: str) -> None:
        for member in room.members.values():
            member.address = member.__dict__.get("first")
        super().close_room(room, why)


@fault(
    "closing-told-to-leavers", "TCRP-5.4b", also=("TCRP-5.1a",), note="who has left is told that the room closes, too"
)
class ClosingToldToLeavers(Server):
    def remove(self, member: Member) -> None:
        super().remove(member)
        member.room.__dict__.setdefault("gone", []).append(member)

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        for member in room.__dict__.get("gone", ()):
            if member is not room.host:
                self.notify(member, why)


@fault("room-of-one-stays", "TCRP-5.2c", note="a room that holds only its host does not close")
class RoomOfOneStays(Server):
    def leave(self, member: Member) -> None:
        if len(member.room.members) == 1:
            self.remove(member)
        else:
            super().leave(member)


@fault(
    "room-with-guests-stays",
    "TCRP-5.2c",
    also=("TCRP-5.2a",),
    note="the name of a room with guests is free after them all",
)
class RoomWithGuestsStays(Server):
    def close_room(self, room: Room, why: str) -> None:
        busy = len(room.members) > 0
        super().close_room(room, why)
        if busy:
            self.rooms[room.key] = Room(room.key, room.password)


@fault(
    "empty-room-goes", "TCRP-3.8f", also=("TCRP-3.11", "TCRP-5.2c"), note="when the last guest leaves the room closes"
)
class EmptyRoomGoes(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        room = member.room
        if member is not room.host and list(room.members.values()) == [room.host]:
            self.close_room(room, "Nobody is left.")


# refused requests, and half ones ------------------------------------------------------------------


@fault(
    "refused-create-takes-the-host",
    "TCRP-6.2a",
    also=("TCRP-3.4d", "TCRP-3.8f"),
    note="CREATE of a room that exists gets 1, and the host is host no more",
)
class RefusedCreateTakesTheHost(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
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
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
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
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == CREATE and request.state:
            super().decide(request._replace(state=0), peer)
        return super().decide(request, peer)


@fault("refused-operation-leaves-a-room", "TCRP-6.2a", note="an unknown operation gets 4 and adds the room")
class RefusedOperationLeavesARoom(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
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
    def decide(self, request: Request, peer: tuple) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and b'"password"' in request.payload and request.room not in self.rooms:
                self.rooms[request.room] = Room(request.room, b"")
            raise


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
