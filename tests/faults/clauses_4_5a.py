"""Faults of 4.5a: who receives a message."""

import time
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import Crashing, KnowsFirstDatagrams, message_rewritten
from tests.faults.plain import (
    JOIN,
    Address,
    Member,
    Request,
    Room,
    Server,
)
from tests.faults.registry import fault

# 4.5a: a message goes to every other registered member of the room --------------------------------


@fault(
    "dies-of-the-first-registration",
    "TCRP-4.5a",
    also=("TCRP-4.4a", "TCRP-6.1g"),
    note="an empty message ends the process",
)
class DiesOfTheFirstRegistration(Crashing):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if not message:
            raise IndexError("message")
        super().hear(member, source, message)


@fault(
    "dies-of-the-first-message",
    "TCRP-4.5a",
    also=("TCRP-6.1g",),
    note="a message that is not empty ends the process",
)
class DiesOfTheFirstMessage(Crashing):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if message:
            raise TypeError(message)
        super().hear(member, source, message)


@fault("last-member-left-out", "TCRP-4.5a", note="the last of three or more members is not delivered to")
class LastMemberLeftOut(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return others[:-1] if len(others) > 1 else others


@fault("first-5-members-only", "TCRP-4.5a", also=("TCRP-6.3c",), note="only the first 5 others are delivered to")
class First5MembersOnly(Server):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member)[:5]


@fault("guests-hear-the-host-only", "TCRP-4.5a", note="a guest's message goes to the host only")
class GuestsHearTheHostOnly(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [other for other in super().recipients(member) if member.room.host in (member, other)]


@fault("host-hears-nobody", "TCRP-4.5a", note="the host is not delivered to")
class HostHearsNobody(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [other for other in super().recipients(member) if other is not member.room.host]


@fault(
    "unregistered-member-ends-delivery",
    "TCRP-4.5a",
    also=("TCRP-4.3b",),
    note="delivery ends at the first member that has no address yet",
)
class UnregisteredMemberEndsDelivery(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        addresses = [other.address for other in others]
        return others[: addresses.index(None)] if None in addresses else others


@fault(
    "equal-names-hear-nothing",
    "TCRP-4.5a",
    also=("TCRP-3.3c",),
    note="a member with the sender's name is taken for the sender",
)
class EqualNamesHearNothing(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [other for other in super().recipients(member) if other.name != member.name]


@fault("slash-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with / is a command")
class SlashMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"/"):
            super().relay(member, message)


@fault("at-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with @ is a command")
class AtMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"@"):
            super().relay(member, message)


@fault("json-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with { is a command")
class JsonMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"{"):
            super().relay(member, message)


@fault(
    "pings-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="the message ping keeps a member alive and is not relayed"
)
class PingsSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if message.lower() not in (b"ping", b"initial", b"__register__"):
            super().relay(member, message)


@fault(
    "blank-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message of white space alone is not relayed"
)
class BlankMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if message.strip():
            super().relay(member, message)


@fault("nul-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with NUL is not relayed")
class NulMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"\0"):
            super().relay(member, message)


@fault(
    "notice-like-messages-swallowed",
    "TCRP-4.5a",
    also=("TCRP-4.6b",),
    note="a message that begins with 0x04 or 0x05 is not relayed",
)
class NoticeLikeMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith((b"\x04", b"\x05")):
            super().relay(member, message)


@fault(
    "repeated-messages-swallowed",
    "TCRP-4.5a",
    also=("TCRP-4.6b",),
    note="the same message twice in a row is relayed once",
)
class RepeatedMessagesSwallowed(Server):
    latest: ClassVar[dict[Member, bytes]] = {}

    def relay(self, member: Member, message: bytes) -> None:
        if self.latest.get(member) != message:
            super().relay(member, message)
        self.latest[member] = message


