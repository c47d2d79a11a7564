"""What travels, as values: frames and datagrams, what a client wants, what a server answers.

All are cheap NamedTuples that check nothing: values are checked where bytes become messages and
messages become bytes (`tcrp.wire`).
"""

from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from tcrp.constants import Status

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""A socket address as Python's socket module gives it: IPv4 has two items, IPv6 four."""


make: Final = tuple.__new__
"""`make(Header, (...))` is `Header(...)` in half the time, for codecs: it counts no fields and knows no defaults."""


class Header(NamedTuple):
    """The 32 bytes before every TCP body. Sizes in bytes."""

    room_size: int
    operation: int
    state: int
    payload_size: int


class Frame(NamedTuple):
    """One TCP message: header and body. Unknown operations and states stay plain integers."""

    room: str
    operation: int
    state: int
    payload: bytes


class Request(NamedTuple):
    """The payload of a request (TCRP-3.2a). No password is None."""

    user: str
    password: str | None = None


class ChatPacket(NamedTuple):
    """A datagram from a client to the server (TCRP-4.1)."""

    room: str
    token: bytes
    message: bytes


class ChatMessage(NamedTuple):
    """A datagram from the server to a client: `user: message` (TCRP-4.6a)."""

    user: str
    message: bytes


class Disconnect(NamedTuple):
    """The receiver is no longer a member of the room (TCRP-5.4a)."""

    text: str


class Information(NamedTuple):
    """Something the server tells and a client may show (TCRP-5.5)."""

    text: str


class Create(NamedTuple):
    """A client wants a new room. `capacity` counts the host and is said only where the dialect can."""

    room: str
    user: str
    password: str | None = None
    capacity: int | None = None


class Join(NamedTuple):
    """A client wants to enter a room; `invite` is the token to enter by, where the dialect has invitations."""

    room: str
    user: str
    password: str | None = None
    invite: bytes | None = None


class List(NamedTuple):
    """A client wants to know the rooms, where the dialect can list them."""


Want: TypeAlias = Create | Join | List


class Ack(NamedTuple):
    """A server's first answer. Any status but OK is its last."""

    status: Status


class Complete(NamedTuple):
    """A server's second answer: the token, and the UDP address given out where the dialect does that."""

    token: bytes
    address: Address | None = None


class Rooms(NamedTuple):
    """A server's answer to List."""

    names: tuple[str, ...]


Reply: TypeAlias = Ack | Complete | Rooms


class UpKind(Enum):
    """What a client's datagram means."""

    REGISTER = "register"
    CHAT = "chat"
    LEAVE = "leave"


class Up(NamedTuple):
    """A client's datagram in any dialect. None: this dialect's datagram does not carry the field."""

    kind: UpKind
    room: str | None
    token: bytes | None
    user: str | None
    body: bytes


class DownKind(Enum):
    """What a server's datagram means."""

    CHAT = "chat"
    CLOSED = "closed"
    INFO = "info"
    UNKNOWN = "unknown"


class Why(Enum):
    """What a notice is about. `Policy.tell` says who hears of each."""

    JOINED = "joined"
    LEFT = "left"
    HOST_LEFT = "the host left"
    IDLE = "idle for too long"
    HOST_IDLE = "the host was idle for too long"
    UNREACHABLE = "datagrams could not be delivered"
    STOPPED = "the server is stopping"
    TOO_LONG = "the message is too long to be relayed"


class Down(NamedTuple):
    """A server's datagram in any dialect.

    A server fills `user` (who speaks, or whom a notice is about), `body` (of chat), and for a notice `why`
    and `room`, and the dialect finds the words. A client reads `user` and `body`, which of a notice is its text.
    `datagram`: the sender's, as it came, for dialects that send on just that.
    """

    kind: DownKind
    user: str | None
    body: bytes = b""
    why: Why | None = None
    room: str | None = None
    datagram: bytes = b""


class Membership(NamedTuple):
    """What a client holds once it is in: all that writing and reading its datagrams needs."""

    room: str
    user: str
    token: bytes
    host: bool
