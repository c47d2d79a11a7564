"""What the caller of a relay must send, and facts for its log. The caller acts on decisions in their order."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from relay.drops import Dropped
from relay.rooms import Hearers
from tcrp.messages import Address, NoticeReason


class Relayed(NamedTuple):
    """Send `payload` to every address of `audience`, except to the one at index `skip`. None: skip no address.

    The relay returns the same `audience` object for a room until the room's registered members change.
    """

    payload: bytes
    audience: Hearers
    skip: int | None


class Notice(NamedTuple):
    """Send `payload` to every address of `addresses`."""

    payload: bytes
    addresses: Sequence[Address]


class MemberJoined(NamedTuple):
    """A fact: `user` is in `room`. `host`: the user created the room. `ip`: of its TCP connection, or of its datagram
    where there is no TCP.
    """

    room: str
    user: str
    host: bool
    ip: str = ""


class MemberLeft(NamedTuple):
    """A fact: `user` is no longer in `room`. `ip`: as in MemberJoined."""

    room: str
    user: str
    why: NoticeReason
    ip: str = ""


class RoomClosed(NamedTuple):
    """A fact: the room is closed. `members`: how many were in it, the host included."""

    room: str
    why: NoticeReason
    members: int


Decision: TypeAlias = Relayed | Notice | MemberJoined | MemberLeft | RoomClosed | Dropped
