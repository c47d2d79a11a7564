"""`MemoryStore`: rooms and members in tables of this process. They end with it."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import count

from relay.addresses import address_key, network_of
from relay.rooms import Hearers, Key, Member, Room
from relay.tally import Tally
from tcrp.messages import Address


class _Crowd:
    """A room with its members.

    `members`: their ids, in the order in which they came, each with its index in `registered`, the ids of those with an
    address. `hearers`: made at the first message after a change, so a thousand joins without a message make one tuple.
    `networks`: how many members each network has in the room.
    """

    __slots__ = ("hearers", "host", "members", "networks", "registered", "room")

    def __init__(self, room: Room) -> None:
        self.room = room
        self.members: dict[int, int | None] = {}
        self.host: int | None = None
        self.registered: list[int] = []
        self.hearers: Hearers | None = None
        self.networks: Tally[str] = Tally()


class MemoryStore:
    """A `Store` in memory. A subclass that saves what is here overrides what changes it."""

    lasting = False

    def __init__(self) -> None:
        self._ids = count(1)
        self._rooms: dict[Key, Room] = {}
        self._crowds: dict[int, _Crowd] = {}  # by the room's id
        self._members: dict[int, Member] = {}
        self._by_token: dict[bytes, Member] = {}
        # several members seldom share an address, so the id of a single one stands without a dict
        self._by_address: dict[tuple[str, int], int | dict[int, None]] = {}
        self._active: OrderedDict[int, float] = OrderedDict()  # by the id of a room or of a member
        self._rooms_of: Tally[str] = Tally()
        self._members_of: Tally[str] = Tally()

    def commit(self) -> bool:
        return True

    # -------------------------------------------------------------------------------------------------- rooms

    def rooms(self) -> Iterable[Room]:
        return self._rooms.values()

    def room(self, key: Key) -> Room | None:
        return self._rooms.get(key)

    def is_open(self, room: Room) -> bool:
        return room.id in self._crowds

    def count_rooms(self, network: str | None = None) -> int:
        return len(self._rooms) if network is None else self._rooms_of[network]

    def open_room(self, key: Key, name: str, capacity: int, password: bytes | None, ip: str) -> Room:
        room = Room(next(self._ids), key, name, capacity, password, ip)
        self._add_room(room)
        return room

    def close_room(self, room: Room) -> None:
        del self._rooms[room.key], self._crowds[room.id]
        self._active.pop(room.id, None)
        self._rooms_of.add(network_of(room.ip), -1)

    def _add_room(self, room: Room) -> None:
        self._rooms[room.key] = room
        self._crowds[room.id] = _Crowd(room)
        self._rooms_of.add(network_of(room.ip), 1)

    # ------------------------------------------------------------------------------------------------ members

    def members(self, room: Room) -> Sequence[Member]:
        return [self._members[one] for one in self._crowds[room.id].members]

    def host(self, room: Room) -> Member | None:
        crowd = self._crowds.get(room.id)
        return None if crowd is None or crowd.host is None else self._members[crowd.host]

    def count_members(self, room: Room | None = None, network: str | None = None) -> int:
        if room is None:
            return len(self._members) if network is None else self._members_of[network]
        crowd = self._crowds[room.id]
        return len(crowd.members) if network is None else crowd.networks[network]

    def by_token(self, token: bytes) -> Member | None:
        return self._by_token.get(token)

    def by_address(self, address: Address) -> Sequence[Member]:
        found = self._by_address.get(address_key(address), ())
        return [self._members[one] for one in ((found,) if isinstance(found, int) else found)]

    def enter(self, room: Room, user: str, token: bytes | None, ip: str, host: bool) -> Member:
        member = Member(next(self._ids), room, user, token, ip, host)
        self._add_member(member)
        return member

    def register(self, member: Member, address: Address) -> Member:
        if member.address == address:
            return member
        self._forget_address(member)
        return self._set_address(member._replace(address=address))

    def rename(self, member: Member, user: str) -> Member:
        renamed = member._replace(user=user)
        self._put(renamed)
        return renamed

    def remove(self, member: Member) -> None:
        member = self._members.pop(member.id)
        self._forget_address(member)
        self._active.pop(member.id, None)
        if member.token is not None and self._holds_token(member):
            del self._by_token[member.token]
        network = network_of(member.ip)
        self._members_of.add(network, -1)
        crowd = self._crowds[member.room.id]
        crowd.networks.add(network, -1)
        index = crowd.members.pop(member.id)
        if crowd.host == member.id:
            crowd.host = None
        if index is not None:  # the last registered member takes its index
            last = crowd.registered.pop()
            if last != member.id:
                crowd.registered[index] = last
                crowd.members[last] = index
            crowd.hearers = None

    def audience(self, room: Room, member: Member | None = None) -> tuple[Hearers, int | None]:
        crowd = self._crowds[room.id]
        return crowd.hearers or self._make_hearers(crowd), None if member is None else crowd.members.get(member.id)

    def _make_hearers(self, crowd: _Crowd) -> Hearers:
        addresses = (self._members[one].address for one in crowd.registered)
        crowd.hearers = Hearers(address for address in addresses if address is not None)
        return crowd.hearers

    def _add_member(self, member: Member) -> None:
        """Take a member in, with its address if it has one."""
        self._members[member.id] = member
        if member.token is not None:
            self._by_token.setdefault(member.token, member)
        network = network_of(member.ip)
        self._members_of.add(network, 1)
        crowd = self._crowds[member.room.id]
        crowd.networks.add(network, 1)
        crowd.members[member.id] = None
        if member.host:
            crowd.host = member.id
        if member.address is not None:
            self._set_address(member)

    def _set_address(self, member: Member) -> Member:
        """Put the new value of a member, whose address is new, into all tables; the value."""
        assert member.address is not None
        self._put(member)
        crowd = self._crowds[member.room.id]
        crowd.hearers = None
        if crowd.members[member.id] is None:
            crowd.members[member.id] = len(crowd.registered)
            crowd.registered.append(member.id)
        key = address_key(member.address)
        match self._by_address.get(key):
            case None:
                self._by_address[key] = member.id
            case int() as other:
                self._by_address[key] = {other: None, member.id: None}
            case several:
                several[member.id] = None
        return member

    def _forget_address(self, member: Member) -> None:
        if member.address is None:
            return
        key = address_key(member.address)
        found = self._by_address[key]
        if isinstance(found, dict):
            del found[member.id]
        if not isinstance(found, dict) or not found:
            del self._by_address[key]

    def _put(self, member: Member) -> None:
        """Replace the value of a member."""
        self._members[member.id] = member
        if member.token is not None and self._holds_token(member):
            self._by_token[member.token] = member

    def _holds_token(self, member: Member) -> bool:
        holder = None if member.token is None else self._by_token.get(member.token)
        return holder is not None and holder.id == member.id

    # -------------------------------------------------------------------------------------------------- times

    def touch(self, owner: Room | Member, now: float) -> None:
        active, key = self._active, owner.id
        active[key] = now
        active.move_to_end(key)

    def last_active(self, owner: Room | Member) -> float | None:
        return self._active.get(owner.id)

    def silent_since(self) -> float | None:
        return next(iter(self._active.values())) if self._active else None

    def pop_silent(self) -> Room | Member:
        one, _ = self._active.popitem(last=False)
        return self._members.get(one) or self._crowds[one].room
