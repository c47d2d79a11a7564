"""A room and its members, and those who hear what is said in it."""

from tcrp.messages import Address
from tcrp.policy import Audience


class Hearers(tuple[Address, ...]):
    """The addresses of a room's registered members, each at its member's index.

    They never change: a change in the room makes others. `prepared` is for who sends to them, to keep what it made of
    them; the relay does not look at it.
    """

    prepared: object = None


class Member:
    """Someone in a room.

    `token`: None where members come by sending. `ip`: of its TCP connection, to compare. `address`: where its
    datagrams go, as it came, and `index`: its place among the hearers; None until registered. `failures`: of
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

    `listeners` are the registered members.
    """

    __slots__ = ("_hearers", "active", "awaited", "capacity", "host", "key", "listeners", "members", "name", "password")

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
        self._hearers: Hearers | None = None

    @property
    def full(self) -> bool:
        return len(self.members) + self.awaited >= self.capacity

    @property
    def hearers(self) -> Hearers:
        """Who hears what is said. Made when something is said, so that a thousand joins before that cost nothing."""
        if self._hearers is None:
            self._hearers = Hearers(member.address for member in self.listeners if member.address is not None)
        return self._hearers

    def listen(self, member: Member, address: Address) -> None:
        """From now on the member's datagrams go to this address."""
        if member.index is None:
            member.index = len(self.listeners)
            self.listeners.append(member)
        member.address = address
        self._hearers = None

    def remove(self, member: Member) -> None:
        """The member is gone; the last of the listeners takes its place there."""
        del self.members[member]
        if member.index is None:
            return
        last = self.listeners.pop()
        if last is not member:
            self.listeners[member.index] = last
            last.index = member.index
        member.index = None
        self._hearers = None

    def addresses(self, audience: Audience, about: Member | None) -> list[Address]:
        """Where a notice about a member goes, if it is for this audience."""
        match audience:
            case Audience.NOBODY:
                return []
            case Audience.MEMBER:
                return [about.address] if about and about.address else []
            case Audience.OTHERS:
                return [member.address for member in self.listeners if member is not about and member.address]
            case Audience.ALL:
                return [member.address for member in self.listeners if member.address]
