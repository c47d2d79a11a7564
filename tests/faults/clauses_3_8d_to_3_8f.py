"""Faults of 3.8d to 3.8f: what a token stands for."""

import contextlib
import re
import threading
import time
import unicodedata
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import KnownByAddress
from tests.faults.plain import (
    Address,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

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


@fault(
    "speaker-known-by-port",
    "TCRP-3.8d",
    also=("TCRP-4.6a", "TCRP-4.3a"),
    note="from a port that another member had, one speaks under its name",
)
class SpeakerKnownByPort(KnownByAddress):
    source: Address | None = None

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.source = source
        owner = self.owners.setdefault(source, member)
        if owner.room is not member.room:
            self.owners[source] = member

    def name_of(self, member: Member) -> bytes:
        return self.owners[self.source].name if self.source is not None else member.name


@fault(
    "user-of-the-latest-request",
    "TCRP-3.8d",
    note="the user name is kept in a variable for 20 ms, until the member is made",
)
class UserOfTheLatestRequest(Server):
    user = b""

    def decide(self, request: Request, peer: Address) -> Member:
        with contextlib.suppress(Refused):
            self.user = self.parse_payload(request.payload)[0]
            time.sleep(0.02)
        return super().decide(request, peer)

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        return super().admit(room, self.user, peer)


@fault(
    "speaker-of-the-latest-datagram",
    "TCRP-3.8d",
    also=("TCRP-4.6a", "TCRP-4.5a"),
    note="a message goes out 10 ms later, under the name of who spoke last",
)
class SpeakerOfTheLatestDatagram(Server):
    speaker: Member | None = None

    def relay(self, member: Member, message: bytes) -> None:
        self.speaker = member
        threading.Timer(0.01, self.late, (member, message)).start()

    def late(self, member: Member, message: bytes) -> None:
        with self.lock:
            super().relay(member, message)

    def name_of(self, member: Member) -> bytes:
        return self.speaker.name if self.speaker is not None else member.name


@fault(
    "user-cut-at-100-bytes",
    "TCRP-3.8d",
    note="messages carry 100 bytes of the user name, without half a character at the end",
)
class UserCutAt100Bytes(Server):
    def name_of(self, member: Member) -> bytes:
        return member.name[:100].decode("utf-8", "ignore").encode("utf-8")


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


@fault(
    "peer-of-the-latest-connection",
    "TCRP-3.8e",
    note="a token is bound to the IP of the connection that was accepted last",
)
class PeerOfTheLatestConnection(Server):
    latest: Address | None = None

    def take(self, stream: Stream) -> None:
        self.latest = stream.peer
        super().take(stream)

    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request, self.latest or peer)


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


@fault(
    "former-host-is-host-by-name",
    "TCRP-3.8f",
    note="under the first host's name a guest of the next room is its host, too",
)
class FormerHostIsHostByName(Server):
    hosts: ClassVar[defaultdict[bytes, set[bytes]]] = defaultdict(set)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        host = super().create(name, user, password, peer)
        self.hosts[name].add(user)
        return host

    def leave(self, member: Member) -> None:
        self.remove(member)
        if member.name in self.hosts[member.room.key]:
            self.close_room(member.room, "The host has left and the room is closed.")
