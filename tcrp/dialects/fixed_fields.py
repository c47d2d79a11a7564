"""Fixed fields: chat as text between colons; rooms are entered as `fixed_control` draws it.

TCP   a header of fixed fields, padded with spaces; see fixed_control
UDP   up      token ":" user ":" message      `exit` leaves; an empty message is chat
      down    user ":" message                to the sender too

A guest that leaves is heard to say `exit`; a host takes the room with it, without a word. Silence closes a room only
once its host speaks again.
"""

from dataclasses import dataclass

from construct import Const, GreedyBytes, Struct

from tcrp import constants
from tcrp.constants import MAX_DOWN_SIZE, MAX_UP_SIZE
from tcrp.conversation import Conversation, Limits
from tcrp.dialects.base import Can, Layouts, Passwords, Ports
from tcrp.dialects.fixed_control import (
    CLIENT_PORT,
    ClientConversation,
    ServerConversation,
    check_user,
    decode_text,
    text_bytes,
)
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import Until
from tcrp.messages import Address, Down, DownKind, Membership, Up, UpKind, Want, Why
from tcrp.policy import Audience, Bind, Idle, IdleScope, MemberKey, Policy, Register, RoomKey

SEPARATOR = b":"

up_layout = Struct(
    "token" / Until(SEPARATOR) * "host token",
    "before_user" / Const(SEPARATOR) * "separator",
    "user" / Until(SEPARATOR) * "user name",
    "before_message" / Const(SEPARATOR) * "separator",
    "message" / GreedyBytes * "message",
)

down_layout = Struct(
    "user" / Until(SEPARATOR) * "user name",
    "before_message" / Const(SEPARATOR) * "separator",
    "message" / GreedyBytes * "message",
)

POLICY = Policy(
    room_key=RoomKey.TOKEN,
    member_key=MemberKey.ADDRESS,
    bind=Bind.ADDRESS,
    register=Register.ASSIGNED,
    echo=True,
    tell={Why.LEFT: Audience.OTHERS},
    idle=Idle(60.0, frozenset({UpKind.CHAT}), IdleScope.ROOM),
    max_failures=100,  # a client binds its address a moment after others may speak to it
    client_port=CLIENT_PORT,
    typing=300.0,
)


def read_kind(message: bytes) -> UpKind:
    """Empty messages are chat."""
    return UpKind.LEAVE if message == constants.LEAVE else UpKind.CHAT


def message_of(kind: UpKind, body: bytes) -> bytes:
    """The message that says this, of CHAT and LEAVE. LocalProtocolError for chat that would leave or is not UTF-8."""
    message = constants.LEAVE if kind is UpKind.LEAVE else body
    if read_kind(message) is not kind:
        raise LocalProtocolError(
            "a datagram with this message would leave the room", clause="TCRP-5.1d", field="message", value=message
        )
    try:
        message.decode()
    except (UnicodeDecodeError, AttributeError):
        raise LocalProtocolError(
            "the message is not bytes of UTF-8", clause="TCRP-4.6b", field="message", limit="UTF-8"
        ) from None
    return message


@dataclass(frozen=True, slots=True)
class FixedFields:
    """The dialect; see `Dialect` for what the methods promise."""

    name: str = "fixed-fields"
    ports: Ports = Ports(9001, 9002)
    policy: Policy = POLICY
    can: Can = Can(capacity=True, invites=True, keepalive=False, notices=False, frames=False)
    layouts: Layouts = Layouts(up_layout, down_layout)
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        return ClientConversation(want, strict)

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return ServerConversation(limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        _check_chat(data, MAX_UP_SIZE, 2)
        token, user, message = bytes(data).split(SEPARATOR)
        return Up(read_kind(message), None, token, user.decode(), message)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        if kind is UpKind.REGISTER:
            return None  # an empty message would be relayed
        message = message_of(kind, body)
        check_user(member.user)
        return _write_chat(member.user, message, MAX_UP_SIZE, member.token)

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            _check_chat(data, MAX_DOWN_SIZE, 1)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        user, message = bytes(data).split(SEPARATOR)
        return Down(DownKind.CHAT, user.decode(), message)

    def write_down(self, down: Down) -> bytes | None:
        message = said_down(down)
        return None if message is None else _write_chat(down.user or "", message, MAX_DOWN_SIZE)


def said_down(down: Down) -> bytes | None:
    """The message of a server's datagram. Others hear of a member that leaves as if it had said so."""
    if down.kind is DownKind.CHAT:
        return down.body
    return constants.LEAVE if (down.kind, down.why) == (DownKind.INFO, Why.LEFT) else None


def _check_chat(data: bytes, most: int, separators: int) -> None:
    """What the layouts do not say of a datagram: its length, that it is text, and how many `:` it holds."""
    if len(data) > most:
        raise RemoteProtocolError(
            f"the datagram has {len(data)} bytes: at most {most}",
            clause="TCRP-4.2a", field="datagram", offset=most, value=len(data), limit=most,
        )  # fmt: skip
    if (count := data.count(SEPARATOR)) != separators:
        raise RemoteProtocolError(
            f"the datagram holds {count} ':': exactly {separators}",
            clause="TCRP-4.2b", field="separator", offset=0, value=count, limit=separators,
        )  # fmt: skip
    decode_text(data, "datagram", 0)


def _write_chat(user: str, message: bytes, most: int, token: bytes | None = None) -> bytes:
    name = text_bytes(user, "user name")
    for field, value in (("user name", name), ("message", message), ("token", token or b"")):
        _check_colon(value, field)
    data = SEPARATOR.join((name, message) if token is None else (token, name, message))
    if len(data) > most:
        space = most - len(data) + len(message)
        raise LocalProtocolError(
            f"the message has {len(message)} bytes: at most {space} fit",
            clause="TCRP-4.1", field="message", value=len(message), limit=space,
        )  # fmt: skip
    return data


def _check_colon(text: bytes, field: str) -> None:
    if SEPARATOR in text:
        raise LocalProtocolError(
            f"the {field} holds ':', which this dialect cannot say",
            clause="TCRP-4.1", field=field, limit="no ':'",
        )  # fmt: skip
