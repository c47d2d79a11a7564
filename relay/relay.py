"""`Relay`: the rooms of one server.

A TCP request goes through stages, because the caller may hash or verify a password between them:

    begin -> Refusal                                  the request is refused
          -> Admission -> admit -> Admitted [-> bind] from `begin` on the name is taken (TCRP-3.9)
                       -> abandon                     after a wrong password, or when the peer is gone

`bind` follows only where the policy says `Register.HANDSHAKE`.

The caller gives each datagram to `receive_datagram`, calls `expire` when `next_deadline` is reached, reports failed
sends to `delivery_failed`, and acts on the decisions that each call returns.
"""

from collections.abc import Callable, Iterable, Sequence

from relay.addresses import AddressPool, ip_of, is_other_form, network_of
from relay.admission import Admission, Admitted, Refusal, Stage
from relay.decisions import Decision, MemberJoined, MemberLeft, Relayed, RoomClosed
from relay.drops import CLOSED, FOREIGN, STRANGER, DropKind, Dropped
from relay.entrance import Entrance
from relay.limits import BURST_SECONDS, LARGE_ROOM, MESSAGES_PER_SECOND, RoomLimits
from relay.memory_store import MemoryStore
from relay.notices import Notices
from relay.rates import TokenBuckets
from relay.rooms import Member, Room
from relay.senders import Senders
from relay.store import Store
from tcrp.constants import Status
from tcrp.dialects.base import Dialect
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Down, DownKind, Join, NoticeReason, Up, UpKind
from tcrp.policy import IdleScope, MemberKey, Register, RoomKey

# looked up once: on Python 3.11 access to an enum member costs as much as a call
_UP_CHAT, _UP_LEAVE = UpKind.CHAT, UpKind.LEAVE
_DOWN_CHAT = DownKind.CHAT
_MALFORMED, _TOO_LONG = DropKind.MALFORMED, DropKind.TOO_LONG
_TOO_MANY = Dropped("the member's address sends too many messages", MESSAGES_PER_SECOND)

_MAX_EXPIRED_AT_ONCE = 250
"""Idle members that one call of `expire` removes. To notify so many takes a few milliseconds."""


