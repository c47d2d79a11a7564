"""Faults of 6.1f and 6.1g: datagrams that end the server or its chat."""

import hmac
from collections import Counter, defaultdict
from typing import ClassVar

from tests.faults.bases import Crashing, LosingChat
from tests.faults.plain import (
    Address,
    Datagram,
    Dropped,
    Member,
    Room,
    Server,
)
from tests.faults.registry import fault

# 6.1f: no datagram disturbs the chat of others ----------------------------------------------------


class ReadsSizesFirst(Server):
    """Reads the two sizes of a datagram before it looks whether they are there: IndexError."""

    def parse_datagram(self, data: bytes) -> Datagram:
        _room_size, _token_size = data[0], data[1]
        return super().parse_datagram(data)


@fault(
    "dies-of-a-short-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="a datagram of 0 or 1 bytes ends the process",
)
class DiesOfAShortDatagram(ReadsSizesFirst, Crashing):
    pass


@fault(
    "chat-ends-with-a-short-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="after a datagram of 0 or 1 bytes there is no more chat",
)
class ChatEndsWithAShortDatagram(ReadsSizesFirst, LosingChat):
    pass


@fault(
    "chat-ends-with-an-empty-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="a datagram of 0 bytes is taken for the end",
)
class ChatEndsWithAnEmptyDatagram(LosingChat):
    def on_datagram(self, data: bytes, source: Address) -> None:
        if not data:
            raise EOFError
        super().on_datagram(data, source)


@fault(
    "chat-ends-with-bad-utf8",
    "TCRP-6.1f",
    also=("TCRP-4.6b",),
    note="after a datagram that is not UTF-8 there is no more chat",
)
class ChatEndsWithBadUtf8(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        datagram.room.decode()
        datagram.token.decode()
        datagram.message.decode()
        return datagram


@fault(
    "dies-of-any-bad-utf8-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.6b",),
    note="a datagram that is not UTF-8 ends the process",
)
class DiesOfAnyBadUtf8Datagram(ChatEndsWithBadUtf8, Crashing):
    failed = Crashing.failed


@fault(
    "chat-ends-with-a-long-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2a",),
    note="after a datagram over 4096 bytes there is no more chat",
)
class ChatEndsWithALongDatagram(LosingChat):
    def on_datagram(self, data: bytes, source: Address) -> None:
        if len(data) > 4096:
            raise OSError("Message too long")  # as Windows says it
        super().on_datagram(data, source)


