"""A room and its members, and the list of those who hear what is said in it."""

from tcrp.messages import Address
from tcrp.policy import Audience


class Member:
    """Someone in a room.

    `token`: None where members come by sending. `ip`: of its TCP connection, to compare. `address`: where its
    datagrams go, as it came, and `index`: its place in the room's audience; None until registered. `failures`: of
    delivery, since it was last heard.
    """

    __slots__ = ("address", "failures", "index", "ip", "room", "token", "user")

    def __init__(self, room: "Room", user: str, token: bytes | None, ip: str) -> None:
        self.room = room
        self.user = user
        self.token = token
        self.ip = ip
        self.address: Address | None = None
        self.index: int | None = None
        self.failures = 0


class Room:
    """`key`: what it is found by. `capacity`: members, the host counted. `host`: None until its creator is in, and
    where the policy has no hosts. `awaited`: how many have a token but are not members yet. `active`: when anyone last
    spoke, in seconds.

    `audience` is the address of every registered member; it is kept, never computed, since every message needs it.
    """

    __slots__ = ("active", "audience", "awaited", "capacity", "host", "key", "listeners", "members", "name", "password")

    def __init__(self, name: str, key: str | bytes | None, capacity: int) -> None:
        self.name = name
        self.key = key
        self.capacity = capacity
        self.password: bytes | None = None
        self.host: Member | None = None
        self.awaited = 0
        self.active = 0.0
        self.members: dict[Member, None] = {}
        self.listeners: list[Member] = []
        self.audience: list[Address] = []

    @property
    def full(self) -> bool:
        return len(self.members) + self.awaited >= self.capacity

    def listen(self, member: Member, address: Address) -> None:
        """From now on the member's datagrams go to this address."""
        if member.index is None:
            member.index = len(self.audience)
            self.listeners.append(member)
            self.audience.append(address)
        else:
            self.audience[member.index] = address
        member.address = address

    def remove(self, member: Member) -> None:
        """The member is gone; the last of the audience takes its place there."""
        del self.members[member]
        if member.index is None:
            return
        last, address = self.listeners.pop(), self.audience.pop()
        if last is not member:
            self.listeners[member.index] = last
            self.audience[member.index] = address
            last.index = member.index
        member.index = None

    def addresses(self, audience: Audience, about: Member | None) -> list[Address]:
        """Where a notice about a member goes, if it is for this audience."""
        match audience:
            case Audience.NOBODY:
                return []
            case Audience.MEMBER:
                return [about.address] if about and about.address else []
            case Audience.OTHERS:
                return [
                    address
                    for member, address in zip(self.listeners, self.audience, strict=True)
                    if member is not about
                ]
            case Audience.ALL:
                return list(self.audience)
