"""The rules of rooms: rooms, tokens, members, leaving, idling, as a dialect's `tcrp.Policy` says.

Bytes, an address and a time go in, decisions come out: no socket, no clock, no thread, no randomness. `Relay` is the
whole interface; `reference_server` is one program around it.
"""

from relay.admission import Admission, Admitted
from relay.decisions import Decision, Dropped, MemberJoined, MemberLeft, Notice, Relayed, RoomClosed
from relay.limits import RoomLimits
from relay.relay import Relay
from relay.rooms import Hearers

__all__ = [
    "Admission",
    "Admitted",
    "Decision",
    "Dropped",
    "Hearers",
    "MemberJoined",
    "MemberLeft",
    "Notice",
    "Relay",
    "Relayed",
    "RoomClosed",
    "RoomLimits",
]
