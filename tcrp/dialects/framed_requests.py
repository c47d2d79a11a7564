"""The payloads of requests in a dialect that a file describes: the user name, and in JSON a password and an address."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from construct import Bytes, ConstructError, GreedyBytes, Int8ub, Struct, this

from tcrp.constants import MAX_PASSWORD_SIZE, MAX_USER_SIZE
from tcrp.dialects.framed_text import read_json, read_object, write_json
from tcrp.dialects.settings import Settings
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Join
from tcrp.names import user_problem

prefixed_layout = Struct(
    "size" / Int8ub * "size",
    "user" / Bytes(this.size) * "user name",
    "rest" / GreedyBytes * "rest",
)


class RequestFields(NamedTuple):
    """The contents of a request's payload. `udp`: the client's UDP address, or None if the payload does not hold it."""

    user: str
    password: str | None
    udp: Address | None


class RequestCodec:
    """The codec of request payloads with these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.request
        self._holds_address = settings.address.learnt == "request"
        self._escapes = settings.json.escapes

    @property
    def passwords(self) -> bool:
        """A request can hold a password."""
        return self._settings.payload in ("json", "json-or-raw") and self._settings.password_key is not False

    def write(self, want: Create | Join, udp: Address | None) -> bytes:
        """The payload of a request. Raises LocalProtocolError for a request that it cannot hold."""
        user = self._check_user(want.user)
        if want.password and not self.passwords:
            raise LocalProtocolError("this dialect has no passwords", clause="TCRP-3.2b", field="password")
        match self._settings.payload:
            case "raw":
                return user
            case "json-string":
                return write_json(want.user, escapes=self._escapes)
            case "length-prefixed":
                if len(user) > MAX_USER_SIZE:
                    raise _user_error(f"the user name has {len(user)} bytes: at most {MAX_USER_SIZE}", MAX_USER_SIZE)
                return bytes(prefixed_layout.build({"size": len(user), "user": user, "rest": b""}))
        return write_json(self._fields(want, udp), escapes=self._escapes)

    def fields(self, want: Create | Join, udp: Address | None) -> Mapping[str, object] | None:
        """The JSON object of a request, or None if the payload is none. Raises LocalProtocolError as `write` does."""
        return self._fields(want, udp) if self._settings.payload in ("json", "json-or-raw") else None

    def _fields(self, want: Create | Join, udp: Address | None) -> dict[str, object]:
        settings = self._settings
        fields: dict[str, object] = {settings.user_key: want.user}
        if settings.password_key:
            if want.password:
                fields[settings.password_key] = _check_password(want.password)
            elif settings.no_password != "omit":
                fields[settings.password_key] = "" if settings.no_password == "empty" else None
        if settings.address != "none":
            if udp is None:
                raise LocalProtocolError(
                    "the request declares a UDP address, and none is given", clause="TCRP-4.3a", field="UDP address"
                )
            pair = {settings.address_key: [udp[0], udp[1]]}
            fields |= pair if settings.address == "pair" else {settings.ip_key: udp[0], settings.port_key: udp[1]}
        return fields | dict(settings.extra)

    def _check_user(self, user: str) -> bytes:
        try:
            encoded = user.encode()
        except UnicodeEncodeError:
            raise _user_error("the user name holds a lone surrogate, which UTF-8 cannot say", "UTF-8") from None
        if self._settings.names == "checked" and (problem := user_problem(user)):
            raise LocalProtocolError(clause="TCRP-3.3b", field="user name", **problem._asdict())
        return encoded

    def read(self, payload: bytes) -> RequestFields:
        """The contents of a payload. Raises RemoteProtocolError for a malformed one."""
        form = self._settings.payload
        if form == "json" or (form == "json-or-raw" and payload[:1] == b"{"):
            return self._read_object(read_object(payload))
        if form == "json-string":
            user = read_json(payload)
            if not isinstance(user, str):
                raise _malformed("the payload is no JSON string", "payload")
        else:
            if form == "length-prefixed":
                payload = _without_size(payload)
            try:
                user = payload.decode()
            except UnicodeDecodeError as error:
                raise _malformed(
                    f"the user name is not UTF-8: byte 0x{payload[error.start]:02x}", "user name"
                ) from None
        return RequestFields(self._read_user(user), None, None)

    def _read_object(self, fields: Mapping[str, Any]) -> RequestFields:
        settings = self._settings
        if not isinstance(fields.get(settings.user_key), str):
            raise _malformed(f"{settings.user_key} is not there, or not a text", settings.user_key)
        password = fields.get(settings.password_key) if settings.password_key else None
        if password is not None and not isinstance(password, str):
            raise _malformed(f"{settings.password_key} is not a text", "password")
        if password and len(password.encode()) > MAX_PASSWORD_SIZE:
            raise _malformed(f"the password has more than {MAX_PASSWORD_SIZE} bytes", "password")
        udp = self._read_address(fields) if self._holds_address else None
        return RequestFields(self._read_user(fields[settings.user_key]), password or None, udp)

    def _read_address(self, fields: Mapping[str, Any]) -> Address:
        settings = self._settings
        if settings.address == "pair":
            found = fields.get(settings.address_key)
        else:
            found = [fields.get(settings.ip_key), fields.get(settings.port_key)]
        match found:
            case [str(ip), int(port)] if not isinstance(port, bool):
                return ip, port
        raise _malformed("the request declares no UDP address", "UDP address")

    def _read_user(self, user: str) -> str:
        if self._settings.names == "checked" and (problem := user_problem(user)):
            raise _malformed(problem.message, "user name")
        return user


def _without_size(payload: bytes) -> bytes:
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


def _user_error(message: str, limit: object) -> LocalProtocolError:
    return LocalProtocolError(message, clause="TCRP-3.3a", field="user name", limit=limit)


def _malformed(message: str, field: str) -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.2c", field=field)
