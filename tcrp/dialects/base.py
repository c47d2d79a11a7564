"""The interface of a dialect: a codec for datagrams, conversations for TCP, and a Policy with the rules of rooms."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from construct import Struct

from tcrp.conversation import Conversation, Limits
from tcrp.messages import Address, Down, Membership, Up, UpKind, Want
from tcrp.policy import Policy


class Ports(NamedTuple):
    """The default ports. `tcp` is None if the dialect has no TCP."""

    tcp: int | None
    udp: int


class Capabilities(NamedTuple):
    """What a dialect can express. Clients, servers and the conformance suite look at this, never at the name."""

    tcp: bool = True
    """There is TCP, and clients send requests on it."""
    rooms: bool = True
    """There is more than one room."""
    passwords: bool = True
    """A room can have a password."""
    listing: bool = False
    """A client can list the rooms."""
    capacity: bool = False
    """The creator of a room can limit the number of its members."""
    invites: bool = False
    """A client joins a room with the token of its host."""
    keepalive: bool = True
    """A member can send a datagram that counts as activity and that nobody sees."""
    notices: bool = True
    """A client can tell a notice from chat."""
    frames: bool = True
    """Requests and replies are frames with the 32-byte header of section 2."""
    whole_requests: bool = True
    """A client says its whole request at once. False: it goes on only once the server has said something."""
    one_port: bool = False
    """A client's datagrams go to the address of its TCP connection, so its TCP port and UDP port have one number."""


class RequestParts(NamedTuple):
    """A request in its parts, so that it can be written with one of them wrong.

    `payload`: its bytes. `fields`: the JSON object that the payload is, by key in the order of the payload; None if it
    is no JSON object. `user_key`, `password_key`: the keys of the user name and of the password, None if the object has
    no such key.
    """

    room: bytes
    operation: int
    state: int
    payload: bytes
    fields: Mapping[str, object] | None = None
    user_key: str | None = None
    password_key: str | None = None


class Layouts(NamedTuple):
    """The declared layouts of a dialect, for showing bytes field by field. None: no fields are declared."""

    up: Struct | None = None
    """A client's datagram."""
    down: Struct | None = None
    """A server's datagram with chat."""
    notice: Struct | None = None
    """A server's datagram that begins with a byte of `NoticeKind`, in dialects where this is a notice."""
    status: Struct | None = None
    """The payload of an ACK, in dialects where the State tells request, ACK and COMPLETE apart as in section 3."""


class Passwords(Protocol):
    """How passwords are stored, in dialects where the server cannot choose it. Both calls may be slow."""

    def hash(self, password: str) -> bytes:
        """The bytes that the server stores for a password."""

    def verify(self, password: str, stored: bytes) -> bool:
        """Whether a password is the one that was stored."""


class Dialect(Protocol):
    """One variant of TCRP. It is immutable and does no I/O."""

    @property
    def name(self) -> str:
        """The name that `tcrp.dialects.get` takes, or that a dialect file gives."""

    @property
    def ports(self) -> Ports:
        """The default ports."""

    @property
    def policy(self) -> Policy:
        """The rules of rooms."""

    @property
    def can(self) -> Capabilities:
        """What the dialect can express."""

    @property
    def layouts(self) -> Layouts:
        """The declared layouts."""

    @property
    def passwords(self) -> Passwords | None:
        """How passwords are stored. None: the server chooses.

        Raises MissingExtra if this needs a package that is not installed.
        """

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        """A client's conversation.

        `udp`: the client's UDP address, already bound, for dialects in which the client sends it to the server.
        `strict`: False: if a reply is wrong but readable, the conversation returns `Malformed` and goes on.

        Raises LocalProtocolError if this dialect cannot express the request, and MissingExtra if it needs a package
        that is not installed.
        """

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        """The parts of the request that a client sends. None if a request is no header with room name and payload.

        `udp`: as for `client`. Raises LocalProtocolError if this dialect cannot express the request.
        """

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        """A server's conversation with a client that has just connected from `peer`.

        Raises LocalProtocolError in a dialect without TCP.
        """

    def read_up(self, data: bytes, source: Address) -> Up:
        """Read a client's datagram. Raises RemoteProtocolError for one that a server must drop."""

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        """Write a client's datagram. Returns None if this dialect has no datagram of this kind.

        Raises LocalProtocolError for a body that does not fit, and for one that would make a datagram of another kind.
        """

    def read_down(self, data: bytes, member: Membership) -> Down:
        """Read a server's datagram. An unreadable one gives DownKind.UNKNOWN with all its bytes as body."""

    def write_down(self, down: Down) -> bytes | None:
        """Write a server's datagram. Returns None if this dialect cannot express it.

        Raises LocalProtocolError if it does not fit.
        """