@fault(
    "chat-ends-with-zero-sizes",
    "TCRP-6.1f",
    also=("TCRP-4.2b", "TCRP-4.2c"),
    note="after a datagram of 00 00 there is no more chat",
)
class ChatEndsWithZeroSizes(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        if data[:2] == b"\0\0":
            raise IndexError(data)
        return super().parse_datagram(data)


@fault(
    "chat-ends-with-a-size-past-the-end",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="after sizes that do not fit there is no more chat",
)
class ChatEndsWithASizePastTheEnd(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) >= 2 and len(data) < 2 + data[0] + data[1]:
            raise ValueError(data)
        return super().parse_datagram(data)


@fault(
    "chat-ends-with-a-datagram-over-16384",
    "TCRP-6.1f",
    also=("TCRP-4.2a",),
    note="after a datagram over 16384 bytes there is no more chat",
)
class ChatEndsWithADatagramOver16384(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) > 16384:
            raise ValueError(len(data))
        return super().parse_datagram(data)


@fault(
    "chat-ends-with-a-room-not-utf8",
    "TCRP-6.1f",
    also=("TCRP-4.2c",),
    note="after a room name that is not UTF-8 there is no more chat",
)
class ChatEndsWithARoomNotUtf8(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        datagram.room.decode("utf-8")
        return datagram


@fault(
    "short-datagrams-mute-their-port",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="who sent a datagram that its sizes do not fit is heard no more from that port",
)
class ShortDatagramsMuteTheirPort(Server):
    muted: ClassVar[set[Address]] = set()

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause == "4.2b":
            self.muted.add(source)

    def check_ip(self, member: Member, source: Address) -> None:
        super().check_ip(member, source)
        if source in self.muted:
            raise Dropped("4.2e")


# 6.1g: forged and foreign tokens disturb nobody else ----------------------------------------------


@fault(
    "chat-ends-with-an-unknown-room",
    "TCRP-6.1g",
    also=("TCRP-4.2c",),
    note="after a datagram for a room that does not exist there is no more chat",
)
class ChatEndsWithAnUnknownRoom(LosingChat):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        self.rooms[self.room_key(datagram.room)]
        return super().find_member(datagram, source)


@fault(
    "chat-ends-with-a-forged-token",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="after a datagram with a forged token there is no more chat",
)
class ChatEndsWithAForgedToken(LosingChat):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        return room.members[token]


@fault(
    "dies-of-a-forged-token",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="a datagram with a forged token ends the process",
)
class DiesOfAForgedToken(ChatEndsWithAForgedToken, Crashing):
    failed = Crashing.failed


@fault(
    "other-ip-ends-membership",
    "TCRP-6.1g",
    also=("TCRP-4.2e",),
    note="a datagram with its token from another IP address throws a member out",
)
class OtherIpEndsMembership(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        if self.ip_of(source) != member.ip:
            self.leave(member)
        super().check_ip(member, source)


@fault(
    "chat-ends-with-a-token-not-ascii",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="after a token that is not ASCII there is no more chat",
)
class ChatEndsWithATokenNotAscii(LosingChat):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        text = token.decode("latin-1")
        return next((one for key, one in room.members.items() if hmac.compare_digest(key.decode(), text)), None)


@fault(
    "chat-ends-with-an-empty-token", "TCRP-6.1g", also=("TCRP-4.2d",), note="after an empty token there is no more chat"
)
class ChatEndsWithAnEmptyToken(LosingChat):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        token[0]
        return super().member_with(room, token)


@fault(
    "chat-ends-with-a-void-token",
    "TCRP-6.1g",
    also=("TCRP-5.1b", "TCRP-4.2d"),
    note="after a leaver's token there is no more chat",
)
class ChatEndsWithAVoidToken(LosingChat):
    void: ClassVar[defaultdict[Room, set[bytes]]] = defaultdict(set)

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.void[member.room].add(member.token)

    def member_with(self, room: Room, token: bytes) -> Member | None:
        if token in self.void[room]:
            raise KeyError(token)
        return super().member_with(room, token)


@fault(
    "chat-ends-with-a-token-of-a-closed-room",
    "TCRP-6.1g",
    also=("TCRP-5.2b", "TCRP-4.2c"),
    note="after a token of a closed room there is no more chat",
)
class ChatEndsWithATokenOfAClosedRoom(LosingChat):
    closed: frozenset[bytes] = frozenset()

    def close_room(self, room: Room, why: str) -> None:
        self.closed |= {room.key}
        super().close_room(room, why)

    def find_member(self, datagram: Datagram, source: Address) -> Member:
        if datagram.room not in self.rooms and datagram.room in self.closed:
            raise KeyError(datagram.room)
        return super().find_member(datagram, source)


@fault(
    "chat-ends-with-a-foreign-ip",
    "TCRP-6.1g",
    also=("TCRP-4.2e",),
    note="after a token from another IP address there is no more chat",
)
class ChatEndsWithAForeignIp(LosingChat):
    def check_ip(self, member: Member, source: Address) -> None:
        if self.ip_of(source) != member.ip:
            raise PermissionError(source)


@fault(
    "ten-forged-tokens-ban-an-ip",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="after 10 forged tokens datagrams of that IP are dropped",
)
class TenForgedTokensBanAnIp(Server):
    forged: ClassVar[Counter[str]] = Counter()

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        self.forged[source[0]] += clause == "4.2d"

    def check_ip(self, member: Member, source: Address) -> None:
        super().check_ip(member, source)
        if self.forged[source[0]] >= 10:
            raise Dropped("4.2e")


@fault(
    "stolen-tokens-are-taken-back",
    "TCRP-6.1g",
    also=("TCRP-4.2e",),
    note="after 3 datagrams from another IP a token is void",
)
class StolenTokensAreTakenBack(Server):
    stolen: ClassVar[Counter[Member]] = Counter()

    def check_ip(self, member: Member, source: Address) -> None:
        try:
            super().check_ip(member, source)
        except Dropped:
            self.stolen[member] += 1
            raise
        if self.stolen[member] >= 3:
            raise Dropped("4.2d")