class Relay:
    """The rooms of one server, in one dialect.

    `mint` returns a new token at each call. `limits`: how many rooms and members are accepted. `limited`: what an IP
    address counts as where a limit is one of an address; None: its limits do not hold for this one. `idle_seconds`:
    replaces the policy's idle time if not None. `room_idle_seconds`: where the policy lets no member idle by itself, a
    room in which nobody was active for so long is closed; None: never. `addresses`: those to assign to members where
    the policy says `Register.ASSIGNED`. `trust_declared`: send to the address that a client declares, in its request or
    by a REGISTER message, also if its IP address is not that of its TCP connection. `store`: where rooms and members
    are kept; None: in memory. `now`, in every method: seconds of one clock that never goes back.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        mint: Callable[[], bytes],
        limits: RoomLimits = RoomLimits(),  # noqa: B008  # immutable
        limited: Callable[[str], str | None] = network_of,
        idle_seconds: float | None = None,
        room_idle_seconds: float | None = None,
        addresses: Iterable[Address] = (),
        trust_declared: bool = True,
        store: Store | None = None,
    ) -> None:
        self._dialect = dialect
        self._policy = policy = dialect.policy
        self._limited = limited
        self._idle_seconds = policy.idle.seconds if idle_seconds is None else idle_seconds
        self._store: Store = MemoryStore() if store is None else store
        self._notices = Notices(dialect, self._store)
        self._entrance = Entrance(policy, self._store, limits, limited, mint, AddressPool(addresses), trust_declared)
        self._senders = Senders(policy, self._store, trust_declared)
        self._failures: dict[int, int] = {}  # by the member's id: failed deliveries since its last datagram
        rate = limits.messages_per_second
        self._pace = TokenBuckets(rate, BURST_SECONDS * rate) if rate else None
        # answers of the policy that every datagram needs, looked up once
        self._only_room = None
        if policy.room_key is RoomKey.ONE:
            self._only_room = self._store.room(None) or self._store.open_room(None, "", limits.members, None, "")
        self._members_by_token = policy.member_key is MemberKey.TOKEN and self._only_room is None
        self._guests_may_leave = policy.guests_may_leave
        self._every_datagram_registers = policy.register is Register.LATEST
        self._rooms_idle = policy.idle.scope is IdleScope.ROOM
        self._members_touched = self._idle_seconds is not None and not self._rooms_idle
        self._rooms_touched = (
            not self._members_touched
            and self._only_room is None
            and (self._rooms_idle or room_idle_seconds is not None)
        )
        self._silence = self._idle_seconds if self._members_touched else room_idle_seconds
        self._active_kinds = tuple(policy.idle.counts)  # a tuple: comparing enum members is cheaper than hashing them
        self._echo = policy.echo

    def resume(self, now: float) -> None:
        """Go on with the rooms that the store has kept. Every member has a full idle time from now on."""
        self._entrance.resume()
        for room in list(self._store.rooms()):
            for member in self._store.members(room):
                self._touch(member, now)

    # ------------------------------------------------------------------------------------------------ control

    def rooms(self, most_bytes: int | None = None) -> tuple[str, ...]:
        """The names of the rooms that can be joined, as many as have so many bytes of UTF-8 together."""
        names = []
        for room in self._store.rooms():
            if self._store.host(room) is None:
                continue
            if most_bytes is not None:
                most_bytes -= len(room.name.encode())
                if most_bytes < 0:
                    break
            names.append(room.name)
        return tuple(names)

    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Refusal | Admission:
        """Check a request of the TCP peer and reserve what it needs.

        `udp`: the address for datagrams that the request declared, used where the policy says `Register.REQUEST`.
        After a Create the name is taken at once (TCRP-3.9), and `admit` succeeds unless the relay stops before or the
        store cannot save it. RuntimeError if `mint` returns only tokens in use.
        """
        return self._entrance.begin(want, ip_of(peer), udp)

    def admit(
        self, admission: Admission, *, password_hash: bytes | None, now: float, save: bool = True
    ) -> Refusal | Admitted:
        """Make the request a membership. It is refused if the room closed or filled since `begin`.

        `password_hash`: of a Create, what later joins are verified against (TCRP-3.10a); None: the room has no
        password. Ignored for a Join. `save`: False if the caller calls `save` before it answers, as one call serves
        several admissions. RuntimeError for an admission that was already admitted or abandoned, and if `mint` returns
        only tokens in use.
        """
        if admission.stage is not Stage.BEGUN:
            raise RuntimeError(f"an admission is admitted once: this one is {admission.stage.name}")
        if refusal := self._entrance.admit(admission, password_hash):
            return refusal
        assert admission.token is not None
        if self._policy.register is Register.HANDSHAKE:
            return Admitted(admission.token, None, ())
        member = self._entrance.enter(admission)
        assert member is not None
        if save and not self.save():
            self.revoke(admission)
            return Refusal(Status.SERVER_ERROR)
        assigned = member.address if self._policy.register is Register.ASSIGNED else None
        return Admitted(admission.token, assigned, self._welcome(member, now))

    def bind(self, admission: Admission, address: Address, now: float) -> Sequence[Decision]:
        """The address of an admitted peer has arrived: the peer is a member from now on.

        RuntimeError unless the admission was admitted, awaits an address and was not abandoned.
        """
        if admission.stage is not Stage.AWAITING_ADDRESS:
            raise RuntimeError(f"no address is awaited: the admission is {admission.stage.name}")
        admission.address = address
        member = self._entrance.enter(admission)
        if member is None:
            return (CLOSED,)
        if not self.save():
            self.revoke(admission)
            return (CLOSED,)
        return self._welcome(member, now)

    def save(self) -> bool:
        """Save all that has happened, if the store does that. False: `revoke` the admissions since the last call."""
        return self._store.commit()

    def revoke(self, admission: Admission) -> None:
        """Undo an admission that was admitted and could not be saved, before anybody is told of it (TCRP-6.2a)."""
        self._entrance.revoke(admission)

    def abandon(self, admission: Admission) -> None:
        """Undo what `begin` or `admit` reserved (TCRP-6.2a). An admission that is over is left as it is."""
        self._entrance.abandon(admission)

    def _welcome(self, member: Member, now: float) -> list[Decision]:
        if member.host or not self._rooms_idle:  # where the room's silence counts a join does not end it
            self._touch(member, now)
        joined = MemberJoined(member.room.name, member.user, member.host, member.ip)
        return [joined, *self._notices.about_member(NoticeReason.JOINED, member)]

    # --------------------------------------------------------------------------------------------------- chat

    def receive_datagram(self, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        """Take a datagram of a client and return what follows from it. An invalid one has no effect (TCRP-4.2)."""
        try:
            up = self._dialect.read_up(data, source)
        except RemoteProtocolError as error:
            return (Dropped(str(error), None, _MALFORMED),)
        member = self._member_of(up, source)
        entered: list[Decision] = []
        if member is None and self._only_room is not None:
            if refusal := self._entrance.refuses_member(self._only_room, ip_of(source)):
                return (Dropped("the room is full", refusal.limit),)
            member = self._store.enter(self._only_room, up.user or "", None, ip_of(source), False)  # TCRP-7.1
            member = self._store.register(member, source)
            entered = self._welcome(member, now)
        if member is None:
            return (STRANGER,)
        kind = up.kind
        if kind is _UP_LEAVE and not self._guests_may_leave and not member.host:
            kind = _UP_CHAT
        # a source that is the registered address was checked when it was registered
        if not (self._every_datagram_registers and source == member.address):
            if not self._senders.may_come_from(member, kind, source):
                return (FOREIGN,)
            if (
                self._every_datagram_registers
                or (kind is UpKind.REGISTER and self._policy.register is Register.MESSAGE)
                or is_other_form(member.address, source)
            ):
                member = self._store.register(member, source)

        if up.user is not None and up.user != member.user:
            member = self._store.rename(member, up.user)
        if self._failures:
            self._failures.pop(member.id, None)
        if self._rooms_idle and self._ends_idle_room(member, now):
            return self._and_save(self._remove(member, NoticeReason.IDLE))
        if kind in self._active_kinds:
            if self._members_touched:  # `_touch`, without the cost of a call
                self._store.touch(member, now)
            elif self._rooms_touched:
                self._store.touch(member.room, now)

        if kind is _UP_CHAT:
            network = None if self._pace is None else self._limited(member.ip)
            if network is not None and not self._may_speak(member, network, now):
                return [*entered, _TOO_MANY]
            decisions = self._relay(member, up.body, data)
        elif kind is _UP_LEAVE:
            decisions = self._and_save(self._leave(member, up.body, data))
        else:
            decisions = ()
        return [*entered, *decisions] if entered else decisions

    def _member_of(self, up: Up, source: Address) -> Member | None:
        if self._members_by_token:
            member = self._store.by_token(up.token) if up.token is not None else None
            if member is None or (up.room is not None and up.room != member.room.name):
                return None
            return member
        room = self._senders.room_of(up)
        if room is None:
            return None
        return next((member for member in self._store.by_address(source) if member.room.id == room.id), None)

    def _may_speak(self, member: Member, network: str, now: float) -> bool:
        """Whether the member's network has a message left."""
        cost = 1 + self._store.count_members(member.room) // LARGE_ROOM
        return self._pace is None or self._pace.take(network, now, cost=cost) is not None

    def _touch(self, member: Member, now: float) -> None:
        if self._members_touched:
            self._store.touch(member, now)
        elif self._rooms_touched:
            self._store.touch(member.room, now)

    def _ends_idle_room(self, member: Member, now: float) -> bool:
        """Whether a datagram of this member closes its room: the host's first one after the idle time does."""
        if not member.host or self._idle_seconds is None:
            return False
        last = self._store.last_active(member.room)
        return last is not None and now - last >= self._idle_seconds

    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        try:
            down = Down(_DOWN_CHAT, member.user, body, None, member.room.name, datagram)
            payload = self._dialect.write_down(down)
        except LocalProtocolError as error:  # it would not fit into a datagram (TCRP-4.7a)
            return (Dropped(str(error), None, _TOO_LONG), *self._notices.about_member(NoticeReason.TOO_LONG, member))
        if payload is None:
            return (Dropped("the dialect has no datagram for it", None, _TOO_LONG),)
        hearers, index = self._store.audience(member.room, member)
        return (Relayed(payload, hearers, None if self._echo else index),)

    # ------------------------------------------------------------------------------------------------ leaving

    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        if not self._policy.relay_leave:
            return self._remove(member, NoticeReason.LEFT)
        return [*self._relay(member, body, datagram), *self._remove(member, NoticeReason.LEFT)]

    def _remove(self, member: Member, why: NoticeReason) -> list[Decision]:
        """Remove a member. The removal of a host closes its room (TCRP-5.2a, TCRP-5.3d)."""
        if member.host:
            return self._close(
                member.room, NoticeReason.HOST_LEFT if why is NoticeReason.LEFT else NoticeReason.HOST_IDLE, why
            )
        decisions: list[Decision] = list(self._notices.about_member(why, member))
        self._forget(member)
        return [*decisions, MemberLeft(member.room.name, member.user, why, member.ip)]

    def _close(self, room: Room, why: NoticeReason, host_why: NoticeReason | None = None) -> list[Decision]:
        decisions: list[Decision] = list(self._notices.about_room(why, room, host_why))
        host = self._store.host(room)
        if host and host_why:
            decisions.append(MemberLeft(room.name, host.user, host_why, host.ip))
        members = self._store.members(room)
        for member in members:
            self._forget(member)
        self._store.close_room(room)  # the name is free (TCRP-5.2c)
        return [*decisions, RoomClosed(room.name, why, len(members))]

    def _forget(self, member: Member) -> None:
        self._failures.pop(member.id, None)
        self._entrance.leave(member)

    def _and_save(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        """The same decisions, once what they tell is saved: a token that is void stays void after a restart."""
        self._store.commit()
        return decisions

    def next_deadline(self) -> float | None:
        """When `expire` is due, in seconds of the clock of `now`. None: not at all.

        A datagram may postpone it, so the caller asks again after each call.
        """
        since = None if self._silence is None else self._store.silent_since()
        return None if since is None or self._silence is None else since + self._silence

    def expire(self, now: float) -> Sequence[Decision]:
        """Remove the members that are idle (TCRP-5.3a), those silent longest first.

        One call removes a few hundred members at most. If more are idle, `next_deadline` stays in the past, and the
        caller can receive datagrams before it calls again.
        """
        due: list[Room | Member] = []
        count = 0
        while count < _MAX_EXPIRED_AT_ONCE and (deadline := self.next_deadline()) is not None and deadline <= now:
            silent = self._store.pop_silent()
            due.append(silent)
            ends_room = _ends_room(silent)
            count += self._store.count_members(_room_of(silent)) if ends_room else 1
        if not due:
            return ()
        decisions: list[Decision] = []
        for silent in sorted(due, key=_ends_room):
            if isinstance(silent, Room):
                decisions += self._close(silent, NoticeReason.HOST_IDLE, NoticeReason.IDLE)
            else:
                decisions += self._remove(silent, NoticeReason.IDLE)
        return self._and_save(decisions)

    def delivery_failed(self, address: Address) -> Sequence[Decision]:
        """A datagram to this address was not delivered.

        After the policy's `max_failures` such reports, without a datagram of the member between them, the member at
        this address is removed as if it were idle (TCRP-5.6).
        """
        if self._policy.max_failures is None:
            return ()
        decisions: list[Decision] = []
        for member in sorted(self._store.by_address(address), key=_ends_room):
            self._failures[member.id] = failures = self._failures.get(member.id, 0) + 1
            if failures >= self._policy.max_failures:
                decisions += self._remove(member, NoticeReason.UNREACHABLE)
        if decisions:
            self._store.commit()
        return decisions

    def stop(self) -> Sequence[Decision]:
        """Close every room (TCRP-5.7), unless the store keeps them until the server is started again.

        `admit` refuses the admissions that are still open.
        """
        self._entrance.close()
        if self._store.lasting:
            return ()
        self._only_room = None
        decisions: list[Decision] = []
        for room in list(self._store.rooms()):
            if self._store.count_members(room):
                decisions += self._close(room, NoticeReason.STOPPED)
            else:
                self._store.close_room(room)
        return decisions


def _ends_room(one: Room | Member) -> bool:
    """Whether the removal closes a room. A sort key: guests come first, so each is told of its own removal."""
    return isinstance(one, Room) or one.host


def _room_of(one: Room | Member) -> Room:
    return one if isinstance(one, Room) else one.room
