"""Faults of sections 3.8 to 3.11: tokens, and who may enter a room."""

from __future__ import annotations

import itertools
import socket
import time
import uuid

from plain import Server
from plain_chat import Member, Room
from plain_control import CREATE, ROOM_NOT_FOUND, WRONG_PASSWORD, Refused, Request
from registry import fault
from stream import Stream

# 3.8: tokens ------------------------------------------------------------------------------------


@fault("token-constant", "TCRP-3.8a", also=("TCRP-3.8b",), note="one token for everybody")
class TokenConstant(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"3f1c9a7e5b2d8046"


@fault("token-of-the-room", "TCRP-3.8a", also=("TCRP-3.8b",), note="all members of a room have one token")
class TokenOfTheRoom(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return room.host.token if room.host else super().new_token(room, user, peer)


@fault("token-of-the-user", "TCRP-3.8a", also=("TCRP-3.8b",), note="the token is made of room and user name")
class TokenOfTheUser(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return uuid.uuid5(uuid.NAMESPACE_DNS, (room.key + b"/" + user).hex()).hex.encode()


@fault("token-is-the-ip", "TCRP-3.8a", also=("TCRP-3.8b",), note="the token is the client's IP address")
class TokenIsTheIp(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return self.ip_of(peer).encode()


@fault("token-counter", "TCRP-3.8b", note="the token is a counter")
class TokenCounter(Server):
    counter = itertools.count(1000)

    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%032d" % next(self.counter)


@fault("token-binary-counter", "TCRP-3.8b", note="the token is a counter of 16 bytes")
class TokenBinaryCounter(TokenCounter):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return next(self.counter).to_bytes(16, "big")


@fault("token-clock", "TCRP-3.8b", note="the token is the time in nanoseconds")
class TokenClock(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%032d" % time.time_ns()


@fault("token-uuid1", "TCRP-3.8b", note="the token is a UUID of clock and network address")
class TokenUuid1(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return str(uuid.uuid1()).encode()


@fault("token-4-bytes", "TCRP-3.8b", note="the token is 4 random bytes")
class Token4Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return uuid.uuid4().bytes[:4]


@fault("token-mostly-constant", "TCRP-3.8b", note="the token is long, but only 8 hexadecimal digits of it change")
class TokenMostlyConstant(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"token-of-the-chat-server-" + uuid.uuid4().hex[:8].encode()


@fault("token-empty", "TCRP-3.8c", also=("TCRP-3.8a", "TCRP-3.8b"), note="the host's token is empty")
class TokenEmpty(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return super().new_token(room, user, peer) if room.host else b""


@fault(
    "token-256-bytes",
    "TCRP-3.8c",
    also=("TCRP-4.4a",),
    note="the token is longer than a datagram's TokenSize can say",
)
class Token256Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return (super().new_token(room, user, peer) * 8)[:256]


@fault(
    "token-bound-by-first-datagram",
    "TCRP-3.8e",
    also=("TCRP-4.2e",),
    note="the IP address is that of the first datagram, not that of the TCP peer",
)
class TokenBoundByFirstDatagram(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        if member.address is None:
            member.ip = self.ip_of(source)
        super().check_ip(member, source)


@fault("latest-joiner-is-host", "TCRP-3.8f", also=("TCRP-5.2a",), note="whoever joined last is the host")
class LatestJoinerIsHost(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().join(name, user, password, peer)
        member.room.host = member
        return member


@fault("host-by-name", "TCRP-3.8f", also=("TCRP-3.3c",), note="whoever has the host's user name is the host")
class HostByName(Server):
    def leave(self, member: Member) -> None:
        host = member.room.host
        if host is not None and member.name == host.name:
            self.remove(member)
            self.close_room(member.room, "The host has left and the room is closed.")
        else:
            super().leave(member)


@fault(
    "guest-leaving-closes-the-room",
    "TCRP-3.8f",
    also=("TCRP-5.4b",),
    note="anybody's leaving closes the room",
)
class GuestLeavingClosesTheRoom(Server):
    def leave(self, member: Member) -> None:
        self.remove(member)
        self.close_room(member.room, "Somebody has left and the room is closed.")


# 3.9 to 3.11: rooms -----------------------------------------------------------------------------


@fault("create-race", "TCRP-3.9", note="the room is looked for and, a little later, added")
class CreateRace(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == CREATE and self.room_key(request.room) not in self.rooms:
            time.sleep(0.05)
            with self.lock:
                self.rooms.pop(self.room_key(request.room), None)
                return super().decide(request, peer)
        return super().decide(request, peer)


@fault("password-ignored", "TCRP-3.10a", note="a room's password is not asked for")
class PasswordIgnored(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        pass


@fault("missing-password-passes", "TCRP-3.10a", note="a password is compared only if one is given")
class MissingPasswordPasses(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password:
            super().check_password(room, user, password)


@fault("second-wrong-password-passes", "TCRP-3.10a", note="a wrong password is refused once per room")
class SecondWrongPasswordPasses(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            super().check_password(room, user, password)
        except Refused:
            room.password = b""
            raise


class PasswordComparedAs(Server):
    def compared(self, password: bytes) -> bytes:
        return password

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if room.password and self.compared(room.password) != self.compared(password):
            raise Refused(WRONG_PASSWORD)


@fault(
    "password-in-72-bytes",
    "TCRP-3.10a",
    note="only the first 72 bytes of a password are compared, as bcrypt does",
)
class PasswordIn72Bytes(PasswordComparedAs):
    def compared(self, password: bytes) -> bytes:
        return password[:72]


@fault(
    "password-in-8-bytes",
    "TCRP-3.10a",
    note="only the first 8 bytes of a password are compared, as DES crypt does",
)
class PasswordIn8Bytes(PasswordComparedAs):
    def compared(self, password: bytes) -> bytes:
        return password[:8]


@fault("password-up-to-nul", "TCRP-3.10a", note="a password ends at its first NUL, as a C string does")
class PasswordUpToNul(PasswordComparedAs):
    def compared(self, password: bytes) -> bytes:
        return password.partition(b"\0")[0]


@fault("password-without-case", "TCRP-3.10a", note="passwords are compared without case")
class PasswordWithoutCase(PasswordComparedAs):
    def compared(self, password: bytes) -> bytes:
        return password.decode().casefold().encode()


@fault("password-stripped", "TCRP-3.10a", note="passwords are compared without the white space around them")
class PasswordStripped(PasswordComparedAs):
    def compared(self, password: bytes) -> bytes:
        return password.strip()


@fault("password-prefix-passes", "TCRP-3.10a", note="a beginning of the password passes")
class PasswordPrefixPasses(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not room.password.startswith(password) or (room.password and not password):
            raise Refused(WRONG_PASSWORD)


@fault("right-password-refused", "TCRP-3.10a", note="no password opens a room that has one")
class RightPasswordRefused(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if room.password:
            raise Refused(WRONG_PASSWORD)


@fault("wrong-password-is-status-2", "TCRP-3.10a", note="a wrong password gets 2")
class WrongPasswordIsStatus2(Server):
    def status(self, status: int) -> bytes:
        return super().status(ROOM_NOT_FOUND if status == WRONG_PASSWORD else status)


@fault("creator-must-stay", "TCRP-3.11", note="a room goes if its creator was gone when COMPLETE was sent")
class CreatorMustStay(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        try:
            super().accept(stream, request, member)
            if request.operation == CREATE and stream.peek(0.05) == b"":
                time.sleep(0.05)  # a client that is gone, not only half-closed, answers COMPLETE with a reset
                self.raise_error_of(stream)
        except OSError:
            with self.lock:
                self.leave(member)
            raise

    def raise_error_of(self, stream: Stream) -> None:
        error = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "the client is gone")
