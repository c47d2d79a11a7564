"""The dialect `stage1`, an older form of the protocol: UDP only, no rooms, no tokens (docs/spec.md, section 7).

UDP   both ways   UserNameSize 1 | user name | message

A client becomes a member when it sends. The server relays each datagram unchanged to all members, the sender included.
There is no message that registers or leaves. A member that is silent for too long is removed.
"""

from dataclasses import dataclass

from construct import Bytes, GreedyBytes, Int8ub, Rebuild, Struct, len_, this

from tcrp.constants import MAX_UP_SIZE, MAX_USER_SIZE
from tcrp.conversation import Conversation, Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import build_layout
from tcrp.messages import Address, Down, DownKind, Membership, Up, UpKind, Want
from tcrp.policy import Bind, Idle, MemberKey, Policy, RoomKey

MAX_SIZE = MAX_UP_SIZE
"""The greatest size of a datagram in bytes, in both directions."""
_CLAUSE = "TCRP-7.1"

datagram_layout = Struct(
    "user_size" / Rebuild(Int8ub, len_(this.user)) * "UserNameSize",
    "user" / Bytes(this.user_size) * "user name",
    "message" / GreedyBytes * "message",
)

POLICY = Policy(
    room_key=RoomKey.ONE,
    member_key=MemberKey.ADDRESS,
    bind=Bind.ADDRESS,
    echo=True,
    tell={},
    idle=Idle(60.0, frozenset({UpKind.CHAT})),
)


@dataclass(frozen=True, slots=True)
class Stage1:
    """The dialect. `Dialect` documents the methods."""

    name: str = "stage1"
    ports: Ports = Ports(None, 9002)
    policy: Policy = POLICY
    can: Capabilities = Capabilities(
        tcp=False, rooms=False, passwords=False, keepalive=False, notices=False, frames=False
    )
    layouts: Layouts = Layouts(datagram_layout, datagram_layout)
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        raise LocalProtocolError(f"dialect {self.name} has no requests: sending joins", clause=_CLAUSE, field="request")

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        return None

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        raise LocalProtocolError(f"dialect {self.name} has no TCP", clause=_CLAUSE, field="TCP port")

    def read_up(self, data: bytes, source: Address) -> Up:
        user, message = _decode(data)
        return Up(UpKind.CHAT, None, None, user, message)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        if kind is not UpKind.CHAT:
            return None
        try:
            size = len(member.user.encode())
        except UnicodeEncodeError:
            raise LocalProtocolError(
                "the user name holds a lone surrogate, which UTF-8 cannot say",
                clause=_CLAUSE, field="user name", limit="UTF-8",
            ) from None  # fmt: skip
        if not 1 <= size <= MAX_USER_SIZE:
            raise LocalProtocolError(
                f"the user name has {size} bytes: 1 to {MAX_USER_SIZE}",
                clause=_CLAUSE, field="user name", value=size, limit=MAX_USER_SIZE if size else 1,
            )  # fmt: skip
        return _encode(member.user, body)

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            user, message = _decode(data)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        return Down(DownKind.CHAT, user, message)

    def write_down(self, down: Down) -> bytes | None:
        return _encode(down.user or "", down.body) if down.kind is DownKind.CHAT else None


def _decode(data: bytes) -> tuple[str, bytes]:
    """User name and message. Bytes of a name that are not UTF-8 become surrogates, so that it is relayed unchanged."""
    if len(data) > MAX_SIZE:
        raise RemoteProtocolError(
            f"the datagram has {len(data)} bytes: at most {MAX_SIZE}",
            clause=_CLAUSE, field="datagram", offset=MAX_SIZE, value=len(data), limit=MAX_SIZE,
        )  # fmt: skip
    if not data:
        raise RemoteProtocolError("the datagram is empty", clause=_CLAUSE, field="UserNameSize", offset=0, value=0)
    if len(data) < 1 + data[0]:
        raise RemoteProtocolError(
            f"the user name ends after {len(data) - 1} of {data[0]} bytes",
            clause=_CLAUSE, field="user name", offset=1, value=len(data) - 1, limit=data[0],
        )  # fmt: skip
    data = bytes(data)
    user_end = 1 + data[0]
    return data[1:user_end].decode(errors="surrogateescape"), data[user_end:]


def _encode(user: str, message: bytes) -> bytes:
    name = user.encode(errors="surrogateescape")
    space = MAX_SIZE - 1 - len(name)
    if not isinstance(message, bytes) or len(message) > space:
        raise LocalProtocolError(
            f"the message has {len(message)} bytes: at most {space} fit beside the user name",
            clause=_CLAUSE, field="message", value=len(message), limit=space,
        )  # fmt: skip
    if len(name) > MAX_USER_SIZE:
        return build_layout(datagram_layout, {"user": name, "message": message}, _CLAUSE)  # raises
    return bytes((len(name),)) + name + message
