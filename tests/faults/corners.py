"""Faults that one form of a request, one character of a name or one room alone brings to light."""

from __future__ import annotations

import re

from plain import Server
from plain_chat import Datagram, Member
from plain_control import JOIN, MALFORMED, MAX_PASSWORD, ROOM_EXISTS, Refused, Request
from registry import fault

# 3.2c: types and sizes ----------------------------------------------------------------------------


@fault("username-by-other-keys", "TCRP-3.2c", note="where there is no username, user or name will do")
class UsernameByOtherKeys(Server):
    def user_in(self, fields: dict[str, object]) -> bytes:
        return super().user_in({"username": fields.get("user", fields.get("name"))} | fields)


@fault("username-not-needed-to-join", "TCRP-3.2c", note="a JOIN without a username is of somebody called guest")
class UsernameNotNeededToJoin(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == JOIN and request.payload[:1] == b"{" and b'"username"' not in request.payload:
            request = request._replace(payload=b'{"username":"guest",' + request.payload[1:])
        return super().decide(request, peer)


@fault("password-zero-is-none", "TCRP-3.2c", note="a password that is the number 0 counts as none")
class PasswordZeroIsNone(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        zero = isinstance(fields.get("password"), int) and fields["password"] == 0
        return b"" if zero and fields["password"] is not False else super().password_in(fields)


@fault("password-of-1025-accepted", "TCRP-3.2c", note="a password of 1025 bytes is accepted, one of 1026 is not")
class PasswordOf1025Accepted(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = fields.get("password")
        if isinstance(password, str) and len(password.encode()) == MAX_PASSWORD + 1:
            return password.encode()
        return super().password_in(fields)


class _JoinsUnchecked(Server):
    def looked_over(self, password: object) -> object:
        raise NotImplementedError

    def decide(self, request: Request, peer: tuple) -> Member:
        self.joins = request.operation == JOIN
        return super().decide(request, peer)

    def password_in(self, fields: dict[str, object]) -> bytes:
        if self.joins:
            fields = fields | {"password": self.looked_over(fields.get("password"))}
        return super().password_in(fields)


@fault("password-of-any-type-joins", "TCRP-3.2c", note="what is no string counts as no password, in a JOIN")
class PasswordOfAnyTypeJoins(_JoinsUnchecked):
    def looked_over(self, password: object) -> object:
        return password if isinstance(password, str) else None


@fault("password-of-any-length-joins", "TCRP-3.2c", note="a password over 1024 bytes is looked at, in a JOIN")
class PasswordOfAnyLengthJoins(_JoinsUnchecked):
    def looked_over(self, password: object) -> object:
        return password[:MAX_PASSWORD] if isinstance(password, str) else password


# 3.2d and 3.2e: keys ------------------------------------------------------------------------------


@fault("nesting-over-31-refused", "TCRP-3.2d", note="nesting of 32 is malformed")
class NestingOver31Refused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        depth = deepest = 0
        for character in re.sub(r'"(\\.|[^"\\])*"', "", text):
            depth += (character in "[{") - (character in "]}")
            deepest = max(deepest, depth)
        if deepest > 31:
            raise ValueError
        return super().load_json(text)


@fault("exponents-refused", "TCRP-3.2d", note="a number with an exponent is malformed")
class ExponentsRefused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        if re.search(r":\s*-?\d+(\.\d+)?[eE]|[\[,]-?\d+(\.\d+)?[eE]", text):
            raise ValueError
        return super().load_json(text)


@fault("keys-end-at-nul", "TCRP-3.2d", note="a key ends at its first NUL")
class KeysEndAtNul(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return {key.partition("\0")[0]: value for key, value in super().parse_json(payload).items()}


@fault("keys-stripped", "TCRP-3.2d", note="white space around a key does not count")
class KeysStripped(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return {key.strip(): value for key, value in super().parse_json(payload).items()}


@fault("first-username-counts", "TCRP-3.2e", note="of two user names the first counts")
class FirstUsernameCounts(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        first = [pair for pair in pairs if pair[0] == "username"][:1]
        return super().members_of_object(pairs) | dict(first)


@fault("null-puts-nothing-aside", "TCRP-3.2e", note="a null does not replace an earlier equal key")
class NullPutsNothingAside(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        super().members_of_object(pairs)
        return dict(pair for pair in pairs if pair[1] is not None)


# 3.2g: what some readers let through ---------------------------------------------------------------


def _lets_through(name: str, note: str, pattern: str, instead: str) -> None:
    @fault(name, "TCRP-3.2g", note=note)
    class LetsThrough(Server):
        def load_json(self, text: str) -> dict[str, object]:
            return super().load_json(re.sub(pattern, instead, text))


_lets_through("equals-sign-accepted", "= may stand for the colon in JSON", r'"=', '":')
_lets_through("missing-comma-accepted", "between members a space will do", r'" "', '","')
_lets_through("escaped-apostrophe-accepted", r"\' in a JSON string is '", r"\\'", "'")
_lets_through("short-escapes-accepted", r"\u00e, with three digits, is let through", r'\\u([0-9a-f]{3})"', r'\\u0\1"')
_lets_through("no-break-space-accepted", "any white space of Unicode may stand in JSON", ":\u00a0", ":")


@fault("surrogates-in-lists-accepted", "TCRP-3.2g", note="a lone surrogate passes in a list")
class SurrogatesInListsAccepted(Server):
    def check_text(self, value: object) -> None:
        if isinstance(value, str):
            super().check_text(value)


# 3.3: characters of user names ---------------------------------------------------------------------


def _refuses_users(name: str, note: str, pattern: str) -> None:
    @fault(name, "TCRP-3.3a", note=note)
    class RefusesUsers(Server):
        def check_user(self, name: bytes) -> bytes:
            if re.search(pattern, super().check_user(name).decode("utf-8")):
                raise Refused(MALFORMED)
            return name


_refuses_users("user-reserved-names-refused", "nobody may be called admin or server", r"(?i)^(admin|server|system)$")
_refuses_users("user-brace-first-refused", "a user name in JSON may not begin with {", r"^\{")
_refuses_users("user-accent-first-refused", "a user name may not begin with a combining character", "^[\u0300-\u036f]")
_refuses_users("user-line-separator-refused", "U+2028 counts as a control character", "[\u2028\u2029]")
_refuses_users("user-bom-refused", "a user name with U+FEFF is malformed", "\ufeff")
_refuses_users("user-private-use-refused", "a user name of the private use area is malformed", "[\ue000-\uf8ff]")
_refuses_users("user-noncharacter-refused", "a user name with U+FFFF is malformed", "[\ufffe\uffff]")


def _accepts_users(name: str, note: str, control: bytes) -> None:
    @fault(name, "TCRP-3.3b", note=note)
    class AcceptsUsers(Server):
        def check_user(self, name: bytes) -> bytes:
            super().check_user(name.replace(control, b"?"))
            return name


_accepts_users("user-carriage-return-accepted", "a carriage return in a user name is accepted", b"\r")
_accepts_users("user-escape-accepted", "an ESC in a user name is accepted", b"\x1b")


@fault("empty-username-joins", "TCRP-3.3b", note='a JOIN with a username of "" is of somebody called guest')
class EmptyUsernameJoins(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == JOIN:
            payload = re.sub(rb'"username":\s*""', b'"username":"guest"', request.payload)
            request = request._replace(payload=payload)
        return super().decide(request, peer)


# 3.7c: UTF-8 ---------------------------------------------------------------------------------------


@fault("json-of-bad-utf8-joins", "TCRP-3.7c", note="in the JSON of a JOIN, what is not UTF-8 is left out")
class JsonOfBadUtf8Joins(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == JOIN and request.payload[:1] == b"{":
            request = request._replace(payload=request.payload.decode("utf-8", "ignore").encode())
        return super().decide(request, peer)


@fault("raw-names-with-surrogates-accepted", "TCRP-3.7c", note="ED A0 80 is taken for UTF-8 in a raw user name")
class RawNamesWithSurrogatesAccepted(Server):
    def check_user(self, name: bytes) -> bytes:
        return super().check_user(re.sub(rb"\xed[\xa0-\xbf][\x80-\xbf]", b"?", name))


@fault("nul-in-two-bytes-accepted", "TCRP-3.7c", note="C0 80 is a NUL, as in Java's modified UTF-8")
class NulInTwoBytesAccepted(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name.replace(b"\xc0\x80", b"\0"))


@fault("room-cut-short-accepted", "TCRP-3.7c", note="half a character at the end of a room name is let through")
class RoomCutShortAccepted(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(re.sub(rb"[\xc2-\xf4][\x80-\xbf]{0,2}$", b"", name) or name)


# 3.8d: what a member is called ----------------------------------------------------------------------


def _calls(name: str, note: str, pattern: str, instead: str) -> None:
    @fault(name, "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note=note)
    class Calls(Server):
        def name_of(self, member: Member) -> bytes:
            return re.sub(pattern, instead, member.name.decode("utf-8")).encode("utf-8")


_calls("user-first-word-only", "messages carry the first word of the user name", r"(?<=\S) .*$", "")
_calls("user-spaces-collapsed", "two spaces in a user name become one", "  +", " ")
_calls("user-no-break-space-replaced", "a no-break space in a user name becomes a space", "\u00a0", " ")
_calls("user-bom-taken-off", "a user name loses a byte order mark at its start", "^\ufeff", "")
_calls("user-cut-at-64", "messages carry 64 characters of the user name", r"(?s)^(.{64}).*$", r"\1")


@fault(
    "user-names-in-lower-case", "TCRP-3.8d", also=("TCRP-3.3c", "TCRP-4.6a"), note="messages carry alicia for Alicia"
)
class UserNamesInLowerCase(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.lower()


# 2.3: room names ------------------------------------------------------------------------------------


@fault("join-of-255-bytes-refused", "TCRP-2.3b", note="a JOIN of a room name of 255 bytes is refused")
class JoinOf255BytesRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if len(name) == 255:
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("room-of-c1-refused", "TCRP-2.3b", note="a room name with U+0080 to U+009F is refused")
class RoomOfC1Refused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if re.search("[\x80-\x9f]", name.decode("utf-8")):
            raise Refused(MALFORMED)


@fault("room-of-noncharacters-refused", "TCRP-2.3b", note="a room name with U+FFFF is refused")
class RoomOfNoncharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if "\uffff" in name.decode("utf-8"):
            raise Refused(MALFORMED)


def _keys(name: str, note: str, pattern: str, instead: str) -> None:
    @fault(name, "TCRP-2.3c", note=note)
    class Keys(Server):
        def room_key(self, name: bytes) -> bytes:
            return re.sub(pattern, instead, name.decode("utf-8", "replace")).encode("utf-8")


_keys("room-zero-width-left-out", "room names are compared without zero-width characters", "[\u200b-\u200d]", "")
_keys("room-names-in-ascii", "room names are compared with ? for what is not ASCII", "[^\0-\x7f]", "?")
_keys("room-spaces-collapsed", "room names are compared with one space for several", "  +", " ")
_keys("room-names-url-decoded", "%41 in a room name is A", "%41", "A")


class _Similar(Server):
    def similar(self, name: bytes, other: bytes) -> bool:
        raise NotImplementedError

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if any(self.similar(name, other) for other in self.rooms):
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


@fault("create-without-case-refused", "TCRP-2.3c", note="a room is not created where one of other case stands")
class CreateWithoutCaseRefused(_Similar):
    def similar(self, name: bytes, other: bytes) -> bool:
        return name.lower() == other.lower()


@fault("create-of-a-beginning-refused", "TCRP-2.3c", note="a room is not created if another's name begins with its own")
class CreateOfABeginningRefused(_Similar):
    def similar(self, name: bytes, other: bytes) -> bool:
        return other.startswith(name)


@fault(
    "chat-in-rooms-with-nul-dropped", "TCRP-4.1", also=("TCRP-2.3b",), note="in a datagram a room name ends at a NUL"
)
class ChatInRoomsWithNulDropped(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        return super().find_member(datagram._replace(room=datagram.room.partition(b"\0")[0]), source)


# 4.6: the bytes of a message --------------------------------------------------------------------------


def _changes(name: str, clause: str, note: str, pattern: bytes, instead: bytes) -> None:
    @fault(name, clause, note=note)
    class Changes(Server):
        def compose(self, member: Member, message: bytes) -> bytes:
            return super().compose(member, re.sub(pattern, instead, message))


_changes("message-cut-at-4000", "TCRP-4.6e", "a message is relayed up to byte 4000", rb"(?s)^(.{4000}).+$", rb"\1")
_changes("message-tabs-expanded", "TCRP-4.6b", "a tab in a message becomes four spaces", b"\t", b"    ")
_changes("message-escapes-taken-out", "TCRP-4.6b", "an ESC is taken out of a message", b"\x1b", b"")
_changes("message-deletes-taken-out", "TCRP-4.6b", "a DEL is taken out of a message", b"\x7f", b"")
_changes("message-spaces-collapsed", "TCRP-4.6b", "two spaces in a message become one", b"  +", b" ")
_changes("message-unquoted", "TCRP-4.5a", "a message in quotes loses them", b'(?s)^"(.*)"$', rb"\1")


@fault("message-of-256-bytes-dropped", "TCRP-4.1", also=("TCRP-4.5a",), note="a size of 8 bits: 256 bytes are none")
class MessageOf256BytesDropped(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message if len(message) % 256 else b"")
