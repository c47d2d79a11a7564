"""Faults of section 3.2: the payload of a request."""

from __future__ import annotations

import json
import re

from plain import Server
from plain_chat import Member
from plain_control import MALFORMED, MAX_PASSWORD, Refused, Request
from registry import fault

# 3.2: two forms ---------------------------------------------------------------------------------


@fault("json-not-understood", "TCRP-3.2a", note="the JSON form is taken for a raw user name")
class JsonNotUnderstood(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.check_user(payload), b""


@fault("json-key-user-name", "TCRP-3.2a", note="the key is user_name, not username")
class JsonKeyUserName(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        return fields | {"username": fields.get("user_name")}


@fault(
    "json-password-not-read",
    "TCRP-3.2a",
    also=("TCRP-3.10a",),
    note="the password is called pass, so none is ever set",
)
class JsonPasswordNotRead(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in({"password": fields.get("pass")})


@fault(
    "json-names-in-raw-bytes",
    "TCRP-3.2a",
    also=("TCRP-3.8d",),
    note="escapes in JSON strings are not resolved",
)
class JsonNamesInRawBytes(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        payload = request.payload
        if payload.startswith(b"{"):
            payload = payload.replace(b"\\", b"\\\\")
        return super().decide(request._replace(payload=payload), peer)


@fault("raw-names-refused", "TCRP-3.2i", note="a payload that is not JSON is malformed")
class RawNamesRefused(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            raise Refused(MALFORMED)
        return super().parse_payload(payload)


@fault("json-tried-first", "TCRP-3.2i", note="whatever parses as JSON is no raw name: 42, true, [a]")
class JsonTriedFirst(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            try:
                json.loads(payload)
            except ValueError:
                return super().parse_payload(payload)
            raise Refused(MALFORMED)
        return super().parse_payload(payload)


@fault("json-strings-unquoted", "TCRP-3.2i", note='a raw name "alice", quotes included, loses its quotes')
class JsonStringsUnquoted(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if re.fullmatch(rb'".+"', payload):
            payload = payload[1:-1]
        return super().parse_payload(payload)


@fault("json-after-white-space", "TCRP-3.2i", note="white space before { makes it JSON too")
class JsonAfterWhiteSpace(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return super().parse_payload(payload.lstrip() if payload.lstrip().startswith(b"{") else payload)


# 3.2: the password ------------------------------------------------------------------------------


@fault("password-key-required", "TCRP-3.2b", note="JSON without a password key is malformed")
class PasswordKeyRequired(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        if "password" not in fields:
            raise Refused(MALFORMED)
        return super().password_in(fields)


@fault("null-password-is-none-spelled-out", "TCRP-3.2b", note='a null password is the password "None"')
class NullPasswordIsNoneSpelledOut(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        if "password" in fields and fields["password"] is None:
            return b"None"
        return super().password_in(fields)


@fault("null-password-refused", "TCRP-3.2b", note="a null password is malformed")
class NullPasswordRefused(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        if "password" in fields and fields["password"] is None:
            raise Refused(MALFORMED)
        return super().password_in(fields)


@fault("empty-password-is-one", "TCRP-3.2b", note='a password of "" is a password that joiners must give')
class EmptyPasswordIsOne(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in(fields) or (b"\0" if fields.get("password") == "" else b"")


@fault("username-number-accepted", "TCRP-3.2c", note="a username of 42 is the name 42")
class UsernameNumberAccepted(Server):
    def user_in(self, fields: dict[str, object]) -> bytes:
        if isinstance(fields.get("username"), int | float):
            return str(fields["username"]).encode()
        return super().user_in(fields)


@fault("username-of-any-type-accepted", "TCRP-3.2c", note="a username of any type is turned into text")
class UsernameOfAnyTypeAccepted(Server):
    def user_in(self, fields: dict[str, object]) -> bytes:
        if "username" not in fields:
            raise Refused(MALFORMED)
        return str(fields["username"]).encode()


@fault("missing-username-is-anonymous", "TCRP-3.2c", note="JSON without a username gets a made-up one")
class MissingUsernameIsAnonymous(Server):
    def user_in(self, fields: dict[str, object]) -> bytes:
        return super().user_in({"username": "anonymous"} | fields)


@fault("password-of-any-type-accepted", "TCRP-3.2c", note="a password of any type is turned into text")
class PasswordOfAnyTypeAccepted(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = fields.get("password")
        return super().password_in({"password": password if password is None else str(password)})


@fault(
    "password-false-is-none",
    "TCRP-3.2c",
    also=("TCRP-3.2b",),
    note="false, 0, [] and {} count as no password",
)
class PasswordFalseIsNone(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return super().password_in({"password": fields.get("password") or None})


@fault("password-of-any-length-accepted", "TCRP-3.2c", note="a password over 1024 bytes is accepted")
class PasswordOfAnyLengthAccepted(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = fields.get("password")
        if isinstance(password, str) and len(password.encode()) > MAX_PASSWORD:
            return password.encode()
        return super().password_in(fields)


@fault(
    "password-counted-in-characters",
    "TCRP-3.2c",
    also=("TCRP-2.3a",),
    note="a password is limited to 1024 characters, not bytes",
)
class PasswordCountedInCharacters(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        password = fields.get("password")
        if isinstance(password, str) and len(password) <= MAX_PASSWORD:
            return password.encode()
        return super().password_in(fields)


# 3.2: JSON, no more and no less -----------------------------------------------------------------


@fault("unknown-keys-refused", "TCRP-3.2d", note="a key other than username and password is malformed")
class UnknownKeysRefused(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        if fields.keys() - {"username", "password"}:
            raise Refused(MALFORMED)
        return fields


@fault("unknown-values-must-be-text", "TCRP-3.2d", note="an unknown key is ignored only if its value is a string")
class UnknownValuesMustBeText(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        if any(not isinstance(value, str) for key, value in fields.items() if key not in ("username", "password")):
            raise Refused(MALFORMED)
        return fields


@fault("nesting-over-8-refused", "TCRP-3.2d", note="nesting deeper than 8 is malformed")
class NestingOver8Refused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        def depth(value: object) -> int:
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
            return 0 if items is None else 1 + max(map(depth, items), default=0)

        fields = super().load_json(text)
        if depth(fields) > 8:
            raise ValueError
        return fields


@fault("numbers-over-32-bits-refused", "TCRP-3.2d", note="a number that does not fit 32 bits is malformed")
class NumbersOver32BitsRefused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        def small(digits: str) -> int:
            if abs(int(digits)) >= 2**31:
                raise ValueError(digits)
            return int(digits)

        json.loads(text, parse_int=small)
        return super().load_json(text)


@fault("first-equal-key-counts", "TCRP-3.2e", note="of equal keys the first counts")
class FirstEqualKeyCounts(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        super().members_of_object(pairs)
        return dict(reversed(pairs))


@fault("equal-keys-refused", "TCRP-3.2e", note="equal keys are malformed")
class EqualKeysRefused(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields = super().members_of_object(pairs)
        if len(fields) < len(pairs):
            raise ValueError
        return fields


@fault("white-space-after-object-refused", "TCRP-3.2f", note="the payload must end with }")
class WhiteSpaceAfterObjectRefused(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        if not payload.endswith(b"}"):
            raise Refused(MALFORMED)
        return super().parse_json(payload)


@fault("nan-accepted", "TCRP-3.2g", note="NaN and Infinity are read")
class NanAccepted(Server):
    def constant(self, name: str) -> object:
        return float(name)


@fault("lone-surrogates-accepted", "TCRP-3.2g", note="a lone surrogate passes, as long as it is in no known key")
class LoneSurrogatesAccepted(Server):
    def check_text(self, value: object) -> None:
        pass


@fault("lone-surrogates-replaced", "TCRP-3.2g", note="a lone surrogate in a user name becomes a question mark")
class LoneSurrogatesReplaced(Server):
    def check_text(self, value: object) -> None:
        pass

    def user_in(self, fields: dict[str, object]) -> bytes:
        name = fields.get("username")
        if isinstance(name, str):
            return name.encode("utf-8", "replace")
        return super().user_in(fields)


@fault("bytes-after-object-ignored", "TCRP-3.2g", note="whatever follows the object is ignored")
class BytesAfterObjectIgnored(Server):
    def load_json(self, text: str) -> dict[str, object]:
        end = json.JSONDecoder().raw_decode(text)[1]
        return super().load_json(text[:end])


@fault("nul-after-object-ignored", "TCRP-3.2g", note="a NUL after the object is ignored, as in a C string")
class NulAfterObjectIgnored(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text.rstrip("\0"))


@fault("control-characters-in-json-accepted", "TCRP-3.2g", note="a JSON string may hold a raw newline")
class ControlCharactersInJsonAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return json.loads(text, strict=False, parse_constant=self.constant, object_pairs_hook=self.members_of_object)


@fault("trailing-comma-accepted", "TCRP-3.2g", note="a comma before } is let through")
class TrailingCommaAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r",\s*}", "}", text))


@fault("single-quotes-accepted", "TCRP-3.2g", note="'username' in single quotes is let through")
class SingleQuotesAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text if '"' in text else text.replace("'", '"'))


@fault(
    "bad-json-is-a-name",
    "TCRP-3.2g",
    also=("TCRP-3.2c",),
    note="an object that does not parse is taken for a raw user name",
)
class BadJsonIsAName(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        try:
            json.loads(payload)
        except ValueError:
            return self.check_user(payload), b""
        return super().parse_payload(payload)


@fault(
    "json-in-utf-16-accepted",
    "TCRP-3.2g",
    also=("TCRP-3.7c",),
    note="the JSON reader finds out the encoding by itself",
)
class JsonInUtf16Accepted(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        try:
            return self.load_json(payload.decode(json.detect_encoding(payload)))
        except (ValueError, RecursionError):
            raise Refused(MALFORMED) from None
