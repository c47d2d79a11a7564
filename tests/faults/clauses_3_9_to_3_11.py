"""Faults of 3.9 to 3.11: concurrent requests, passwords, and creators that vanish."""

import contextlib
import socket
import threading
import time
import unicodedata
from collections import Counter
from typing import ClassVar

from tests.faults.bases import RemembersLeaversNames
from tests.faults.plain import (
    CREATE,
    MALFORMED,
    ROOM_NOT_FOUND,
    SERVER_ERROR,
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

# 3.9: of concurrent CREATEs of one name exactly one succeeds --------------------------------------


@fault(
    "create-race-behind-a-password", "TCRP-3.9", note="only with a password the room is looked for and, later, added"
)
class CreateRaceBehindAPassword(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if not password or name in self.rooms:
            return super().create(name, user, password, peer)
        self.lock.release()
        time.sleep(0.1)
        self.lock.acquire()
        self.rooms.pop(name, None)
        return super().create(name, user, password, peer)


@fault("create-while-busy-gets-5", "TCRP-3.9", note="a CREATE that has to wait for another gets 5")
class CreateWhileBusyGets5(Server):
    turn = threading.Lock()

    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation != CREATE:
            return super().decide(request, peer)
        if not self.turn.acquire(blocking=False):
            raise Refused(SERVER_ERROR)
        try:
            time.sleep(0.002)
            return super().decide(request, peer)
        finally:
            self.turn.release()


@fault("create-race", "TCRP-3.9", note="the room is looked for and, a little later, added")
class CreateRace(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == CREATE and self.room_key(request.room) not in self.rooms:
            time.sleep(0.05)
            with self.lock:
                self.rooms.pop(self.room_key(request.room), None)
                return super().decide(request, peer)
        return super().decide(request, peer)


# 3.10a: a room with a password is joined with it in full, or not at all ---------------------------


@fault("password-0-is-none", "TCRP-3.10a", note="the password 0 counts as none")
class Password0IsNone(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        return b"" if password == b"0" else password


@fault("passwords-compared-as-numbers", "TCRP-3.10a", note="passwords that are numbers are equal if the numbers are")
class PasswordsComparedAsNumbers(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        with contextlib.suppress(ValueError):
            if float(room.password) == float(password):
                return
        super().check_password(room, user, password)


@fault("passwords-nfc", "TCRP-3.10a", note="passwords are compared in NFC")
class PasswordsNfc(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return unicodedata.normalize("NFC", super().password_in(fields).decode("utf-8")).encode("utf-8")


@fault("password-ascii-only", "TCRP-3.10a", also=("TCRP-3.4c",), note="a password that is not ASCII is refused")
class PasswordAsciiOnly(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        if not password.isascii():
            raise Refused(MALFORMED)
        return password


@fault("password-replaced-by-ascii", "TCRP-3.10a", note="what is not ASCII in a password becomes ?")
class PasswordReplacedByAscii(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in(fields).decode("utf-8").encode("ascii", "replace")


@fault("white-space-password-is-none", "TCRP-3.10a", note="a password of white space counts as none")
class WhiteSpacePasswordIsNone(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        return password if password.strip() else b""


@fault("raw-joiners-need-no-password", "TCRP-3.10a", note="the raw form opens a room with a password")
class RawJoinersNeedNoPassword(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        user, password = super().parse_payload(payload)
        return user, password if payload.startswith(b"{") else b"*"

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password != b"*":
            super().check_password(room, user, password)


@fault("null-password-passes", "TCRP-3.10a", note='a password of null or "" opens any room')
class NullPasswordPasses(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return b"*" if fields.get("password", 0) in (None, "") else super().password_in(fields)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password != b"*":
            super().check_password(room, user, password)


@fault("password-asked-once-per-ip", "TCRP-3.10a", note="once a guest gave the password its IP address needs none")
class PasswordAskedOncePerIp(Server):
    opened: ClassVar[set[Room]] = set()

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if room not in self.opened:
            super().check_password(room, user, password)
            self.opened.add(room)


@fault("hosts-name-needs-no-password", "TCRP-3.10a", note="under the host's name no password is needed")
class HostsNameNeedsNoPassword(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if room.host is None or user != room.host.name:
            super().check_password(room, user, password)


@fault("password-part-passes", "TCRP-3.10a", note="any part of the password passes")
class PasswordPartPasses(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not (password and password in room.password):
            super().check_password(room, user, password)


@fault("password-with-more-passes", "TCRP-3.10a", note="whatever begins with the password passes")
class PasswordWithMorePasses(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not password.startswith(room.password):
            super().check_password(room, user, password)


@fault("password-in-128-bytes", "TCRP-3.10a", note="only the first 128 bytes of a password are compared")
class PasswordIn128Bytes(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in(fields)[:128]


@fault("password-in-512-bytes", "TCRP-3.10a", note="only the first 512 bytes of a password are compared")
class PasswordIn512Bytes(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in(fields)[:512]


@fault(
    "password-over-255-refused",
    "TCRP-3.10a",
    also=("TCRP-3.4c", "TCRP-3.2a"),
    note="a password over 255 bytes is malformed",
)
class PasswordOver255Refused(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        if len(password) > 255:
            raise Refused(MALFORMED)
        return password


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
