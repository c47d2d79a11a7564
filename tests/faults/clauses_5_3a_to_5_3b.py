"""Faults of 5.3a and 5.3b: when a member is idle."""

import time
from typing import ClassVar

from tests.faults.plain import Address, Member, Request, Room, Server, Stream
from tests.faults.registry import fault

# 5.3a: an idle member is removed by 2 T + 1 s -----------------------------------------------------


@fault(
    "receivers-are-active",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="a member to whom something is sent is not idle",
)
class ReceiversAreActive(Server):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        for other in self.recipients(member):
            if other.address is not None:
                other.last = time.monotonic()


@fault("idle-by-name", "TCRP-5.3a", note="a namesake in the room keeps a member from idling")
class IdleByName(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        for other in member.room.members.values():
            if other.name == member.name:
                other.last = member.last


@fault(
    "idle-by-ip",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e"),
    note="no member is idle while another speaks from its IP address",
)
class IdleByIp(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        for room in self.rooms.values():
            for other in room.members.values():
                if other.ip == member.ip:
                    other.last = member.last


@fault(
    "idle-looked-for-on-datagrams",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="idle members are looked for when somebody sends",
)
class IdleLookedForOnDatagrams(Server):
    def sweep_loop(self) -> None:
        pass

    def on_datagram(self, data: bytes, source: Address) -> None:
        self.sweep()
        super().on_datagram(data, source)


@fault(
    "idle-looked-for-in-that-room",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="idle members are looked for when somebody sends to their room",
)
class IdleLookedForInThatRoom(IdleLookedForOnDatagrams):
    def on_datagram(self, data: bytes, source: Address) -> None:
        Server.on_datagram(self, data, source)

    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        for other in list(member.room.members.values()):
            if self.expired(other, time.monotonic()):
                self.time_out(other, "You were idle for too long.")


@fault(
    "refused-datagrams-are-activity",
    "TCRP-5.3a",
    also=("TCRP-4.2a", "TCRP-4.2e"),
    note="a datagram that is too long or from a foreign IP counts as activity",
)
class RefusedDatagramsAreActivity(Server):
    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause in ("4.2a", "4.2e"):
            for room in self.rooms.values():
                for member in room.members.values():
                    if member.token in data:
                        member.last = time.monotonic()


@fault(
    "joining-keeps-the-room-alive", "TCRP-5.3a", also=("TCRP-5.3d",), note="a JOIN puts off the idling of all members"
)
class JoiningKeepsTheRoomAlive(Server):
    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        for member in room.members.values():
            member.last = time.monotonic()
        return super().admit(room, user, peer)


@fault("idle-never", "TCRP-5.3a", also=("TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e"), note="no member is ever idle")
class IdleNever(Server):
    def expired(self, member: Member, now: float) -> bool:
        return False


@fault(
    "idle-late",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e"),
    note="an idle member is removed after 4 T + 4 s",
)
class IdleLate(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 4 * self.idle_timeout + 4


@fault(
    "unregistered-members-never-idle",
    "TCRP-5.3a",
    also=("TCRP-5.3d",),
    note="a member that never sent a datagram is never idle",
)
class UnregisteredMembersNeverIdle(Server):
    def expired(self, member: Member, now: float) -> bool:
        return member.address is not None and super().expired(member, now)


@fault(
    "idle-by-the-room",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="no member of a room is idle as long as one of them speaks",
)
class IdleByTheRoom(Server):
    def expired(self, member: Member, now: float) -> bool:
        return all(super(IdleByTheRoom, self).expired(other, now) for other in member.room.members.values())


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
