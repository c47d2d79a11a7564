"""Faults of passwords: how they are read, compared and remembered."""

from __future__ import annotations

import unicodedata

from plain import Server
from plain_chat import Member, Room
from plain_control import MALFORMED, WRONG_PASSWORD, Refused
from registry import fault


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

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password != b"*":
            super().check_password(room, user, password)


@fault("null-password-passes", "TCRP-3.10a", note='a password of null or "" opens any room')
class NullPasswordPasses(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return b"*" if fields.get("password", 0) in (None, "") else super().password_in(fields)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password != b"*":
            super().check_password(room, user, password)


@fault("empty-password-of-a-joiner-refused", "TCRP-3.2b", note='"" or null at a room without a password gets 3')
class EmptyPasswordOfAJoinerRefused(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return b"*" if fields.get("password", 0) in (None, "") else super().password_in(fields)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password == b"*":
            raise Refused(WRONG_PASSWORD)
        super().check_password(room, user, password)


@fault("password-asked-once-per-ip", "TCRP-3.10a", note="once a guest gave the password its IP address needs none")
class PasswordAskedOncePerIp(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not room.__dict__.get("opened"):
            super().check_password(room, user, password)
            room.__dict__["opened"] = True


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
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if room.__dict__.get("tries", 0) >= 3:
            raise Refused(WRONG_PASSWORD)
        try:
            super().check_password(room, user, password)
        except Refused:
            room.__dict__["tries"] = room.__dict__.get("tries", 0) + 1
            raise
