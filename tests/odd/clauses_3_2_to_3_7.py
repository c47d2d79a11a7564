"""Right but unusual in 3.2 to 3.7: payloads, answers, and malformed requests."""

import contextlib
import fcntl
import itertools
import json
import random
import secrets
import socket
import struct
import sys
import time

from tests.faults.plain import (
    ACK,
    COMPLETE,
    CREATE,
    HEADER_SIZE,
    JOIN,
    MALFORMED,
    OK,
    REQUEST,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    UNREAD,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import odd

# 3.2h: JSON nested over 32 deep or longer numbers may be malformed --------------------------------


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


@odd("json-as-python-reads-it", "TCRP-3.2h", "TCRP-3.2g", "TCRP-3.2d", note="json.loads, and nothing else")
class JsonAsPythonReadsIt(Server):
    """NaN is a number, UTF-16 is found out, and surrogates in what does not count are not looked at."""

    def parse_json(self, payload: bytes) -> dict[str, object]:
        try:
            return self.load_json(payload.decode(json.detect_encoding(payload), "surrogatepass"))
        except (ValueError, RecursionError):
            raise Refused(MALFORMED) from None

    def constant(self, name: str) -> object:
        return float(name)

    def check_text(self, value: object) -> None:
        pass


@odd("json-as-go-reads-it", "TCRP-3.2h", "TCRP-3.2d", "TCRP-3.2e", note="keys without case; each value has its type")
class JsonAsGoReadsIt(Server):
    """encoding/json into a struct: USERNAME is username, and a number there is an error, also if it is replaced."""

    def load_json(self, text: str) -> dict[str, object]:
        super().load_json(text)
        pairs: list[tuple[str, object]] = json.loads(text, object_pairs_hook=list)
        known = [(key.casefold(), value) for key, value in pairs]
        if any(key in ("username", "password") and not isinstance(value, str | None) for key, value in known):
            raise ValueError("cannot unmarshal")
        return dict(known)


@odd("json-as-php-reads-it", "TCRP-3.2h", "TCRP-3.2d", note="keys that begin with NUL are errors")
class JsonAsPhpReadsIt(Server):
    """json_decode into an object, whose properties cannot begin with NUL."""

    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        if any(key.startswith("\0") for key, _ in pairs):
            raise ValueError("invalid property name")
        return super().members_of_object(pairs)


# 3.4a: the ACK echoes operation and room; its payload is one status byte --------------------------


class TricklingStream(Stream):
    """Sends one byte at a time."""

    def send(self, data: bytes) -> None:
        for byte in data:
            super().send(bytes([byte]))
            time.sleep(0.0005)


@odd("trickle", "TCRP-3.4a", "TCRP-3.5a", note="answers come one byte at a time")
class Trickle(Server):
    stream_type = TricklingStream


class Polls(Server):
    """Looks at its sockets once every `tick` seconds, as a server of one thread without select() does."""

    tick: float

    def wait_for_tick(self) -> None:
        time.sleep(self.tick - time.monotonic() % self.tick)

    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        self.wait_for_tick()
        return request

    def chat_loop(self) -> None:
        while True:
            self.wait_for_tick()
            while True:
                try:
                    data, source = self.udp.recvfrom(self.receive_size, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                except OSError:
                    self.read_icmp_errors()
                    continue
                self.on_datagram(data, source)

    def expired(self, member: Member, now: float) -> bool:
        return super().expired(member, now - self.tick)


@odd("polls-every-50-ms", "TCRP-3.4a", "TCRP-4.5a", note="sockets are looked at every 50 ms")
class PollsEvery50Ms(Polls):
    tick = 0.05


@odd("slow-answers", "TCRP-3.4a", note="every answer, a refusal too, comes after 300 ms")
class SlowAnswers(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        time.sleep(0.3)
        return super().decide(request, peer)


# 3.4b: the ACK comes at once, before anything slow ------------------------------------------------


@odd(
    "slow-hashing",
    "TCRP-3.4b",
    note="a password costs 300 ms: after the ACK of a CREATE, before that of a JOIN",
)
class SlowHashing(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation != CREATE and b'"password"' in request.payload:
            time.sleep(0.3)
        return super().decide(request, peer)

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        if request.operation == CREATE and member.room.password:
            time.sleep(0.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd("polls-every-200-ms", "TCRP-3.4b", "TCRP-4.5a", note="sockets are looked at every 200 ms")
class PollsEvery200Ms(Polls):
    tick = 0.2


# 3.4f: status 5 and 6 are for faults and limits; of several any is right --------------------------


@odd(
    "existence-first",
    "TCRP-3.4f",
    note="whether the room exists is looked at before the payload: a bad payload may get 1 or 2",
)
class ExistenceFirst(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        exists = self.room_key(request.room) in self.rooms
        if request.room and request.operation == CREATE and exists:
            raise Refused(ROOM_EXISTS)
        if request.room and request.operation == JOIN and not exists:
            raise Refused(ROOM_NOT_FOUND)
        return super().decide(request, peer)


@odd("answers-before-the-payload", "TCRP-3.4f", note="1 and 2 are sent once header and room name have been read")
class AnswersBeforeThePayload(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if room and header.state == REQUEST and (status := self.early(header.operation, room)):
            self.refuse(stream, Request(header.operation, REQUEST, room, b""), status)
            self.finish(stream)
            raise Vanished
        return room, stream.recv_exactly(header.payload_size)

    def early(self, operation: int, room: bytes) -> int:
        with self.lock:
            exists = self.room_key(room) in self.rooms
        if operation == CREATE and exists:
            return ROOM_EXISTS
        return ROOM_NOT_FOUND if operation == JOIN and not exists else OK


# 3.5a: after status 0 a COMPLETE carries the token ------------------------------------------------


@odd("far-apart", "TCRP-3.5a", note="COMPLETE comes 300 ms after ACK")
class FarApart(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        time.sleep(0.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


# 3.6a: the server closes the connection after its last frame --------------------------------------


@odd("reset-close", "TCRP-3.6a", note="connections end with a RST, once the client has everything")
class ResetClose(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        until = time.monotonic() + 1.0
        while self.unacknowledged(stream) and time.monotonic() < until:
            time.sleep(0.001)
        with contextlib.suppress(OSError):
            stream.drain(0.1)  # time for the client to read it: some kernels drop what is unread when a RST comes
        stream.reset()

    def unacknowledged(self, stream: Stream) -> int:
        if sys.platform != "linux":
            return 0
        siocoutq = 0x5411
        (count,) = struct.unpack("i", fcntl.ioctl(stream.socket, siocoutq, b"\0" * 4))
        return int(count)


@odd("late-close", "TCRP-3.6a", note="connections end 1 s after the answer")
class LateClose(Server):
    def finish(self, stream: Stream) -> None:
        time.sleep(1.0)
        super().finish(stream)


@odd("reset-at-once", "TCRP-3.6a", note="connections end with a RST right after the last byte of the answer")
class ResetAtOnce(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        stream.reset()


@odd("waits-for-the-client", "TCRP-3.6a", note="closes when the client has, or 1 s after the answer")
class WaitsForTheClient(Server):
    def finish(self, stream: Stream) -> None:
        with contextlib.suppress(TimeoutError):
            stream.drain(1.0)
        stream.end()


# 3.6b: ACK and COMPLETE may share a segment -------------------------------------------------------


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


# 3.7a: an unknown operation gets status 4 or a close ----------------------------------------------


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


@odd("judges-byte-by-byte", "TCRP-3.7a", note="refuses at the first wrong byte of the header, the rest unread: a RST")
class JudgesByteByByte(Server):
    def read_header(self, stream: Stream) -> bytes:
        head = b""
        for right in (range(1, 256), (CREATE, JOIN), (REQUEST,)):
            head += stream.recv_exactly(1)
            if head[-1] not in right:
                raise Refused(MALFORMED)
        return head + stream.recv_exactly(HEADER_SIZE - len(head))

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if request is UNREAD:
            self.forget_connection(stream)
            stream.close()
            raise Vanished


@odd("malformed-echoes-noise", "TCRP-3.7a", note="an ACK 4 has a random operation and a room name of random bytes")
class MalformedEchoesNoise(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == MALFORMED:
            noise = secrets.token_bytes(random.randint(0, 255))
            request = Request(random.randint(0, 255), REQUEST, noise, b"")
        super().refuse(stream, request, status)
