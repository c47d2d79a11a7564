"""Faults of 5.3b: members that are removed before their time."""

import time
from collections import Counter, defaultdict
from typing import ClassVar

from tests.faults.plain import (
    Address,
    Member,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 5.3b: no member is removed before T --------------------------------------------------------------


@fault(
    "host-idle-since-creating",
    "TCRP-5.3b",
    also=("TCRP-4.4c", "TCRP-5.3d"),
    note="a host's time counts from COMPLETE, whatever it sends",
)
class HostIdleSinceCreating(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if member is member.room.host:
            member.last = last


@fault(
    "guest-idle-since-joining",
    "TCRP-5.3b",
    also=("TCRP-4.4c",),
    note="a guest's time counts from COMPLETE, whatever it sends",
)
class GuestIdleSinceJoining(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if member is not member.room.host:
            member.last = last


@fault("chat-is-no-activity", "TCRP-5.3b", note="only empty messages put off idling")
class ChatIsNoActivity(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if message:
            member.last = last


@fault(
    "late-comers-idle-with-the-room", "TCRP-5.3b", note="a guest's time counts from the room's creation until it sends"
)
class LateComersIdleWithTheRoom(Server):
    since: ClassVar[dict[Room, float]] = {}

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        since = self.since.setdefault(member.room, member.last)
        if member.address is None:
            member.last = since


@fault("idle-early", "TCRP-5.3b", note="a member is idle after half the time")
class IdleEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > self.idle_timeout / 2


@fault(
    "idle-since-joining",
    "TCRP-5.3b",
    also=("TCRP-4.4c",),
    note="the time counts from COMPLETE, whatever a member sends",
)
class IdleSinceJoining(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        member.last = last


@fault(
    "idle-since-registering",
    "TCRP-5.3b",
    also=("TCRP-4.4c",),
    note="the time counts from the first datagram only",
)
class IdleSinceRegistering(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last if member.address else None
        super().hear(member, source, message)
        member.last = last or member.last


@fault(
    "unregistered-members-idle-early",
    "TCRP-5.3b",
    note="a member that has sent no datagram is idle after a quarter of the time",
)
class UnregisteredMembersIdleEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        early = member.address is None and now - member.last > self.idle_timeout / 4
        return early or super().expired(member, now)


@fault("silent-hosts-room-closed-early", "TCRP-5.3b", note="a host must be heard of within half of the idle time")
class SilentHostsRoomClosedEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        unheard = member is member.room.host and member.address is None
        return super().expired(member, now) or (unheard and now - member.last > self.idle_timeout / 2)


@fault("namesakes-clock-inherited", "TCRP-5.3b", note="who joins under a name again has the time that name had left")
class NamesakesClockInherited(Server):
    lasts: ClassVar[dict[tuple[bytes, bytes], float]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.lasts[member.room.key, member.name] = member.last

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        member.last = self.lasts.get((member.room.key, member.name), member.last)


@fault(
    "room-timers-go-on-after-closing",
    "TCRP-5.3b",
    note="the idle timer of a room that closed ends the next room of its name",
)
class RoomTimersGoOnAfterClosing(Server):
    due: ClassVar[list[tuple[float, bytes]]] = []

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        if room.host is not None:
            self.due.append((room.host.last + self.idle_timeout, room.key))

    def sweep(self) -> None:
        super().sweep()
        with self.lock:
            now = time.monotonic()
            ended = [one for one in self.due if one[0] <= now]
            for one in ended:
                self.due.remove(one)
                if one[1] in self.rooms:
                    self.close_room(self.rooms[one[1]], "The room was idle.")


@fault("leavers-timers-go-on", "TCRP-5.3b", note="the idle timer of who left removes the next member of that name")
class LeaversTimersGoOn(Server):
    due: ClassVar[list[tuple[float, bytes, bytes]]] = []

    def leave(self, member: Member) -> None:
        super().leave(member)
        self.due.append((member.last + self.idle_timeout, member.room.key, member.name))

    def sweep(self) -> None:
        super().sweep()
        with self.lock:
            now = time.monotonic()
            for one in [one for one in self.due if one[0] <= now]:
                self.due.remove(one)
                room = self.rooms.get(one[1])
                for member in [*room.members.values()] if room is not None else []:
                    if member.name == one[2] and member is not member.room.host:
                        self.time_out(member, "You were idle.")


@fault("second-stay-is-half-as-long", "TCRP-5.3b", note="who comes back after idling is idle after half the time")
class SecondStayIsHalfAsLong(Server):
    idled: ClassVar[set[tuple[bytes, bytes]]] = set()

    def time_out(self, member: Member, why: str) -> None:
        self.idled.add((member.room.key, member.name))
        super().time_out(member, why)

    def expired(self, member: Member, now: float) -> bool:
        if (member.room.key, member.name) in self.idled:
            return now - member.last > self.idle_timeout / 2
        return super().expired(member, now)


@fault(
    "rooms-of-an-idle-name-close-at-once",
    "TCRP-5.3b",
    also=("TCRP-5.3d", "TCRP-5.3e"),
    note="where a room idled, the next one of its name closes at the next sweep",
)
class RoomsOfAnIdleNameCloseAtOnce(Server):
    idled: ClassVar[set[bytes]] = set()

    def time_out(self, member: Member, why: str) -> None:
        if member is member.room.host:
            self.idled.add(member.room.key)
        super().time_out(member, why)

    def expired(self, member: Member, now: float) -> bool:
        return member.room.key in self.idled or super().expired(member, now)


@fault("moving-is-no-activity", "TCRP-5.3b", note="a datagram that moves does not put off idling")
class MovingIsNoActivity(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here, last = member.address, member.last
        super().hear(member, source, message)
        if here not in (None, source):
            member.last = last


@fault(
    "left-ports-idle", "TCRP-5.3b", note="a member is idle once a port that it moved away from has been silent for T"
)
class LeftPortsIdle(Server):
    ports: ClassVar[defaultdict[Member, dict[Address, float]]] = defaultdict(dict)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.ports[member][source] = member.last

    def expired(self, member: Member, now: float) -> bool:
        return super().expired(member, now) or any(now - one > self.idle_timeout for one in self.ports[member].values())


@fault(
    "silent-host-loses-its-room",
    "TCRP-5.3b",
    note="a host that has sent no datagram loses its room at the second sweep",
)
class SilentHostLosesItsRoom(Server):
    seen: ClassVar[Counter[Member]] = Counter()

    def expired(self, member: Member, now: float) -> bool:
        if member is member.room.host and member.address is None:
            self.seen[member] += 1
            return self.seen[member] > 4
        return super().expired(member, now)


@fault("silent-guest-loses-its-place", "TCRP-5.3b", note="a guest that has sent no datagram is removed after a second")
class SilentGuestLosesItsPlace(Server):
    def expired(self, member: Member, now: float) -> bool:
        if member is not member.room.host and member.address is None:
            return now - member.last > 1
        return super().expired(member, now)


@fault(
    "warned-members-go",
    "TCRP-5.3b",
    note="who was silent for two thirds of T is marked, and removed at T whatever it sends",
)
class WarnedMembersGo(Server):
    marked: ClassVar[dict[Member, float]] = {}

    def expired(self, member: Member, now: float) -> bool:
        if member in self.marked:
            return now - self.marked[member] > self.idle_timeout / 3
        if now - member.last > self.idle_timeout * 2 / 3:
            self.marked[member] = now
        return False


@fault("idle-guest-takes-later-ones-along", "TCRP-5.3b", note="with an idle guest go all that joined after it")
class IdleGuestTakesLaterOnesAlong(Server):
    def time_out(self, member: Member, why: str) -> None:
        later = [*member.room.members.values()]
        later = later[later.index(member) + 1 :] if member is not member.room.host else []
        super().time_out(member, why)
        for one in later:
            super().time_out(one, why)


@fault(
    "idle-since-the-room-was-quiet",
    "TCRP-5.3b",
    note="once a room was quiet for T all of its members go, also who joined just now",
)
class IdleSinceTheRoomWasQuiet(Server):
    spoke: ClassVar[dict[Room, float]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        if message:
            self.spoke[member.room] = time.monotonic()

    def expired(self, member: Member, now: float) -> bool:
        spoke = self.spoke.get(member.room, member.last)
        return super().expired(member, now) or now - spoke > self.idle_timeout
