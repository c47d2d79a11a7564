"""A store against a model of one list of members, which computes everything from it."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay import Member, MemoryStore, Room, Store, network_of
from tcrp.messages import Address

KEYS = ["r", "R", b"\xfftoken", "部屋"]
IPS = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::ffff"]

keys = st.sampled_from(KEYS)
ips = st.sampled_from(IPS)
ports = st.integers(1, 2)
chosen = st.integers(0, 99)  # which of those that there are, counted round


@dataclass(eq=False)
class ModelMember:
    """`member`: its value. `token`: what it shows. `registered`: orders the members that got the same address."""

    member: Member
    token: bytes | None
    registered: int = 0


class StoreMachine(RuleBasedStateMachine):
    """Calls the store and the model in turn. A subclass makes another store."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store = self.open_store()
        self.rooms: dict[object, Room] = {}
        self.members: list[ModelMember] = []
        self.void: list[bytes] = []
        self.active: dict[int, float] = {}
        self.now = 0.0
        self.steps = 0

    def open_store(self) -> Store:
        return MemoryStore()

    def in_room(self, room: Room) -> list[Member]:
        return [one.member for one in self.members if one.member.room.id == room.id]

    def pick(self, number: int) -> ModelMember:
        return self.members[number % len(self.members)]

    # ------------------------------------------------------------------------------------------------- rules

    @rule(key=keys, ip=ips, password=st.sampled_from([None, b"hash\0"]))
    def open_room(self, key: str | bytes, ip: str, password: bytes | None) -> None:
        if key in self.rooms:
            return
        room = self.store.open_room(key, "name", 7, password, ip)
        assert room[1:] == (key, "name", 7, password, ip)
        assert room.id not in [one.id for one in self.rooms.values()]
        self.rooms[key] = room
        self.enter(key, "host", ip, True)

    @rule(key=keys, user=st.sampled_from(["a", "é"]), ip=ips, has_token=st.booleans())
    def enter(self, key: str | bytes, user: str, ip: str, has_token: bool) -> None:
        if key not in self.rooms:
            return
        self.steps += 1
        room, token = self.rooms[key], b"t%d" % self.steps if has_token else None
        host = not self.in_room(room)
        member = self.store.enter(room, user, token, ip, host)
        assert member[1:] == (room, user, token, ip, host, None)
        self.members.append(ModelMember(member, token))

    @precondition(lambda self: self.members)
    @rule(number=chosen, ip=ips, port=ports)
    def register(self, number: int, ip: str, port: int) -> None:
        one, address = self.pick(number), (ip, port) if "." in ip else (ip, port, 0, 0)
        was = one.member.address
        one.member = self.store.register(one.member, address)
        assert one.member.address == address
        if was is None or was != address:
            self.steps += 1
            one.registered = self.steps

    @precondition(lambda self: self.members)
    @rule(number=chosen, user=st.sampled_from(["b", "è"]))
    def rename(self, number: int, user: str) -> None:
        one = self.pick(number)
        one.member = self.store.rename(one.member, user)
        assert one.member.user == user

    @precondition(lambda self: self.members)
    @rule(number=chosen)
    def remove(self, number: int) -> None:
        self.remove_member(self.pick(number))

    def remove_member(self, one: ModelMember) -> None:
        self.members.remove(one)
        self.store.remove(one.member)
        self.active.pop(one.member.id, None)
        if one.token is not None:
            self.void.append(one.token)

    @rule(key=keys)
    def close_room(self, key: str | bytes) -> None:
        room = self.rooms.pop(key, None)
        if room is not None:
            for one in [one for one in self.members if one.member.room.id == room.id]:
                self.remove_member(one)
            self.store.close_room(room)
            self.active.pop(room.id, None)
            assert not self.store.is_open(room)

    @precondition(lambda self: self.members)
    @rule(number=chosen, seconds=st.integers(0, 5), of_room=st.booleans())
    def touch(self, number: int, seconds: int, of_room: bool) -> None:
        member = self.pick(number).member
        owner = member.room if of_room else member
        self.now += seconds
        self.store.touch(owner, self.now)
        self.active[owner.id] = self.now

    @precondition(lambda self: self.active)
    @rule()
    def pop_silent(self) -> None:
        silent = self.store.pop_silent()
        assert self.active[silent.id] == min(self.active.values())
        del self.active[silent.id]
        assert silent in [*self.rooms.values(), *(one.member for one in self.members)]

    @precondition(lambda self: self.members)
    @rule(number=chosen)
    def show_token(self, number: int) -> None:
        one = self.pick(number)
        if one.token is not None:
            one.member = one.member._replace(token=one.token)
            assert self.store.by_token(one.token) == one.member

    @rule()
    def commit(self) -> None:
        assert self.store.commit()

    # ------------------------------------------------------------------------------------------- what must hold

    @invariant()
    def rooms_are_found(self) -> None:
        assert list(self.store.rooms()) == list(self.rooms.values())
        assert self.store.count_rooms() == len(self.rooms)
        for key in KEYS:
            assert self.store.room(key) == self.rooms.get(key)
        for ip in IPS:
            network = network_of(ip)
            assert self.store.count_rooms(network) == sum(network_of(one.ip) == network for one in self.rooms.values())
            count = sum(network_of(one.member.ip) == network for one in self.members)
            assert self.store.count_members(None, network) == count

    @invariant()
    def members_are_found(self) -> None:
        assert self.store.count_members() == len(self.members)
        for room in self.rooms.values():
            inside = self.in_room(room)
            assert list(self.store.members(room)) == inside
            assert self.store.count_members(room) == len(inside)
            assert self.store.host(room) == next((one for one in inside if one.host), None)
            for ip in IPS:
                count = sum(network_of(one.ip) == network_of(ip) for one in inside)
                assert self.store.count_members(room, network_of(ip)) == count
        for token in [*self.void, b"nobody's"]:
            assert self.store.by_token(token) is None
        for ip in IPS:
            for port in (1, 2):
                there = [one for one in self.members if one.member.address and one.member.address[:2] == (ip, port)]
                there.sort(key=lambda one: one.registered)
                assert list(self.store.by_address((ip, port))) == [one.member for one in there]

    @invariant()
    def audiences_are_the_addresses(self) -> None:
        for room in self.rooms.values():
            hearers, index = self.store.audience(room)
            assert index is None
            addresses: list[Address] = [one.address for one in self.in_room(room) if one.address is not None]
            assert sorted(hearers) == sorted(addresses)
            assert not hearers or self.store.audience(room)[0] is hearers
            for one in self.in_room(room):
                _, index = self.store.audience(room, one)
                assert (None if index is None else hearers[index]) == one.address

    @invariant()
    def the_longest_silence_is_known(self) -> None:
        assert self.store.silent_since() == min(self.active.values(), default=None)
        for one in self.members:
            assert self.store.last_active(one.member) == self.active.get(one.member.id)
        for room in self.rooms.values():
            assert self.store.last_active(room) == self.active.get(room.id)
