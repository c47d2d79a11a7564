"""`Relay`: the rooms of one server.

The control side, for each request, in stages, because passwords are hashed elsewhere meanwhile:

    begin -> Status: refuse                                        the name is taken from here on (TCRP-3.9)
          -> Admission -> admit -> Admitted [-> bind]              `bind` only where the policy says HANDSHAKE
                       -> abandon                                  a wrong password, a peer that is gone

The chat side is `receive_datagram`; time is `next_deadline` and `expire`.
"""

from collections.abc import Callable, Iterable, Sequence

from relay.addresses import AddressPool, declared, ip_of, key_of
from relay.admission import Admission, Admitted, Stage
from relay.decisions import Decision, Dropped, MemberJoined, MemberLeft, Relayed, RoomClosed
from relay.idle import IdleQueue
from relay.limits import RoomLimits
from relay.notices import Notices
from relay.registry import Registry
from relay.rooms import Member, Room
from tcrp.constants import Status
from tcrp.dialects.base import Dialect
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Down, DownKind, Join, Up, UpKind, Why
from tcrp.policy import Bind, IdleScope, MemberKey, Register, RoomKey

# looked up once: on Python 3.11 a member of an enum costs as much as a call
_CHAT, _LEAVE = UpKind.CHAT, UpKind.LEAVE
_SAID = DownKind.CHAT

_REMOVED_AT_ONCE = 250
"""Members; telling so many and their rooms takes milliseconds."""


