"""Faults of 5.2: a host that leaves."""

import time
from collections import Counter
from typing import ClassVar

from tests.faults.bases import AnswersLeavers, RefusesWithAnotherStatus
from tests.faults.plain import (
    LIMIT_REACHED,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Address,
    Datagram,
    Dropped,
    Member,
    Refused,
    Request,
    Room,
    Server,
)
from tests.faults.registry import fault

# 5.2a: when the host leaves, every other registered member is told --------------------------------


@fault(
    "host-leaving-leaves-the-room",
    "TCRP-5.2a",
    also=("TCRP-5.2b", "TCRP-5.2c", "TCRP-3.8f", "TCRP-5.3d"),
    note="the room goes on without its host",
)
class HostLeavingLeavesTheRoom(Server):
    def leave(self, member: Member) -> None:
        self.remove(member)
        if not member.room.members:
            self.close_room(member.room, "The room is closed.")


@fault(
    "host-handed-on",
    "TCRP-5.2a",
    also=("TCRP-5.2b", "TCRP-5.2c", "TCRP-3.8f", "TCRP-5.3d"),
    note="the next member becomes the host",
)
class HostHandedOn(Server):
    def leave(self, member: Member) -> None:
        if member is member.room.host and len(member.room.members) > 1:
            self.remove(member)
            member.room.host = next(iter(member.room.members.values()))
        else:
            super().leave(member)


@fault("closing-told-to-nobody", "TCRP-5.2a", note="a room closes in silence")
class ClosingToldToNobody(Server):
    def close_room(self, room: Room, why: str) -> None:
        room.members.clear()
        super().close_room(room, why)


@fault("closing-told-to-one", "TCRP-5.2a", note="only the first of its members is told that a room closes")
class ClosingToldToOne(Server):
    def close_room(self, room: Room, why: str) -> None:
        for token in list(room.members)[1:]:
            del room.members[token]
        super().close_room(room, why)


@fault(
    "closing-told-as-chat",
    "TCRP-5.2a",
    also=("TCRP-5.4a", "TCRP-4.6c"),
    note="members are told `host: has left` and get no notice",
)
class ClosingToldAsChat(Server):
    def close_room(self, room: Room, why: str) -> None:
        if room.host is not None:
            self.relay(room.host, b"has left")
        room.members.clear()
        super().close_room(room, why)


