"""What a relay knows of rooms and members, as values, and the addresses that hear what is said in a room."""

from collections.abc import Hashable
from typing import NamedTuple, TypeAlias

from tcrp.messages import Address

Key: TypeAlias = Hashable
"""What finds a room: its name, its host's token, or None for the only room, as `Policy.room_key` says."""


class Hearers(tuple[Address, ...]):
    """The addresses of a room's registered members.

    The tuple never changes: a change in the room makes a new one. `prepared` belongs to the sender, which keeps there
    what it computed from the addresses. The relay does not read it.
    """

    prepared: object = None


class Room(NamedTuple):
    """A room.

    `id`: no other room or member ever has it. `capacity`: the most members, the host included. `password`: the hash
    that joins are verified against, or None. `ip`: of the creator's TCP connection; "" where nobody created the room.
    """

    id: int
    key: Key
    name: str
    capacity: int
    password: bytes | None
    ip: str


class Member(NamedTuple):
    """Someone in a room. A member is registered once the relay knows the address of its datagrams.

    `id`: no other room or member ever has it. `token`: None where the dialect has no tokens, and for a member of an
    earlier run that has not shown it yet. `ip`: of its TCP connection, for comparison. `host`: the member created the
    room. `address`: where its datagrams go, in the form in which it came; None until it is registered.
    """

    id: int
    room: Room
    user: str
    token: bytes | None
    ip: str
    host: bool
    address: Address | None = None
