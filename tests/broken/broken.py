"""One thing at a time that our own server does wrong in a dialect other than the canonical one.

A fault is a class in place of one of the server's: of its `Relay`, of its `Connection`, or of the dialect (`Spoken`).
It names the clauses under which the suite must report it, in the dialects where it can be seen.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, TypeVar

from reference_server.control import Connection
from relay import Admission, Decision, Hearers, Relay, Relayed
from relay.rooms import Member
from tcrp import Address, Create, Down, Join, Requested, Status, Up, Why
from tcrp.dialects import Dialect
from tcrp.dialects.answers import Answers
from tcrp.dialects.framed import Framed
from tcrp.policy import Bind, Policy

C = TypeVar("C", bound=type)


class Spoken:
    """A dialect as the server speaks it: the real one, but for what a fault says otherwise."""

    def __init__(self, dialect: Dialect) -> None:
        self.real = dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Said(Spoken):
    """The same, where the dialect is one of answers."""

    def __init__(self, dialect: Dialect) -> None:
        assert isinstance(dialect, Framed)
        super().__init__(Framed(self.said(dialect.answers)))

    def said(self, answers: Answers) -> Answers:
        raise NotImplementedError


class Fault(NamedTuple):
    """`clauses`: for each dialect those under any of which it must be reported, the first by rights."""

    name: str
    note: str
    clauses: Mapping[str, tuple[str, ...]]
    instead: type


FAULTS: dict[str, Fault] = {}


def fault(name: str, note: str, clauses: Mapping[str, str]) -> Callable[[C], C]:
    """`clauses`: several dialects to a key, several clauses to a value, the first by rights."""

    def register(instead: C) -> C:
        each = {dialect: tuple(names.split()) for dialects, names in clauses.items() for dialect in dialects.split()}
        FAULTS[name] = Fault(name, note, each, instead)
        return instead

    return register


def rows() -> Iterator[tuple[str, str]]:
    """Each fault in each of its dialects: dialect and name."""
    for one in FAULTS.values():
        for dialect in one.clauses:
            yield dialect, one.name


# ------------------------------------------------------------------------------------------------- who hears and speaks


@fault(
    "relays-to-strangers", "a message goes to the members of every room",
    {"model-answer fixed-fields fixed-width": "4.5b"},
)  # fmt: skip
class RelaysToStrangers(Relay):
    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        others = [room for room in self._registry.rooms.values() if room is not member.room]
        audience = Hearers([*member.room.hearers, *(address for room in others for address in room.hearers)])
        decisions = super()._relay(member, body, datagram)
        return [one._replace(audience=audience) if isinstance(one, Relayed) else one for one in decisions]


@fault(
    "drops-every-third", "of three messages one is not relayed",
    {"json-envelope": "4.5a 4.6b"},
)  # fmt: skip
class DropsEveryThird(Relay):
    count = 0

    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        self.count += 1
        return super()._relay(member, body, datagram) if self.count % 3 else ()


@fault(
    "relays-twice", "a message is relayed twice",
    {"model-answer fixed-fields": "4.5c", "stage1": "7.1"},
)  # fmt: skip
class RelaysTwice(Relay):
    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return [*super()._relay(member, body, datagram), *super()._relay(member, body, datagram)]


@fault(
    "echo-otherwise", "the sender hears itself where it should not, or does not where it should",
    {"json-status fixed-fields fixed-width": "4.5d", "stage1": "7.1"},
)  # fmt: skip
class EchoOtherwise(Spoken):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, echo=not self.real.policy.echo)


@fault(
    "name-not-shown", "every message comes under one name",
    {"json-envelope fixed-width": "4.6a", "stage1": "7.1"},
)  # fmt: skip
class NameNotShown(Spoken):
    def write_down(self, down: Down) -> bytes | None:
        return self.real.write_down(down._replace(user="member"))


@fault(
    "cuts-messages", "messages are cut after 64 bytes",
    {"json-status fixed-width": "4.6e 4.6b", "stage1": "7.1"},
)  # fmt: skip
class CutsMessages(Relay):
    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._relay(member, body[:64].decode(errors="ignore").encode(), datagram)


@fault(
    "any-address-will-do", "a token may be used from any address",
    {"model-answer": "3.8e 4.2e"},
)  # fmt: skip
class AnyAddressWillDo(Spoken):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, bind=Bind.NONE)


# ------------------------------------------------------------------------------------------------------------- leaving


@fault(
    "stays-after-leaving", "a guest that leaves is not removed",
    {"json-status json-envelope fixed-fields fixed-width": "5.1a"},
)  # fmt: skip
class StaysAfterLeaving(Relay):
    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._leave(member, body, datagram) if member.room.host is member else ()


@fault(
    "host-stays", "a host that leaves is not removed, and its room stands",
    {"model-answer json-envelope": "5.2c 5.2a", "fixed-fields": "5.2b"},
)  # fmt: skip
class HostStays(Relay):
    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._leave(member, body, datagram) if member.room.host is not member else ()


@fault(
    "token-outlives-its-member", "who has left can still speak",
    {"json-status json-envelope fixed-width": "5.1b"},
)  # fmt: skip
class TokenOutlivesItsMember(Relay):
    gone: ClassVar[dict[bytes | Address | None, Member]] = {}

    def _forget(self, member: Member) -> None:
        self.gone[member.address if self._policy.member_key.name == "ADDRESS" else member.token] = member
        super()._forget(member)

    def _member_of(self, up: Up, source: Address) -> Member | None:
        return super()._member_of(up, source) or self.gone.get(up.token) or self.gone.get(source)


@fault(
    "leaving-is-chat", "the message that leaves is relayed too",
    {"json-status": "5.1c"},
)  # fmt: skip
class LeavingIsChat(Spoken):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, relay_leave=True)


@fault(
    "nobody-is-told", "a room closes without a word",
    {"model-answer json-envelope": "5.2a"},
)  # fmt: skip
class NobodyIsTold(Spoken):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, tell={})


# --------------------------------------------------------------------------------------------------- rooms and requests


@fault(
    "rooms-are-taken-over", "a CREATE of a room that stands makes it anew",
    {"model-answer json-status": "3.4d"},
)  # fmt: skip
class RoomsAreTakenOver(Relay):
    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Status | Admission:
        if isinstance(want, Create) and (room := self._registry.rooms.get(want.room)) is not None:
            self._close(room, Why.STOPPED)
        return super().begin(want, peer, udp)


@fault(
    "any-password-will-do", "a room's password is not looked at",
    {"model-answer json-envelope fixed-fields": "3.10a"},
)  # fmt: skip
class AnyPasswordWillDo(Relay):
    def admit(self, admission: Admission, *, password_hash: bytes | None, now: float) -> Any:
        return super().admit(admission, password_hash=None, now=now)


@fault(
    "unknown-room-is-a-password", "who joins a room that there is not is told that the password is wrong",
    {"json-envelope fixed-fields": "3.4e"},
)  # fmt: skip
class UnknownRoomIsAPassword(Relay):
    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Status | Admission:
        begun = super().begin(want, peer, udp)
        return Status.WRONG_PASSWORD if begun is Status.ROOM_NOT_FOUND else begun


@fault(
    "tokens-are-counted", "each token is the one before and 1",
    {"json-status fixed-width": "3.8b"},
)  # fmt: skip
class TokensAreCounted(Relay):
    def __init__(self, dialect: Dialect, *, mint: Callable[[], bytes], **others: Any) -> None:
        size, self.count = len(mint()), 0

        def counted() -> bytes:
            self.count += 1
            number = f"{self.count:0{size}}"
            if size == 36:
                number = "-".join((number[:8], number[9:13], number[14:18], number[19:23], number[24:]))
            return number.encode()

        super().__init__(dialect, mint=counted, **others)


@fault(
    "one-recv", "a request that does not come in one segment is not answered",
    {"json-status fixed-fields": "2.5a"},
)  # fmt: skip
class OneRecv(Connection):
    asked = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.asked:
            self.abort()

    def _handle(self, event: object) -> None:
        self.asked = self.asked or isinstance(event, Requested)
        super()._handle(event)  # type: ignore[arg-type]


@fault(
    "one-at-a-time", "one connection is served, and the others wait until it ends",
    {"fixed-fields": "6.1b"},
)  # fmt: skip
class OneAtATime(Connection):
    all: ClassVar[list["OneAtATime"]] = []

    def connection_made(self, transport: Any) -> None:
        self.all.append(self)
        super().connection_made(transport)

    def _read_or_pause(self) -> None:
        if self.all[0] is self:
            super()._read_or_pause()
        else:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all.remove(self)
        super().connection_lost(exc)
        if self.all:
            self.all[0]._read_or_pause()


# ------------------------------------------------------------------------------------------------ what ends the server


@fault(
    "dies-of-bad-utf8", "a datagram that is not UTF-8 ends the process",
    {"json-envelope": "6.1f", "stage1": "7.1"},
)  # fmt: skip
class DiesOfBadUtf8(Spoken):
    def read_up(self, data: bytes, source: Address) -> Up:
        if b"\xff" in data:
            os._exit(1)
        return self.real.read_up(data, source)


@fault(
    "dies-of-a-short-datagram", "a datagram of less than two bytes ends the process",
    {"json-status fixed-width": "6.1f"},
)  # fmt: skip
class DiesOfAShortDatagram(Spoken):
    def read_up(self, data: bytes, source: Address) -> Up:
        if len(data) < 2:
            os._exit(1)
        return self.real.read_up(data, source)


# ----------------------------------------------------------------------------------------------------- bytes of replies


@fault("token-state-1", "the reply with the token has State 1", {"model-answer json-status": "3.5a 3.1b"})
class TokenStateOne(Said):
    def said(self, answers: Answers) -> Answers:
        return replace(answers, reply=replace(answers.reply, token_state=1))


@fault("room-counted-in-bytes", "RoomNameSize of a reply counts bytes, not characters", {"json-status": "2.3a 3.5a"})
class RoomCountedInBytes(Said):
    def said(self, answers: Answers) -> Answers:
        return replace(answers, reply=replace(answers.reply, room_size="bytes"))


@fault("refuses-by-closing", "who is refused is told nothing", {"model-answer json-status": "3.4d 3.4e"})
class RefusesByClosing(Said):
    def said(self, answers: Answers) -> Answers:
        return replace(answers, reply=replace(answers.reply, refusal="close"))


@fault("port-not-read", "datagrams go to where TCP came from, not to the port that was told", {"model-answer": "4.5a"})
class PortNotRead(Relay):
    def bind(self, admission: Admission, address: Address, now: float) -> Sequence[Decision]:
        return super().bind(admission, (address[0], 9), now)
