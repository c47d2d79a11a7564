"""The payload of a request: the user name, and what JSON can say besides."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from construct import Bytes, ConstructError, GreedyBytes, Int8ub, Struct, this

from tcrp.constants import MAX_PASSWORD_SIZE, MAX_USER_SIZE
from tcrp.dialects.answers import Answers
from tcrp.dialects.framed_text import read_json, read_object, write_json
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Join
from tcrp.wire import user_problem

prefixed_layout = Struct(
    "size" / Int8ub * "size",
    "user" / Bytes(this.size) * "user name",
    "rest" / GreedyBytes * "rest",
)


class Asked(NamedTuple):
    """What a request's payload says. `udp`: the address that it declares."""

    user: str
    password: str | None
    udp: Address | None


class Requests:
    """Payloads of requests for these answers, both ways."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers.request
        self._declares = answers.address.learnt == "request"
        self._escapes = answers.json.escapes

    @property
    def json(self) -> bool:
        """The client sends a JSON object."""
        return self._answers.payload in ("json", "json-or-raw")

    @property
    def passwords(self) -> bool:
        """A request can hold a password."""
        return self.json and self._answers.password_key is not False

    def write(self, want: Create | Join, udp: Address | None) -> bytes:
        """The payload. Raises LocalProtocolError for what it cannot say."""
        user = self._check_user(want.user)
        if want.password and not self.passwords:
            raise LocalProtocolError("this dialect has no passwords", clause="TCRP-3.2b", field="password")
        match self._answers.payload:
            case "raw":
                return user
            case "json-string":
                return write_json(want.user, escapes=self._escapes)
            case "length-prefixed":
                if len(user) > MAX_USER_SIZE:
                    raise _local(f"the user name has {len(user)} bytes: at most {MAX_USER_SIZE}", MAX_USER_SIZE)
                return bytes(prefixed_layout.build({"size": len(user), "user": user, "rest": b""}))
        return write_json(self._fields(want, udp), escapes=self._escapes)

    def _fields(self, want: Create | Join, udp: Address | None) -> dict[str, object]:
        answers = self._answers
        fields: dict[str, object] = {answers.user_key: want.user}
        if answers.password_key:
            if want.password:
                fields[answers.password_key] = _check_password(want.password)
            elif answers.no_password != "omit":
                fields[answers.password_key] = "" if answers.no_password == "empty" else None
        if answers.address != "none":
            if udp is None:
                raise LocalProtocolError(
                    "the request declares a UDP address, and none is given", clause="TCRP-4.3a", field="UDP address"
                )
            pair = {answers.address_key: [udp[0], udp[1]]}
            fields |= pair if answers.address == "pair" else {answers.ip_key: udp[0], answers.port_key: udp[1]}
        return fields | dict(answers.extra)

    def _check_user(self, user: str) -> bytes:
        try:
            encoded = user.encode()
        except UnicodeEncodeError:
            raise _local("the user name holds a lone surrogate, which UTF-8 cannot say", "UTF-8") from None
        if self._answers.names == "checked" and (problem := user_problem(user)):
            raise LocalProtocolError(clause="TCRP-3.3b", field="user name", **problem._asdict())
        return encoded

    def read(self, payload: bytes) -> Asked:
        """Raises RemoteProtocolError for what does not parse."""
        form = self._answers.payload
        if form == "json" or (form == "json-or-raw" and payload[:1] == b"{"):
            return self._read_object(read_object(payload))
        if form == "json-string":
            user = read_json(payload)
            if not isinstance(user, str):
                raise _malformed("the payload is no JSON string", "payload")
        else:
            if form == "length-prefixed":
                payload = _unprefixed(payload)
            try:
                user = payload.decode()
            except UnicodeDecodeError as error:
                raise _malformed(
                    f"the user name is not UTF-8: byte 0x{payload[error.start]:02x}", "user name"
                ) from None
        return Asked(self._read_user(user), None, None)

    def _read_object(self, fields: Mapping[str, Any]) -> Asked:
        answers = self._answers
        if not isinstance(fields.get(answers.user_key), str):
            raise _malformed(f"{answers.user_key} is not there, or not a text", answers.user_key)
        password = fields.get(answers.password_key) if answers.password_key else None
        if password is not None and not isinstance(password, str):
            raise _malformed(f"{answers.password_key} is not a text", "password")
        if password and len(password.encode()) > MAX_PASSWORD_SIZE:
            raise _malformed(f"the password has more than {MAX_PASSWORD_SIZE} bytes", "password")
        udp = self._read_address(fields) if self._declares else None
        return Asked(self._read_user(fields[answers.user_key]), password or None, udp)

    def _read_address(self, fields: Mapping[str, Any]) -> Address:
        answers = self._answers
        if answers.address == "pair":
            found = fields.get(answers.address_key)
        else:
            found = [fields.get(answers.ip_key), fields.get(answers.port_key)]
        match found:
            case [str(ip), int(port)] if not isinstance(port, bool):
                return ip, port
        raise _malformed("the request declares no UDP address", "UDP address")

    def _read_user(self, user: str) -> str:
        if self._answers.names == "checked" and (problem := user_problem(user)):
            raise _malformed(problem.message, "user name")
        return user


def _unprefixed(payload: bytes) -> bytes:
    try:
        fields = prefixed_layout.parse(payload)
    except ConstructError:
        raise _malformed("the user name is shorter than its size", "user name") from None
    if fields.rest:
        raise _malformed("there is more after the user name", "payload")
    return bytes(fields.user)


def _check_password(password: str) -> str:
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise LocalProtocolError(
            "the password holds a lone surrogate, which UTF-8 cannot say", clause="TCRP-3.2g", field="password"
        ) from None
    if size > MAX_PASSWORD_SIZE:
        raise LocalProtocolError(
            f"the password has {size} bytes: at most {MAX_PASSWORD_SIZE}",
            clause="TCRP-3.2c", field="password", value=size, limit=MAX_PASSWORD_SIZE,
        )  # fmt: skip
    return password


def _local(message: str, limit: object) -> LocalProtocolError:
    return LocalProtocolError(message, clause="TCRP-3.3a", field="user name", limit=limit)


def _malformed(message: str, field: str) -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.2c", field=field)
