"""Our own server, wrong in one way in a dialect other than the canonical one.

A fault is a class that takes the place of one of the server's own: of its `Relay`, of its `Connection`, or of the
dialect (`WrongDialect`). It names the clauses under which the suite must report it, in the dialects where it can be
seen. Faults stand in the order of the first clause that they name.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, TypeVar

from reference_server.control import Connection
from relay import Admission, Decision, Hearers, Member, Refusal, Relay, Relayed
from tcrp import Address, Create, Down, Event, Join, NoticeReason, Requested, Status, Up
from tcrp.dialects import Dialect
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import Settings
from tcrp.policy import Bind, Policy

C = TypeVar("C", bound=type)


class WrongDialect:
    """The real dialect, but for the methods and properties that a subclass replaces."""

    def __init__(self, dialect: Dialect) -> None:
        self.real = dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class WrongSettings(WrongDialect):
    """A dialect that is made of settings, with those that `changed` gives."""

    def __init__(self, dialect: Dialect) -> None:
        assert isinstance(dialect, Framed)
        super().__init__(Framed(self.changed(dialect.settings)))

    def changed(self, settings: Settings) -> Settings:
        raise NotImplementedError


class Fault(NamedTuple):
    """One wrong way of the server. `instead` takes the place of one of its classes.

    `clauses` holds for each dialect the clauses under one of which it must be reported, the best one first.
    """

    name: str
    note: str
    clauses: Mapping[str, tuple[str, ...]]
    instead: type


FAULTS: dict[str, Fault] = {}


def fault(name: str, note: str, clauses: Mapping[str, str]) -> Callable[[C], C]:
    """Registers a class that takes the place of the server's own.

    A key of `clauses` is one or more dialects, a value one or more clauses such as "4.5a", the best one first.
    """

    def register(instead: C) -> C:
        each = {dialect: tuple(names.split()) for dialects, names in clauses.items() for dialect in dialects.split()}
        FAULTS[name] = Fault(name, note, each, instead)
        return instead

    return register


def rows() -> Iterator[tuple[str, str]]:
    """The dialect and the name of each fault, once for each of its dialects."""
    for one in FAULTS.values():
        for dialect in one.clauses:
            yield dialect, one.name


# section 2: the TCP frame -------------------------------------------------------------------------


@fault("room-counted-in-bytes", "RoomNameSize of a reply counts bytes, not characters", {"json-status": "2.3a 3.5a"})
class RoomCountedInBytes(WrongSettings):
    def changed(self, settings: Settings) -> Settings:
        return replace(settings, reply=replace(settings.reply, room_size="bytes"))


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

    def _handle(self, event: Event) -> None:
        self.asked = self.asked or isinstance(event, Requested)
        super()._handle(event)


# section 3: requests, settings, tokens and passwords -----------------------------------------------


@fault(
    "rooms-are-taken-over", "a CREATE of a room that stands makes it anew",
    {"model-answer json-status": "3.4d"},
)  # fmt: skip
class RoomsAreTakenOver(Relay):
    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Refusal | Admission:
        if isinstance(want, Create) and (room := self._store.room(want.room)) is not None:
            self._close(room, NoticeReason.STOPPED)
        return super().begin(want, peer, udp)


@fault("refuses-by-closing", "who is refused is told nothing", {"model-answer json-status": "3.4d 3.4e"})
class RefusesByClosing(WrongSettings):
    def changed(self, settings: Settings) -> Settings:
        return replace(settings, reply=replace(settings.reply, refusal="close"))


@fault(
    "unknown-room-is-a-password", "who joins a room that there is not is told that the password is wrong",
    {"json-envelope fixed-fields": "3.4e"},
)  # fmt: skip
class UnknownRoomIsAPassword(Relay):
    def begin(self, want: Create | Join, peer: Address, udp: Address | None = None) -> Refusal | Admission:
        begun = super().begin(want, peer, udp)
        return Refusal(Status.WRONG_PASSWORD) if begun == Refusal(Status.ROOM_NOT_FOUND) else begun


@fault("token-state-1", "the reply with the token has State 1", {"model-answer json-status": "3.5a 3.1b"})
class TokenStateOne(WrongSettings):
    def changed(self, settings: Settings) -> Settings:
        return replace(settings, reply=replace(settings.reply, token_state=1))


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
    "any-address-will-do", "a token may be used from any address",
    {"model-answer": "3.8e 4.2e"},
)  # fmt: skip
class AnyAddressWillDo(WrongDialect):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, bind=Bind.NONE)


@fault(
    "any-password-will-do", "a room's password is not looked at",
    {"model-answer json-envelope fixed-fields": "3.10a"},
)  # fmt: skip
class AnyPasswordWillDo(Relay):
    def admit(self, admission: Admission, *, password_hash: bytes | None, now: float, save: bool = True) -> Any:
        return super().admit(admission, password_hash=None, now=now, save=save)


# section 4: who receives a message, and what of it ------------------------------------------------


@fault(
    "drops-every-third", "of three messages one is not relayed",
    {"json-envelope": "4.5a 4.6b"},
)  # fmt: skip
class DropsEveryThird(Relay):
    count = 0

    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        self.count += 1
        return super()._relay(member, body, datagram) if self.count % 3 else ()


@fault("port-not-read", "datagrams go to where TCP came from, not to the port that was told", {"model-answer": "4.5a"})
class PortNotRead(Relay):
    def bind(self, admission: Admission, address: Address, now: float) -> Sequence[Decision]:
        return super().bind(admission, (address[0], 9), now)


@fault(
    "relays-to-strangers", "a message goes to the members of every room",
    {"model-answer fixed-fields fixed-width": "4.5b"},
)  # fmt: skip
class RelaysToStrangers(Relay):
    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        rooms = [member.room, *(room for room in self._store.rooms() if room.id != member.room.id)]
        audience = Hearers(address for room in rooms for address in self._store.audience(room)[0])
        decisions = super()._relay(member, body, datagram)
        return [one._replace(audience=audience) if isinstance(one, Relayed) else one for one in decisions]


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
class EchoOtherwise(WrongDialect):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, echo=not self.real.policy.echo)


@fault(
    "name-not-shown", "every message comes under one name",
    {"json-envelope fixed-width": "4.6a", "stage1": "7.1"},
)  # fmt: skip
class NameNotShown(WrongDialect):
    def write_down(self, down: Down) -> bytes | None:
        return self.real.write_down(down._replace(user="member"))


@fault(
    "cuts-messages", "messages are cut after 64 bytes",
    {"json-status fixed-width": "4.6e 4.6b", "stage1": "7.1"},
)  # fmt: skip
class CutsMessages(Relay):
    def _relay(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._relay(member, body[:64].decode(errors="ignore").encode(), datagram)


# section 5: leaving -------------------------------------------------------------------------------


@fault(
    "stays-after-leaving", "a guest that leaves is not removed",
    {"json-status json-envelope fixed-fields fixed-width": "5.1a"},
)  # fmt: skip
class StaysAfterLeaving(Relay):
    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._leave(member, body, datagram) if member.host else ()


@fault(
    "token-outlives-its-member", "who has left can still speak",
    {"json-status json-envelope fixed-width": "5.1b"},
)  # fmt: skip
class TokenOutlivesItsMember(Relay):
    gone: ClassVar[dict[bytes | Address | None, Member]] = {}

    def __init__(self, *values: Any, **options: Any) -> None:
        super().__init__(*values, **options)
        self._members_touched = False  # the store cannot say when a member was active that is not in it

    def _forget(self, member: Member) -> None:
        self.gone[member.address if self._policy.member_key.name == "ADDRESS" else member.token] = member
        super()._forget(member)

    def _member_of(self, up: Up, source: Address) -> Member | None:
        found = super()._member_of(up, source) or self.gone.get(up.token) or self.gone.get(source)
        return found if found and self._store.is_open(found.room) else None


@fault(
    "leaving-is-chat", "the message that leaves is relayed too",
    {"json-status": "5.1c"},
)  # fmt: skip
class LeavingIsChat(WrongDialect):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, relay_leave=True)


@fault(
    "nobody-is-told", "a room closes without a word",
    {"model-answer json-envelope": "5.2a"},
)  # fmt: skip
class NobodyIsTold(WrongDialect):
    @property
    def policy(self) -> Policy:
        return replace(self.real.policy, tell={})


@fault(
    "host-stays", "a host that leaves is not removed, and its room stands",
    {"model-answer json-envelope": "5.2c 5.2a", "fixed-fields": "5.2b"},
)  # fmt: skip
class HostStays(Relay):
    def _leave(self, member: Member, body: bytes, datagram: bytes) -> Sequence[Decision]:
        return super()._leave(member, body, datagram) if not member.host else ()


# section 6: what blocks or ends the server --------------------------------------------------------


@fault(
    "one-at-a-time", "one connection is served, and the others wait until it ends",
    {"fixed-fields": "6.1b"},
)  # fmt: skip
class OneAtATime(Connection):
    queue: ClassVar[list["OneAtATime"]] = []  # the first is served

    def connection_made(self, transport: Any) -> None:
        self.queue.append(self)
        super().connection_made(transport)

    def _read_or_pause(self) -> None:
        if self.queue[0] is self:
            super()._read_or_pause()
        else:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.queue.remove(self)
        super().connection_lost(exc)
        if self.queue:
            self.queue[0]._read_or_pause()


@fault(
    "dies-of-bad-utf8", "a datagram that is not UTF-8 ends the process",
    {"json-envelope": "6.1f", "stage1": "7.1"},
)  # fmt: skip
class DiesOfBadUtf8(WrongDialect):
    def read_up(self, data: bytes, source: Address) -> Up:
        if b"\xff" in data:
            os._exit(1)
        return self.real.read_up(data, source)


@fault(
    "dies-of-a-short-datagram", "a datagram of less than two bytes ends the process",
    {"json-status fixed-width": "6.1f"},
)  # fmt: skip
class DiesOfAShortDatagram(WrongDialect):
    def read_up(self, data: bytes, source: Address) -> Up:
        if len(data) < 2:
            os._exit(1)
        return self.real.read_up(data, source)
