"""Faults of 4.3: where a member is."""

import time
from collections import Counter, defaultdict
from typing import ClassVar

from tests.faults.bases import DeliversToManyAddresses, KnownByAddress
from tests.faults.plain import (
    MAX_DOWN,
    Address,
    Dropped,
    Member,
    Request,
    Room,
    Server,
)
from tests.faults.registry import fault

# 4.3a: a member's address is the source of its latest valid datagram ------------------------------


@fault("address-fixed-at-first", "TCRP-4.3a", note="a member's address is that of its first datagram")
class AddressFixedAtFirst(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, member.address or source, message)


@fault(
    "address-moves-with-empties-only",
    "TCRP-4.3a",
    note="a chat message does not move the address once there is one",
)
class AddressMovesWithEmptiesOnly(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source if not message else member.address or source, message)


@fault(
    "address-moves-with-chat-only",
    "TCRP-4.3a",
    also=("TCRP-4.4a",),
    note="an empty message does not move the address once there is one",
)
class AddressMovesWithChatOnly(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source if message else member.address or source, message)


@fault(
    "address-of-other-port-refused",
    "TCRP-4.3a",
    note="a datagram from another port than the first is dropped",
)
class AddressOfOtherPortRefused(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        super().check_ip(member, source)
        if member.address not in (None, source):
            raise Dropped("4.2e")


@fault(
    "old-address-kept-too",
    "TCRP-4.3a",
    also=("TCRP-4.5c",),
    note="a member that moves is delivered to at every address it had",
)
class OldAddressKeptToo(DeliversToManyAddresses):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.piled[member] = list(dict.fromkeys(self.piled[member]))


@fault("chat-does-not-register", "TCRP-4.3a", also=("TCRP-4.5a",), note="a member's first datagram must be empty")
class ChatDoesNotRegister(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if message and member.address is None:
            member.last = time.monotonic()
            return
        super().hear(member, source, message)


@fault("address-never-goes-back", "TCRP-4.3a", note="an address that a member has left is not taken again")
class AddressNeverGoesBack(Server):
    former: ClassVar[defaultdict[Member, set[Address]]] = defaultdict(set)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        former = self.former[member]
        here = member.address
        super().hear(member, source, message)
        if source in former and here is not None:
            member.address = here
        former.add(source)


@fault("address-moves-once", "TCRP-4.3a", note="a member's address moves once and then stays")
class AddressMovesOnce(Server):
    moved: ClassVar[set[Member]] = set()

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if here not in (None, source):
            if member in self.moved:
                member.address = here
            self.moved.add(member)


@fault(
    "too-long-message-does-not-move",
    "TCRP-4.3a",
    note="a message that does not fit 4094 bytes does not move the address",
)
class TooLongMessageDoesNotMove(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if len(member.name) + 2 + len(message) > MAX_DOWN:
            member.address = here


@fault(
    "bad-utf8-does-not-move", "TCRP-4.3a", note="a message that is not UTF-8 is dropped and does not move the address"
)
class BadUtf8DoesNotMove(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        try:
            message.decode("utf-8")
        except UnicodeDecodeError:
            member.address = here

    def relay(self, member: Member, message: bytes) -> None:
        if message.decode("utf-8", "ignore").encode("utf-8") == message:
            super().relay(member, message)


@fault(
    "leavers-address-stays-taken", "TCRP-4.3a", also=("TCRP-4.4a",), note="an address is its first member's for ever"
)
class LeaversAddressStaysTaken(Server):
    owners: ClassVar[dict[Address, bytes]] = {}

    def on_datagram(self, data: bytes, source: Address) -> None:
        try:
            token = self.parse_datagram(data).token
        except Dropped:
            return
        if (
            any(token in room.members for room in self.rooms.values())
            and self.owners.setdefault(source, token) != token
        ):
            return
        super().on_datagram(data, source)


@fault("host-address-fixed-at-first", "TCRP-4.3a", note="a host's address is that of its first datagram")
class HostAddressFixedAtFirst(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if member is member.room.host:
            member.address = here or source


@fault("guest-address-fixed-at-first", "TCRP-4.3a", note="a guest's address is that of its first datagram")
class GuestAddressFixedAtFirst(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if member is not member.room.host:
            member.address = here or source


@fault(
    "left-ports-stay-reserved",
    "TCRP-4.3a",
    also=("TCRP-4.5a",),
    note="a port that a member of the room moved away from is no other's to take",
)
class LeftPortsStayReserved(KnownByAddress):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        owner = self.owners.setdefault(source, member)
        if owner is not member and owner.room is member.room and owner.token in owner.room.members:
            member.address = here


@fault(
    "hearers-listed-at-joins",
    "TCRP-4.3a",
    note="where to deliver is listed anew when somebody registers or goes, not when a member moves",
)
class HearersListedAtJoins(Server):
    listed: ClassVar[dict[Room, dict[bytes, Address]]] = {}

    def relay(self, member: Member, message: bytes) -> None:
        present = {token for token, one in member.room.members.items() if one.address is not None}
        listed = self.listed.get(member.room, {})
        if present != listed.keys():
            listed = {one.token: one.address for one in member.room.members.values() if one.address is not None}
            self.listed[member.room] = listed
        text = self.compose(member, message)
        if len(text) > MAX_DOWN:
            self.too_long(member, message)
            return
        for token, address in listed.items():
            if token != member.token:
                self.send(text, address)


@fault("moves-once-a-second", "TCRP-4.3a", note="a member that moves twice within a second stays after the first move")
class MovesOnceASecond(Server):
    moved: ClassVar[dict[Member, float]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if here not in (None, source):
            if time.monotonic() - self.moved.get(member, float("-inf")) < 1:
                member.address = here
            else:
                self.moved[member] = time.monotonic()


@fault("highest-port-is-latest", "TCRP-4.3a", note="of the ports that a member has used the highest number counts")
class HighestPortIsLatest(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if here is not None:
            member.address = max(here, source)


@fault("moves-four-times", "TCRP-4.3a", note="a member's address moves four times and then stays")
class MovesFourTimes(Server):
    moves: ClassVar[Counter[Member]] = Counter()

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if here not in (None, source):
            self.moves[member] += 1
            if self.moves[member] > 4:
                member.address = here


# 4.3b: a member that has sent no valid datagram receives nothing ----------------------------------


@fault(
    "delivery-to-the-tcp-address",
    "TCRP-4.3b",
    note="until its first datagram a member is sent chat at its TCP address",
)
class DeliveryToTheTcpAddress(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        member = super().decide(request, peer)
        member.address = peer
        return member


@fault(
    "chat-kept-for-the-unregistered",
    "TCRP-4.3b",
    also=("TCRP-4.5b", "TCRP-4.5c"),
    note="who registers gets what was said since it joined",
)
class ChatKeptForTheUnregistered(Server):
    joined: ClassVar[dict[Member, float]] = {}
    said: ClassVar[defaultdict[Room, list[tuple[float, bytes]]]] = defaultdict(list)

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        member = super().admit(room, user, peer)
        self.joined[member] = time.monotonic()
        return member

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        new = member.address is None
        super().hear(member, source, message)
        for when, text in self.said[member.room] if new else ():
            if when > self.joined[member]:
                self.send(text, source)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        self.said[member.room].append((time.monotonic(), self.compose(member, message)[:MAX_DOWN]))


@fault(
    "notice-to-the-tcp-address",
    "TCRP-4.3b",
    also=("TCRP-5.4b",),
    note="an unregistered member is told at its TCP address that the room closes",
)
class NoticeToTheTcpAddress(Server):
    peers: ClassVar[dict[Member, Address]] = {}

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().join(name, user, password, peer)
        self.peers[member] = peer
        return member

    def notify(self, member: Member, text: str) -> None:
        if member.address is None and member in self.peers:
            self.send(self.notice(text), self.peers[member])
        super().notify(member, text)


@fault(
    "namesakes-address-inherited",
    "TCRP-4.3b",
    note="who joins under a name again is delivered to where that name last was",
)
class NamesakesAddressInherited(Server):
    addresses: ClassVar[dict[tuple[bytes, bytes], Address]] = {}

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.addresses[member.room.key, member.name] = source

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        member = super().admit(room, user, peer)
        member.address = self.addresses.get((room.key, user))
        return member
