"""Odd tokens, each with 120 random bits or more: 3.8."""

from __future__ import annotations

import base64
import itertools
import secrets
import time

from plain import Server
from plain_chat import Room
from registry import odd

BEGINNINGS = ("b", "bl", "d", "f", "g", "gl", "h", "k", "kr", "l", "m", "n", "p", "r", "s", "sp", "st", "t", "v", "z")
WORDS = [a + b + c + d for a, b, c, d in itertools.product(BEGINNINGS, "aeiou", BEGINNINGS, "aeiou")]


@odd("tokens-urlsafe", "TCRP-3.8b", note="tokens are 128 random bits in URL-safe base64, `-` and `_` among its letters")
class TokensUrlsafe(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_urlsafe(16).encode()


@odd("tokens-base64", "TCRP-3.8b", note="tokens are 120 random bits in base64: 20 characters")
class TokensBase64(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return base64.b64encode(secrets.token_bytes(15))


@odd("tokens-base85", "TCRP-3.8b", note="tokens are 120 random bits in base85: 19 characters, `-` and `{` among them")
class TokensBase85(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return base64.b85encode(secrets.token_bytes(15))


@odd("tokens-decimal", "TCRP-3.8b", note="tokens are random numbers of 120 bits in decimal, no leading zeros")
class TokensDecimal(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return str(secrets.randbits(120)).encode()


@odd("tokens-hexadecimal", "TCRP-3.8b", note="tokens are random numbers of 120 bits in hexadecimal, no leading zeros")
class TokensHexadecimal(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%x" % secrets.randbits(120)


@odd("tokens-of-binary-digits", "TCRP-3.8b", note="tokens are 128 random digits, 0 or 1")
class TokensOfBinaryDigits(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return format(secrets.randbits(128), "0128b").encode()


@odd("tokens-of-words", "TCRP-3.8b", note="tokens are ten random words with hyphens, 13 bits a word")
class TokensOfWords(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return "-".join(secrets.choice(WORDS) for _ in range(10)).encode()


@odd("tokens-behind-a-clock", "TCRP-3.8b", note="tokens begin with the time in nanoseconds, and 128 random bits follow")
class TokensBehindAClock(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%016x" % time.time_ns() + super().new_token(room, user, peer)


@odd("tokens-behind-a-count", "TCRP-3.8b", note="tokens begin with a count, a byte `:`, and 128 random bits follow")
class TokensBehindACount(Server):
    numbers = itertools.count(1)

    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"%d:" % next(self.numbers) + super().new_token(room, user, peer)


@odd("tokens-like-datagrams", "TCRP-3.8c", note="tokens begin with the bytes of notices, chat and `exit`")
class TokensLikeDatagrams(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"\x04\x05alice: exit\0\r\n{" + secrets.token_bytes(16)


@odd(
    "tokens-like-names", "TCRP-3.8c", note="tokens begin with room and user name, as much of them as there is space for"
)
class TokensLikeNames(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return (room.key + b"/" + user + b"/")[:239] + secrets.token_bytes(16)