class Relay:
    """The rooms of one server, in one dialect.

    `mint` makes a new token. `idle_seconds` is used instead of the policy's. `addresses` are those to give out where
    the policy says ASSIGNED. `now` is everywhere in seconds of one clock that never goes back.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        mint: Callable[[], bytes],
        limits: RoomLimits = RoomLimits(),  # noqa: B008  # immutable
        idle_seconds: float | None = None,
        addresses: Iterable[Address] = (),
    ) -> None:
        self._dialect = dialect
        self._policy = policy = dialect.policy
        self._limits = limits
        self._idle_seconds = policy.idle.seconds if idle_seconds is None else idle_seconds
        self._idle = IdleQueue(self._idle_seconds if policy.idle.scope is IdleScope.MEMBER else None)
        self._notices = Notices(dialect)
        self._pool = AddressPool(addresses)
        self._registry = Registry(mint)
        if policy.room_key is RoomKey.ONE:
            self._registry.rooms[None] = Room("", None, limits.members)
        # what every datagram asks of the policy
        self._one_room = policy.room_key is RoomKey.ONE
        self._by_token = policy.member_key is MemberKey.TOKEN and not self._one_room
        self._guests_may_leave = policy.guests_may_leave
        self._latest = policy.register is Register.LATEST
        self._room_idles = policy.idle.scope is IdleScope.ROOM
        self._counts = tuple(policy.idle.counts)  # `in` compares: hashing a member of an enum costs more
        self._echo = policy.echo

    # ------------------------------------------------------------------------------------------------ control

    def rooms(self) -> tuple[str, ...]:
        """The names of the rooms that can be joined."""
        return tuple(room.name for room in self._registry.rooms.values() if room.host)

    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Status | Admission:
        """Take up a request of the TCP peer; `udp` is what it declared, where the policy says REQUEST.

        After Create the name is taken at once (TCRP-3.9) and `admit` will succeed. Any Status returned is a refusal.
        """
        if self._policy.register is Register.REQUEST:
            udp = declared(udp)
            if udp is None:
                return Status.MALFORMED
        else:
            udp = None
        if isinstance(want, Create):
            return self._begin_create(want, ip_of(peer), udp)
        return self._begin_join(want, ip_of(peer), udp)

    def _begin_create(self, want: Create, ip: str, udp: Address | None) -> Status | Admission:
        policy, rooms = self._policy, self._registry.rooms
        if policy.room_key is not RoomKey.TOKEN and want.room in rooms:
            return Status.ROOM_EXISTS
        if policy.room_key is RoomKey.ONE or len(rooms) >= self._limits.rooms:
            return Status.LIMIT_REACHED
        if policy.register is Register.ASSIGNED and (udp := self._pool.take()) is None:
            return Status.LIMIT_REACHED
        token = self._registry.reserve_token()
        key = token if policy.room_key is RoomKey.TOKEN else want.room
        capacity = self._limits.members if want.capacity is None else min(want.capacity, self._limits.members)
        room = rooms[key] = Room(want.room, key, capacity)
        return Admission(room, want.user, ip, creates=True, token=token, address=udp)

    def _begin_join(self, want: Join, ip: str, udp: Address | None) -> Status | Admission:
        room = self._registry.rooms.get(want.invite if self._policy.room_key is RoomKey.TOKEN else want.room)
        if room is None or room.host is None:
            return Status.ROOM_NOT_FOUND
        if room.full:
            return Status.LIMIT_REACHED
        if room.password is not None and want.password is None:
            return Status.WRONG_PASSWORD
        return Admission(room, want.user, ip, creates=False, address=udp)

    def admit(self, admission: Admission, *, password_hash: bytes | None, now: float) -> Status | Admitted:
        """Let in whom `begin` found admissible, or refuse since the room closed or filled meanwhile.

        `password_hash`: what later joins are to be verified against; None: no password. Of Create only.
        RuntimeError for an admission that was admitted or abandoned before.
        """
        if admission.stage is not Stage.BEGUN:
            raise RuntimeError(f"an admission is admitted once: this one is {admission.stage.name}")
        policy, room = self._policy, admission.room
        if not self._registry.stands(room):
            self.abandon(admission)
            return Status.ROOM_NOT_FOUND
        if admission.creates:
            room.password = password_hash
        elif room.full:
            self.abandon(admission)
            return Status.LIMIT_REACHED
        elif policy.register is Register.ASSIGNED:
            admission.address = self._pool.take()
            if admission.address is None:
                self.abandon(admission)
                return Status.LIMIT_REACHED
        if admission.token is None:
            shared = room.host.token if room.host and policy.member_key is MemberKey.ADDRESS else None
            admission.token = shared or self._registry.reserve_token()
        if policy.register is Register.HANDSHAKE:
            admission.stage = Stage.AWAITED
            room.awaited += 1
            return Admitted(admission.token, None, ())
        given = admission.address if policy.register is Register.ASSIGNED else None
        return Admitted(admission.token, given, self._enter_admitted(admission, now))

    def bind(self, admission: Admission, address: Address, now: float) -> Sequence[Decision]:
        """The address came that an admitted member was still to send: it is a member from now on."""
        if admission.stage is not Stage.AWAITED:
            raise RuntimeError(f"no address is awaited: the admission is {admission.stage.name}")
        if not self._registry.stands(admission.room):
            self.abandon(admission)
            return (Dropped("the room closed before the member's address came"),)
        admission.room.awaited -= 1
        admission.address = address
        return self._enter_admitted(admission, now)

    def abandon(self, admission: Admission) -> None:
        """Undo what `begin` or `admit` reserved (TCRP-6.2a). Of an admission that is over: nothing to undo."""
        if admission.stage is Stage.OVER:
            return
        room = admission.room
        if admission.stage is Stage.AWAITED:
            room.awaited -= 1
        admission.stage = Stage.OVER
        if admission.creates and self._registry.stands(room):
            del self._registry.rooms[room.key]
        if admission.token is not None:
            self._registry.release_token(admission.token)
        self._give_back(admission.address)

    def _enter_admitted(self, admission: Admission, now: float) -> list[Decision]:
        admission.stage = Stage.OVER
        room = admission.room
        member = Member(room, admission.user, admission.token, admission.ip)
        if admission.creates:
            room.host = member
            room.active = now
        return self._enter(member, admission.address, now)

    def _enter(self, member: Member, address: Address | None, now: float) -> list[Decision]:
        room = member.room
        self._registry.add(member)
        self._idle.touch(member, now)
        if address is not None:
            self._registry.place(member, address)
        joined = MemberJoined(room.name, member.user, room.host is member)
        return [joined, *self._notices.about_member(Why.JOINED, member)]

    def _give_back(self, address: Address | None) -> None:
        if address is not None and self._policy.register is Register.ASSIGNED:
            self._pool.give_back(address)

    # --------------------------------------------------------------------------------------------------- chat

    def receive_datagram(self, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        """Judge a client's datagram and say what follows of it. What is not valid has no effect (TCRP-4.2)."""
        try:
            up = self._dialect.read_up(data, source)
        except RemoteProtocolError as error:
            return (Dropped(str(error)),)
        member = self._member_of(up, source)
        entered: list[Decision] = []
        if member is None and self._one_room:
            room = self._registry.rooms.get(None)
            if room is not None and not room.full:  # a member comes by sending (TCRP-7.1)
                member = Member(room, up.user or "", None, ip_of(source))
                entered = self._enter(member, source, now)
        if member is None:
            return (Dropped("no member of a room is known by what the datagram says"),)
        kind = up.kind
        if kind is _LEAVE and not self._guests_may_leave and member.room.host is not member:
            kind = _CHAT
        if not (self._latest and source == member.address):  # else nothing is new: it fitted when it was placed
            if not self._fits(member, kind, source):
                return (Dropped("the datagram comes from an address that is not the member's"),)
            if self._latest or (kind is UpKind.REGISTER and self._policy.register is Register.MESSAGE):
                self._registry.place(member, source)

        if up.user is not None:
            member.user = up.user
        member.failures = 0
        if self._room_idles and self._room_is_over(member, kind, now):
            return self._remove(member, Why.IDLE)
        if kind in self._counts:
            self._idle.touch(member, now)

        if kind is _CHAT:
            decisions = self._relay(member, up.body, data)
        elif kind is _LEAVE:
            decisions = self._leave(member, up.body, data)
        else:
            decisions = ()
        return [*entered, *decisions] if entered else decisions

    def _member_of(self, up: Up, source: Address) -> Member | None:
        if self._by_token:
            member = self._registry.by_token(up.token) if up.token is not None else None
            if member is None or (up.room is not None and up.room != member.room.name):
                return None
            return member
        room = self._registry.rooms.get(self._room_key_of(up))
        if room is None or (up.token is not None and room.host is not None and up.token != room.host.token):
            return None
        return next((member for member in self._registry.at(source) if member.room is room), None)

    def _room_key_of(self, up: Up) -> str | bytes | None:
        match self._policy.room_key:
            case RoomKey.NAME:
                return up.room
            case RoomKey.TOKEN:
                return up.token
            case RoomKey.ONE:
                return None

    def _fits(self, member: Member, kind: UpKind, source: Address) -> bool:
        policy = self._policy
        if policy.register is Register.MESSAGE and kind is UpKind.REGISTER:
            return True  # it says where the member is, so it may come from anywhere
        if policy.bind is Bind.IP:
            return member.ip == ip_of(source)
        if policy.bind is Bind.ADDRESS:
            if member.address is None:
                return policy.register is Register.LATEST  # there is nothing yet that it must fit
            return key_of(member.address) == key_of(source)
        return True

    def _room_is_over(self, member: Member, kind: UpKind, now: float) -> bool:
        """Whether this datagram of the host comes after a silence that closes the room."""
        room = member.room
        if room.host is member and self._idle_seconds is not None and now - room.active >= self._idle_seconds:
            return True
        if kind in self._counts:
            room.active = now
        return False

    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        try:
            said = Down(_SAID, member.user, body, None, member.room.name, datagram)
            payload = self._dialect.write_down(said)
        except LocalProtocolError as error:  # it would not fit (TCRP-4.7a)
            return (Dropped(str(error)), *self._notices.about_member(Why.TOO_LONG, member))
        if payload is None:
            return (Dropped("the dialect has no datagram for it"),)
        return (Relayed(payload, member.room.hearers, None if self._echo else member.index),)

    # ------------------------------------------------------------------------------------------------ leaving

    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        if not self._policy.relay_leave:
            return self._remove(member, Why.LEFT)
        return [*self._relay(member, body, datagram), *self._remove(member, Why.LEFT)]

    def _remove(self, member: Member, why: Why) -> list[Decision]:
        """A host that goes takes the room with it (TCRP-5.2a, TCRP-5.3d)."""
        if member.room.host is member:
            return self._close(member.room, Why.HOST_LEFT if why is Why.LEFT else Why.HOST_IDLE, why)
        decisions: list[Decision] = list(self._notices.about_member(why, member))
        self._forget(member)
        return [*decisions, MemberLeft(member.room.name, member.user, why)]

    def _close(self, room: Room, why: Why, host_why: Why | None = None) -> list[Decision]:
        decisions: list[Decision] = list(self._notices.about_room(why, room, host_why))
        if room.host and host_why:
            decisions.append(MemberLeft(room.name, room.host.user, host_why))
        count = len(room.members)
        for member in list(room.members):
            self._forget(member)
        room.host = None  # the two know each other, and nobody else is to know either
        del self._registry.rooms[room.key]  # the name is free (TCRP-5.2c)
        return [*decisions, RoomClosed(room.name, why, count)]

    def _forget(self, member: Member) -> None:
        self._idle.discard(member)
        self._give_back(member.address)
        self._registry.remove(member)

    def next_deadline(self) -> float | None:
        """When `expire` has something to do, unless someone is heard before; None: nobody is waited for."""
        return self._idle.next_deadline()

    def expire(self, now: float) -> Sequence[Decision]:
        """Remove those who were silent for too long (TCRP-5.3a), longest silent first.

        Of very many only the first: `next_deadline` is over still, and datagrams can be received before the next call.
        """
        due: list[Member] = []
        count = 0
        while count < _REMOVED_AT_ONCE and (member := self._idle.pop_due(now)) is not None:
            due.append(member)
            count += len(member.room.members) if _is_host(member) else 1
        due.sort(key=_is_host)
        return [decision for member in due for decision in self._remove(member, Why.IDLE)]

    def delivery_failed(self, address: Address) -> Sequence[Decision]:
        """A datagram to this address was not delivered. After `max_failures` with no datagram from there between
        them, its members are removed as if idle (TCRP-5.6).
        """
        if self._policy.max_failures is None:
            return ()
        decisions: list[Decision] = []
        for member in sorted(self._registry.at(address), key=_is_host):
            member.failures += 1
            if member.failures >= self._policy.max_failures:
                decisions += self._remove(member, Why.UNREACHABLE)
        return decisions

    def stop(self) -> Sequence[Decision]:
        """Close every room (TCRP-5.7). What was begun and not admitted is refused when it is."""
        decisions: list[Decision] = []
        for room in list(self._registry.rooms.values()):
            if room.members:
                decisions += self._close(room, Why.STOPPED)
            else:
                del self._registry.rooms[room.key]
        return decisions


def _is_host(member: Member) -> bool:
    """The order in which to remove several: a guest hears of itself, and not of its host that goes too."""
    return member.room.host is member
