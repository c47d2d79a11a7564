"""Messages as values: frames, datagrams, a client's request, a server's reply.

They are NamedTuples, cheap to make, and check nothing. The codecs (`tcrp.wire`, the dialects) check the values when
they read and write bytes.
"""

from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from tcrp.constants import Status

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""A socket address as Python's socket module gives it: two items for IPv4, four for IPv6."""


make: Final = tuple.__new__
"""`make(Header, (...))` gives the same value as `Header(...)` in half the time. It does not check the number of fields
and fills in no defaults. Only codecs use it."""


class Header(NamedTuple):
    """The 32 bytes before every TCP body (TCRP-2.1). Sizes are in bytes."""

    room_size: int
    operation: int
    state: int
    payload_size: int


class Frame(NamedTuple):
    """One TCP message: header and body (TCRP-2.2). Unknown operations and states stay plain integers."""

    room: str
    operation: int
    state: int
    payload: bytes


class Request(NamedTuple):
    """The payload of a request (TCRP-3.2a). `password` is None if there is none."""

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
    """A datagram from the server: the receiver is no longer a member of the room (TCRP-5.4a)."""

    text: str


class Information(NamedTuple):
    """A datagram from the server with a text that a client may show (TCRP-5.5)."""

    text: str


class Create(NamedTuple):
    """A client wants to create a room.

    `capacity`: the greatest number of members, the host included; None in dialects without capacities.
    """

    room: str
    user: str
    password: str | None = None
    capacity: int | None = None


class Join(NamedTuple):
    """A client wants to join a room.

    `invite`: the host's token, which finds the room in dialects with invitations; None in all others.
    """

    room: str
    user: str
    password: str | None = None
    invite: bytes | None = None


class List(NamedTuple):
    """A client wants the names of all rooms, in dialects that can list them."""


Want: TypeAlias = Create | Join | List
"""What a client asks for."""


class Ack(NamedTuple):
    """A server's first reply. A status other than OK refuses the request, and no second reply follows."""

    status: Status


class Complete(NamedTuple):
    """A server's second reply, after an Ack with OK.

    `address`: the UDP address that the client must use, in dialects where the server gives addresses out.
    """

    token: bytes
    address: Address | None = None


class Rooms(NamedTuple):
    """A server's reply to List: the names of all rooms."""

    names: tuple[str, ...]


Reply: TypeAlias = Ack | Complete | Rooms


class UpKind(Enum):
    """What a client's datagram does: register its sender's address, chat, or leave the room."""

    REGISTER = "register"
    CHAT = "chat"
    LEAVE = "leave"


class Up(NamedTuple):
    """A client's datagram in any dialect. A field is None if the datagrams of this dialect do not carry it."""

    kind: UpKind
    room: str | None
    token: bytes | None
    user: str | None
    body: bytes


class DownKind(Enum):
    """What a server's datagram is: chat, a notice that the membership has ended, another notice, or unreadable."""

    CHAT = "chat"
    CLOSED = "closed"
    INFO = "info"
    UNKNOWN = "unknown"


class NoticeReason(Enum):
    """The reason of a notice. `Policy.tell` says who gets it."""

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

    To write one, a server fills in `user`, and `body` for chat or `why` and `room` for a notice; the dialect chooses
    the words. A client that reads one gets `user` and `body`.

    `user`: the sender of chat, or the member that a notice is about.
    `body`: the message of chat, or the text of a notice.
    `datagram`: the sender's datagram as it came, for dialects that relay it unchanged.
    """

    kind: DownKind
    user: str | None
    body: bytes = b""
    why: NoticeReason | None = None
    room: str | None = None
    datagram: bytes = b""


class Membership(NamedTuple):
    """What a client knows after it has joined. Reading and writing its datagrams needs nothing else."""

    room: str
    user: str
    token: bytes
    host: bool
