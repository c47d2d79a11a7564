"""Right but unusual in 3.8 to 3.11: tokens, concurrent requests and passwords."""

import base64
import itertools
import random
import secrets
import time
import uuid

from tests.faults.plain import (
    ACK,
    COMPLETE,
    LIMIT_REACHED,
    OK,
    WRONG_PASSWORD,
    Address,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import odd

# 3.8b: tokens cannot be guessed -------------------------------------------------------------------


@odd("tokens-of-16-bytes", "TCRP-3.8b", note="tokens are 16 random bytes")
class TokensOf16Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_bytes(16)


@odd("tokens-of-15-bytes", "TCRP-3.8b", note="tokens are 15 random bytes: exactly 120 bits")
class TokensOf15Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_bytes(15)


@odd("tokens-uuid", "TCRP-3.8b", note="tokens are random UUIDs as text")
class TokensUuid(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return str(uuid.uuid4()).encode()


@odd("tokens-with-a-prefix", "TCRP-3.8b", note="tokens begin alike, and 128 random bits follow")
class TokensWithAPrefix(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"tcrp-token-v1." + super().new_token(room, user, peer)


@odd("tokens-urlsafe", "TCRP-3.8b", note="tokens are 128 random bits in URL-safe base64, `-` and `_` among its letters")
class TokensUrlsafe(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_urlsafe(16).encode()


@odd("tokens-base64", "TCRP-3.8b", note="tokens are 120 random bits in base64: 20 characters")
class TokensBase64(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return base64.b64encode(secrets.token_bytes(15))


@odd("tokens-base85", "TCRP-3.8b", note="tokens are 120 random bits in base85: 19 characters, `-` and `{` among them")
class TokensBase85(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return base64.b85encode(secrets.token_bytes(15))


@odd("tokens-decimal", "TCRP-3.8b", note="tokens are random numbers of 120 bits in decimal, no leading zeros")
class TokensDecimal(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return str(secrets.randbits(120)).encode()


@odd("tokens-hexadecimal", "TCRP-3.8b", note="tokens are random numbers of 120 bits in hexadecimal, no leading zeros")
class TokensHexadecimal(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%x" % secrets.randbits(120)


@odd("tokens-of-binary-digits", "TCRP-3.8b", note="tokens are 128 random digits, 0 or 1")
class TokensOfBinaryDigits(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return format(secrets.randbits(128), "0128b").encode()


BEGINNINGS = ("b", "bl", "d", "f", "g", "gl", "h", "k", "kr", "l", "m", "n", "p", "r", "s", "sp", "st", "t", "v", "z")


WORDS = [a + b + c + d for a, b, c, d in itertools.product(BEGINNINGS, "aeiou", BEGINNINGS, "aeiou")]


@odd("tokens-of-words", "TCRP-3.8b", note="tokens are ten random words with hyphens, 13 bits a word")
class TokensOfWords(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return "-".join(secrets.choice(WORDS) for _ in range(10)).encode()


@odd("tokens-behind-a-clock", "TCRP-3.8b", note="tokens begin with the time in nanoseconds, and 128 random bits follow")
class TokensBehindAClock(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%016x" % time.time_ns() + super().new_token(room, user, peer)


@odd("tokens-behind-a-count", "TCRP-3.8b", note="tokens begin with a count, a byte `:`, and 128 random bits follow")
class TokensBehindACount(Server):
    numbers = itertools.count(1)

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"%d:" % next(self.numbers) + super().new_token(room, user, peer)


# 3.8c: a token is 1 to 255 opaque bytes -----------------------------------------------------------


@odd("tokens-of-raw-bytes", "TCRP-3.8c", note="tokens are raw bytes, 0x00, 0xff and a newline among them")
class TokensOfRawBytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"\0" + secrets.token_bytes(20) + b"\xff\n\0"


@odd("tokens-of-255-bytes", "TCRP-3.8c", note="tokens are as long as can be")
class TokensOf255Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_hex(128).encode()[:255]


@odd("tokens-of-any-length", "TCRP-3.8c", note="no two tokens need be of one length")
class TokensOfAnyLength(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return secrets.token_bytes(random.randint(15, 255))


@odd("tokens-like-datagrams", "TCRP-3.8c", note="tokens begin with the bytes of notices, chat and `exit`")
class TokensLikeDatagrams(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return b"\x04\x05alice: exit\0\r\n{" + secrets.token_bytes(16)


@odd(
    "tokens-like-names", "TCRP-3.8c", note="tokens begin with room and user name, as much of them as there is space for"
)
class TokensLikeNames(Server):
    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return (room.key + b"/" + user + b"/")[:239] + secrets.token_bytes(16)


# 3.9: of concurrent CREATEs of one name exactly one succeeds --------------------------------------


@odd("busy-names-get-6", "TCRP-3.9", note="while a room is being created, another CREATE of its name gets 6")
class BusyNamesGet6(Server):
    busy: frozenset[bytes] = frozenset()

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.busy:
            raise Refused(LIMIT_REACHED)
        member = super().create(name, user, password, peer)
        self.busy |= {name}
        return member

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        try:
            stream.send(self.frame(request, ACK, self.status(OK)))
            time.sleep(0.02)
        finally:
            with self.lock:
                self.busy -= {request.room}
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


# 3.10b: a password offered to a room without one: 0 or 3 ------------------------------------------


@odd("needless-password-refused", "TCRP-3.10b", note="a password offered to a room that has none gets 3")
class NeedlessPasswordRefused(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password and not room.password:
            raise Refused(WRONG_PASSWORD)
        super().check_password(room, user, password)


# 3.11: a room whose creator vanished stands until it idles ----------------------------------------


@odd(
    "stands-at-complete",
    "TCRP-3.11",
    note="COMPLETE comes 600 ms after ACK; the name is taken at ACK, and joined from then",
)
class StandsAtComplete(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.begun: set[bytes] = set()

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.begun:
            raise Refused(2)
        return super().join(name, user, password, peer)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().create(name, user, password, peer)
        self.begun.add(name)
        return member

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if request.room not in self.begun:
            super().accept(stream, request, member)
            return
        try:
            stream.send(self.frame(request, ACK, self.status(OK)))
            time.sleep(0.6)
        finally:
            with self.lock:
                self.begun.discard(request.room)
                member.last = time.monotonic()
        stream.send(self.frame(request, COMPLETE, member.token))
