"""Faults that a programming language or its library brings along: PHP, JavaScript, Go, C, Python, SQL."""

from __future__ import annotations

import contextlib
import re
import unicodedata
import uuid

from plain import Server
from plain_chat import Datagram, Member, Room
from plain_control import MALFORMED, ROOM_EXISTS, Refused
from registry import fault

# PHP: empty("0") is true, and == compares texts that look like numbers as numbers ------------------


@fault("room-0-is-empty", "TCRP-2.3b", note="the room name 0 counts as empty")
class Room0IsEmpty(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(b"" if name == b"0" else name)


@fault("user-0-is-empty", "TCRP-3.3a", note="the user name 0 counts as empty")
class User0IsEmpty(Server):
    def check_user(self, name: bytes) -> bytes:
        return super().check_user(b"" if name == b"0" else name)


@fault("password-0-is-none", "TCRP-3.10a", note="the password 0 counts as none")
class Password0IsNone(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = super().password_in(fields)
        return b"" if password == b"0" else password


@fault("message-0-is-empty", "TCRP-4.5a", note="the message 0 counts as empty")
class Message0IsEmpty(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, b"" if message == b"0" else message)


@fault("passwords-compared-as-numbers", "TCRP-3.10a", note="passwords that are numbers are equal if the numbers are")
class PasswordsComparedAsNumbers(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        with contextlib.suppress(ValueError):
            if float(room.password) == float(password):
                return
        super().check_password(room, user, password)


# JavaScript: a plain object has members that nobody put there -------------------------------------


@fault("room-constructor-exists", "TCRP-2.3b", also=("TCRP-3.4c",), note="the room constructor exists from the start")
class RoomConstructorExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if name in (b"constructor", b"toString", b"valueOf", b"hasOwnProperty", b"__proto__"):
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


# Go: the keys of a struct are found whatever their case --------------------------------------------


@fault("json-keys-without-case", "TCRP-3.2d", also=("TCRP-3.2c",), note="Username is username, too")
class JsonKeysWithoutCase(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return {key.lower(): value for key, value in super().parse_json(payload).items()}


# Python: strip() and isprintable() know all of Unicode, json.loads(bytes) knows the BOM -----------


@fault("json-stripped-as-text", "TCRP-3.2g", note="white space of all Unicode after the object is allowed")
class JsonStrippedAsText(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text.strip())


@fault("json-after-a-bom", "TCRP-3.2i", note="a byte order mark before { makes it JSON, too")
class JsonAfterABom(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return super().parse_payload(payload.removeprefix(b"\xef\xbb\xbf"))


@fault("room-not-printable-refused", "TCRP-2.3b", note="a room name must be printable as Python sees it")
class RoomNotPrintableRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.decode("utf-8").isprintable():
            raise Refused(MALFORMED)


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


@fault("tokens-as-uuids", "TCRP-4.2d", note="tokens are compared as UUIDs: hyphens and case do not count")
class TokensAsUuids(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        try:
            token = uuid.UUID(token.decode("ascii")).hex.encode()
        except ValueError:
            return None
        return super().member_with(room, token)


@fault("tokens-as-numbers", "TCRP-4.2d", note="tokens are compared as hexadecimal numbers")
class TokensAsNumbers(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        try:
            return super().member_with(room, b"%032x" % int(token, 16))
        except ValueError:
            return None


# C: printf formats, \0 ends, \r\n is \n -----------------------------------------------------------


@fault("message-is-a-format", "TCRP-4.6b", note="%% in a message becomes %")
class MessageIsAFormat(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(b"%%", b"%"))


@fault("user-name-is-a-format", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="%% in a user name becomes %")
class UserNameIsAFormat(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.replace(b"%%", b"%")


@fault("message-backslashes-resolved", "TCRP-4.6b", note=r"\n in a message, as two characters, becomes a newline")
class MessageBackslashesResolved(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(rb"\n", b"\n"))


@fault("message-line-ends-normalised", "TCRP-4.6b", note="CR LF in a message becomes LF")
class MessageLineEndsNormalised(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(b"\r\n", b"\n"))


@fault("message-trailing-nul-taken-off", "TCRP-4.6b", note="NULs at the end of a message are taken off")
class MessageTrailingNulTakenOff(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.rstrip(b"\0"))


@fault("room-trailing-nul-taken-off", "TCRP-2.3c", note="room names are compared without NULs at their end")
class RoomTrailingNulTakenOff(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.rstrip(b"\0")


@fault("room-names-cut-at-254", "TCRP-2.3c", note="a buffer of 255 with its NUL: names are compared in 254 bytes")
class RoomNamesCutAt254(Server):
    def room_key(self, name: bytes) -> bytes:
        return name[:254]


# SQL: collations, three bytes a character, quotes -------------------------------------------------


@fault("room-names-without-accents", "TCRP-2.3c", note="room names are compared without accents")
class RoomNamesWithoutAccents(Server):
    def room_key(self, name: bytes) -> bytes:
        text = unicodedata.normalize("NFD", name.decode("utf-8", "replace"))
        return "".join(char for char in text if not unicodedata.combining(char)).encode("utf-8", "replace")


@fault("room-trailing-spaces-ignored", "TCRP-2.3c", note="room names are compared without spaces at their end")
class RoomTrailingSpacesIgnored(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.rstrip(b" ")


@fault("room-4-byte-characters-refused", "TCRP-2.3b", note="a room name beyond U+FFFF is refused")
class Room4ByteCharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if max(name) >= 0xF0:
            raise Refused(MALFORMED)


@fault("user-4-byte-characters-refused", "TCRP-3.3a", note="a user name beyond U+FFFF is refused")
class User4ByteCharactersRefused(Server):
    def check_user(self, name: bytes) -> bytes:
        if max(super().check_user(name)) >= 0xF0:
            raise Refused(MALFORMED)
        return name


@fault("message-4-byte-characters-replaced", "TCRP-4.6b", note="what is beyond U+FFFF in a message becomes ?")
class Message4ByteCharactersReplaced(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, re.sub(rb"[\xf0-\xf4][\x80-\xbf]{3}", b"?", message))


@fault("room-punctuation-refused", "TCRP-2.3b", note="a room name with a quote, a slash or a backslash is refused")
class RoomPunctuationRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if set(name) & set(b"'\"\\/"):
            raise Refused(MALFORMED)


# Text formats -------------------------------------------------------------------------------------


@fault("room-bom-taken-off", "TCRP-2.3c", note="room names are compared without a byte order mark at their start")
class RoomBomTakenOff(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.removeprefix(b"\xef\xbb\xbf")


@fault("message-bom-taken-off", "TCRP-4.6b", note="a message loses a byte order mark at its start")
class MessageBomTakenOff(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.removeprefix(b"\xef\xbb\xbf"))


@fault("user-zero-width-taken-out", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="zero-width joiners go lost")
class UserZeroWidthTakenOut(Server):
    def name_of(self, member: Member) -> bytes:
        return re.sub("[\u200b-\u200f\ufeff]", "", member.name.decode("utf-8")).encode("utf-8")


@fault("user-cut-at-a-colon", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="a user name ends at its colon")
class UserCutAtAColon(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.partition(b":")[0]


@fault("user-escaped", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="a user name is escaped as HTML")
class UserEscaped(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.replace(b"&", b"&amp;").replace(b"<", b"&lt;")


@fault("raw-names-url-decoded", "TCRP-3.2i", also=("TCRP-3.8d",), note="%41 in a raw user name is A")
class RawNamesUrlDecoded(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            payload = re.sub(rb"%([2-7][0-9A-F])", lambda found: bytes([int(found[1], 16)]), payload)
        return super().parse_payload(payload)


@fault("raw-password-after-a-colon", "TCRP-3.2i", also=("TCRP-3.8d",), note="a raw payload is user:password")
class RawPasswordAfterAColon(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        user, password = super().parse_payload(payload)
        if not payload.startswith(b"{"):
            user, _, password = user.partition(b":")
        return self.check_user(user), password


@fault(
    "room-and-token-run-together", "TCRP-4.2c", also=("TCRP-4.2d",), note="room name and token are one key, end to end"
)
class RoomAndTokenRunTogether(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        key = datagram.room + datagram.token
        for room in self.rooms.values():
            for member in room.members.values():
                if room.key + member.token == key:
                    self.check_ip(member, source)
                    return member
        return super().find_member(datagram, source)
