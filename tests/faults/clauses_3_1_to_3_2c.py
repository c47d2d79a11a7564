"""Faults of 3.1 to 3.2c: operations and states, and the two fields of a JSON payload."""

import json
import re

from tests.faults.bases import ReadsJoinsItsOwnWay
from tests.faults.plain import (
    CREATE,
    JOIN,
    MALFORMED,
    MAX_PASSWORD,
    WRONG_PASSWORD,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.1a: operation 1 creates a room, operation 2 joins one ------------------------------------------


@fault("operations-swapped", "TCRP-3.1a", also=("TCRP-3.4c",), note="1 joins and 2 creates")
class OperationsSwapped(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        swapped = {CREATE: JOIN, JOIN: CREATE}.get(request.operation, request.operation)
        return super().decide(request._replace(operation=swapped), peer)


@fault("operations-from-zero", "TCRP-3.1a", also=("TCRP-3.4c",), note="0 creates and 1 joins")
class OperationsFromZero(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(operation=request.operation + 1), peer)


@fault(
    "operation-of-the-latest-header",
    "TCRP-3.1a",
    also=("TCRP-3.4c", "TCRP-3.4a", "TCRP-3.4d", "TCRP-3.4e", "TCRP-2.5a"),
    note="the operation is kept in a variable that the next connection overwrites",
)
class OperationOfTheLatestHeader(Server):
    operation = 0

    def parse_header(self, data: bytes) -> Header:
        header = super().parse_header(data)
        self.operation = header.operation
        return header

    def read_request(self, stream: Stream) -> Request:
        return super().read_request(stream)._replace(operation=self.operation)


# 3.1b: state 0 is a request, 1 an ACK, 2 a COMPLETE -----------------------------------------------


@fault(
    "states-from-one",
    "TCRP-3.1b",
    also=("TCRP-3.4a", "TCRP-3.5a"),
    note="ACK is state 2 and COMPLETE is state 3",
)
class StatesFromOne(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        header = Header(len(request.room), request.operation, state + 1, len(payload))
        return self.build_header(header) + request.room + payload


@fault("requests-have-state-1", "TCRP-3.1b", also=("TCRP-3.4c",), note="a request's state must be 1")
class RequestsHaveState1(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(state=request.state - 1), peer)


# 3.2a: a payload that begins with { is a JSON object with a username ------------------------------


@fault("join-json-not-understood", "TCRP-3.2a", also=("TCRP-3.8d",), note="the JSON of a JOIN is its raw user name")
class JoinJsonNotUnderstood(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.check_user(payload), self.parse_payload(payload)[1]


@fault(
    "escaped-keys-not-found", "TCRP-3.2a", also=("TCRP-3.2e",), note="a key that is written with an escape is unknown"
)
class EscapedKeysNotFound(Server):
    def load_json(self, text: str) -> dict[str, object]:
        fields = super().load_json(text)
        return {key: value for key, value in fields.items() if json.dumps(key, ensure_ascii=False) in text}


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
    def decide(self, request: Request, peer: Address) -> Member:
        payload = request.payload
        if payload.startswith(b"{"):
            payload = payload.replace(b"\\", b"\\\\")
        return super().decide(request._replace(payload=payload), peer)


@fault(
    "escaped-pairs-refused",
    "TCRP-3.2a",
    also=("TCRP-3.3a",),
    note="an escaped surrogate pair in a user name is malformed",
)
class EscapedPairsRefused(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        if re.search(rb"\\u[dD][89abAB]", payload):
            raise Refused(MALFORMED)
        return super().parse_json(payload)


# 3.2b: password absent, null and "" all mean none -------------------------------------------------


@fault("empty-password-of-a-joiner-refused", "TCRP-3.2b", note='"" or null at a room without a password gets 3')
class EmptyPasswordOfAJoinerRefused(Server):
    def password_in(self, fields: dict[str, object]) -> bytes:
        return b"*" if fields.get("password", 0) in (None, "") else super().password_in(fields)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        return super().create(name, user, b"" if password == b"*" else password, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password == b"*":
            raise Refused(WRONG_PASSWORD)
        super().check_password(room, user, password)


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


# 3.2c: wrong types, no username or a password too long are malformed ------------------------------


@fault("username-by-other-keys", "TCRP-3.2c", note="where there is no username, user or name will do")
class UsernameByOtherKeys(Server):
    def user_in(self, fields: dict[str, object]) -> bytes:
        return super().user_in({"username": fields.get("user", fields.get("name"))} | fields)


@fault("username-not-needed-to-join", "TCRP-3.2c", note="a JOIN without a username is of somebody called guest")
class UsernameNotNeededToJoin(Server):
    def decide(self, request: Request, peer: Address) -> Member:
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


class ChangesPasswordsOfJoins(Server):
    """Reads the password of a JOIN as `looked_over` gives it."""

    def looked_over(self, password: object) -> object:
        raise NotImplementedError

    def decide(self, request: Request, peer: Address) -> Member:
        self.joins = request.operation == JOIN
        return super().decide(request, peer)

    def password_in(self, fields: dict[str, object]) -> bytes:
        if self.joins:
            fields = fields | {"password": self.looked_over(fields.get("password"))}
        return super().password_in(fields)


@fault("password-of-any-type-joins", "TCRP-3.2c", note="what is no string counts as no password, in a JOIN")
class PasswordOfAnyTypeJoins(ChangesPasswordsOfJoins):
    def looked_over(self, password: object) -> object:
        return password if isinstance(password, str) else None


@fault("password-of-any-length-joins", "TCRP-3.2c", note="a password over 1024 bytes is looked at, in a JOIN")
class PasswordOfAnyLengthJoins(ChangesPasswordsOfJoins):
    def looked_over(self, password: object) -> object:
        return password[:MAX_PASSWORD] if isinstance(password, str) else password


@fault("join-username-of-any-type", "TCRP-3.2c", note="a username that joins may be a number")
class JoinUsernameOfAnyType(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and isinstance(name := self.parse_json(payload).get("username"), int):
            return str(name).encode(), b""
        return self.parse_payload(payload)


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
