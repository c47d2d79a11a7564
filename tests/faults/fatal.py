"""Faults of single datagrams that end chat for everybody."""

from __future__ import annotations

import hmac

from plain_chat import Datagram, Member, Room
from registry import fault
from staying_up import LosingChat


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
    "chat-ends-with-a-void-token",
    "TCRP-6.1g",
    also=("TCRP-5.1b", "TCRP-4.2d"),
    note="after a leaver's token there is no more chat",
)
class ChatEndsWithAVoidToken(LosingChat):
    def remove(self, member: Member) -> None:
        super().remove(member)
        member.room.__dict__.setdefault("void", set()).add(member.token)

    def member_with(self, room: Room, token: bytes) -> Member | None:
        if token in room.__dict__.get("void", ()):
            raise KeyError(token)
        return super().member_with(room, token)


@fault(
    "chat-ends-with-a-token-of-a-closed-room",
    "TCRP-6.1g",
    also=("TCRP-5.2b", "TCRP-4.2c"),
    note="after a token of a closed room there is no more chat",
)
class ChatEndsWithATokenOfAClosedRoom(LosingChat):
    def close_room(self, room: Room, why: str) -> None:
        self.__dict__.setdefault("closed", set()).add(room.key)
        super().close_room(room, why)

    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        if datagram.room not in self.rooms and datagram.room in self.__dict__.get("closed", ()):
            raise KeyError(datagram.room)
        return super().find_member(datagram, source)


@fault(
    "chat-ends-with-a-foreign-ip",
    "TCRP-6.1g",
    also=("TCRP-4.2e",),
    note="after a token from another IP address there is no more chat",
)
class ChatEndsWithAForeignIp(LosingChat):
    def check_ip(self, member: Member, source: tuple) -> None:
        if self.ip_of(source) != member.ip:
            raise PermissionError(source)


@fault(
    "chat-ends-with-a-closed-port",
    "TCRP-5.6",
    also=("TCRP-6.1f", "TCRP-4.5a"),
    note="after a delivery that failed there is no more chat",
)
class ChatEndsWithAClosedPort(LosingChat):
    def delivery_failed(self, address: tuple) -> None:
        raise ConnectionRefusedError(address)

    def read_icmp_errors(self) -> int:
        try:
            return super().read_icmp_errors()
        except ConnectionRefusedError:
            self.udp.close()
            raise


@fault(
    "one-failed-delivery-removes",
    "TCRP-5.6",
    also=("TCRP-5.3b",),
    note="the first delivery that fails removes a member",
)
class OneFailedDeliveryRemoves(LosingChat):
    max_failures = 1
