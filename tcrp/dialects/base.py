"""What every dialect is: a codec for datagrams, a conversation for TCP, and a Policy for the rules of rooms."""

from typing import NamedTuple, Protocol

from construct import Struct

from tcrp.conversation import Conversation, Limits
from tcrp.messages import Address, Down, Membership, Up, UpKind, Want
from tcrp.policy import Policy


class Ports(NamedTuple):
    """Default ports; `tcp` is None where the dialect has no TCP."""

    tcp: int | None
    udp: int


class Can(NamedTuple):
    """What a dialect is able to say. Clients, servers and the suite act on it and never on a name."""

    tcp: bool = True
    rooms: bool = True
    passwords: bool = True
    listing: bool = False
    capacity: bool = False
    invites: bool = False
    keepalive: bool = True
    """A member can send something that counts as activity and that nobody sees."""
    notices: bool = True
    """A notice can be told from chat."""
    frames: bool = True
    """Requests and replies are frames with the 32-byte header of section 2."""
    one_port: bool = False
    """A client's datagrams go where its TCP connection comes from, so both have one port number."""


class Layouts(NamedTuple):
    """How bytes are declared, for whoever shows them field by field. None: nothing is declared but bytes."""

    up: Struct | None = None
    down: Struct | None = None
    notice: Struct | None = None
    """Of a server's datagram that begins with a byte of `NoticeKind`, where such a one is a notice."""
    status: Struct | None = None
    """Of what an ACK carries, where a frame's State tells request, ACK and COMPLETE apart as section 3 does."""


class Passwords(Protocol):
    """How a dialect's passwords are kept, where the server may not choose. Both calls may be slow."""

    def hash(self, password: str) -> bytes:
        """What the server stores."""

    def verify(self, password: str, stored: bytes) -> bool:
        """Whether the password offered is the one stored."""


class Dialect(Protocol):
    """One way to speak TCRP. Immutable, no I/O."""

    @property
    def name(self) -> str: ...

    @property
    def ports(self) -> Ports: ...

    @property
    def policy(self) -> Policy: ...

    @property
    def can(self) -> Can: ...

    @property
    def layouts(self) -> Layouts: ...

    @property
    def passwords(self) -> Passwords | None:
        """None: the server keeps them as it likes. Raises MissingExtra where they need what is not installed."""

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        """A client's conversation. `udp`: the client's bound UDP address, for dialects that tell it to the server.

        Not strict: what is wrong in a reply and yet readable is told by `Malformed`, and the conversation goes on.

        Raises LocalProtocolError for a want that this dialect cannot say, MissingExtra where saying it needs what is
        not installed.
        """

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        """A server's conversation with the peer that has just connected."""

    def read_up(self, data: bytes, source: Address) -> Up:
        """Read a client's datagram; RemoteProtocolError for one to be dropped."""

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        """Write a client's datagram. None: this dialect has no such datagram. LocalProtocolError for a body that
        does not fit or that would mean something else than `kind`.
        """

    def read_down(self, data: bytes, member: Membership) -> Down:
        """Read a server's datagram; what cannot be read is DownKind.UNKNOWN with the bytes as body."""

    def write_down(self, down: Down) -> bytes | None:
        """Write a server's datagram. None: this dialect cannot say it. LocalProtocolError: it would not fit."""
