"""Odd answers, refusals, tokens and limits: sections 2, 3 and 6."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import itertools
import json
import random
import secrets
import struct
import sys
import time
import uuid

from plain import Server
from plain_chat import Member, Room
from plain_control import (
    ACK,
    COMPLETE,
    CREATE,
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    OK,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    UNREAD,
    WRONG_PASSWORD,
    Header,
    Refused,
    Request,
)
from registry import odd
from stream import Stream

# how an answer arrives --------------------------------------------------------------------------


@odd("trickle", "TCRP-3.4a", "TCRP-3.5a", note="answers come one byte at a time")
class Trickle(Server):
    def take(self, stream: Stream) -> None:
        whole = stream.send

        def send(data: bytes) -> None:
            for byte in data:
                whole(bytes([byte]))
                time.sleep(0.0005)

        stream.send = send
        super().take(stream)


@odd("one-segment", "TCRP-3.6b", note="ACK and COMPLETE come in one segment")
class OneSegment(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        ack = self.frame(request, ACK, self.status(OK))
        stream.send(ack + self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd(
    "split-in-the-header",
    "TCRP-3.6b",
    note="ACK and the first half of COMPLETE's header, then the rest 20 ms later",
)
class SplitInTheHeader(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        ack = self.frame(request, ACK, self.status(OK))
        complete = self.frame(request, COMPLETE, member.token)
        stream.send(ack + complete[:16])
        time.sleep(0.02)
        stream.send(complete[16:])
        member.last = time.monotonic()


@odd("far-apart", "TCRP-3.5a", note="COMPLETE comes 300 ms after ACK")
class FarApart(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        time.sleep(0.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd(
    "slow-hashing",
    "TCRP-3.4b",
    note="a password costs 300 ms: after the ACK of a CREATE, before that of a JOIN",
)
class SlowHashing(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation != CREATE and b'"password"' in request.payload:
            time.sleep(0.3)
        return super().decide(request, peer)

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        if request.operation == CREATE and member.room.password:
            time.sleep(0.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd("reset-close", "TCRP-3.6a", note="connections end with a RST, once the client has everything")
class ResetClose(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        until = time.monotonic() + 1.0
        while self.unacknowledged(stream) and time.monotonic() < until:
            time.sleep(0.001)
        with contextlib.suppress(OSError):
            stream.drain(0.1)  # for the client to take it from its own kernel: some forget it at a RST
        stream.reset()

    def unacknowledged(self, stream: Stream) -> int:
        if sys.platform != "linux":
            return 0
        siocoutq = 0x5411
        return struct.unpack("i", fcntl.ioctl(stream.socket, siocoutq, b"\0" * 4))[0]


@odd("late-close", "TCRP-3.6a", note="connections end 1 s after the answer")
class LateClose(Server):
    def finish(self, stream: Stream) -> None:
        time.sleep(1.0)
        super().finish(stream)


# refusals ---------------------------------------------------------------------------------------


@odd("malformed-is-a-close", "TCRP-3.7a", "TCRP-2.4a", note="a malformed request sees the connection close")
class MalformedIsAClose(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status != MALFORMED:
            super().refuse(stream, request, status)


@odd("malformed-now-so-now-so", "TCRP-3.7a", note="malformed requests get an ACK and a close in turns")
class MalformedNowSoNowSo(Server):
    turns = itertools.count()

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status != MALFORMED or next(self.turns) % 2:
            super().refuse(stream, request, status)


@odd("malformed-echoes-nothing", "TCRP-3.7a", note="an ACK 4 has operation 0 and no room name")
class MalformedEchoesNothing(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, UNREAD if status == MALFORMED else request, status)


class Payload1024(Server):
    over = LIMIT_REACHED

    def check_sizes(self, header: Header) -> None:
        if header.payload_size > 1024:
            raise Refused(self.over)


@odd("payload-1024-else-6", "TCRP-2.4d", note="a payload over 1024 bytes gets 6")
class Payload1024Else6(Payload1024):
    over = LIMIT_REACHED


@odd("payload-1024-else-4", "TCRP-2.4d", note="a payload over 1024 bytes gets 4")
class Payload1024Else4(Payload1024):
    over = MALFORMED


@odd("payload-1024-else-close", "TCRP-2.4d", note="a payload over 1024 bytes sees the connection close")
class Payload1024ElseClose(Payload1024):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if request is not UNREAD:
            super().refuse(stream, request, status)


@odd("json-to-the-letter", "TCRP-3.2h", note="nesting over 32 and numbers over 18 digits are malformed")
class JsonToTheLetter(Server):
    def load_json(self, text: str) -> dict[str, object]:
        json.loads(text, parse_int=self.small, parse_float=self.small)
        fields = super().load_json(text)
        if self.depth(fields) > 32:
            raise ValueError("nested too deep")
        return fields

    def small(self, number: str) -> float:
        if sum(map(str.isdigit, number)) > 18:
            raise ValueError(number)
        return float(number)

    def depth(self, value: object) -> int:
        if not isinstance(value, dict | list):
            return 0
        return 1 + max(map(self.depth, value.values() if isinstance(value, dict) else value), default=0)


@odd("needless-password-refused", "TCRP-3.10b", note="a password offered to a room that has none gets 3")
class NeedlessPasswordRefused(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if password and not room.password:
            raise Refused(WRONG_PASSWORD)
        super().check_password(room, user, password)


@odd("busy-names-get-6", "TCRP-3.9", note="while a room is being created, another CREATE of its name gets 6")
class BusyNamesGet6(Server):
    busy: frozenset[bytes] = frozenset()

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
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


@odd(
    "existence-first",
    "TCRP-3.4f",
    note="whether the room exists is looked at before the payload: a bad payload may get 1 or 2",
)
class ExistenceFirst(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        exists = self.room_key(request.room) in self.rooms
        if request.room and request.operation == CREATE and exists:
            raise Refused(ROOM_EXISTS)
        if request.room and request.operation == JOIN and not exists:
            raise Refused(ROOM_NOT_FOUND)
        return super().decide(request, peer)


# tokens -----------------------------------------------------------------------------------------


@odd("tokens-of-raw-bytes", "TCRP-3.8c", note="tokens are raw bytes, 0x00, 0xff and a newline among them")
class TokensOfRawBytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"\0" + secrets.token_bytes(20) + b"\xff\n\0"


@odd("tokens-of-16-bytes", "TCRP-3.8b", note="tokens are 16 random bytes")
class TokensOf16Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_bytes(16)


@odd("tokens-of-15-bytes", "TCRP-3.8b", note="tokens are 15 random bytes: exactly 120 bits")
class TokensOf15Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_bytes(15)


@odd("tokens-of-255-bytes", "TCRP-3.8c", note="tokens are as long as can be")
class TokensOf255Bytes(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_hex(128).encode()[:255]


@odd("tokens-of-any-length", "TCRP-3.8c", note="no two tokens need be of one length")
class TokensOfAnyLength(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return secrets.token_bytes(random.randint(15, 255))


@odd("tokens-uuid", "TCRP-3.8b", note="tokens are random UUIDs as text")
class TokensUuid(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return str(uuid.uuid4()).encode()


@odd("tokens-with-a-prefix", "TCRP-3.8b", note="tokens begin alike, and 128 random bits follow")
class TokensWithAPrefix(Server):
    def new_token(self, room: Room, user: bytes, peer: tuple) -> bytes:
        return b"tcrp-token-v1." + super().new_token(room, user, peer)


# limits -----------------------------------------------------------------------------------------


@odd("backlog-1", "TCRP-6.3a", note="the kernel holds one connection that is not accepted yet")
class Backlog1(Server):
    backlog = 1


@odd(
    "the-floor",
    "TCRP-6.3a",
    "TCRP-6.3b",
    "TCRP-6.3c",
    "TCRP-6.3d",
    note="16 connections, 16 rooms, 16 members, 50 requests a second, and not one more",
)
class TheFloor(Server):
    """Beyond a limit the answer is 6. What a client has just given back is waited for a little."""

    max_open = 16
    max_rooms = 16
    max_members = 16
    max_requests = 50

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.recent: dict[str, collections.deque[float]] = collections.defaultdict(collections.deque)

    def decide(self, request: Request, peer: tuple) -> Member:
        until = time.monotonic() + 0.3
        while self.connections > self.max_open and time.monotonic() < until:
            time.sleep(0.005)
        with self.lock:
            if self.connections > self.max_open or not self.within_rate(self.ip_of(peer)):
                raise Refused(LIMIT_REACHED)
        return super().decide(request, peer)

    def within_rate(self, ip: str) -> bool:
        now = time.monotonic()
        recent = self.recent[ip]
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= self.max_requests:
            return False
        recent.append(now)
        return True
