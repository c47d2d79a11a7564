"""`Store`: what a relay keeps of rooms and members, and the operations that change it.

A store knows no rule. It is given values and returns values: a `Room` or `Member` never changes, and an operation that
changes a member returns the new value. What is reserved for requests that are not complete yet is not in the store.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from relay.rooms import Hearers, Key, Member, Room
from tcrp.messages import Address


class Store(Protocol):
    """Rooms, members, and when they were last active. `MemoryStore` is the usual one.

    No call may wait for anything but a local disk. The cost of a call does not depend on the number of rooms.
    """

    @property
    def lasting(self) -> bool:
        """Whether the rooms are still there when the server is started again. A server that stops then keeps them."""

    def commit(self) -> bool:
        """Save the rooms and members as they are now, before anybody is told of them.

        False: they could not be saved, and the last change may be forgotten after a restart.
        """

    # -------------------------------------------------------------------------------------------------- rooms

    def rooms(self) -> Iterable[Room]:
        """All rooms, in the order in which they were opened."""

    def room(self, key: Key) -> Room | None:
        """The room with this key."""

    def is_open(self, room: Room) -> bool:
        """Whether this room, and not only one of the same key, is there."""

    def count_rooms(self, network: str | None = None) -> int:
        """How many rooms there are; those created from this network (`network_of`) if it is not None."""

    def open_room(self, key: Key, name: str, capacity: int, password: bytes | None, ip: str) -> Room:
        """Add a room without members. The caller has checked that no room has the key."""

    def close_room(self, room: Room) -> None:
        """Remove a room, whose members have been removed before."""

    # ------------------------------------------------------------------------------------------------ members

    def members(self, room: Room) -> Sequence[Member]:
        """The members of a room."""

    def host(self, room: Room) -> Member | None:
        """The member that created the room; None where nobody did."""

    def count_members(self, room: Room | None = None, network: str | None = None) -> int:
        """How many members there are, of a room and from a network (`network_of`), each if not None."""

    def by_token(self, token: bytes) -> Member | None:
        """The member that holds the token. Of several that share one it is the first, the host."""

    def by_address(self, address: Address) -> Sequence[Member]:
        """The members whose datagrams go to this address, in the order in which they got it."""

    def enter(self, room: Room, user: str, token: bytes | None, ip: str, host: bool) -> Member:
        """Add a member to a room."""

    def register(self, member: Member, address: Address) -> Member:
        """From now on the member's datagrams go to this address."""

    def rename(self, member: Member, user: str) -> Member:
        """From now on the member has this name."""

    def remove(self, member: Member) -> None:
        """Remove a member. Its token is void from now on (TCRP-5.1b)."""

    def audience(self, room: Room, member: Member | None = None) -> tuple[Hearers, int | None]:
        """The addresses of the room's registered members, and the index of this member among them, if it is.

        The same object is returned until the registered members of the room change.
        """

    # -------------------------------------------------------------------------------------------------- times

    def touch(self, owner: Room | Member, now: float) -> None:
        """The room or member is active now. The caller's clock never goes back."""

    def last_active(self, owner: Room | Member) -> float | None:
        """When the room or member was touched last; None: never."""

    def silent_since(self) -> float | None:
        """The earliest time in `last_active` of all that were touched; None if nobody was."""

    def pop_silent(self) -> Room | Member:
        """The room or member of that time. It counts as never touched from now on. KeyError if there is none."""
