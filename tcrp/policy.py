"""The rules of rooms as plain data. A dialect has one; `relay` interprets it; nothing else needs to know.

Each question has the answers that running implementations give. The defaults are the canonical dialect's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from tcrp.messages import UpKind, Why


class RoomKey(Enum):
    """By what a room is found."""

    NAME = "its name"
    TOKEN = "its host's token; names need not be unique"
    ONE = "there is one room, which always exists and whose members come by sending"


class MemberKey(Enum):
    """By what a datagram's sender is found."""

    TOKEN = "the token in the datagram"
    ADDRESS = "the datagram's source"


class Bind(Enum):
    """What of a datagram's source must fit the member."""

    IP = "the IP address of its TCP connection"
    ADDRESS = "exactly its UDP address"
    NONE = "nothing"


class Register(Enum):
    """How a member's UDP address is learnt."""

    LATEST = "the source of its latest valid datagram"
    MESSAGE = "the source of its latest REGISTER message, from wherever it comes"
    REQUEST = "declared in the TCP request"
    HANDSHAKE = "sent on TCP after the token; the member exists from then on"
    ASSIGNED = "given out by the server in its answer"


class Audience(Enum):
    """Who is told. Only registered members can be."""

    NOBODY = "nobody"
    MEMBER = "the member it is about"
    OTHERS = "every member of the room but that one"
    ALL = "every member of the room"


class IdleScope(Enum):
    """Whose silence counts."""

    MEMBER = "each member's own"
    ROOM = "the room's, looked at when its host sends: that datagram then closes the room"


class TokenForm(Enum):
    """What a new token looks like."""

    UUID = "36 characters: a random UUID, 122 random bits"
    HEX = "64 hexadecimal digits, 256 random bits"
    BASE64 = "172 characters of base64url, 1024 random bits"


@dataclass(frozen=True, slots=True)
class Idle:
    """When silence ends a membership. `seconds` None: never. `counts`: the datagrams that are activity."""

    seconds: float | None = 60.0
    counts: frozenset[UpKind] = frozenset({UpKind.REGISTER, UpKind.CHAT})
    scope: IdleScope = IdleScope.MEMBER


def _canonical_tell() -> Mapping[Why, Audience]:
    return {
        Why.HOST_LEFT: Audience.OTHERS,
        Why.IDLE: Audience.MEMBER,
        Why.HOST_IDLE: Audience.ALL,
        Why.UNREACHABLE: Audience.MEMBER,
        Why.STOPPED: Audience.ALL,
        Why.TOO_LONG: Audience.MEMBER,
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """One answer to each question that implementations answer differently."""

    room_key: RoomKey = RoomKey.NAME
    member_key: MemberKey = MemberKey.TOKEN
    bind: Bind = Bind.IP
    register: Register = Register.LATEST
    echo: bool = False
    """A sender gets a copy of its own message."""
    guests_may_leave: bool = True
    """False: a guest's leave message is only chat."""
    relay_leave: bool = False
    """A leave message is relayed as chat before it takes effect."""
    tell: Mapping[Why, Audience] = field(default_factory=_canonical_tell)
    """Who is told of what; what is not listed is told to nobody."""
    idle: Idle = Idle()
    max_failures: int | None = 3
    """Delivery failures in a row after which a member is removed as if idle (TCRP-5.6)."""
    token: TokenForm | Callable[[], bytes] = TokenForm.UUID
    """What a new token looks like, or what makes one."""
    client_port: int | None = None
    """Where clients listen on the address that they are given; of Register.ASSIGNED only."""
    typing: float = 0.0
    """Seconds that a silent TCP connection has at least, where clients connect while a person still types."""
