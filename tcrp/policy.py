"""The rules of rooms as plain data. Each dialect has one `Policy`, and `relay` interprets it.

Each field is a question that implementations answer differently, and its type lists the answers that are known. The
defaults are those of the canonical dialect.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tcrp.messages import NoticeReason, UpKind


class RoomKey(Enum):
    """How a room is found."""

    NAME = "its name"
    TOKEN = "its host's token; names need not be unique"
    ONE = "there is one room, which always exists and whose members come by sending"


class MemberKey(Enum):
    """How the sender of a datagram is found."""

    TOKEN = "the token in the datagram"
    ADDRESS = "the datagram's source"


class Bind(Enum):
    """Which part of a datagram's source address must be the member's."""

    IP = "the IP address of its TCP connection"
    ADDRESS = "exactly its UDP address"
    NONE = "nothing"


class Register(Enum):
    """How the server learns a member's UDP address."""

    LATEST = "the source of its latest valid datagram"
    MESSAGE = "the source of its latest REGISTER message, from wherever it comes"
    REQUEST = "declared in the TCP request"
    HANDSHAKE = "sent on TCP after the token; the member exists from then on"
    ASSIGNED = "given out by the server in its answer"


class Audience(Enum):
    """Who gets a notice. Only members whose UDP address is known can get one."""

    NOBODY = "nobody"
    MEMBER = "the member it is about"
    OTHERS = "every member of the room but that one"
    ALL = "every member of the room"


class IdleScope(Enum):
    """Whose silence counts."""

    MEMBER = "each member's own"
    ROOM = "the room's, looked at when its host sends: that datagram then closes the room"


class TokenAlphabet(Enum):
    """How random bytes are written as a token."""

    UUID = "the text of a random UUID, 36 characters with 122 random bits"
    HEX = "hexadecimal digits"
    BASE64URL = "base64url characters"
    BASE64URL_PADDED = "base64url characters, the last of which is the padding `=`"
    DECIMAL = "decimal digits"
    BYTES = "the random bytes themselves"


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form of a new token. The caller draws the random bytes: `form.make(secrets.token_bytes(form.random_size))`.

    `size`: bytes of the token. It is 36 for UUID, and a multiple of 4 for BASE64URL_PADDED.
    """

    alphabet: TokenAlphabet = TokenAlphabet.UUID
    size: int = 36

    @property
    def random_size(self) -> int:
        """Number of random bytes that `make` takes."""
        match self.alphabet:
            case TokenAlphabet.UUID:
                return 16
            case TokenAlphabet.BASE64URL_PADDED:
                return self.size // 4 * 3 - 1
        return self.size

    def make(self, random: bytes) -> bytes:
        """Write random bytes as a token. The same bytes always give the same token.

        A token is as hard to guess as the bytes are (TCRP-3.8b). Raises ValueError unless `random` has `random_size`
        bytes.
        """
        if len(random) != self.random_size:
            raise ValueError(f"a token of this form takes {self.random_size} random bytes, not {len(random)}")
        match self.alphabet:
            case TokenAlphabet.UUID:
                return _uuid_text(random)
            case TokenAlphabet.HEX:
                return random.hex().encode()[: self.size]
            case TokenAlphabet.BASE64URL | TokenAlphabet.BASE64URL_PADDED:
                return urlsafe_b64encode(random)[: self.size]
            case TokenAlphabet.DECIMAL:
                return (b"%0*d" % (self.size, int.from_bytes(random, "big")))[-self.size :]
        return random


def _uuid_text(random: bytes) -> bytes:
    """The text of a version 4 UUID (RFC 9562, section 5.4). 6 of the 128 bits say that it is one."""
    data = bytearray(random)
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    digits = data.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()


@dataclass(frozen=True, slots=True)
class Idle:
    """When silence ends a membership.

    `seconds`: length of the silence; None: it never does. `counts`: the kinds of datagram that end a silence.
    """

    seconds: float | None = 60.0
    counts: frozenset[UpKind] = frozenset({UpKind.REGISTER, UpKind.CHAT})
    scope: IdleScope = IdleScope.MEMBER


def _canonical_tell() -> Mapping[NoticeReason, Audience]:
    return {
        NoticeReason.HOST_LEFT: Audience.OTHERS,
        NoticeReason.IDLE: Audience.MEMBER,
        NoticeReason.HOST_IDLE: Audience.ALL,
        NoticeReason.UNREACHABLE: Audience.MEMBER,
        NoticeReason.STOPPED: Audience.ALL,
        NoticeReason.TOO_LONG: Audience.MEMBER,
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one dialect: one answer to each question that implementations answer differently."""

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
    tell: Mapping[NoticeReason, Audience] = field(default_factory=_canonical_tell)
    """Who gets a notice, for each reason. A reason that is not listed has no notice."""
    idle: Idle = Idle()
    max_failures: int | None = 3
    """Delivery failures in a row after which a member is removed as if it were idle (TCRP-5.6). None: no limit."""
    token: TokenForm = TokenForm()
    """The form of a new token."""
    client_port: int | None = None
    """The port that clients listen on, at the address that the server gives them. Only with Register.ASSIGNED."""
    typing: float = 0.0
    """Shortest limit, in seconds, for a silent TCP connection: some clients connect while a person still types."""
    once_per_user: bool = False
    """The others get no notice about a member while another one of its room has the same user name and IP address."""
