"""Faults of section 3.3: user names, and what a member is called (3.8)."""

from __future__ import annotations

import unicodedata

from plain import Server
from plain_chat import Member, Room
from plain_control import MALFORMED, MAX_NAME, Refused
from registry import fault

# 3.3: user names --------------------------------------------------------------------------------


@fault("user-ascii-only", "TCRP-3.3a", note="a user name that is not ASCII is refused")
class UserAsciiOnly(Server):
    def check_user(self, name: bytes) -> bytes:
        if not name.isascii():
            raise Refused(MALFORMED)
        return super().check_user(name)


@fault("user-32-bytes-at-most", "TCRP-3.3a", note="a user name over 32 bytes is refused")
class User32BytesAtMost(Server):
    longest = 32

    def check_user(self, name: bytes) -> bytes:
        if len(name) > self.longest:
            raise Refused(MALFORMED)
        return super().check_user(name)


@fault("user-254-bytes-at-most", "TCRP-3.3a", note="a user name of 255 bytes is refused")
class User254BytesAtMost(User32BytesAtMost):
    longest = 254


@fault("c1-controls-refused", "TCRP-3.3a", note="a user name with a character of U+0080 to U+009F is refused")
class C1ControlsRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if any(unicodedata.category(character) == "Cc" for character in self.decode(name)):
            raise Refused(MALFORMED)
        return super().check_user(name)


@fault("user-spaces-refused", "TCRP-3.3a", note="a user name with a space in it is refused")
class UserSpacesRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if b" " in name:
            raise Refused(MALFORMED)
        return super().check_user(name)


@fault("user-colons-refused", "TCRP-3.3a", note="a user name with a colon in it is refused")
class UserColonsRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if b":" in name:
            raise Refused(MALFORMED)
        return super().check_user(name)


@fault("user-control-characters-accepted", "TCRP-3.3b", note="a user name may hold control characters")
class UserControlCharactersAccepted(Server):
    def check_user(self, name: bytes) -> bytes:
        super().check_user(bytes(byte if byte >= 32 and byte != 127 else 32 for byte in name))
        return name


@fault("user-del-accepted", "TCRP-3.3b", note="a user name may hold U+007F")
class UserDelAccepted(Server):
    def check_user(self, name: bytes) -> bytes:
        super().check_user(name.replace(b"\x7f", b" "))
        return name


@fault(
    "user-end-newline-taken-off",
    "TCRP-3.3b",
    note="a newline at the end of a user name is taken off instead of refused",
)
class UserEndNewlineTakenOff(Server):
    def check_user(self, name: bytes) -> bytes:
        return super().check_user(name.rstrip(b"\r\n"))


@fault("user-of-any-length-accepted", "TCRP-3.3b", note="a user name over 255 bytes is accepted")
class UserOfAnyLengthAccepted(Server):
    def check_user_size(self, name: bytes) -> None:
        if not name:
            raise Refused(MALFORMED)


@fault(
    "user-counted-in-characters",
    "TCRP-3.3b",
    also=("TCRP-2.3a",),
    note="a user name is limited to 255 characters, not bytes",
)
class UserCountedInCharacters(Server):
    def check_user_size(self, name: bytes) -> None:
        if not 1 <= len(self.decode(name)) <= MAX_NAME:
            raise Refused(MALFORMED)


@fault("user-cut-at-255", "TCRP-3.3b", note="a user name over 255 bytes is cut instead of refused")
class UserCutAt255(Server):
    def check_user(self, name: bytes) -> bytes:
        self.decode(name)
        return super().check_user(name[:255].decode("utf-8", "ignore").encode())


@fault("empty-username-accepted", "TCRP-3.3b", also=("TCRP-3.7e",), note='a username of "" in JSON is accepted')
class EmptyUsernameAccepted(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload:
            raise Refused(MALFORMED)
        return super().parse_payload(payload)

    def check_user_size(self, name: bytes) -> None:
        if len(name) > MAX_NAME:
            raise Refused(MALFORMED)


@fault("equal-names-refused", "TCRP-3.3c", note="a user name that is in the room already is refused")
class EqualNamesRefused(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        if any(member.name == user for member in room.members.values()):
            raise Refused(MALFORMED)
        return super().admit(room, user, peer)


@fault("equal-names-replaced", "TCRP-3.3c", note="whoever joins under a name that is in the room takes its place")
class EqualNamesReplaced(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        for member in list(room.members.values()):
            if member.name == user:
                self.remove(member)
        return super().admit(room, user, peer)


@fault(
    "equal-names-numbered",
    "TCRP-3.3c",
    also=("TCRP-3.8d",),
    note="the second of equal names gets a 2 appended",
)
class EqualNamesNumbered(Server):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        taken = {member.name for member in room.members.values()}
        return super().admit(room, user + b"2" if user in taken else user, peer)


# What a request says is what a member is called (3.8) -------------------------------------------


@fault(
    "user-names-stripped",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="user names lose the white space around them",
)
class UserNamesStripped(Server):
    def check_user(self, name: bytes) -> bytes:
        name = super().check_user(name)
        return name.strip(b" ") or name


@fault("user-names-nfc", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="user names are normalised")
class UserNamesNfc(Server):
    def check_user(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFC", super().check_user(name).decode()).encode()


@fault(
    "user-names-cut-at-32",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="messages carry the first 32 bytes of the user name",
)
class UserNamesCutAt32(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name[:32]


@fault(
    "user-names-capitalised",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="messages carry the user name with a capital letter",
)
class UserNamesCapitalised(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name[:1].upper() + member.name[1:]


@fault(
    "user-names-kept-by-ip",
    "TCRP-3.8d",
    note="members from one IP address are all called what the latest of them is",
)
class UserNamesKeptByIp(Server):
    names: dict[str, bytes]

    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        self.names = getattr(self, "names", {}) | {self.ip_of(peer): user}
        return super().admit(room, user, peer)

    def name_of(self, member: Member) -> bytes:
        return self.names[member.ip]
