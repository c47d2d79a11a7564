"""`Entrance`: who may open a room and who may enter one. The rules of requests, without what members then do."""

from collections.abc import Callable

from relay.addresses import AddressPool, ip_of, usable_address
from relay.admission import Admission, Refusal, Reservations, Stage
from relay.limits import (
    MAX_MEMBERS,
    MAX_MEMBERS_PER_ADDRESS,
    MAX_ROOMS,
    MAX_ROOMS_PER_ADDRESS,
    ROOMS_OF_MEMBERS,
    RoomLimits,
)
from relay.rooms import Member, Room
from relay.store import Store
from tcrp.constants import Status
from tcrp.messages import Address, Create, Join
from tcrp.policy import MemberKey, Policy, Register, RoomKey

_MINT_ATTEMPTS = 100


class Entrance:
    """The way from a request to a membership. `Relay` says what its arguments are."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        limits: RoomLimits,
        limited: Callable[[str], str | None],
        mint: Callable[[], bytes],
        pool: AddressPool,
        trust_declared: bool,
    ) -> None:
        self._policy = policy
        self._store = store
        self._limits = limits
        self._limited = limited
        self._mint = mint
        self._pool = pool
        self._trust_declared = trust_declared
        self._reservations = Reservations()

    def begin(self, want: Create | Join, ip: str, declared: Address | None) -> Refusal | Admission:
        """See `Relay.begin`."""
        udp = None
        if self._policy.register is Register.REQUEST:
            udp = usable_address(declared)
            if udp is None or not (self._trust_declared or ip_of(udp) == ip):
                return Refusal(Status.MALFORMED)
        return self._begin_create(want, ip, udp) if isinstance(want, Create) else self._begin_join(want, ip, udp)

    def _begin_create(self, want: Create, ip: str, udp: Address | None) -> Refusal | Admission:
        policy = self._policy
        by_token = policy.room_key is RoomKey.TOKEN
        if not by_token and (self._store.room(want.room) is not None or self._reservations.has_name(want.room)):
            return Refusal(Status.ROOM_EXISTS)
        if refusal := self._refuses_room(ip):
            return refusal
        if policy.register is Register.ASSIGNED and (udp := self._pool.take()) is None:
            return Refusal(Status.LIMIT_REACHED)
        token = self._reserve_token()
        capacity = self._limits.members if want.capacity is None else min(want.capacity, self._limits.members)
        room = Room(0, token if by_token else want.room, want.room, capacity, None, ip)
        admission = Admission(room, want.user, ip, creates=True, token=token, address=udp)
        self._reservations.take_name(admission)
        return admission

    def _begin_join(self, want: Join, ip: str, udp: Address | None) -> Refusal | Admission:
        policy, by_token = self._policy, self._policy.room_key is RoomKey.TOKEN
        room = self._store.room(want.invite if by_token else want.room)
        if room is None or self._store.host(room) is None:
            return Refusal(Status.ROOM_NOT_FOUND)
        if refusal := self.refuses_member(room, ip):
            return refusal
        if room.password is not None and want.password is None:
            return Refusal(Status.WRONG_PASSWORD)
        token = want.invite if by_token and policy.member_key is MemberKey.ADDRESS else None  # all share the host's
        return Admission(room, want.user, ip, creates=False, token=token, address=udp)

    def admit(self, admission: Admission, password_hash: bytes | None) -> Refusal | None:
        """Complete an admission, which has a token then. What it reserves is freed if it is refused."""
        policy, room = self._policy, admission.room
        refusal = None
        if not self._stands(admission):
            refusal = Refusal(Status.ROOM_NOT_FOUND)
        elif admission.creates:
            admission.room = room._replace(password=password_hash)
        elif (refusal := self.refuses_member(room, admission.ip)) is None and policy.register is Register.ASSIGNED:
            admission.address = self._pool.take()
            if admission.address is None:
                refusal = Refusal(Status.LIMIT_REACHED)
        if refusal is not None:
            self.abandon(admission)
            return refusal
        if admission.token is None:
            host = self._store.host(room) if policy.member_key is MemberKey.ADDRESS else None
            admission.token = (host and host.token) or self._reserve_token()
        if policy.register is Register.HANDSHAKE:
            admission.stage = Stage.AWAITING_ADDRESS
            if not admission.creates:
                self._reservations.take_place(admission)
        return None

    def enter(self, admission: Admission) -> Member | None:
        """Make a member of an admitted request, which is not saved yet. None: its room is closed meanwhile."""
        if not self._stands(admission):
            self.abandon(admission)
            return None
        self._reservations.release(admission)
        admission.stage = Stage.OVER
        room = admission.room
        if admission.creates:
            room = self._store.open_room(room.key, room.name, room.capacity, room.password, room.ip)
        member = self._store.enter(room, admission.user, admission.token, admission.ip, admission.creates)
        if admission.address is not None:
            member = self._store.register(member, admission.address)
        admission.member = member
        return member

    def revoke(self, admission: Admission) -> None:
        """See `Relay.revoke`."""
        member = admission.member
        if member is None or not self._store.is_open(member.room):
            return
        for one in self._store.members(member.room) if member.host else (member,):
            self.leave(one)
        if member.host:
            self._store.close_room(member.room)

    def abandon(self, admission: Admission) -> None:
        """See `Relay.abandon`."""
        if admission.stage is Stage.OVER:
            return
        self._reservations.release(admission)
        admission.stage = Stage.OVER
        self._give_back(admission.address)

    def leave(self, member: Member) -> None:
        """Take a member out of its room. The address that it was assigned can be assigned again."""
        self._give_back(member.address)
        self._store.remove(member)

    def resume(self) -> None:
        """Do not assign the addresses that members of an earlier run have."""
        if self._policy.register is Register.ASSIGNED:
            for room in self._store.rooms():
                for member in self._store.members(room):
                    if member.address is not None:
                        self._pool.exclude(member.address)

    def close(self) -> None:
        """The rooms to be opened will not be. `admit` refuses their admissions."""
        self._reservations.release_names()

    def refuses_member(self, room: Room, ip: str) -> Refusal | None:
        """Why nobody else can enter the room from this address. Places that are reserved count."""
        store, reservations, limits = self._store, self._reservations, self._limits
        if store.count_members(room) + reservations.count_places(room) >= room.capacity:
            return Refusal(Status.LIMIT_REACHED, MAX_MEMBERS if room.capacity >= limits.members else None)
        if limits.members_per_address and (network := self._limited(ip)) is not None:
            count = store.count_members(room, network) + reservations.count_places(room, network)
            most = limits.members_per_address
            if self._policy.room_key is RoomKey.ONE:  # nobody leaves it but by silence, so an address has many there
                most = max(most, room.capacity // 2)
            elif self._has_all_members(network):
                most = 0
            if count >= most:
                return Refusal(Status.LIMIT_REACHED, MAX_MEMBERS_PER_ADDRESS)
        return None

    def _refuses_room(self, ip: str) -> Refusal | None:
        store, reservations, limits = self._store, self._reservations, self._limits
        if self._policy.room_key is RoomKey.ONE:
            return Refusal(Status.LIMIT_REACHED)
        if store.count_rooms() + reservations.count_names() >= limits.rooms:
            return Refusal(Status.LIMIT_REACHED, MAX_ROOMS)
        network = self._limited(ip)
        if network is None:
            return None
        count = store.count_rooms(network) + reservations.count_names(network)
        if limits.rooms_per_address and count >= limits.rooms_per_address:
            return Refusal(Status.LIMIT_REACHED, MAX_ROOMS_PER_ADDRESS)
        if limits.members_per_address and self._has_all_members(network):
            return Refusal(Status.LIMIT_REACHED, MAX_MEMBERS_PER_ADDRESS)
        return None

    def _has_all_members(self, network: str) -> bool:
        """Whether the network has as many members as it may have in all rooms together."""
        return self._store.count_members(None, network) >= ROOMS_OF_MEMBERS * self._limits.members_per_address

    def _stands(self, admission: Admission) -> bool:
        """Whether the room to join is open, or the room to create can still be opened."""
        if admission.creates:
            return self._reservations.holds_name(admission)
        return self._store.is_open(admission.room)

    def _reserve_token(self) -> bytes:
        """A new token that nobody has (TCRP-3.8a). RuntimeError if `mint` returns only tokens in use."""
        for _ in range(_MINT_ATTEMPTS):
            token = self._mint()
            if self._store.by_token(token) is None and self._reservations.take_token(token):
                return token
        raise RuntimeError(f"mint() returned tokens that are in use, {_MINT_ATTEMPTS} times in a row")

    def _give_back(self, address: Address | None) -> None:
        if address is not None and self._policy.register is Register.ASSIGNED:
            self._pool.give_back(address)
