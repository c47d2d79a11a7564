"""The canonical rules against a model of lists and loops, which computes everything from its members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from relay import Admission, Admitted, Decision, Notice, Refusal, Relay, Relayed, RoomLimits
from tcrp import dialects
from tcrp.constants import Status
from tcrp.messages import Address, Create, Join
from tests.relay.rig import Sent

IDLE_SECONDS = 60.0
LIMITS = RoomLimits(rooms=3, members=4)
HOST_LEFT = b"\x04the host left: the room is closed"
HOST_IDLE = b"\x04the host was idle for too long: the room is closed"
IDLE = b"\x04you were idle for too long: join again to come back"
UNREACHABLE = b"\x04datagrams could not be delivered to you: join again to come back"
STOPPED = b"\x04the server is stopping: the room is closed"
TOO_LONG = b"\x05your last message is too long to be relayed"

rooms = st.sampled_from(["r", "R", "部屋"])
users = st.sampled_from(["a", "b", "c" * 255])
ips = st.sampled_from(["10.0.0.1", "10.0.0.2"])
ports = st.integers(1, 3)
messages = st.sampled_from([b"", b"hi", b"exit ", b"\xff", b"x" * 3837, b"x" * 3838, b"x" * 4000])


@dataclass(eq=False)
class ModelMember:
    token: bytes
    room: str
    user: str
    ip: str
    host: bool
    last_active: float
    address: Address | None = None
    failures: int = 0


class Begun(NamedTuple):
    """A request that the relay accepted. `host`: of the room that a Join wants to enter."""

    admission: Admission
    room: str
    user: str
    ip: str
    create: bool
    host: ModelMember | None


def ip_of(address: Address) -> str:
    return address[0].removeprefix("::ffff:")


def address_of(ip: str, port: int, mapped: bool) -> Address:
    return (f"::ffff:{ip}", port, 0, 0) if mapped else (ip, port)


class RoomsMachine(RuleBasedStateMachine):
    """Calls the relay and the model in turn. What the relay sends must be what the model expects."""

    tokens: Bundle[bytes] = Bundle("tokens")
    admissions: Bundle[Begun | None] = Bundle("admissions")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.relay = Relay(dialects.get(), mint=self._mint, limits=LIMITS)
        self.now = 0.0
        self.members: list[ModelMember] = []
        self.reserved: dict[Admission, str] = {}
        self.gone: list[ModelMember] = []

    def _mint(self) -> bytes:
        self.count += 1
        return b"token-%d" % self.count

    # ------------------------------------------------------------------------------------------- the model

    def in_room(self, room: str) -> list[ModelMember]:
        return [m for m in self.members if m.room == room]

    def host_of(self, room: str) -> ModelMember | None:
        return next((m for m in self.in_room(room) if m.host), None)

    def drop(self, member: ModelMember) -> None:
        self.members.remove(member)
        self.gone.append(member)

    def close(self, room: str, text: bytes, *, but: ModelMember | None = None) -> Sent:
        told = [(text, m.address) for m in self.in_room(room) if m.address and m is not but]
        for member in self.in_room(room):
            self.drop(member)
        return told

    def valid(self, room: str, token: bytes, ip: str) -> ModelMember | None:
        for member in self.members:
            if member.token == token and member.room == room and member.ip == ip:
                return member
        return None

    def expected(self, room: str, token: bytes, message: bytes, source: Address) -> Sent:
        size = 2 + len(room.encode()) + len(token) + len(message)
        member = self.valid(room, token, ip_of(source))
        if size > 4096 or member is None:
            return []
        member.address, member.last_active, member.failures = source, self.now, 0
        if message == b"":
            return []
        if message == b"exit" and member.host:
            return self.close(room, HOST_LEFT, but=member)
        if message == b"exit":
            self.drop(member)
            return []
        payload = member.user.encode() + b": " + message
        if len(payload) > 4094:
            return [(TOO_LONG, source)]
        return [(payload, m.address) for m in self.in_room(room) if m.address and m is not member]

    def check(self, decisions: Sequence[Decision], expected: Sent) -> None:
        sent: Sent = []
        for decision in decisions:
            if isinstance(decision, Relayed):
                sent += [(decision.payload, a) for i, a in enumerate(decision.audience) if i != decision.skip]
            elif isinstance(decision, Notice):
                sent += [(decision.payload, a) for a in decision.addresses]
        assert sorted(sent) == sorted(expected)

    def send(self, room: str, token: bytes, message: bytes, source: Address) -> None:
        data = bytes([len(room.encode()), len(token)]) + room.encode() + token + message
        expected = self.expected(room, token, message, source)
        self.check(self.relay.receive_datagram(data, source, self.now), expected)

    # ------------------------------------------------------------------------------------------------ rules

    @rule(target=admissions, room=rooms, user=users, ip=ips, create=st.booleans())
    def begin(self, room: str, user: str, ip: str, create: bool) -> Begun | None:
        standing = {m.room for m in self.members} | set(self.reserved.values())
        begun = self.relay.begin((Create if create else Join)(room, user), (ip, 9))
        if create and room in standing:
            assert isinstance(begun, Refusal)
            assert begun.status is Status.ROOM_EXISTS
        elif create and len(standing) == LIMITS.rooms:
            assert isinstance(begun, Refusal)
            assert begun.status is Status.LIMIT_REACHED
        elif not create and self.host_of(room) is None:
            assert isinstance(begun, Refusal)
            assert begun.status is Status.ROOM_NOT_FOUND
        elif not create and len(self.in_room(room)) == LIMITS.members:
            assert isinstance(begun, Refusal)
            assert begun.status is Status.LIMIT_REACHED
        else:
            assert isinstance(begun, Admission)
            if create:
                self.reserved[begun] = room
            return Begun(begun, room, user, ip, create, self.host_of(room))
        return None

    @rule(target=tokens, begun=consumes(admissions))
    def admit(self, begun: Begun | None) -> bytes:
        if begun is None:
            return b"nothing"
        admission, room, user, ip, create, host = begun
        admitted = self.relay.admit(admission, password_hash=None, now=self.now)
        if create and self.reserved.pop(admission, None) is None:  # the server stopped meanwhile
            assert isinstance(admitted, Refusal)
            assert admitted.status is Status.ROOM_NOT_FOUND
            return b"nothing"
        if not create and host not in self.members:
            assert isinstance(admitted, Refusal)
            assert admitted.status is Status.ROOM_NOT_FOUND
            return b"nothing"
        if not create and len(self.in_room(room)) == LIMITS.members:
            assert isinstance(admitted, Refusal)
            assert admitted.status is Status.LIMIT_REACHED
            return b"nothing"
        assert isinstance(admitted, Admitted)
        assert admitted.token not in [m.token for m in self.members + self.gone]
        self.members.append(ModelMember(admitted.token, room, user, ip, create, self.now))
        return admitted.token

    @rule(begun=consumes(admissions))
    def abandon(self, begun: Begun | None) -> None:
        if begun is not None:
            self.relay.abandon(begun.admission)
            self.reserved.pop(begun.admission, None)

    @rule(token=tokens, port=ports, message=messages, mapped=st.booleans())
    def say(self, token: bytes, port: int, message: bytes, mapped: bool) -> None:
        for member in (m for m in self.members + self.gone if m.token == token):
            self.send(member.room, token, message, address_of(member.ip, port, mapped))
            break

    @rule(room=rooms, token=tokens, ip=ips, port=ports, message=messages)
    def forge(self, room: str, token: bytes, ip: str, port: int, message: bytes) -> None:
        self.send(room, token, message, (ip, port))

    @rule(room=rooms, token=tokens, ip=ips, cut=st.integers(0, 6))
    def garble(self, room: str, token: bytes, ip: str, cut: int) -> None:
        self.send(room, token[:cut] + b"?", b"exit", (ip, 1))

    @rule(token=tokens, port=ports)
    def leave(self, token: bytes, port: int) -> None:
        for member in (m for m in self.members if m.token == token):
            self.send(member.room, token, b"exit", (member.ip, port))
            break

    @rule(seconds=st.sampled_from([0.0, 1.0, 20.0, 30.0, 60.0, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        expected: Sent = []
        due = [m for m in self.members if m.last_active + IDLE_SECONDS <= self.now]
        for member in sorted(due, key=lambda m: m.host):
            if member.host:
                expected += self.close(member.room, HOST_IDLE)
            else:
                expected += [(IDLE, member.address)] if member.address else []
                self.drop(member)
        self.check(self.relay.expire(self.now), expected)

    @rule(ip=ips, port=ports, mapped=st.booleans(), times=st.integers(1, 3))
    def fail(self, ip: str, port: int, mapped: bool, times: int) -> None:
        for _ in range(times):
            self.fail_once(ip, port, mapped)

    def fail_once(self, ip: str, port: int, mapped: bool) -> None:
        expected: Sent = []
        for member in self.members:
            if member.address and (ip_of(member.address), member.address[1]) == (ip, port):
                member.failures += 1
        for member in list(self.members):
            if member.failures >= 3 and not member.host:
                assert member.address
                expected += [(UNREACHABLE, member.address)]
                self.drop(member)
        for member in list(self.members):
            if member in self.members and member.failures >= 3:
                expected += self.close(member.room, HOST_IDLE)
        self.check(self.relay.delivery_failed(address_of(ip, port, mapped)), expected)

    @rule()
    def stop(self) -> None:
        self.check(self.relay.stop(), [(STOPPED, m.address) for m in self.members if m.address])
        self.gone += self.members
        self.members, self.reserved = [], {}

    @invariant()
    def the_same_rooms_and_the_same_next_deadline(self) -> None:
        assert sorted(self.relay.rooms()) == sorted(m.room for m in self.members if m.host)
        assert self.relay.next_deadline() == min((m.last_active + IDLE_SECONDS for m in self.members), default=None)


RoomsMachine.TestCase.settings = settings(deadline=None, max_examples=150, stateful_step_count=40)
TestRooms = RoomsMachine.TestCase
