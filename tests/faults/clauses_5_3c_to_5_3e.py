"""Faults of 5.3c to 5.3e: what becomes of an idle member."""

import socket
from collections import defaultdict
from typing import ClassVar

from tests.faults.plain import (
    ROOM_EXISTS,
    Address,
    Member,
    Refused,
    Room,
    Server,
)
from tests.faults.registry import fault

# 5.3c: a registered member that is removed for idling is told -------------------------------------


@fault(
    "idle-told-at-the-first-address",
    "TCRP-5.3c",
    also=("TCRP-4.3a", "TCRP-5.4b"),
    note="an idle member is told at its first address",
)
class IdleToldAtTheFirstAddress(Server):
    first: ClassVar[dict[Member, Address]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.first.setdefault(member, source)

    def time_out(self, member: Member, why: str) -> None:
        member.address = self.first.get(member)
        super().time_out(member, why)


@fault("idle-host-untold", "TCRP-5.3c", also=("TCRP-5.3d",), note="an idle host gets no notice")
class IdleHostUntold(Server):
    def time_out(self, member: Member, why: str) -> None:
        if member is member.room.host:
            self.leave(member)
        else:
            super().time_out(member, why)


@fault("idle-guest-untold", "TCRP-5.3c", note="an idle guest gets no notice")
class IdleGuestUntold(Server):
    def time_out(self, member: Member, why: str) -> None:
        if member is not member.room.host:
            self.leave(member)
        else:
            super().time_out(member, why)


@fault(
    "idle-told-from-another-port",
    "TCRP-5.3c",
    also=("TCRP-4.6d", "TCRP-5.4a"),
    note="the notice of idling goes out from a port of its own",
)
class IdleToldFromAnotherPort(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.leave(member)
        if member.address is not None:
            with self.bind(self.host, 0, socket.SOCK_DGRAM) as sock:
                sock.sendto(self.notice(why), member.address)


@fault("idle-untold", "TCRP-5.3c", note="who is removed for idling gets no notice")
class IdleUntold(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.leave(member)


@fault(
    "idle-told-to-the-others",
    "TCRP-5.3c",
    also=("TCRP-5.4b",),
    note="the others get the notice, not who was idle",
)
class IdleToldToTheOthers(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.leave(member)
        for other in member.room.members.values():
            self.notify(other, f"{member.name.decode()} was idle.")


@fault("idling-told-once-to-a-name", "TCRP-5.3c", note="a name that was told of its idling is not told again")
class IdlingToldOnceToAName(Server):
    told: ClassVar[set[tuple[bytes, bytes]]] = set()

    def time_out(self, member: Member, why: str) -> None:
        known = (member.room.key, member.name) in self.told
        self.told.add((member.room.key, member.name))
        self.leave(member)
        if not known:
            self.notify(member, why)


# 5.3d: an idle host is a host that left -----------------------------------------------------------


@fault("idle-host-closes-in-silence", "TCRP-5.3d", also=("TCRP-5.2a",), note="the guests of an idle host are not told")
class IdleHostClosesInSilence(Server):
    def time_out(self, member: Member, why: str) -> None:
        if member is member.room.host:
            for other in self.recipients(member):
                other.address = None
        super().time_out(member, why)


@fault(
    "idle-host-keeps-the-name", "TCRP-5.3d", also=("TCRP-5.2c",), note="the name of an idle host's room is never free"
)
class IdleHostKeepsTheName(Server):
    kept: frozenset[bytes] = frozenset()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        if member is member.room.host:
            self.kept |= {member.room.key}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.kept:
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


@fault(
    "idle-host-leaves-tokens",
    "TCRP-5.3d",
    also=("TCRP-5.2b",),
    note="an idle host's guests are told, and their tokens stay good",
)
class IdleHostLeavesTokens(Server):
    def time_out(self, member: Member, why: str) -> None:
        room = member.room
        if member is not room.host:
            super().time_out(member, why)
            return
        self.remove(member)
        for one in (member, *room.members.values()):
            self.notify(one, why)
        room.host = None


@fault("idle-hosts-stay", "TCRP-5.3d", also=("TCRP-5.3a",), note="a host is never idle")
class IdleHostsStay(Server):
    def expired(self, member: Member, now: float) -> bool:
        return member is not member.room.host and super().expired(member, now)


@fault("idle-host-leaves-the-room", "TCRP-5.3d", note="the room of an idle host goes on")
class IdleHostLeavesTheRoom(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.remove(member)
        if not member.room.members:
            self.close_room(member.room, why)
        self.notify(member, why)


@fault("silent-hosts-never-idle", "TCRP-5.3d", also=("TCRP-5.3a",), note="a host without an address is never idle")
class SilentHostsNeverIdle(Server):
    def expired(self, member: Member, now: float) -> bool:
        return (member is not member.room.host or member.address is not None) and super().expired(member, now)


@fault(
    "sweep-dies-of-an-idle-host",
    "TCRP-5.3d",
    also=("TCRP-5.3a",),
    note="once a host with guests has idled nobody is removed for idling any more",
)
class SweepDiesOfAnIdleHost(Server):
    dead = False

    def sweep(self) -> None:
        if not self.dead:
            super().sweep()

    def time_out(self, member: Member, why: str) -> None:
        self.dead |= member is member.room.host and len(member.room.members) > 1
        super().time_out(member, why)


# 5.3e: who was removed for idling comes back only by joining again --------------------------------


@fault("idle-cannot-join-again", "TCRP-5.3e", note="who was idle cannot join that room again")
class IdleCannotJoinAgain(Server):
    idled: ClassVar[defaultdict[Room, set[bytes]]] = defaultdict(set)

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.idled[member.room].add(member.name)

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and user in self.idled[room]:
            raise Refused(ROOM_EXISTS)
        return super().join(name, user, password, peer)


@fault(
    "idle-token-revived",
    "TCRP-5.3e",
    also=("TCRP-5.3a",),
    note="with its old token, who was idle is a member again",
)
class IdleTokenRevived(Server):
    idled: tuple[Member, ...] = ()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.idled += (member,)

    def member_with(self, room: Room, token: bytes) -> Member | None:
        for member in self.idled:
            if member.room is room and member.token == token:
                room.members[token] = member
        return super().member_with(room, token)


@fault(
    "idle-names-need-no-password",
    "TCRP-5.3e",
    also=("TCRP-3.10a",),
    note="who was idle comes back under its name without the password",
)
class IdleNamesNeedNoPassword(Server):
    idled: frozenset[tuple[Room, bytes]] = frozenset()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.idled |= {(member.room, member.name)}

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if (room, user) not in self.idled:
            super().check_password(room, user, password)