@fault("hosts-namesakes-not-notified", "TCRP-5.2a", note="when the host leaves, members of its name are not told")
class HostsNamesakesNotNotified(Server):
    def close_room(self, room: Room, why: str) -> None:
        for member in room.members.values():
            if room.host is not None and member.name == room.host.name:
                member.address = None
        super().close_room(room, why)


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
    first: ClassVar[dict[Member, Address]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.first.setdefault(member, source)

    def close_room(self, room: Room, why: str) -> None:
        for member in room.members.values():
            member.address = self.first.get(member)
        super().close_room(room, why)


@fault("closing-told-once-to-a-name", "TCRP-5.2a", note="a name that was told of a closing is not told of another")
class ClosingToldOnceToAName(Server):
    told: ClassVar[set[tuple[bytes, bytes]]] = set()

    def close_room(self, room: Room, why: str) -> None:
        for member in room.members.values():
            if (room.key, member.name) in self.told:
                member.address = None
            self.told.add((room.key, member.name))
        super().close_room(room, why)


@fault(
    "closing-told-at-the-port-before",
    "TCRP-5.2a",
    also=("TCRP-5.4b",),
    note="a closing room is told at the port before the last move",
)
class ClosingToldAtThePortBefore(Server):
    before: ClassVar[dict[Member, Address]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address not in (None, source):
            assert member.address is not None
            self.before[member] = member.address
        super().hear(member, source, message)

    def notify(self, member: Member, text: str) -> None:
        member.address = self.before.get(member, member.address)
        super().notify(member, text)


# 5.2b: when the host leaves, all tokens of the room are void --------------------------------------


@fault(
    "tokens-alive-after-closing",
    "TCRP-5.2b",
    note="the members of a closed room can still speak with each other",
)
class TokensAliveAfterClosing(Server):
    closed: tuple[Room, ...] = ()

    def close_room(self, room: Room, why: str) -> None:
        members = dict(room.members)
        super().close_room(room, why)
        room.members.update(members)
        self.closed += (room,)

    def find_member(self, datagram: Datagram, source: Address) -> Member:
        try:
            return super().find_member(datagram, source)
        except Dropped:
            for room in self.closed:
                if room.key == datagram.room and datagram.token in room.members:
                    return room.members[datagram.token]
            raise

    def leave(self, member: Member) -> None:
        if member.room in self.closed:
            self.remove(member)
        else:
            super().leave(member)


@fault(
    "tokens-alive-in-a-namesake",
    "TCRP-5.2b",
    note="who was in a closed room is in the next room of that name",
)
class TokensAliveInANamesake(Server):
    former: ClassVar[dict[bytes, dict[bytes, Member]]] = {}

    def close_room(self, room: Room, why: str) -> None:
        self.former[room.key] = dict(room.members)
        super().close_room(room, why)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        host = super().create(name, user, password, peer)
        for token, member in self.former.pop(host.room.key, {}).items():
            member.room = host.room
            host.room.members[token] = member
        return host


@fault("closed-rooms-reply", "TCRP-5.2b", also=("TCRP-4.2c",), note="datagrams to a closed room get a notice each")
class ClosedRoomsReply(AnswersLeavers):
    dropped = "4.2c"


# 5.2c: when the host leaves, the room's name is free ----------------------------------------------


@fault("name-kept-after-closing", "TCRP-5.2c", note="the name of a closed room is never free again")
class NameKeptAfterClosing(Server):
    used: frozenset[bytes] = frozenset()

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        self.used |= {room.key}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.room_key(name) in self.used:
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


@fault("join-of-a-closed-room-gets-3", "TCRP-5.2c", also=("TCRP-3.4e",), note="3 for a room that stood once")
class JoinOfAClosedRoomGets3(RefusesWithAnotherStatus):
    closed: frozenset[bytes] = frozenset()

    def close_room(self, room: Room, why: str) -> None:
        self.closed |= {room.key}
        super().close_room(room, why)

    def rewritten(self, request: Request, status: int) -> int:
        return WRONG_PASSWORD if status == ROOM_NOT_FOUND and request.room in self.closed else status


@fault(
    "password-remembered-after-closing",
    "TCRP-5.2c",
    also=("TCRP-3.10a", "TCRP-3.4c"),
    note="the next room of a name has the password of the first",
)
class PasswordRememberedAfterClosing(Server):
    passwords: ClassVar[dict[bytes, bytes]] = {}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().create(name, user, password, peer)
        member.room.password = self.passwords.setdefault(name, password)
        return member


@fault(
    "unregistered-host-cannot-leave",
    "TCRP-5.2c",
    also=("TCRP-5.1a", "TCRP-5.2a"),
    note="exit as a host's first datagram only registers",
)
class UnregisteredHostCannotLeave(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.first = member.address is None and member is member.room.host
        super().hear(member, source, message)

    def act(self, member: Member, message: bytes) -> None:
        if not (self.first and self.leaves(message)):
            super().act(member, message)


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


@fault("name-free-three-times", "TCRP-5.2c", note="the fourth room of a name gets 6")
class NameFreeThreeTimes(Server):
    created: ClassVar[Counter[bytes]] = Counter()

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.created[name] >= 3:
            raise Refused(LIMIT_REACHED)
        host = super().create(name, user, password, peer)
        self.created[name] += 1
        return host


@fault(
    "exists-is-remembered", "TCRP-5.2c", also=("TCRP-6.2a",), note="that a name was taken is remembered for 3 seconds"
)
class ExistsIsRemembered(Server):
    taken: ClassVar[dict[bytes, float]] = {}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if time.monotonic() - self.taken.get(name, float("-inf")) < 3:
            raise Refused(ROOM_EXISTS)
        if name in self.rooms:
            self.taken[name] = time.monotonic()
        return super().create(name, user, password, peer)


@fault(
    "host-by-its-first-port",
    "TCRP-5.2c",
    also=("TCRP-5.2a", "TCRP-4.3a"),
    note="a host that has moved and leaves is a guest that leaves",
)
class HostByItsFirstPort(Server):
    firsts: ClassVar[dict[Member, Address]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.firsts.setdefault(member, source)

    def leave(self, member: Member) -> None:
        self.remove(member)
        if member is member.room.host and self.firsts.get(member) == member.address:
            self.close_room(member.room, "The host has left and the room is closed.")
