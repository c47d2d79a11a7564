"""Faults of sections 4.3 to 4.5: where members are, and who hears what."""

from __future__ import annotations

from plain import Server
from plain_chat import Datagram, Dropped, Member
from plain_control import Request
from registry import fault

# 4.3 and 4.4: addresses and registration --------------------------------------------------------


@fault("address-fixed-at-first", "TCRP-4.3a", note="a member's address is that of its first datagram")
class AddressFixedAtFirst(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, member.address or source, message)


@fault(
    "address-moves-with-empties-only",
    "TCRP-4.3a",
    note="a chat message does not move the address once there is one",
)
class AddressMovesWithEmptiesOnly(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source if not message else member.address or source, message)


@fault(
    "address-moves-with-chat-only",
    "TCRP-4.3a",
    also=("TCRP-4.4a",),
    note="an empty message does not move the address once there is one",
)
class AddressMovesWithChatOnly(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source if message else member.address or source, message)


@fault(
    "address-of-other-port-refused",
    "TCRP-4.3a",
    note="a datagram from another port than the first is dropped",
)
class AddressOfOtherPortRefused(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        super().check_ip(member, source)
        if member.address not in (None, source):
            raise Dropped("4.2e")


@fault(
    "delivery-to-the-tcp-address",
    "TCRP-4.3b",
    note="until its first datagram a member is sent chat at its TCP address",
)
class DeliveryToTheTcpAddress(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        member = super().decide(request, peer)
        member.address = peer
        return member


@fault("empties-do-not-register", "TCRP-4.4a", note="an empty message is dropped as if it were malformed")
class EmptiesDoNotRegister(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        if not datagram.message:
            raise Dropped("4.2b")
        return datagram


@fault("empties-relayed", "TCRP-4.4b", note="an empty message is relayed as `name: `")
class EmptiesRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if message:
            super().act(member, message)
        else:
            self.relay(member, message)


@fault(
    "empties-are-no-activity",
    "TCRP-4.4c",
    also=("TCRP-5.3b",),
    note="an empty message does not put off idling",
)
class EmptiesAreNoActivity(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if not message:
            member.last = last


# 4.5: to whom -----------------------------------------------------------------------------------


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
    seen: frozenset[tuple] = frozenset()

    def drop(self, clause: str, data: bytes, source: tuple) -> None:
        self.seen |= {source}

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        for address in self.seen:
            self.send(self.compose(member, message), address)


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
class AddressesPileUp(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        member.piled = [*getattr(member, "piled", []), source]

    def relay(self, member: Member, message: bytes) -> None:
        for other in self.recipients(member):
            for address in getattr(other, "piled", []):
                self.send(self.compose(member, message), address)


@fault(
    "old-address-kept-too",
    "TCRP-4.3a",
    also=("TCRP-4.5c",),
    note="a member that moves is delivered to at every address it had",
)
class OldAddressKeptToo(AddressesPileUp):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        member.piled = list(dict.fromkeys(member.piled))


@fault("sender-hears-itself", "TCRP-4.5d", note="the sender gets a copy")
class SenderHearsItself(Server):
    def recipients(self, member: Member) -> list[Member]:
        return list(member.room.members.values())
