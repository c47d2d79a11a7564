"""The dialect `fixed-fields`: on TCP a header of fixed fields, on UDP text that is separated by colons.

TCP   a header of fixed fields, padded with spaces; see `fixed_control`
UDP   up      token ":" user ":" message      `exit` leaves; an empty message is chat
      down    user ":" message                to the sender too

When a guest leaves, the others get the message `exit` from it. When the host leaves, the room closes without a notice.
A silent room closes when its host sends again.
"""

from dataclasses import dataclass

from construct import Const, GreedyBytes, Struct

from tcrp import constants
from tcrp.constants import MAX_DOWN_SIZE, MAX_UP_SIZE
from tcrp.conversation import Conversation, Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.dialects.fixed_client import FixedClient
from tcrp.dialects.fixed_control import CLIENT_PORT
from tcrp.dialects.fixed_server import FixedServer
from tcrp.dialects.fixed_text import check_user_name, decode_utf8, encode_utf8
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import Until
from tcrp.messages import Address, Down, DownKind, Membership, NoticeReason, Up, UpKind, Want
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
    tell={NoticeReason.LEFT: Audience.OTHERS},
    idle=Idle(60.0, frozenset({UpKind.CHAT}), IdleScope.ROOM),
    max_failures=100,  # others may send to a client a moment before it has bound its address
    client_port=CLIENT_PORT,
    typing=300.0,
)


def kind_of_message(message: bytes) -> UpKind:
    """LEAVE for `exit`, CHAT for every other message, also for an empty one."""
    return UpKind.LEAVE if message == constants.LEAVE else UpKind.CHAT


def up_message(kind: UpKind, body: bytes) -> bytes:
    """The message of a client's datagram of kind CHAT or LEAVE.

    Raises LocalProtocolError for chat that would leave the room and for chat that is not UTF-8.
    """
    message = constants.LEAVE if kind is UpKind.LEAVE else body
    if kind_of_message(message) is not kind:
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
    """The dialect. `Dialect` documents the methods."""

    name: str = "fixed-fields"
    ports: Ports = Ports(9001, 9002)
    policy: Policy = POLICY
    can: Capabilities = Capabilities(capacity=True, invites=True, keepalive=False, notices=False, frames=False)
    layouts: Layouts = Layouts(up_layout, down_layout)
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        return FixedClient(want, strict)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        return None

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return FixedServer(limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        _check_chat(data, MAX_UP_SIZE, 2)
        token, user, message = bytes(data).split(SEPARATOR)
        return Up(kind_of_message(message), None, token, user.decode(), message)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        if kind is UpKind.REGISTER:
            return None  # an empty message would be relayed
        message = up_message(kind, body)
        check_user_name(member.user)
        return _write_chat(member.user, message, MAX_UP_SIZE, member.token)

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            _check_chat(data, MAX_DOWN_SIZE, 1)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        user, message = bytes(data).split(SEPARATOR)
        return Down(DownKind.CHAT, user.decode(), message)

    def write_down(self, down: Down) -> bytes | None:
        message = down_message(down)
        return None if message is None else _write_chat(down.user or "", message, MAX_DOWN_SIZE)


def down_message(down: Down) -> bytes | None:
    """The message of a server's datagram, or None if there is no such datagram.

    The notice that a member has left is the message `exit` from that member.
    """
    if down.kind is DownKind.CHAT:
        return down.body
    return constants.LEAVE if (down.kind, down.why) == (DownKind.INFO, NoticeReason.LEFT) else None


def _check_chat(data: bytes, most: int, separators: int) -> None:
    """Check what the layouts do not declare: the length of a datagram, its number of `:`, and that it is UTF-8."""
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
    decode_utf8(data, "datagram", 0)


def _write_chat(user: str, message: bytes, most: int, token: bytes | None = None) -> bytes:
    name = encode_utf8(user, "user name")
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
