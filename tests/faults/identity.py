"""Faults of who somebody is: equal names, the tokens of guests, the IP address of some and not of others."""

from __future__ import annotations

import itertools
import secrets

from plain import Server
from plain_chat import Datagram, Dropped, Member, Room
from plain_control import (
    MALFORMED,
    Refused,
    Request,
)
from registry import fault

# 3.3c: who may have which name --------------------------------------------------------------------


@fault("hosts-name-refused", "TCRP-3.3c", note="a guest may not have the host's name")
class HostsNameRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and room.host and room.host.name == user:
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("guests-equal-names-refused", "TCRP-3.3c", note="two guests may not have one name")
class GuestsEqualNamesRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and any(one.name == user and one is not room.host for one in room.members.values()):
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("names-that-differ-in-case-refused", "TCRP-3.3c", also=("TCRP-3.4c",), note="Alice may not join where alice is")
class NamesThatDifferInCaseRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and any(one.name != user and one.name.lower() == user.lower() for one in room.members.values()):
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault(
    "user-name-in-one-room-only",
    "TCRP-3.3c",
    also=("TCRP-3.8d", "TCRP-4.5a", "TCRP-4.5b"),
    note="entering a room leaves every other, by name and IP",
)
class UserNameInOneRoomOnly(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        for other in list(self.rooms.values()):
            for member in list(other.members.values()):
                if (member.name, member.ip) == (user, self.ip_of(peer)) and other is not room:
                    self.leave(member)
        return super().admit(room, user, peer)


@fault(
    "exit-removes-the-first-of-a-name",
    "TCRP-3.3c",
    also=("TCRP-5.1a", "TCRP-5.1b"),
    note="exit removes the oldest member of the sender's name",
)
class ExitRemovesTheFirstOfAName(Server):
    def leave(self, member: Member) -> None:
        super().leave(next(one for one in member.room.members.values() if one.name == member.name))


@fault(
    "exit-removes-all-of-a-name",
    "TCRP-3.3c",
    also=("TCRP-5.1a", "TCRP-4.5a"),
    note="exit removes every member of the sender's name",
)
class ExitRemovesAllOfAName(Server):
    def leave(self, member: Member) -> None:
        for other in list(member.room.members.values()):
            if other.name == member.name and other is not member and other is not member.room.host:
                self.remove(other)
        super().leave(member)


@fault(
    "exit-leaves-every-room",
    "TCRP-3.8d",
    also=("TCRP-5.1a", "TCRP-3.8f"),
    note="exit leaves all rooms in which that name is, from that IP",
)
class ExitLeavesEveryRoom(Server):
    def leave(self, member: Member) -> None:
        for room in list(self.rooms.values()):
            for other in list(room.members.values()):
                if (other.name, other.ip) == (member.name, member.ip) and room is not member.room:
                    super().leave(other)
        super().leave(member)


# 3.8: the tokens of guests ------------------------------------------------------------------------

numbers = itertools.count(1)


@fault("guest-token-counter", "TCRP-3.8b", note="a guest's token is a counter of 32 digits")
class GuestTokenCounter(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%032d" % next(numbers) if room.host else super().new_token(room, user, peer)


@fault("guest-token-of-the-room", "TCRP-3.8b", note="a guest's token is the host's and a number")
class GuestTokenOfTheRoom(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        if room.host is None:
            return super().new_token(room, user, peer)
        return room.host.token + b"-%d" % len(room.members)


@fault("token-of-6-random-bytes", "TCRP-3.8b", note="a token is 6 random bytes in 32 digits, the rest zeros")
class TokenOf6RandomBytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"0" * 20 + secrets.token_hex(6).encode()


@fault("token-of-a-seeded-hash", "TCRP-3.8b", note="a token is 8 random digits, four times")
class TokenOfASeededHash(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_hex(4).encode() * 4


@fault("guest-ip-not-checked", "TCRP-4.2e", also=("TCRP-3.8e",), note="a guest's token is good from any IP address")
class GuestIpNotChecked(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        if member is member.room.host:
            super().check_ip(member, source)


@fault("host-ip-not-checked", "TCRP-4.2e", also=("TCRP-3.8e",), note="a host's token is good from any IP address")
class HostIpNotChecked(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        if member is not member.room.host:
            super().check_ip(member, source)


@fault(
    "declared-address-believed",
    "TCRP-3.8e",
    also=("TCRP-4.2e", "TCRP-3.2d"),
    note="user_address in JSON binds the token",
)
class DeclaredAddressBelieved(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.payload.startswith(b"{"):
            declared = self.parse_json(request.payload).get("user_address")
            if isinstance(declared, list) and declared and isinstance(declared[0], str):
                peer = (declared[0], *peer[1:])
        return super().decide(request, peer)


@fault("declared-ip-believed", "TCRP-3.8e", also=("TCRP-4.2e", "TCRP-3.2d"), note="ip in JSON binds the token")
class DeclaredIpBelieved(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.payload.startswith(b"{"):
            declared = self.parse_json(request.payload).get("ip")
            if isinstance(declared, str) and declared.count(".") == 3:
                peer = (declared, *peer[1:])
        return super().decide(request, peer)


@fault("token-last-byte-not-compared", "TCRP-4.2d", note="the last byte of a token is not compared")
class TokenLastByteNotCompared(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        return next(
            (one for key, one in room.members.items() if key[:-1] == token[:-1] and len(key) == len(token)), None
        )


@fault(
    "exit-in-any-room", "TCRP-4.2d", also=("TCRP-4.2c",), note="exit with a good token leaves, whatever room is named"
)
class ExitInAnyRoom(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        try:
            return super().find_member(datagram, source)
        except Dropped:
            for room in self.rooms.values():
                if datagram.message == b"exit" and datagram.token in room.members:
                    return room.members[datagram.token]
            raise


@fault("exit-from-any-ip", "TCRP-4.2e", note="exit leaves, whatever IP address it comes from")
class ExitFromAnyIp(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        room = self.rooms.get(datagram.room)
        member = self.member_with(room, datagram.token) if room else None
        if member and self.leaves(datagram.message):
            return member
        return super().find_member(datagram, source)


@fault("empty-from-any-ip", "TCRP-4.2e", note="an empty message registers, whatever IP address it comes from")
class EmptyFromAnyIp(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        room = self.rooms.get(datagram.room)
        member = self.member_with(room, datagram.token) if room else None
        if member and not datagram.message:
            return member
        return super().find_member(datagram, source)
