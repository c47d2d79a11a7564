"""What a relay wants done, and what happened. Act on them in their order."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from relay.rooms import Hearers
from tcrp.messages import Address, Why


class Relayed(NamedTuple):
    """Send `payload` to every address of `audience`, except to the one at index `skip`.

    The same `audience` comes again and again until something changes in the room.
    """

    payload: bytes
    audience: Hearers
    skip: int | None


class Notice(NamedTuple):
    """Send `payload` to every address."""

    payload: bytes
    addresses: Sequence[Address]


class MemberJoined(NamedTuple):
    """A fact: someone is in a room. `host`: by having created it."""

    room: str
    user: str
    host: bool


class MemberLeft(NamedTuple):
    """A fact: someone is no longer in a room."""

    room: str
    user: str
    why: Why


class RoomClosed(NamedTuple):
    """A fact: a room is gone. `members`: how many were in it, its host counted."""

    room: str
    why: Why
    members: int


class Dropped(NamedTuple):
    """A fact: a datagram had no effect (TCRP-4.2). `reason` is in words and never holds a token."""

    reason: str


Decision: TypeAlias = Relayed | Notice | MemberJoined | MemberLeft | RoomClosed | Dropped
