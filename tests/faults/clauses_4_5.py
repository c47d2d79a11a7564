"""Faults of 4.5: who receives a message, and how often."""

import time
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import Crashing, DeliversToManyAddresses, KnowsFirstDatagrams, message_rewritten
from tests.faults.plain import MAX_DOWN, Address, Member, Room, Server
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


# 4.5b: a message reaches nobody outside the room --------------------------------------------------


@fault("chat-in-every-room", "TCRP-4.5b", note="a message goes to the members of every room")
class ChatInEveryRoom(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [other for room in self.rooms.values() for other in room.members.values() if other is not member]


@fault("every-host-hears", "TCRP-4.5b", note="a message goes to the hosts of other rooms, too")
class EveryHostHears(Server):
    def recipients(self, member: Member) -> list[Member]:
        hosts = [room.host for room in self.rooms.values() if room.host and room is not member.room]
        return super().recipients(member) + hosts


@fault("strangers-hear", "TCRP-4.5b", note="a message goes to whatever address ever sent a datagram")
class StrangersHear(Server):
    seen: frozenset[Address] = frozenset()

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        self.seen |= {source}

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        for address in self.seen:
            self.send(self.compose(member, message), address)


@fault(
    "history-for-newcomers",
    "TCRP-4.5b",
    also=("TCRP-4.5a", "TCRP-4.3b", "TCRP-4.5c"),
    note="who registers gets what was said before",
)
class HistoryForNewcomers(Server):
    said: ClassVar[defaultdict[Room, list[bytes]]] = defaultdict(list)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        new = member.address is None
        super().hear(member, source, message)
        for text in self.said[member.room] if new else ():
            self.send(text, source)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        said = self.said[member.room]
        said.append(self.compose(member, message)[:MAX_DOWN])
        del said[:-5]


# 4.5c: a message is relayed once ------------------------------------------------------------------


@fault("everything-twice", "TCRP-4.5c", note="every message is delivered twice")
class EverythingTwice(Server):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member) * 2


@fault(
    "addresses-pile-up",
    "TCRP-4.5c",
    also=("TCRP-4.3a",),
    note="every datagram adds its address once more, and each gets a copy",
)
class AddressesPileUp(DeliversToManyAddresses):
    pass


@fault("rejoining-doubles-delivery", "TCRP-4.5c", note="who leaves and joins again from the same port hears twice")
class RejoiningDoublesDelivery(Server):
    gone: ClassVar[defaultdict[Room, list[Address | None]]] = defaultdict(list)

    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return others + [other for other in others if other.address in self.gone[member.room]]

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.gone[member.room].append(member.address)


@fault("hosts-hear-twice", "TCRP-4.5c", note="the host is in the list of members, and is told besides")
class HostsHearTwice(Server):
    def recipients(self, member: Member) -> list[Member]:
        host = member.room.host
        return super().recipients(member) + [host for _ in "1" if host is not None and host is not member]


@fault("namesakes-hear-twice", "TCRP-4.5c", note="for each name, all members of the name are told")
class NamesakesHearTwice(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return [other for one in others for other in others if one.name == other.name]


@fault("who-moved-hears-twice", "TCRP-4.5c", note="who has moved is told twice at the new port")
class WhoMovedHearsTwice(Server):
    moved: tuple[Member, ...] = ()

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address not in (None, source):
            self.moved += (member,)
        super().hear(member, source, message)

    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return others + [other for other in others if other in self.moved]


# 4.5d: the sender gets no copy --------------------------------------------------------------------


@fault("sender-hears-itself", "TCRP-4.5d", note="the sender gets a copy")
class SenderHearsItself(Server):
    def recipients(self, member: Member) -> list[Member]:
        return list(member.room.members.values())


@fault("mover-hears-itself", "TCRP-4.5d", note="the datagram that moves an address is sent to the old one, too")
class MoverHearsItself(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.left_behind = member.address if member.address != source else None
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        if self.left_behind:
            self.send(self.compose(member, message), self.left_behind)


@fault("echo-from-a-new-port", "TCRP-4.5d", note="a sender is left out by the address that it had before")
class EchoFromANewPort(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.before = member.address
        super().hear(member, source, message)

    def recipients(self, member: Member) -> list[Member]:
        return [other for other in member.room.members.values() if other.address != self.before]