@fault("two-messages-a-second", "TCRP-4.5a", note="of more than 2 messages a second from a member the rest is dropped")
class TwoMessagesASecond(Server):
    recent: ClassVar[defaultdict[Member, list[float]]] = defaultdict(list)

    def relay(self, member: Member, message: bytes) -> None:
        now = time.monotonic()
        recent = [when for when in self.recent[member] if when > now - 1]
        self.recent[member] = recent
        if len(recent) < 2:
            recent.append(now)
            super().relay(member, message)


message_rewritten("message-unquoted", "TCRP-4.5a", "a message in quotes loses them", b'(?s)^"(.*)"$', rb"\1")


@fault("first-message-only-registers", "TCRP-4.5a", note="a member's first datagram is not relayed, whatever it says")
class FirstMessageOnlyRegisters(KnowsFirstDatagrams):
    def relay(self, member: Member, message: bytes) -> None:
        if not self.first:
            super().relay(member, message)


@fault("message-0-is-empty", "TCRP-4.5a", note="the message 0 counts as empty")
class Message0IsEmpty(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, b"" if message == b"0" else message)


@fault(
    "first-message-from-a-new-port-lost", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that moves is not relayed"
)
class FirstMessageFromANewPortLost(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.moved = member.address not in (None, source)
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        if not self.moved:
            super().relay(member, message)


@fault(
    "leavers-port-hears-nothing",
    "TCRP-4.5a",
    also=("TCRP-4.3a",),
    note="who left and joins again from the same port is not delivered to",
)
class LeaversPortHearsNothing(Server):
    gone: ClassVar[set[tuple[bytes, Address]]] = set()

    def remove(self, member: Member) -> None:
        super().remove(member)
        if member.address is not None:
            self.gone.add((member.room.key, member.address))

    def recipients(self, member: Member) -> list[Member]:
        return [one for one in super().recipients(member) if (one.room.key, one.address) not in self.gone]


@fault("leavers-names-hear-nothing", "TCRP-4.5a", note="who left and joined again under its name is not delivered to")
class LeaversNamesHearNothing(Server):
    gone: ClassVar[set[tuple[bytes, bytes]]] = set()

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.gone.add((member.room.key, member.name))

    def recipients(self, member: Member) -> list[Member]:
        return [one for one in super().recipients(member) if (one.room.key, one.name) not in self.gone]


@fault(
    "second-room-of-a-name-is-mute",
    "TCRP-4.5a",
    also=("TCRP-5.2c",),
    note="in a room whose name was another's before there is no chat",
)
class SecondRoomOfANameIsMute(Server):
    closed: ClassVar[set[bytes]] = set()

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        self.closed.add(room.key)

    def relay(self, member: Member, message: bytes) -> None:
        if member.room.key not in self.closed:
            super().relay(member, message)


@fault(
    "member-numbers-shift",
    "TCRP-4.5a",
    also=("TCRP-5.1a", "TCRP-3.4c", "TCRP-3.8d"),
    note="members are numbered by how many there are: after a leave the next takes another's number",
)
class MemberNumbersShift(Server):
    numbers: ClassVar[dict[Member, int]] = {}

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        number = len(room.members)
        for other in list(room.members.values()):
            if self.numbers[other] == number and other is not room.host:
                del room.members[other.token]
        member = super().admit(room, user, peer)
        self.numbers[member] = number
        return member


@fault(
    "join-race",
    "TCRP-4.5a",
    also=("TCRP-3.8d", "TCRP-6.3c"),
    note="of JOINs of one room within 10 ms of each other one member is kept",
)
class JoinRace(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        room = self.rooms.get(request.room)
        before = dict(room.members) if room is not None else {}
        if request.operation == JOIN:
            time.sleep(0.01)
        member = super().decide(request, peer)
        if request.operation == JOIN:
            with self.lock:
                gone = {token for token in member.room.members if token not in before and token != member.token}
                for token in gone:
                    del member.room.members[token]
        return member
