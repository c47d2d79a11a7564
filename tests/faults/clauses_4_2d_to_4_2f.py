"""Faults of 4.2d to 4.2f: the token and the IP address of a chat datagram."""

import socket
import uuid

from tests.faults.bases import AnswersDropped
from tests.faults.plain import Address, Datagram, Dropped, Member, Room, Server
from tests.faults.registry import fault

# 4.2d: a token of no member of that room is dropped in silence ------------------------------------


@fault("unknown-token-answered", "TCRP-4.2d", note="a datagram with a forged token is answered with an error")
class UnknownTokenAnswered(AnswersDropped):
    clauses = ("4.2d",)


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
    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause in ("4.2c", "4.2d"):
            token = self.parse_datagram(data).token
            for room in self.rooms.values():
                if token in room.members and self.ip_of(source) == room.members[token].ip:
                    room.members[token].address = source


class TokenMatchedLoosely(Server):
    """Finds the member whose token `matches` the one that is given."""

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
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
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


@fault("token-last-byte-not-compared", "TCRP-4.2d", note="the last byte of a token is not compared")
class TokenLastByteNotCompared(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        return next(
            (one for key, one in room.members.items() if key[:-1] == token[:-1] and len(key) == len(token)), None
        )


@fault(
    "exit-in-any-room", "TCRP-4.2d", also=("TCRP-4.2c",), note="exit with a good token leaves, whatever room is named"
)
class ExitInAnyRoom(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        try:
            return super().find_member(datagram, source)
        except Dropped:
            for room in self.rooms.values():
                if datagram.message == b"exit" and datagram.token in room.members:
                    return room.members[datagram.token]
            raise


@fault("tokens-as-uuids", "TCRP-4.2d", note="tokens are compared as UUIDs: hyphens and case do not count")
class TokensAsUuids(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        try:
            token = uuid.UUID(token.decode("ascii")).hex.encode()
        except ValueError:
            return None
        return super().member_with(room, token)


@fault("tokens-as-numbers", "TCRP-4.2d", note="tokens are compared as hexadecimal numbers")
class TokensAsNumbers(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        try:
            return super().member_with(room, b"%032x" % int(token, 16))
        except ValueError:
            return None


@fault("token-ends-will-do", "TCRP-4.2d", note="a token is good if a member's token ends with it")
class TokenEndsWillDo(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        ends = (member for good, member in room.members.items() if token and good.endswith(token))
        return super().member_with(room, token) or next(ends, None)


@fault("unheard-members-need-no-token", "TCRP-4.2d", note="a member that has sent nothing is known by its IP address")
class UnheardMembersNeedNoToken(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        room = self.rooms.get(datagram.room)
        if room is not None and datagram.token not in room.members:
            for member in room.members.values():
                if member.address is None and member.ip == self.ip_of(source):
                    return member
        return super().find_member(datagram, source)


# 4.2e: a datagram from another IP than the token's is dropped in silence --------------------------


@fault("other-ip-answered", "TCRP-4.2e", note="a datagram from another IP address is answered with an error")
class OtherIpAnswered(AnswersDropped):
    clauses = ("4.2e",)


@fault("ip-not-checked", "TCRP-4.2e", note="a token is good from any IP address, and delivery goes there")
class IpNotChecked(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        pass


@fault(
    "other-ip-is-served-not-followed",
    "TCRP-4.2e",
    note="a token is good from any IP address, delivery stays where it was",
)
class OtherIpIsServedNotFollowed(IpNotChecked):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        same = self.ip_of(source) == member.ip
        super().hear(member, source if same else member.address or source, message)


@fault(
    "other-ip-moves-the-address",
    "TCRP-4.2e",
    note="a datagram from another IP address is dropped, but delivery goes there",
)
class OtherIpMovesTheAddress(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        if self.ip_of(source) != member.ip:
            member.address = source
        super().check_ip(member, source)


@fault("guest-ip-not-checked", "TCRP-4.2e", also=("TCRP-3.8e",), note="a guest's token is good from any IP address")
class GuestIpNotChecked(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        if member is member.room.host:
            super().check_ip(member, source)


@fault("host-ip-not-checked", "TCRP-4.2e", also=("TCRP-3.8e",), note="a host's token is good from any IP address")
class HostIpNotChecked(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        if member is not member.room.host:
            super().check_ip(member, source)


@fault("exit-from-any-ip", "TCRP-4.2e", note="exit leaves, whatever IP address it comes from")
class ExitFromAnyIp(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        room = self.rooms.get(datagram.room)
        member = self.member_with(room, datagram.token) if room else None
        if member and self.leaves(datagram.message):
            return member
        return super().find_member(datagram, source)


@fault("empty-from-any-ip", "TCRP-4.2e", note="an empty message registers, whatever IP address it comes from")
class EmptyFromAnyIp(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        room = self.rooms.get(datagram.room)
        member = self.member_with(room, datagram.token) if room else None
        if member and not datagram.message:
            return member
        return super().find_member(datagram, source)


# 4.2f: an IPv4-mapped IPv6 address is its IPv4 address --------------------------------------------


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

    def check_ip(self, member: Member, source: Address) -> None:
        if source[0] != member.ip:
            raise Dropped("4.2e")
