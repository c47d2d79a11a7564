"""Faults of 3.10, continued, and 3.11: passwords, and creators that vanish."""

import contextlib
import socket
import time
from collections import Counter, defaultdict
from typing import ClassVar

from tests.faults.bases import RemembersLeaversNames
from tests.faults.plain import (
    CREATE,
    JOIN,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Address,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.10a: a room with a password is joined with it in full, or not at all ---------------------------


@fault(
    "three-wrong-passwords-lock-a-room",
    "TCRP-3.10a",
    also=("TCRP-6.2a",),
    note="after 3 wrong passwords the right one gets 3, too",
)
class ThreeWrongPasswordsLockARoom(Server):
    tries: ClassVar[Counter[Room]] = Counter()

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if self.tries[room] >= 3:
            raise Refused(WRONG_PASSWORD)
        try:
            super().check_password(room, user, password)
        except Refused:
            self.tries[room] += 1
            raise


class TakesMorePasswords(Server):
    """Also accepts a password that `fits`, where the room has one."""

    def fits(self, room: Room, password: bytes) -> bool:
        raise NotImplementedError

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not (room.password and password and self.fits(room, password)):
            super().check_password(room, user, password)


@fault("passwords-cut-at-900", "TCRP-3.10a", note="passwords are compared in their first 900 bytes")
class PasswordsCutAt900(TakesMorePasswords):
    def fits(self, room: Room, password: bytes) -> bool:
        return room.password[:900] == password[:900]


@fault("passwords-of-any-room", "TCRP-3.10a", note="the password of one room opens every other")
class PasswordsOfAnyRoom(TakesMorePasswords):
    def fits(self, room: Room, password: bytes) -> bool:
        return any(other.password == password for other in self.rooms.values())


@fault("passwords-in-latin-1", "TCRP-3.10a", note="passwords are compared with ? for what is not Latin-1")
class PasswordsInLatin1(TakesMorePasswords):
    def fits(self, room: Room, password: bytes) -> bool:
        return room.password.decode().encode("latin-1", "replace") == password.decode().encode("latin-1", "replace")


@fault("null-password-opens", "TCRP-3.10a", note="a JOIN with a null password is let in")
class NullPasswordOpens(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        self.null = b'"password":null' in request.payload
        return super().decide(request, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not self.null:
            super().check_password(room, user, password)


@fault(
    "leaver-needs-no-password",
    "TCRP-3.10a",
    also=("TCRP-5.3e",),
    note="who left comes back under its name without the password",
)
class LeaverNeedsNoPassword(RemembersLeaversNames):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and user in self.gone[room]:
            password = room.password
        return super().join(name, user, password, peer)


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
    """Compares passwords as `compared` gives them."""

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


@fault(
    "former-password-opens-too", "TCRP-3.10a", note="the password of the first room of a name opens the next one, too"
)
class FormerPasswordOpensToo(Server):
    former: ClassVar[defaultdict[bytes, set[bytes]]] = defaultdict(set)

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        self.former[room.key].add(room.password)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password and password in self.former[room.key]:
            return
        super().check_password(room, user, password)


@fault(
    "former-guests-need-no-password",
    "TCRP-3.10a",
    note="who was in a room needs no password for the next one of its name",
)
class FormerGuestsNeedNoPassword(Server):
    former: ClassVar[defaultdict[bytes, set[bytes]]] = defaultdict(set)

    def close_room(self, room: Room, why: str) -> None:
        self.former[room.key] |= {member.name for member in room.members.values()}
        super().close_room(room, why)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if user not in self.former[room.key]:
            super().check_password(room, user, password)


@fault(
    "password-of-the-latest-request",
    "TCRP-3.10a",
    note="the password of a CREATE is kept in a variable for 20 ms, until the room is made",
)
class PasswordOfTheLatestRequest(Server):
    password = b""

    def decide(self, request: Request, peer: Address) -> Member:
        with contextlib.suppress(Refused):
            self.password = self.parse_payload(request.payload)[1]
            time.sleep(0.02)
        return super().decide(request, peer)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        return super().create(name, user, self.password, peer)


@fault(
    "password-cut-within-a-character-refused",
    "TCRP-3.10a",
    note="a password whose byte 72 is within a character is malformed",
)
class PasswordCutWithinACharacterRefused(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        self.decode(password[:72])
        return password


@fault(
    "wrong-password-locks-an-ip-for-2-s",
    "TCRP-3.10a",
    also=("TCRP-6.2a",),
    note="for 2 s after a wrong password its IP gets 3 for the right one, too",
)
class WrongPasswordLocksAnIpFor2S(Server):
    until: ClassVar[dict[tuple[Room, str], float]] = {}

    def decide(self, request: Request, peer: Address) -> Member:
        room = self.rooms.get(request.room)
        if room is not None and request.operation == JOIN and self.until.get((room, peer[0]), 0) > time.monotonic():
            raise Refused(WRONG_PASSWORD)
        try:
            return super().decide(request, peer)
        except Refused as refused:
            if refused.status == WRONG_PASSWORD and room is not None:
                self.until[room, peer[0]] = time.monotonic() + 2
            raise


# 3.11: a room whose creator vanished stands until it idles ----------------------------------------


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
