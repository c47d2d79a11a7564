"""What a relay grants."""

from typing import NamedTuple


class RoomLimits(NamedTuple):
    """How much a relay holds; the protocol asks for 16 of each at least (TCRP-6.3b, TCRP-6.3c).

    `rooms`: at once; one whose creator vanished counts until it idles. `members`: a room, its host counted.
    """

    rooms: int = 10_000
    members: int = 1_000
