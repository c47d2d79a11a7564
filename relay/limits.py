"""How much a relay accepts, in all and from one address."""

from typing import Final, NamedTuple

MAX_ROOMS: Final = "max-rooms"
MAX_MEMBERS: Final = "max-members"
MAX_ROOMS_PER_ADDRESS: Final = "max-rooms-per-address"
MAX_MEMBERS_PER_ADDRESS: Final = "max-members-per-address"
MESSAGES_PER_SECOND: Final = "messages-per-second"
"""The names of the limits, as refusals say them."""

ROOMS_OF_MEMBERS: Final = 16
"""One address may have so many times `members_per_address` in all rooms together: what TCRP-6.3b and TCRP-6.3c demand.
"""
BURST_SECONDS: Final = 2.0
"""An address that was silent may send the messages of so many seconds at once."""
LARGE_ROOM: Final = 100
"""So many members make a message count once more: it is sent to all of them."""


class RoomLimits(NamedTuple):
    """The most that a relay accepts. The protocol requires at least 16 of each (TCRP-6.3b, TCRP-6.3c).

    `rooms`: at the same time. A room whose creator vanished counts until it is idle. `members`: of one room, the host
    included. The others are for one address (`network_of`), and 0 is no limit. `rooms_per_address`: created from it.
    `members_per_address`: of one room; where there is only one room at all, half of it. `messages_per_second`: relayed
    for its members together; a message to a room of a hundred or more counts once more for each hundred.
    """

    rooms: int = 10_000
    members: int = 1_000
    rooms_per_address: int = 0
    members_per_address: int = 0
    messages_per_second: int = 0
