"""What a relay wants done, and what happened. Act on them in their order."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from tcrp.messages import Address, Why


class Relayed(NamedTuple):
    """Send `payload` to every address of `audience`, except to the one at index `skip`.

    `audience` may be the room's own list: use it before the relay is called again, and do not keep it.
    """

    payload: bytes
    audience: Sequence[Address]
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
