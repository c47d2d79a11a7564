"""The TCP conversation of `fixed-fields` and `fixed-width`: layouts, header codec and phases. Numbers are bytes.

TCP   client  capacity 1 | operation 1 | state 1 | room 8 | user 10 | password 11     text, padded with spaces
              operation 1 creates; 2 joins, and then the host token 36 follows
      server  created: the header with state 1, the header with state 2, both without user | token 36 | address 9..15
              joined: "0" | address 9..15; refused: "1" no such token, "2" full, "3" wrong password

The address is a dotted loopback address. The client binds it, at port 8080, and the server knows the client by it. So
client and server must share a machine on which all of 127.0.0.0/8 is loopback, as on Linux. No size marks the end of
the address: it ends when the server closes or is silent.

The host token is the only key of a room: names need not be unique, every member uses this token, and the host passes it
on as an invitation. After a refusal the client may send another request on the same connection.
"""

from enum import Enum, auto
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from construct import Adapter, Bytes, GreedyBytes, Int8ub, Struct

from tcrp.constants import Status
from tcrp.dialects.fixed_text import PASSWORD_SIZE, ROOM_SIZE, USER_SIZE, decode_utf8, encode_field
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import build_layout, parse_layout
from tcrp.messages import Address

FIXED_HEADER_SIZE = 32
TOKEN_SIZE = 36
MIN_ADDRESS_SIZE, MAX_ADDRESS_SIZE = 9, 15
CLIENT_PORT = 8080
"""The port that clients bind, at the address that the server gives them."""


class SpacePadded(Adapter):  # type: ignore[misc]  # construct is untyped
    """Text in a field of fixed size, padded with spaces. All spaces are deleted when it is read."""

    def __init__(self, size: int) -> None:
        super().__init__(Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.replace(b" ", b"")

    def _encode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.ljust(self.size)


fixed_header_layout = Struct(
    "capacity" / Int8ub * "capacity",
    "operation" / Int8ub * "operation",
    "state" / Int8ub * "state",
    "room" / SpacePadded(ROOM_SIZE) * "room name",
    "user" / SpacePadded(USER_SIZE) * "user name",
    "password" / SpacePadded(PASSWORD_SIZE) * "password",
)

token_layout = Struct("token" / Bytes(TOKEN_SIZE) * "host token")

created_layout = Struct(
    "token" / Bytes(TOKEN_SIZE) * "host token",
    "address" / GreedyBytes * "address",
)

joined_layout = Struct(
    "answer" / Bytes(1) * "answer",
    "address" / GreedyBytes * "address",
)

ACCEPTED = b"0"
REFUSALS = {Status.ROOM_NOT_FOUND: b"1", Status.LIMIT_REACHED: b"2", Status.WRONG_PASSWORD: b"3"}
"""The answer to a join that is refused, for each status that has one."""


class FixedHeader(NamedTuple):
    """The 32 bytes of a request. A server that has created a room repeats them."""

    capacity: int
    operation: int
    state: int
    room: str
    user: str
    password: str


def decode_fixed_header(data: bytes) -> FixedHeader:
    """Decode exactly 32 bytes. Any operation and state are accepted. Raises RemoteProtocolError."""
    if len(data) != FIXED_HEADER_SIZE:
        raise RemoteProtocolError(
            f"the header has {len(data)} bytes: {FIXED_HEADER_SIZE}", clause="TCRP-2.1", field="header",
            offset=min(len(data), FIXED_HEADER_SIZE), value=len(data), limit=FIXED_HEADER_SIZE,
        )  # fmt: skip
    fields = parse_layout(fixed_header_layout, data, "TCRP-2.1")
    return FixedHeader(
        fields.capacity,
        fields.operation,
        fields.state,
        decode_utf8(fields.room, "room name", 3),
        decode_utf8(fields.user, "user name", 3 + ROOM_SIZE),
        decode_utf8(fields.password, "password", 3 + ROOM_SIZE + USER_SIZE),
    )


def encode_fixed_header(header: FixedHeader) -> bytes:
    """Encode a header as it stands, as 32 bytes. Raises LocalProtocolError for a text that does not fit its field."""
    texts = {
        "room": encode_field(header.room, "room name", ROOM_SIZE),
        "user": encode_field(header.user, "user name", USER_SIZE),
        "password": encode_field(header.password, "password", PASSWORD_SIZE),
    }
    return build_layout(fixed_header_layout, {**header._asdict(), **texts}, "TCRP-2.1")


def decode_address(data: bytes) -> Address:
    """The address that a server gives out, 9 to 15 characters, with the port that clients bind.

    Raises RemoteProtocolError for anything but a dotted loopback address.
    """
    try:
        ip = IPv4Address(data.decode("ascii"))
    except ValueError:
        ip = None
    if ip is None or not ip.is_loopback or not MIN_ADDRESS_SIZE <= len(data) <= MAX_ADDRESS_SIZE:
        raise RemoteProtocolError(
            f"the address is {data[:40]!r}: a loopback address in dots, {MIN_ADDRESS_SIZE} to {MAX_ADDRESS_SIZE} bytes",
            clause="TCRP-3.5a", field="address", value=data[:40], limit=MAX_ADDRESS_SIZE,
        )  # fmt: skip
    return str(ip), CLIENT_PORT


def encode_address(address: Address) -> bytes:
    """The bytes of an address. Raises LocalProtocolError for anything but a dotted loopback address."""
    text = address[0].encode()
    try:
        decode_address(text)
    except RemoteProtocolError as error:
        raise LocalProtocolError(error.args[0], clause=error.clause, field=error.field, value=error.value) from None
    return text


class Phase(Enum):
    """The phase of a conversation: what the server or the client waits for."""

    HEADER = auto()  # server: the rest of a header
    ANSWER = auto()  # server: an Ack to send; client: the answer to a join, or the header with state 1
    COMPLETE = auto()  # server: a Complete to send; client: the header with state 2
    TOKEN = auto()  # the rest of the host token
    ADDRESS = auto()  # client: the rest of the address
    DONE = auto()
