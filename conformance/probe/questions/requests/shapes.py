"""The shapes of requests that a server may understand.

A JSON object holds the user name, the password and the address under many keys at once, since most servers ignore keys
that they do not know. Once a request is understood, keys are left out one after another.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from conformance.probe.reply_parsing import CountForm, SizeForm
from tcrp import Address

USER_KEYS = ("username", "user_name", "name", "user", "userName", "nickname")
PASSWORD_KEYS = ("password", "room_password", "pass")
PAIR_KEYS = ("user_address", "address", "udp_address", "addr")
IP_KEYS = ("ip", "address", "udp_ip", "ip_address", "host")
PORT_KEYS = ("port", "udp_port")
EXTRA = {
    "type": "", "public_key": "", "publicKey": "", "token": "", "message": "", "action": "", "version": 1,
}  # fmt: skip
"""Other keys that some servers require, and whose values they ignore."""
CREATE, JOIN = 1, 2
"""The usual operation numbers."""

PayloadForm = Literal["json", "raw", "json-string", "length-prefixed"]
NoPassword = Literal["omit", "empty", "null"]
"""What stands under the password keys where there is no password: no key at all, an empty string, or null."""
NO_PASSWORDS: tuple[NoPassword, ...] = ("omit", "empty", "null")


@dataclass(frozen=True)
class RequestShape:
    """How a request is put together.

    `user_keys`, `password_keys`: the JSON keys of the user name and the password; `password`: what stands under the
    latter where there is none; `pair_keys`: keys of the UDP address as `[ip, port]`; `ip_keys`, `port_keys`: keys of
    its two parts; `size`, `counts`: how the header's size field is written and what it counts; `create`, `join`: the
    operations; `stages`: whether the header is sent by itself; `extra`: more keys and their values.
    """

    payload: PayloadForm = "json"
    user_keys: tuple[str, ...] = USER_KEYS
    password_keys: tuple[str, ...] = PASSWORD_KEYS[:1]
    password: NoPassword = "empty"
    pair_keys: tuple[str, ...] = PAIR_KEYS
    ip_keys: tuple[str, ...] = (IP_KEYS[0], *IP_KEYS[2:])
    port_keys: tuple[str, ...] = PORT_KEYS
    size: SizeForm = "binary"
    counts: CountForm = "payload"
    state: int = 0
    create: int = CREATE
    join: int = JOIN
    stages: Literal["whole", "header-first"] = "whole"
    extra: Mapping[str, object] = field(default_factory=dict)

    def body(
        self, user: str, password: str | None = None, udp: Address | None = None, ports: Mapping[str, int] | None = None
    ) -> bytes:
        """The payload. `udp`: the address to declare; `ports`: ports to declare in its place, by JSON key."""
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
        """The whole request: 32 bytes of header, room name and payload."""
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
    def is_simple(self) -> bool:
        """Whether it differs in one thing at most from the two likeliest shapes."""
        odd = (self.counts != "payload", self.state != 0, self.size != "binary", self.create != CREATE,
               self.stages != "whole", bool(self.extra))  # fmt: skip
        return self.payload in ("json", "raw") and sum(odd) <= 1

    def without_address(self) -> "RequestShape":
        """The shape without any key of the UDP address."""
        return replace(self, pair_keys=(), ip_keys=(), port_keys=())

    def counted_otherwise(self) -> "RequestShape":
        """The shape with the other meaning of the header's size field."""
        return replace(self, counts="body" if self.counts == "payload" else "payload")

    @property
    def words(self) -> str:
        """The shape in a few words."""
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


def candidates() -> Iterator[RequestShape]:
    """All shapes that are tried, the likeliest first. Those with sizes in digits come late: digits are a huge number to
    a server that reads a binary one.
    """
    many, raw = RequestShape(), RequestShape(payload="raw")
    prefixed, quoted = RequestShape(payload="length-prefixed"), RequestShape(payload="json-string")
    yield many
    yield raw
    yield replace(many, password="null")
    yield replace(many, password="omit")
    yield replace(many, pair_keys=PAIR_KEYS[:1], ip_keys=IP_KEYS)
    yield quoted
    yield prefixed
    yield from (replace(base, counts="body") for base in (many, raw))
    yield from (replace(base, state=1) for base in (many, raw))
    yield replace(many, extra=EXTRA)
    for one in (quoted, prefixed):
        yield replace(one, state=1)
        yield replace(one, counts="body")
    yield from (replace(base, create=0, join=1) for base in (many, raw))
    sizes: tuple[SizeForm, ...] = ("digits", "digits-nul")
    for size in sizes:
        yield from (replace(base, size=size) for base in (many, raw, quoted, prefixed))
    for base in (many, raw):
        yield from (replace(base, size=size, counts="body") for size in sizes)
    for state in (0, 1):
        yield from (replace(base, stages="header-first", state=state) for base in (many, raw))


def with_user_keys(shape: RequestShape, names: tuple[str, ...]) -> RequestShape:
    """The shape with these keys of the user name besides."""
    return replace(shape, user_keys=(*shape.user_keys, *names))
