"""Faults of who hears what and where: addresses, registration, coming back."""

from __future__ import annotations

import time

from plain import Server
from plain_chat import MAX_DOWN, Dropped, Member, Room
from registry import fault


@fault("chat-does-not-register", "TCRP-4.3a", also=("TCRP-4.5a",), note="a member's first datagram must be empty")
class ChatDoesNotRegister(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if message and member.address is None:
            member.last = time.monotonic()
            return
        super().hear(member, source, message)


@fault("first-message-only-registers", "TCRP-4.5a", note="a member's first datagram is not relayed, whatever it says")
class FirstMessageOnlyRegisters(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.first = member.address is None
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        if not self.first:
            super().relay(member, message)


@fault("first-exit-only-registers", "TCRP-5.1a", note="exit as a member's first datagram only registers")
class FirstExitOnlyRegisters(FirstMessageOnlyRegisters):
    def relay(self, member: Member, message: bytes) -> None:
        Server.relay(self, member, message)

    def act(self, member: Member, message: bytes) -> None:
        if not (self.first and self.leaves(message)):
            super().act(member, message)


@fault("address-never-goes-back", "TCRP-4.3a", note="an address that a member has left is not taken again")
class AddressNeverGoesBack(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        former = member.__dict__.setdefault("former", set())
        here = member.address
        super().hear(member, source, message)
        if source in former and here is not None:
            member.address = here
        former.add(source)


@fault("address-moves-once", "TCRP-4.3a", note="a member's address moves once and then stays")
class AddressMovesOnce(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        moved = member.__dict__.get("moved", False)
        if here not in (None, source):
            if moved:
                member.address = here
            member.__dict__["moved"] = True


@fault(
    "too-long-message-does-not-move",
    "TCRP-4.3a",
    note="a message that does not fit 4094 bytes does not move the address",
)
class TooLongMessageDoesNotMove(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if len(member.name) + 2 + len(message) > MAX_DOWN:
            member.address = here


@fault(
    "bad-utf8-does-not-move", "TCRP-4.3a", note="a message that is not UTF-8 is dropped and does not move the address"
)
class BadUtf8DoesNotMove(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
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
    def on_datagram(self, data: bytes, source: tuple) -> None:
        owners = self.__dict__.setdefault("owners", {})
        try:
            token = self.parse_datagram(data).token
        except Dropped:
            return
        if any(token in room.members for room in self.rooms.values()) and owners.setdefault(source, token) != token:
            return
        super().on_datagram(data, source)


@fault("host-address-fixed-at-first", "TCRP-4.3a", note="a host's address is that of its first datagram")
class HostAddressFixedAtFirst(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if member is member.room.host:
            member.address = here or source


@fault("guest-address-fixed-at-first", "TCRP-4.3a", note="a guest's address is that of its first datagram")
class GuestAddressFixedAtFirst(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        here = member.address
        super().hear(member, source, message)
        if member is not member.room.host:
            member.address = here or source


@fault("mover-hears-itself", "TCRP-4.5d", note="the datagram that moves an address is sent to the old one, too")
class MoverHearsItself(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.left_behind = member.address if member.address != source else None
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        if self.left_behind:
            self.send(self.compose(member, message), self.left_behind)


@fault("rejoining-doubles-delivery", "TCRP-4.5c", note="who leaves and joins again from the same port hears twice")
class RejoiningDoublesDelivery(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        gone = member.room.__dict__.setdefault("gone", [])
        return others + [other for other in others if other.address in gone]

    def remove(self, member: Member) -> None:
        super().remove(member)
        member.room.__dict__.setdefault("gone", []).append(member.address)


@fault("second-empty-relayed", "TCRP-4.4b", note="an empty message of a registered member is relayed")
class SecondEmptyRelayed(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
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


@fault(
    "history-for-newcomers",
    "TCRP-4.5b",
    also=("TCRP-4.5a", "TCRP-4.3b", "TCRP-4.5c"),
    note="who registers gets what was said before",
)
class HistoryForNewcomers(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        new = member.address is None
        super().hear(member, source, message)
        for text in member.room.__dict__.setdefault("said", []) if new else ():
            self.send(text, source)

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        said = member.room.__dict__.setdefault("said", [])
        said.append(self.compose(member, message)[:MAX_DOWN])
        del said[:-5]


@fault(
    "chat-kept-for-the-unregistered",
    "TCRP-4.3b",
    also=("TCRP-4.5b", "TCRP-4.5c"),
    note="who registers gets what was said since it joined",
)
class ChatKeptForTheUnregistered(HistoryForNewcomers):
    def admit(self, room: Room, user: bytes, peer: tuple) -> Member:
        member = super().admit(room, user, peer)
        member.__dict__["from"] = time.monotonic()
        return member

    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        new = member.address is None
        Server.hear(self, member, source, message)
        for when, text in member.room.__dict__.setdefault("said", []) if new else ():
            if when > member.__dict__["from"]:
                self.send(text, source)

    def relay(self, member: Member, message: bytes) -> None:
        Server.relay(self, member, message)
        said = member.room.__dict__.setdefault("said", [])
        said.append((time.monotonic(), self.compose(member, message)[:MAX_DOWN]))
