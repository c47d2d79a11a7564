"""What the server grants, and the least that the protocol lets it grant."""

from typing import Final, NamedTuple

from relay import RoomLimits
from tcrp.constants import MAX_PAYLOAD_SIZE, MIN_PAYLOAD_LIMIT

PAYLOAD_RANGE: Final = (MIN_PAYLOAD_LIMIT, MAX_PAYLOAD_SIZE)
"""Bytes (TCRP-2.4a, TCRP-2.4c)."""
LEAST: Final = 16
"""Connections, rooms, members a room (TCRP-6.3a, TCRP-6.3b, TCRP-6.3c)."""

RESERVE: Final = 64
"""Connections beyond the limit that are still told LIMIT_REACHED; further ones are closed unheard."""
RESERVE_SECONDS: Final = 1.0
"""How long such a connection may take over its request."""
PENDING_PASSWORDS: Final = 64
"""Passwords in work or waiting; beyond it LIMIT_REACHED. At 35 ms each on two cores the last waits for about 1 s."""
DRAIN_SECONDS: Final = 2.0
DRAIN_BYTES: Final = 16 << 20
"""What is still read of a peer that was answered and goes on sending (TCRP-2.6b)."""
BACKLOG: Final = 512
RECEIVE_BUFFER: Final = 4 << 20
"""Bytes of datagrams that the system is asked to hold for us; it may grant less."""
WORK_PER_WAKE_UP: Final = 4096
"""Datagrams read and sent before TCP has its turn."""
FANOUT_FROM: Final = 5
"""Members of a room from which on a message goes out by `sendmmsg`. Measured in turns, in us for each who hears it,
`sendto` against `sendmmsg`: 2 members 3.5 and 4.7, 3 3.4 and 3.5, 4 3.4 and 3.1, 5 3.3 and 2.9, 10 3.4 and 2.8, 50 3.4
and 2.5. (`recvmmsg` for reading gained nothing: 5.0 and 4.9 for one read and one sent.)
"""


class ServerLimits(NamedTuple):
    """`payload`: bytes of a request. `handshake`: seconds from a request's first byte to its last. `connections`: TCP,
    at once. `rooms`: at once. `members`: a room, its host counted.
    """

    payload: int = 64 * 1024
    handshake: float = 10.0
    connections: int = 500
    rooms: int = RoomLimits().rooms
    members: int = RoomLimits().members
