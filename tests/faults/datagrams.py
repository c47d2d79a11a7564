"""Faults of sections 4.1 and 4.2: what is a datagram, and what is dropped in silence."""

from __future__ import annotations

import socket

from plain import Server
from plain_chat import MAX_UP, Datagram, Dropped, Member, Room
from registry import fault

# 4.1 and 4.2: what is a datagram, and what is dropped -------------------------------------------


@fault("datagram-token-first", "TCRP-4.1", also=("TCRP-4.4a",), note="the token stands before the room name")
class DatagramTokenFirst(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        both = datagram.room + datagram.token
        return datagram._replace(token=both[: data[1]], room=both[data[1] :])


@fault("datagram-sizes-of-2-bytes", "TCRP-4.1", also=("TCRP-4.4a",), note="both sizes are numbers of 2 bytes")
class DatagramSizesOf2Bytes(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) < 4 or data[0] or data[2]:
            raise Dropped("4.2b")
        return super().parse_datagram(data[1:2] + data[3:])


@fault(
    "datagram-sizes-in-characters",
    "TCRP-4.1",
    also=("TCRP-2.3a", "TCRP-4.4a"),
    note="the room name's size counts characters",
)
class DatagramSizesInCharacters(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        whole = super().parse_datagram(data)
        body = data[2:].decode("utf-8", "surrogateescape")
        room = body[: data[0]].encode("utf-8", "surrogateescape")
        rest = data[2 + len(room) :]
        return whole._replace(room=room, token=rest[: data[1]], message=rest[data[1] :])


@fault(
    "datagram-header-of-3-bytes",
    "TCRP-4.1",
    also=("TCRP-4.4a",),
    note="a third size is expected, that of a user name",
)
class DatagramHeaderOf3Bytes(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) < 3:
            raise Dropped("4.2b")
        datagram = super().parse_datagram(data[:2] + data[3:])
        return datagram._replace(message=datagram.message[data[2] :])


@fault("long-datagram-cut", "TCRP-4.2a", note="a datagram over 4096 bytes is cut to 4096 and served")
class LongDatagramCut(Server):
    receive_size = MAX_UP


@fault("long-datagram-served", "TCRP-4.2a", note="a datagram of any length is served")
class LongDatagramServed(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data[:MAX_UP])
        return datagram._replace(message=data[2 + data[0] + data[1] :])


@fault(
    "long-datagram-moves-the-address",
    "TCRP-4.2a",
    also=("TCRP-4.3a",),
    note="a datagram over 4096 bytes is not relayed, but moves the address",
)
class LongDatagramMovesTheAddress(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) > MAX_UP:
            return super().parse_datagram(data[:MAX_UP])._replace(message=b"")
        return super().parse_datagram(data)


class Answering(Server):
    """A reply where there must be none."""

    clauses: tuple[str, ...] = ()

    def drop(self, clause: str, data: bytes, source: tuple) -> None:
        if clause in self.clauses:
            self.send(b"error: invalid datagram", source)


@fault("long-datagram-answered", "TCRP-4.2a", note="a datagram over 4096 bytes is answered with an error")
class LongDatagramAnswered(Answering):
    clauses = ("4.2a",)


@fault(
    "short-datagram-answered",
    "TCRP-4.2b",
    note="a datagram that its sizes do not fit is answered with an error",
)
class ShortDatagramAnswered(Answering):
    clauses = ("4.2b",)


@fault("unknown-room-answered", "TCRP-4.2c", note="a datagram for no room is answered with an error")
class UnknownRoomAnswered(Answering):
    clauses = ("4.2c",)


@fault("unknown-token-answered", "TCRP-4.2d", note="a datagram with a forged token is answered with an error")
class UnknownTokenAnswered(Answering):
    clauses = ("4.2d",)


@fault("other-ip-answered", "TCRP-4.2e", note="a datagram from another IP address is answered with an error")
class OtherIpAnswered(Answering):
    clauses = ("4.2e",)


@fault(
    "datagram-sizes-not-checked",
    "TCRP-4.2b",
    note="a size that reaches past the end of the datagram takes what there is",
)
class DatagramSizesNotChecked(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        missing = 2 + data[0] + data[1] - len(data) if len(data) >= 2 else 0
        if 0 < missing <= data[1]:
            data = bytes([data[0], data[1] - missing]) + data[2:]
        return super().parse_datagram(data)


@fault(
    "room-in-datagram-ignored",
    "TCRP-4.2c",
    also=("TCRP-4.2d",),
    note="the token alone decides, whatever room is named",
)
class RoomInDatagramIgnored(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        for room in self.rooms.values():
            if datagram.token in room.members:
                datagram = datagram._replace(room=room.key)
        return super().find_member(datagram, source)


@fault(
    "token-of-another-room-served",
    "TCRP-4.2d",
    also=("TCRP-3.8d",),
    note="any room's token is good for the room that is named",
)
class TokenOfAnotherRoomServed(Server):
    named: Room | None = None

    def member_with(self, room: Room, token: bytes) -> Member | None:
        self.named = room
        found = (other.members.get(token) for other in self.rooms.values())
        return next((member for member in found if member), None)

    def recipients(self, member: Member) -> list[Member]:
        room = self.named or member.room
        return [other for other in room.members.values() if other is not member]


@fault(
    "wrong-room-moves-the-address",
    "TCRP-4.2d",
    also=("TCRP-4.2c", "TCRP-4.3a"),
    note="a token in the wrong room is not served, but moves the address",
)
class WrongRoomMovesTheAddress(Server):
    def drop(self, clause: str, data: bytes, source: tuple) -> None:
        if clause in ("4.2c", "4.2d"):
            token = self.parse_datagram(data).token
            for room in self.rooms.values():
                if token in room.members and self.ip_of(source) == room.members[token].ip:
                    room.members[token].address = source


class TokenMatchedLoosely(Server):
    def matches(self, token: bytes, given: bytes) -> bool:
        return token == given

    def member_with(self, room: Room, token: bytes) -> Member | None:
        return next((member for member in room.members.values() if self.matches(member.token, token)), None)


@fault("token-prefix-served", "TCRP-4.2d", note="the beginning of a token will do, even none of it")
class TokenPrefixServed(TokenMatchedLoosely):
    def matches(self, token: bytes, given: bytes) -> bool:
        return token.startswith(given)


@fault("token-longer-served", "TCRP-4.2d", note="a token with something after it will do")
class TokenLongerServed(TokenMatchedLoosely):
    def matches(self, token: bytes, given: bytes) -> bool:
        return given.startswith(token)


@fault("token-in-8-bytes", "TCRP-4.2d", note="only the first 8 bytes of a token are compared")
class TokenIn8Bytes(TokenMatchedLoosely):
    def matches(self, token: bytes, given: bytes) -> bool:
        return token[:8] == given[:8]


@fault("token-without-case", "TCRP-4.2d", note="tokens are compared without case")
class TokenWithoutCase(TokenMatchedLoosely):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"x" + super().new_token(room, user, peer)  # so that there is a letter in it

    def matches(self, token: bytes, given: bytes) -> bool:
        return token.lower() == given.lower()


@fault("token-stripped", "TCRP-4.2d", note="white space around a token is taken off")
class TokenStripped(TokenMatchedLoosely):
    def matches(self, token: bytes, given: bytes) -> bool:
        return token == given.strip()


@fault("token-not-compared", "TCRP-4.2d", note="with a wrong token, the IP address of a member will do")
class TokenNotCompared(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        return room.members.get(token) or next(iter(room.members.values()), None)


@fault("ip-not-checked", "TCRP-4.2e", note="a token is good from any IP address, and delivery goes there")
class IpNotChecked(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        pass


@fault(
    "other-ip-is-served-not-followed",
    "TCRP-4.2e",
    note="a token is good from any IP address, delivery stays where it was",
)
class OtherIpIsServedNotFollowed(IpNotChecked):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        same = self.ip_of(source) == member.ip
        super().hear(member, source if same else member.address or source, message)


@fault(
    "other-ip-moves-the-address",
    "TCRP-4.2e",
    note="a datagram from another IP address is dropped, but delivery goes there",
)
class OtherIpMovesTheAddress(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        if self.ip_of(source) != member.ip:
            member.address = source
        super().check_ip(member, source)


@fault(
    "mapped-address-is-foreign",
    "TCRP-4.2f",
    also=("TCRP-4.3a", "TCRP-4.4a", "TCRP-4.5a"),
    note="UDP sees ::ffff:127.0.0.1 where TCP saw 127.0.0.1: no chat over IPv4, chat over IPv6",
)
class MappedAddressIsForeign(Server):
    """Listens on all addresses of both families, whatever host it is given."""

    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("::", port, kind)

    def check_ip(self, member: Member, source: tuple) -> None:
        if source[0] != member.ip:
            raise Dropped("4.2e")
