"""Faults of 4.3 and 4.4: the address of a member, and empty messages."""

import time
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import DeliversToManyAddresses
from tests.faults.plain import MAX_DOWN, Address, Datagram, Dropped, Member, Request, Room, Server
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


# 4.4a: an empty message registers the sender's address --------------------------------------------


@fault("empties-do-not-register", "TCRP-4.4a", note="an empty message is dropped as if it were malformed")
class EmptiesDoNotRegister(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        if not datagram.message:
            raise Dropped("4.2b")
        return datagram


# 4.4b: an empty message is not relayed ------------------------------------------------------------


@fault("empties-relayed", "TCRP-4.4b", note="an empty message is relayed as `name: `")
class EmptiesRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if message:
            super().act(member, message)
        else:
            self.relay(member, message)


@fault("second-empty-relayed", "TCRP-4.4b", note="an empty message of a registered member is relayed")
class SecondEmptyRelayed(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.again = member.address is not None
        super().hear(member, source, message)

    def act(self, member: Member, message: bytes) -> None:
        if not message and self.again:
            self.relay(member, message)
        super().act(member, message)


@fault("hosts-empty-relayed", "TCRP-4.4b", note="an empty message of the host is relayed")
class HostsEmptyRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if not message and member is member.room.host:
            self.relay(member, message)
        super().act(member, message)


# 4.4c: an empty message counts as activity --------------------------------------------------------


@fault(
    "empties-are-no-activity",
    "TCRP-4.4c",
    also=("TCRP-5.3b",),
    note="an empty message does not put off idling",
)
class EmptiesAreNoActivity(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if not message:
            member.last = last
