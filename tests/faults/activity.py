"""Faults of idling: what counts as activity, who is told and what an idle host leaves."""

from __future__ import annotations

import socket
import time

from plain import Server
from plain_chat import Member, Room
from plain_control import ROOM_EXISTS, Refused, Request
from registry import fault


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
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
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
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
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

    def on_datagram(self, data: bytes, source: tuple) -> None:
        self.sweep()
        super().on_datagram(data, source)


@fault(
    "idle-looked-for-in-that-room",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="idle members are looked for when somebody sends to their room",
)
class IdleLookedForInThatRoom(IdleLookedForOnDatagrams):
    def on_datagram(self, data: bytes, source: tuple) -> None:
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
    def drop(self, clause: str, data: bytes, source: tuple) -> None:
        if clause in ("4.2a", "4.2e"):
            for room in self.rooms.values():
                for member in room.members.values():
                    if member.token in data:
                        member.last = time.monotonic()


@fault(
    "joining-keeps-the-room-alive", "TCRP-5.3a", also=("TCRP-5.3d",), note="a JOIN puts off the idling of all members"
)
class JoiningKeepsTheRoomAlive(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        for member in room.members.values():
            member.last = time.monotonic()
        return super().admit(room, user, peer)


@fault(
    "host-idle-since-creating",
    "TCRP-5.3b",
    also=("TCRP-4.4c", "TCRP-5.3d"),
    note="a host's time counts from COMPLETE, whatever it sends",
)
class HostIdleSinceCreating(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
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
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if member is not member.room.host:
            member.last = last


@fault("chat-is-no-activity", "TCRP-5.3b", note="only empty messages put off idling")
class ChatIsNoActivity(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if message:
            member.last = last


@fault(
    "late-comers-idle-with-the-room", "TCRP-5.3b", note="a guest's time counts from the room's creation until it sends"
)
class LateComersIdleWithTheRoom(Server):
    def accept(self, stream: object, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        since = member.room.__dict__.setdefault("since", member.last)
        if member.address is None:
            member.last = since


@fault(
    "idle-told-at-the-first-address",
    "TCRP-5.3c",
    also=("TCRP-4.3a", "TCRP-5.4b"),
    note="an idle member is told at its first address",
)
class IdleToldAtTheFirstAddress(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        member.__dict__.setdefault("first", source)

    def time_out(self, member: Member, why: str) -> None:
        member.address = member.__dict__.get("first")
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


@fault(
    "idle-told-again-and-again",
    "TCRP-5.4b",
    also=("TCRP-5.3c",),
    note="an idle member is told at every sweep for a second",
)
class IdleToldAgainAndAgain(Server):
    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.__dict__.setdefault("told", []).append(member)

    def sweep(self) -> None:
        for member in self.__dict__.get("told", ()):
            if time.monotonic() < member.last + self.idle_timeout + 1:
                self.notify(member, "You were idle for too long.")
        super().sweep()


@fault(
    "idle-told-as-text-to-the-others",
    "TCRP-4.6c",
    also=("TCRP-5.3c", "TCRP-5.4b"),
    note="the others are told `bob was idle` as bare text",
)
class IdleToldAsTextToTheOthers(Server):
    def time_out(self, member: Member, why: str) -> None:
        for other in self.recipients(member):
            if other.address is not None:
                self.send(member.name + b" was idle", other.address)
        super().time_out(member, why)


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
    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        if member is member.room.host:
            self.__dict__.setdefault("kept", set()).add(member.room.key)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if name in self.__dict__.get("kept", ()):
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


@fault("idle-cannot-join-again", "TCRP-5.3e", note="who was idle cannot join that room again")
class IdleCannotJoinAgain(Server):
    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        member.room.__dict__.setdefault("idle", set()).add(member.name)

    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and user in room.__dict__.get("idle", ()):
            raise Refused(ROOM_EXISTS)
        return super().join(name, user, password, peer)
