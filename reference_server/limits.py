"""The limits of a server: those that can be set, the least values that the protocol allows, and fixed ones."""

from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple, TypeAlias

from relay import RoomLimits
from tcrp.constants import MAX_PAYLOAD_SIZE, MIN_PAYLOAD_LIMIT

PAYLOAD_RANGE: Final = (MIN_PAYLOAD_LIMIT, MAX_PAYLOAD_SIZE)
"""Least and greatest limit of a request's payload, in bytes (TCRP-2.4a, TCRP-2.4c)."""
MIN_LIMIT: Final = 16
"""Least limit of connections, of rooms, of members of a room (TCRP-6.3a, TCRP-6.3b, TCRP-6.3c), and of passwords being
hashed for one address.
"""
MIN_RATE: Final = 50
"""Least limit of requests and of messages a second (TCRP-6.3d)."""

RESERVE_CONNECTIONS: Final = 64
"""Connections beyond the limit whose request is answered with LIMIT_REACHED. Further ones are closed at once."""
RESERVE_SECONDS: Final = 1.0
"""Seconds that such a connection has for its request."""
RESERVE_CONNECTIONS_PER_ADDRESS: Final = 16
"""The same of one address, beyond its own limit."""
MAX_PENDING_PASSWORDS: Final = 64
"""Passwords being hashed or verified, or waiting for it. Further requests of an address that has one there get
LIMIT_REACHED. One password takes about 35 ms, so with two cores the last one waits about 1 s.
"""
MAX_PENDING_PASSWORDS_IN_ALL: Final = 4 * MAX_PENDING_PASSWORDS
"""The same for an address that has none there."""
FREE_GUESSES: Final = 16
"""Wrong passwords of one address for one room that cost it nothing. As many as may be on their way at once (TCRP-6.3a).
"""
GUESSES_PER_SECOND: Final = 1.0
"""Wrong passwords after those."""
GUESS_PATIENCE: Final = 1.5
"""Seconds that a join waits at most before its password is looked at, if its address has guessed too much. Beyond
that it gets LIMIT_REACHED. A tester waits at least 2 s for an answer (TCRP-3.6a).
"""
LIST_BYTES: Final = 64 << 10
"""Bytes of UTF-8 that the names in a reply to a list request have together. It holds 257 of the longest names."""
ROOM_IDLE_SECONDS: Final = 600.0
"""After so much silence a room is closed, in dialects in which no member is ever idle. The clients of `json-status`,
which has no idle time, leave by themselves after 300 s.
"""
DRAIN_SECONDS: Final = 2.0
"""Seconds for which the server reads on after its answer, until the peer closes (TCRP-2.6b)."""
DRAIN_BYTES: Final = 16 << 20
"""Bytes that the server reads meanwhile."""
BACKLOG: Final = 512
"""TCP connections that the system holds until the server accepts them."""
ACCEPTS_PER_WAKE_UP: Final = 64
"""TCP connections that are accepted before datagrams get their turn."""
RECEIVE_BUFFER: Final = 4 << 20
"""Bytes of datagrams that the system is asked to hold until the server reads them. The system may grant less."""
WORK_PER_WAKE_UP: Final = 4096
"""Datagrams that are read and sent before TCP gets its turn. Reading one costs as much as sending several."""
FANOUT_MIN_MEMBERS: Final = 5
"""Members of a room from which on a message is sent by `sendmmsg`. Microseconds for each receiver, `sendto` and
`sendmmsg`, measured in turns: 2 members 3.5 and 4.7, 3 members 3.4 and 3.5, 4 members 3.4 and 3.1, 5 members 3.3 and
2.9, 10 members 3.4 and 2.8, 50 members 3.4 and 2.5. (Reading by `recvmmsg` gained nothing: 5.0 and 4.9 for one datagram
read and one sent.)
"""


Network: TypeAlias = IPv4Network | IPv6Network

LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""The addresses of the machine itself."""


class ServerLimits(NamedTuple):
    """The most that a server accepts.

    `payload`: bytes of a request's payload (TCRP-2.4c). `handshake`: seconds from a request's first byte to its last,
    and for the peer to read an answer. `connections`: TCP connections at the same time (TCRP-6.3a). `rooms`: at the
    same time (TCRP-6.3b). `members`: of one room, the host included (TCRP-6.3c).

    The next ones are for one address (`relay.network_of`), and 0 is no limit: TCP connections at the same time; rooms
    created from it; members of one room; requests a second (TCRP-6.3d); messages a second (see `RoomLimits`); passwords
    being hashed or verified. They do not hold for the addresses in `exempt`. `trust_declared`: see `Relay`.
    """

    payload: int = 64 * 1024
    handshake: float = 10.0
    connections: int = 500
    rooms: int = RoomLimits().rooms
    members: int = RoomLimits().members
    connections_per_address: int = 100
    rooms_per_address: int = 200
    members_per_address: int = 100
    requests_per_second: int = 100
    messages_per_second: int = 1000
    hashes_per_address: int = 32
    exempt: tuple[Network, ...] = LOOPBACK
    trust_declared: bool = False
