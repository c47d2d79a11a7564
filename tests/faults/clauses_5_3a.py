"""Faults of 5.3a: idle members that stay."""

import time

from tests.faults.plain import (
    Address,
    Dropped,
    Member,
    Refused,
    Room,
    Server,
)
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


@fault(
    "wrong-password-puts-off-idling",
    "TCRP-5.3a",
    also=("TCRP-6.2a",),
    note="a JOIN with a wrong password counts as activity of the host",
)
class WrongPasswordPutsOffIdling(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            super().check_password(room, user, password)
        except Refused:
            if room.host is not None:
                room.host.last = time.monotonic()
            raise


@fault(
    "refused-create-puts-off-idling",
    "TCRP-5.3a",
    also=("TCRP-6.2a",),
    note="a CREATE of a room that exists gets 1 and counts as activity of all its members",
)
class RefusedCreatePutsOffIdling(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.rooms:
            for member in self.rooms[name].members.values():
                member.last = time.monotonic()
        return super().create(name, user, password, peer)


@fault(
    "stolen-empties-keep-alive",
    "TCRP-5.3a",
    also=("TCRP-4.2e",),
    note="empty messages from a foreign IP count as activity of the token's member",
)
class StolenEmptiesKeepAlive(Server):
    def on_datagram(self, data: bytes, source: Address) -> None:
        with self.lock:
            try:
                datagram = self.parse_datagram(data)
                room = self.rooms.get(datagram.room)
                if room is not None and not datagram.message and datagram.token in room.members:
                    room.members[datagram.token].last = time.monotonic()
            except Dropped:
                pass
        super().on_datagram(data, source)


@fault(
    "stolen-tokens-keep-alive",
    "TCRP-5.3a",
    also=("TCRP-4.2e",),
    note="whatever comes from a foreign IP counts as activity of the token's member",
)
class StolenTokensKeepAlive(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        try:
            super().check_ip(member, source)
        except Dropped:
            member.last = time.monotonic()
            raise


@fault(
    "wrong-room-keeps-alive",
    "TCRP-5.3a",
    also=("TCRP-4.2c", "TCRP-4.2d"),
    note="a token in a room that does not exist counts as activity of its member",
)
class WrongRoomKeepsAlive(Server):
    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause == "4.2c":
            for room in self.rooms.values():
                for member in room.members.values():
                    if member.token in data:
                        member.last = time.monotonic()


@fault("one-idle-member-in-t", "TCRP-5.3a", note="one idle member is removed, and the next of it a whole T later")
class OneIdleMemberInT(Server):
    latest = float("-inf")

    def expired(self, member: Member, now: float) -> bool:
        if now - self.latest < self.idle_timeout or not super().expired(member, now):
            return False
        self.latest = now
        return True
