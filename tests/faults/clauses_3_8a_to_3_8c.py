"""Faults of 3.8a to 3.8c: what a token is."""

import itertools
import secrets
import time
import uuid
from typing import ClassVar

from tests.faults.plain import (
    Address,
    Member,
    Request,
    Room,
    Server,
    Stream,
)
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


@fault(
    "token-given-again-to-a-name",
    "TCRP-3.8a",
    also=("TCRP-5.1b",),
    note="who joins under a name again gets that name's former token",
)
class TokenGivenAgainToAName(Server):
    former: ClassVar[dict[tuple[bytes, bytes], bytes]] = {}

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.former[member.room.key, member.name] = member.token

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return self.former.pop((room.key, user), None) or super().new_token(room, user, peer)


@fault(
    "host-tokens-given-again",
    "TCRP-3.8a",
    also=("TCRP-5.2b",),
    note="who creates a room again, by name, gets its former token",
)
class HostTokensGivenAgain(Server):
    former: ClassVar[dict[tuple[bytes, bytes], bytes]] = {}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        host = super().create(name, user, password, peer)
        former = self.former.setdefault((name, user), host.token)
        del host.room.members[host.token]
        host.token = former
        host.room.members[former] = host
        return host


@fault(
    "token-of-the-latest-success",
    "TCRP-3.8a",
    also=("TCRP-3.8d", "TCRP-3.5a"),
    note="COMPLETE, 30 ms after ACK, holds the token that was made last",
)
class TokenOfTheLatestSuccess(Server):
    latest: Member | None = None

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        self.latest = member
        stream.send(self.frame(request, 1, self.status(0)))
        time.sleep(0.03)
        stream.send(self.frame(request, 2, self.latest.token))
        member.last = time.monotonic()


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
