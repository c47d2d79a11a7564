"""Faults of 3.9 and 3.10: concurrent requests, and passwords."""

import contextlib
import threading
import time
import unicodedata
from typing import ClassVar

from tests.faults.bases import ReadsRoomFirst
from tests.faults.plain import (
    CREATE,
    MALFORMED,
    ROOM_EXISTS,
    SERVER_ERROR,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
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


@fault(
    "create-looks-early",
    "TCRP-3.9",
    also=("TCRP-3.4d",),
    note="a CREATE looks whether its room exists when the name has come, and adds it once the payload is there",
)
class CreateLooksEarly(ReadsRoomFirst):
    found: ClassVar[threading.local] = threading.local()

    def named(self, header: Header, room: bytes) -> None:
        self.found.exists = room in self.rooms

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.found.exists:
            raise Refused(ROOM_EXISTS)
        room = Room(name, password)
        room.host = self.admit(room, user, peer)
        self.rooms[name] = room
        return room.host


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
