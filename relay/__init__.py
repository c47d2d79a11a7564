"""The rules of rooms: rooms, tokens, members, leaving and idling, as a dialect's `tcrp.Policy` states them.

Bytes, an address and a time go in, decisions come out. The package has no socket, clock, thread or randomness.
`Relay` is the whole interface; what it keeps is in a `Store`. `reference_server` is one program around it.
"""

from relay.addresses import network_of
from relay.admission import Admission, Admitted, Refusal
from relay.decisions import Decision, MemberJoined, MemberLeft, Notice, Relayed, RoomClosed
from relay.drops import DropKind, Dropped
from relay.limits import RoomLimits
from relay.memory_store import MemoryStore
from relay.rates import TokenBuckets
from relay.relay import Relay
from relay.rooms import Hearers, Key, Member, Room
from relay.store import Store

__all__ = [
    "Admission",
    "Admitted",
    "Decision",
    "DropKind",
    "Dropped",
    "Hearers",
    "Key",
    "Member",
    "MemberJoined",
    "MemberLeft",
    "MemoryStore",
    "Notice",
    "Refusal",
    "Relay",
    "Relayed",
    "Room",
    "RoomClosed",
    "RoomLimits",
    "Store",
    "TokenBuckets",
    "network_of",
]
