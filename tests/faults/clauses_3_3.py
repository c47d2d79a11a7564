"""Faults of 3.3: which user names are good."""

import re
import unicodedata

from tests.faults.bases import ReadsJoinsItsOwnWay
from tests.faults.plain import JOIN, MALFORMED, MAX_NAME, Address, Member, Refused, Request, Room, Server
from tests.faults.registry import fault

# 3.3a: a user name of 1 to 255 bytes without control characters is good ---------------------------


def users_refused(name: str, note: str, pattern: str) -> None:
    """Registers a server that refuses user names in which `pattern` matches."""

    @fault(name, "TCRP-3.3a", note=note)
    class UsersRefused(Server):
        def check_user(self, name: bytes) -> bytes:
            if re.search(pattern, super().check_user(name).decode("utf-8")):
                raise Refused(MALFORMED)
            return name


users_refused("user-reserved-names-refused", "nobody may be called admin or server", r"(?i)^(admin|server|system)$")
users_refused("user-brace-first-refused", "a user name in JSON may not begin with {", r"^\{")
users_refused("user-accent-first-refused", "a user name may not begin with a combining character", "^[\u0300-\u036f]")
users_refused("user-line-separator-refused", "U+2028 counts as a control character", "[\u2028\u2029]")
users_refused("user-bom-refused", "a user name with U+FEFF is malformed", "\ufeff")
users_refused("user-private-use-refused", "a user name of the private use area is malformed", "[\ue000-\uf8ff]")
users_refused("user-noncharacter-refused", "a user name with U+FFFF is malformed", "[\ufffe\uffff]")


@fault("user-0-is-empty", "TCRP-3.3a", note="the user name 0 counts as empty")
class User0IsEmpty(Server):
    def check_user(self, name: bytes) -> bytes:
        return super().check_user(b"" if name == b"0" else name)


@fault("user-not-printable-refused", "TCRP-3.3a", note="a user name must be printable as Python sees it")
class UserNotPrintableRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if not super().check_user(name).decode("utf-8").isprintable():
            raise Refused(MALFORMED)
        return name


@fault("user-alphanumeric-only", "TCRP-3.3a", note="a user name is letters, digits and spaces of any language")
class UserAlphanumericOnly(Server):
    def check_user(self, name: bytes) -> bytes:
        if not super().check_user(name).decode("utf-8").replace(" ", "a").replace(":", "a").isalnum():
            raise Refused(MALFORMED)
        return name


@fault("user-4-byte-characters-refused", "TCRP-3.3a", note="a user name beyond U+FFFF is refused")
class User4ByteCharactersRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if max(super().check_user(name)) >= 0xF0:
            raise Refused(MALFORMED)
        return name


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


# 3.3b: a user name empty, too long or with control characters is malformed ------------------------


def control_accepted(name: str, note: str, control: bytes) -> None:
    """Registers a server that accepts this control character in user names."""

    @fault(name, "TCRP-3.3b", note=note)
    class ControlAccepted(Server):
        def check_user(self, name: bytes) -> bytes:
            super().check_user(name.replace(control, b"?"))
            return name


control_accepted("user-carriage-return-accepted", "a carriage return in a user name is accepted", b"\r")
control_accepted("user-escape-accepted", "an ESC in a user name is accepted", b"\x1b")


@fault("empty-username-joins", "TCRP-3.3b", note='a JOIN with a username of "" is of somebody called guest')
class EmptyUsernameJoins(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == JOIN:
            payload = re.sub(rb'"username":\s*""', b'"username":"guest"', request.payload)
            request = request._replace(payload=payload)
        return super().decide(request, peer)


@fault("join-with-control-characters", "TCRP-3.3b", note="a user name that joins may hold control characters")
class JoinWithControlCharacters(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{"):
            return self.parse_payload(payload)
        self.check_user_size(payload)
        self.decode(payload)
        return payload, b""


@fault("join-with-any-length", "TCRP-3.3b", note="a user name that joins may be longer than 255 bytes")
class JoinWithAnyLength(ReadsJoinsItsOwnWay):
    joins = False  # other threads see it too, but the suite sends no CREATE while it tests this

    def check_user_size(self, name: bytes) -> None:
        if not self.joins:
            super().check_user_size(name)

    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        self.joins = True
        try:
            return self.parse_payload(payload)
        finally:
            self.joins = False


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


# 3.3c: equal user names in one room are allowed ---------------------------------------------------


@fault("hosts-name-refused", "TCRP-3.3c", note="a guest may not have the host's name")
class HostsNameRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and room.host and room.host.name == user:
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("guests-equal-names-refused", "TCRP-3.3c", note="two guests may not have one name")
class GuestsEqualNamesRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and any(one.name == user and one is not room.host for one in room.members.values()):
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("names-that-differ-in-case-refused", "TCRP-3.3c", also=("TCRP-3.4c",), note="Alice may not join where alice is")
class NamesThatDifferInCaseRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
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
    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
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


@fault("equal-names-refused", "TCRP-3.3c", note="a user name that is in the room already is refused")
class EqualNamesRefused(Server):
    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        if any(member.name == user for member in room.members.values()):
            raise Refused(MALFORMED)
        return super().admit(room, user, peer)


@fault("equal-names-replaced", "TCRP-3.3c", note="whoever joins under a name that is in the room takes its place")
class EqualNamesReplaced(Server):
    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
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
    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        taken = {member.name for member in room.members.values()}
        return super().admit(room, user + b"2" if user in taken else user, peer)
