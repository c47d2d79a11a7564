"""Faults of 4.5: who receives a message, continued, and how often."""

import threading
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import DeliversToManyAddresses
from tests.faults.plain import (
    MAX_DOWN,
    Address,
    Member,
    Room,
    Server,
)
from tests.faults.registry import fault

# 4.5a: a message goes to every other registered member of the room --------------------------------


@fault("one-message-waits", "TCRP-4.5a", note="a message waits 3 ms in a variable, where the next one replaces it")
class OneMessageWaits(Server):
    waiting: tuple[Member, bytes] | None = None

    def relay(self, member: Member, message: bytes) -> None:
        self.waiting = (member, message)
        threading.Timer(0.003, self.late).start()

    def late(self) -> None:
        with self.lock:
            waiting, self.waiting = self.waiting, None
            if waiting is not None and waiting[0].token in waiting[0].room.members:
                super().relay(*waiting)


@fault("own-name-in-a-message-swallowed", "TCRP-4.5a", note="a message that is the speaker's name is not relayed")
class OwnNameInAMessageSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if message != member.name:
            super().relay(member, message)


@fault("named-members-hear-alone", "TCRP-4.5a", note="a message with the name of another member goes to that one alone")
class NamedMembersHearAlone(Server):
    message = b""

    def relay(self, member: Member, message: bytes) -> None:
        self.message = message
        super().relay(member, message)

    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return [one for one in others if one.name in self.message] or others


@fault(
    "named-members-do-not-hear",
    "TCRP-4.5a",
    note="who is named in a message is taken for its sender, and not delivered to",
)
class NamedMembersDoNotHear(Server):
    message = b""

    def relay(self, member: Member, message: bytes) -> None:
        self.message = message
        super().relay(member, message)

    def recipients(self, member: Member) -> list[Member]:
        return [one for one in super().recipients(member) if one.name + b":" not in self.message]


@fault(
    "room-swallows-what-it-heard",
    "TCRP-4.5a",
    note="what was said in the room before, by whomever, is not relayed again",
)
class RoomSwallowsWhatItHeard(Server):
    said: ClassVar[defaultdict[Room, set[bytes]]] = defaultdict(set)

    def relay(self, member: Member, message: bytes) -> None:
        if message not in self.said[member.room]:
            super().relay(member, message)
        self.said[member.room].add(message)


@fault("others-last-message-swallowed", "TCRP-4.5a", note="what another member has just said is not relayed again")
class OthersLastMessageSwallowed(Server):
    last: ClassVar[dict[Room, tuple[Member, bytes]]] = {}

    def relay(self, member: Member, message: bytes) -> None:
        speaker, said = self.last.get(member.room, (member, b""))
        self.last[member.room] = (member, message)
        if speaker is member or said != message:
            super().relay(member, message)


@fault(
    "room-name-remembers-what-it-heard",
    "TCRP-4.5a",
    note="what was said in the former room of a name is not relayed in the next",
)
class RoomNameRemembersWhatItHeard(Server):
    said: ClassVar[defaultdict[bytes, dict[bytes, Room]]] = defaultdict(dict)

    def relay(self, member: Member, message: bytes) -> None:
        if self.said[member.room.key].setdefault(message, member.room) is member.room:
            super().relay(member, message)


@fault(
    "quick-messages-run-together",
    "TCRP-4.5a",
    also=("TCRP-4.6a", "TCRP-4.6b"),
    note="two messages of a member within 5 ms go out as one datagram of two lines",
)
class QuickMessagesRunTogether(Server):
    waiting: ClassVar[dict[Member, list[bytes]]] = {}

    def relay(self, member: Member, message: bytes) -> None:
        if member in self.waiting:
            self.waiting[member].append(message)
            return
        self.waiting[member] = [message]
        threading.Timer(0.005, self.late, (member,)).start()

    def late(self, member: Member) -> None:
        with self.lock:
            super().relay(member, b"\n".join(self.waiting.pop(member)))


@fault("relay-to-the-sender-only", "TCRP-4.5a", also=("TCRP-4.5d",), note="a message goes to its sender only")
class RelayToTheSenderOnly(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [member]


@fault("relay-within-an-ip", "TCRP-4.5a", note="a message goes to the members on the sender's IP only")
class RelayWithinAnIp(Server):
    def recipients(self, member: Member) -> list[Member]:
        return [one for one in super().recipients(member) if one.ip == member.ip]


@fault(
    "relay-to-other-ips",
    "TCRP-4.5a",
    note="if a room has members on two IP addresses, those on the sender's are not delivered to",
)
class RelayToOtherIps(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return [one for one in others if one.ip != member.ip] or others


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


@fault("former-guests-hear-the-next-room", "TCRP-4.5b", note="who was in a closed room hears the next room of its name")
class FormerGuestsHearTheNextRoom(Server):
    former: ClassVar[defaultdict[bytes, set[Address]]] = defaultdict(set)

    def close_room(self, room: Room, why: str) -> None:
        self.former[room.key] |= {one.address for one in room.members.values() if one.address is not None}
        super().close_room(room, why)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        present = {one.address for one in member.room.members.values()}
        for address in self.former[member.room.key] - present:
            self.send(self.compose(member, message), address)


@fault(
    "room-of-the-latest-datagram",
    "TCRP-4.5b",
    also=("TCRP-4.5a",),
    note="a message goes out 10 ms later, to the room that was spoken to last",
)
class RoomOfTheLatestDatagram(Server):
    room: Room | None = None

    def relay(self, member: Member, message: bytes) -> None:
        self.room = member.room
        threading.Timer(0.01, self.late, (member, message)).start()

    def late(self, member: Member, message: bytes) -> None:
        with self.lock:
            super().relay(member, message)

    def recipients(self, member: Member) -> list[Member]:
        room = self.room or member.room
        return [other for other in room.members.values() if other is not member]


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


@fault(
    "moving-back-doubles-delivery", "TCRP-4.5c", note="who has come back to a former port hears everything twice there"
)
class MovingBackDoublesDelivery(Server):
    log: ClassVar[defaultdict[Member, list[Address]]] = defaultdict(list)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address != source:
            self.log[member].append(source)
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        for one in self.recipients(member):
            if one.address is not None and self.log[one].count(one.address) > 1:
                self.send(self.compose(member, message), one.address)


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
