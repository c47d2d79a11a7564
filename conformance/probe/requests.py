"""Requests that a server may understand, as one is when everything but one thing is tried at once.

A JSON object holds many keys, since most servers ignore those they do not know; each is then left out in turn.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tcrp import Address

USER_KEYS = ("username", "user_name", "name", "user", "userName", "nickname")
PASSWORD_KEYS = ("password", "room_password", "pass")
PAIR_KEYS = ("user_address", "address", "udp_address", "addr")
IP_KEYS = ("ip", "address", "udp_ip", "ip_address", "host")
PORT_KEYS = ("port", "udp_port")
EXTRA = {
    "type": "", "public_key": "", "publicKey": "", "token": "", "message": "", "action": "", "version": 1,
}  # fmt: skip
"""Other keys that some servers look for, and make nothing of."""
CREATE, JOIN = 1, 2

Payload = Literal["json", "raw", "json-string", "length-prefixed"]
NoPassword = Literal["omit", "empty", "null"]
PASSWORDS: tuple[NoPassword, ...] = ("omit", "empty", "null")


@dataclass(frozen=True)
class Shape:
    """How a request is put together. `password`: what stands under the password keys where there is none."""

    payload: Payload = "json"
    user_keys: tuple[str, ...] = USER_KEYS
    password_keys: tuple[str, ...] = PASSWORD_KEYS[:1]
    password: NoPassword = "empty"
    pair_keys: tuple[str, ...] = PAIR_KEYS
    ip_keys: tuple[str, ...] = (IP_KEYS[0], *IP_KEYS[2:])
    port_keys: tuple[str, ...] = PORT_KEYS
    size: Literal["binary", "digits", "digits-nul"] = "binary"
    counts: Literal["payload", "body"] = "payload"
    state: int = 0
    create: int = CREATE
    join: int = JOIN
    stages: Literal["whole", "header-first"] = "whole"
    extra: Mapping[str, object] = field(default_factory=dict)

    def body(
        self, user: str, password: str | None = None, udp: Address | None = None, ports: Mapping[str, int] | None = None
    ) -> bytes:
        """The payload. `udp`: the address to declare; `ports`: another port for each of some keys."""
        match self.payload:
            case "raw":
                return user.encode()
            case "json-string":
                return json.dumps(user, ensure_ascii=False).encode()
            case "length-prefixed":
                return bytes([len(user.encode())]) + user.encode()
        fields: dict[str, object] = dict.fromkeys(self.user_keys, user)
        if password is not None:
            fields |= dict.fromkeys(self.password_keys, password)
        elif self.password != "omit":
            fields |= dict.fromkeys(self.password_keys, "" if self.password == "empty" else None)
        if udp is not None:
            known = ports or {}
            fields |= {key: [udp[0], known.get(key, udp[1])] for key in self.pair_keys}
            fields |= dict.fromkeys(self.ip_keys, udp[0])
            fields |= {key: known.get(key, udp[1]) for key in self.port_keys}
        return json.dumps(fields | dict(self.extra), ensure_ascii=False).encode()

    def frame(self, room: str, operation: int, payload: bytes) -> bytes:
        """The whole request."""
        name = room.encode()
        number = len(payload) + (len(name) if self.counts == "body" else 0)
        match self.size:
            case "digits":
                size = b"%029d" % number
            case "digits-nul":
                size = str(number).encode().ljust(29, b"\0")
            case _:
                size = number.to_bytes(29, "big")
        return bytes([len(name), operation, self.state]) + size + name + payload

    @property
    def words(self) -> str:
        """What it is, for a person."""
        what = {"json": "JSON", "raw": "the raw user name", "json-string": "a JSON string"}
        said = [what.get(self.payload, "1 byte of length and the user name")]
        if self.payload == "json" and self.password != "empty":
            said.append("no password key" if self.password == "omit" else "password null")
        if self.counts == "body":
            said.append("the size counts the room too")
        if self.size != "binary":
            said.append(f"the size in {self.size}")
        if self.state:
            said.append(f"State {self.state}")
        if self.create != CREATE:
            said.append(f"operation {self.create}")
        if self.stages == "header-first":
            said.append("header first")
        if self.extra:
            said.append(f"with {' and '.join(self.extra)}")
        return ", ".join(said)


def candidates() -> Iterator[Shape]:
    """Requests in the order of how likely they are; each is tried only where those before it failed."""
    many, raw = Shape(), Shape(payload="raw")
    yield many
    yield raw
    yield replace(many, password="null")
    yield replace(many, password="omit")
    yield replace(many, pair_keys=PAIR_KEYS[:1], ip_keys=IP_KEYS)
    yield Shape(payload="json-string")
    yield Shape(payload="length-prefixed")
    for changed in ({"counts": "body"}, {"state": 1}, {"size": "digits"}, {"size": "digits-nul"}):
        for base in (many, raw):
            yield replace(base, **changed)
    yield replace(many, extra=EXTRA)
    for payload in ("json-string", "length-prefixed"):
        one = Shape(payload=payload)
        yield replace(one, state=1)
        yield replace(one, counts="body")
        yield replace(one, size="digits")
        yield replace(one, size="digits-nul")
    for base in (many, raw):
        yield replace(base, size="digits", counts="body")
        yield replace(base, size="digits-nul", counts="body")
        yield replace(base, create=0, join=1)
        yield replace(base, stages="header-first")
    yield replace(many, stages="header-first", state=1)
    yield replace(raw, stages="header-first", state=1)


def with_keys(shape: Shape, names: tuple[str, ...]) -> Shape:
    """The same with these keys besides, which the server itself has named."""
    return replace(shape, user_keys=(*shape.user_keys, *names))
