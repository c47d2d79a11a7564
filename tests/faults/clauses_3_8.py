"""Faults of 3.8: tokens, and what each one stands for."""

import itertools
import re
import secrets
import time
import unicodedata
import uuid
from typing import ClassVar

from tests.faults.plain import Address, Member, Request, Room, Server
from tests.faults.registry import fault

# 3.8a: every token is unique ----------------------------------------------------------------------


@fault("token-constant", "TCRP-3.8a", also=("TCRP-3.8b",), note="one token for everybody")
class TokenConstant(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"3f1c9a7e5b2d8046"


@fault("token-of-the-room", "TCRP-3.8a", also=("TCRP-3.8b",), note="all members of a room have one token")
class TokenOfTheRoom(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return room.host.token if room.host else super().new_token(room, user, peer)


@fault("token-of-the-user", "TCRP-3.8a", also=("TCRP-3.8b",), note="the token is made of room and user name")
class TokenOfTheUser(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return uuid.uuid5(uuid.NAMESPACE_DNS, (room.key + b"/" + user).hex()).hex.encode()


@fault("token-is-the-ip", "TCRP-3.8a", also=("TCRP-3.8b",), note="the token is the client's IP address")
class TokenIsTheIp(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return self.ip_of(peer).encode()


# 3.8b: tokens cannot be guessed -------------------------------------------------------------------


@fault("guest-token-counter", "TCRP-3.8b", note="a guest's token is a counter of 32 digits")
class GuestTokenCounter(Server):
    numbers = itertools.count(1)

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%032d" % next(self.numbers) if room.host else super().new_token(room, user, peer)


@fault("guest-token-of-the-room", "TCRP-3.8b", note="a guest's token is the host's and a number")
class GuestTokenOfTheRoom(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        if room.host is None:
            return super().new_token(room, user, peer)
        return room.host.token + b"-%d" % len(room.members)


@fault("token-of-6-random-bytes", "TCRP-3.8b", note="a token is 6 random bytes in 32 digits, the rest zeros")
class TokenOf6RandomBytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"0" * 20 + secrets.token_hex(6).encode()


@fault("token-of-a-seeded-hash", "TCRP-3.8b", note="a token is 8 random digits, four times")
class TokenOfASeededHash(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_hex(4).encode() * 4


@fault("token-counter", "TCRP-3.8b", note="the token is a counter")
class TokenCounter(Server):
    counter = itertools.count(1000)

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%032d" % next(self.counter)


@fault("token-binary-counter", "TCRP-3.8b", note="the token is a counter of 16 bytes")
class TokenBinaryCounter(TokenCounter):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return next(self.counter).to_bytes(16, "big")


@fault("token-clock", "TCRP-3.8b", note="the token is the time in nanoseconds")
class TokenClock(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%032d" % time.time_ns()


@fault("token-uuid1", "TCRP-3.8b", note="the token is a UUID of clock and network address")
class TokenUuid1(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return str(uuid.uuid1()).encode()


@fault("token-4-bytes", "TCRP-3.8b", note="the token is 4 random bytes")
class Token4Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return uuid.uuid4().bytes[:4]


@fault("token-mostly-constant", "TCRP-3.8b", note="the token is long, but only 8 hexadecimal digits of it change")
class TokenMostlyConstant(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"token-of-the-chat-server-" + uuid.uuid4().hex[:8].encode()


# 3.8c: a token is 1 to 255 opaque bytes -----------------------------------------------------------


@fault("token-empty", "TCRP-3.8c", also=("TCRP-3.8a", "TCRP-3.8b"), note="the host's token is empty")
class TokenEmpty(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return super().new_token(room, user, peer) if room.host else b""


@fault(
    "token-256-bytes",
    "TCRP-3.8c",
    also=("TCRP-4.4a",),
    note="the token is longer than a datagram's TokenSize can say",
)
class Token256Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return (super().new_token(room, user, peer) * 8)[:256]


# 3.8d: a token stands for one user name in one room -----------------------------------------------


def user_renamed(name: str, note: str, pattern: str, instead: str) -> None:
    """Registers a server that relays user names with `instead` wherever `pattern` matches."""

    @fault(name, "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note=note)
    class UserRenamed(Server):
        def name_of(self, member: Member) -> bytes:
            return re.sub(pattern, instead, member.name.decode("utf-8")).encode("utf-8")


user_renamed("user-first-word-only", "messages carry the first word of the user name", r"(?<=\S) .*$", "")
user_renamed("user-spaces-collapsed", "two spaces in a user name become one", "  +", " ")
user_renamed("user-no-break-space-replaced", "a no-break space in a user name becomes a space", "\u00a0", " ")
user_renamed("user-bom-taken-off", "a user name loses a byte order mark at its start", "^\ufeff", "")
user_renamed("user-cut-at-64", "messages carry 64 characters of the user name", r"(?s)^(.{64}).*$", r"\1")


@fault(
    "user-names-in-lower-case", "TCRP-3.8d", also=("TCRP-3.3c", "TCRP-4.6a"), note="messages carry alicia for Alicia"
)
class UserNamesInLowerCase(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.lower()


@fault(
    "exit-leaves-every-room",
    "TCRP-3.8d",
    also=("TCRP-5.1a", "TCRP-3.8f"),
    note="exit leaves all rooms in which that name is, from that IP",
)
class ExitLeavesEveryRoom(Server):
    def leave(self, member: Member) -> None:
        for room in list(self.rooms.values()):
            for other in list(room.members.values()):
                if (other.name, other.ip) == (member.name, member.ip) and room is not member.room:
                    super().leave(other)
        super().leave(member)


@fault("user-name-is-a-format", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="%% in a user name becomes %")
class UserNameIsAFormat(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.replace(b"%%", b"%")


@fault("user-zero-width-taken-out", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="zero-width joiners go lost")
class UserZeroWidthTakenOut(Server):
    def name_of(self, member: Member) -> bytes:
        return re.sub("[\u200b-\u200f\ufeff]", "", member.name.decode("utf-8")).encode("utf-8")


@fault("user-cut-at-a-colon", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="a user name ends at its colon")
class UserCutAtAColon(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.partition(b":")[0]


@fault("user-escaped", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="a user name is escaped as HTML")
class UserEscaped(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name.replace(b"&", b"&amp;").replace(b"<", b"&lt;")


@fault(
    "user-names-stripped",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="user names lose the white space around them",
)
class UserNamesStripped(Server):
    def check_user(self, name: bytes) -> bytes:
        name = super().check_user(name)
        return name.strip(b" ") or name


@fault("user-names-nfc", "TCRP-3.8d", also=("TCRP-3.3a", "TCRP-4.6a"), note="user names are normalised")
class UserNamesNfc(Server):
    def check_user(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFC", super().check_user(name).decode()).encode()


@fault(
    "user-names-cut-at-32",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="messages carry the first 32 bytes of the user name",
)
class UserNamesCutAt32(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name[:32]


@fault(
    "user-names-capitalised",
    "TCRP-3.8d",
    also=("TCRP-3.3a", "TCRP-4.6a"),
    note="messages carry the user name with a capital letter",
)
class UserNamesCapitalised(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name[:1].upper() + member.name[1:]


@fault(
    "user-names-kept-by-ip",
    "TCRP-3.8d",
    note="members from one IP address are all called what the latest of them is",
)
class UserNamesKeptByIp(Server):
    names: ClassVar[dict[str, bytes]] = {}

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        self.names[self.ip_of(peer)] = user
        return super().admit(room, user, peer)

    def name_of(self, member: Member) -> bytes:
        return self.names[member.ip]


# 3.8e: a token is bound to the IP address of the TCP connection -----------------------------------


@fault(
    "declared-address-believed",
    "TCRP-3.8e",
    also=("TCRP-4.2e", "TCRP-3.2d"),
    note="user_address in JSON binds the token",
)
class DeclaredAddressBelieved(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.payload.startswith(b"{"):
            declared = self.parse_json(request.payload).get("user_address")
            if isinstance(declared, list) and declared and isinstance(declared[0], str):
                peer = (declared[0], *peer[1:])
        return super().decide(request, peer)


@fault("declared-ip-believed", "TCRP-3.8e", also=("TCRP-4.2e", "TCRP-3.2d"), note="ip in JSON binds the token")
class DeclaredIpBelieved(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.payload.startswith(b"{"):
            declared = self.parse_json(request.payload).get("ip")
            if isinstance(declared, str) and declared.count(".") == 3:
                peer = (declared, *peer[1:])
        return super().decide(request, peer)


@fault(
    "token-bound-by-first-datagram",
    "TCRP-3.8e",
    also=("TCRP-4.2e",),
    note="the IP address is that of the first datagram, not that of the TCP peer",
)
class TokenBoundByFirstDatagram(Server):
    def check_ip(self, member: Member, source: Address) -> None:
        if member.address is None:
            member.ip = self.ip_of(source)
        super().check_ip(member, source)


# 3.8f: creating a room makes the token's holder its host ------------------------------------------


@fault("closes-rooms-that-begin-alike", "TCRP-3.8f", note="with a room, all whose names begin with its own are closed")
class ClosesRoomsThatBeginAlike(Server):
    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        for other in [other for other in self.rooms.values() if other.key.startswith(room.key)]:
            super().close_room(other, why)


@fault(
    "second-room-of-a-name-has-no-host",
    "TCRP-3.8f",
    also=("TCRP-5.2a", "TCRP-5.2c", "TCRP-5.2b"),
    note="the host of a name is the first for ever",
)
class SecondRoomOfANameHasNoHost(Server):
    named: ClassVar[set[bytes]] = set()
    without_host: ClassVar[set[Room]] = set()

    def leave(self, member: Member) -> None:
        room = member.room
        if member is room.host and room in self.without_host:
            self.remove(member)
            return
        super().leave(member)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().create(name, user, password, peer)
        if name in self.named:
            self.without_host.add(member.room)
        self.named.add(name)
        return member


@fault(
    "empty-room-goes", "TCRP-3.8f", also=("TCRP-3.11", "TCRP-5.2c"), note="when the last guest leaves the room closes"
)
class EmptyRoomGoes(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        room = member.room
        if member is not room.host and list(room.members.values()) == [room.host]:
            self.close_room(room, "Nobody is left.")


@fault("latest-joiner-is-host", "TCRP-3.8f", also=("TCRP-5.2a",), note="whoever joined last is the host")
class LatestJoinerIsHost(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().join(name, user, password, peer)
        member.room.host = member
        return member


@fault("host-by-name", "TCRP-3.8f", also=("TCRP-3.3c",), note="whoever has the host's user name is the host")
class HostByName(Server):
    def leave(self, member: Member) -> None:
        host = member.room.host
        if host is not None and member.name == host.name:
            self.remove(member)
            self.close_room(member.room, "The host has left and the room is closed.")
        else:
            super().leave(member)


@fault(
    "guest-leaving-closes-the-room",
    "TCRP-3.8f",
    also=("TCRP-5.4b",),
    note="anybody's leaving closes the room",
)
class GuestLeavingClosesTheRoom(Server):
    def leave(self, member: Member) -> None:
        self.remove(member)
        self.close_room(member.room, "Somebody has left and the room is closed.")
