"""Odd ways to hold sockets: where a server listens, how it reads, when it closes: sections 2, 3.6, 4.2 and 6."""

from __future__ import annotations

import contextlib
import queue
import random
import secrets
import socket
import threading
import time

from odd_control import TheFloor
from plain import Server
from plain_chat import Member
from plain_control import (
    CREATE,
    HEADER_SIZE,
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    OK,
    REQUEST,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    UNREAD,
    Header,
    Refused,
    Request,
)
from registry import odd
from stream import Stream, Vanished

# where it listens -------------------------------------------------------------------------------


@odd("dual-stack", "TCRP-4.2f", note="one socket each for IPv4 and IPv6: every IPv4 address comes mapped")
class DualStack(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("::", port, kind)


@odd("tcp-on-both-families", "TCRP-4.2f", note="TCP listens on IPv6 too, UDP on IPv4 only")
class TcpOnBothFamilies(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("::" if kind == socket.SOCK_STREAM else host, port, kind)


@odd("every-interface", "TCRP-4.6d", note="both sockets are bound to 0.0.0.0")
class EveryInterface(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("0.0.0.0", port, kind)


# how it reads -----------------------------------------------------------------------------------


@odd("reads-4097-bytes", "TCRP-4.2a", note="a datagram is read with room for 4097 bytes, enough to see that it is long")
class Reads4097Bytes(Server):
    receive_size = 4097


@odd("payload-of-any-size", "TCRP-2.4d", note="payloads are taken up to the 2^29 bytes of the protocol")
class PayloadOfAnySize(Server):
    max_payload = 2**29


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


@odd("short-patience", "TCRP-6.1b", note="closes what says nothing for 1 s, and a request that takes more than 3 s")
class ShortPatience(Server):
    def read_header(self, stream: Stream) -> bytes:
        if stream.peek(1.0) is None:
            raise Vanished
        return super().read_header(stream)

    def read_request(self, stream: Stream) -> Request:
        late = threading.Timer(3.0, stream.socket.shutdown, (socket.SHUT_RD,))
        late.start()
        try:
            return super().read_request(stream)
        finally:
            late.cancel()


@odd("malformed-echoes-noise", "TCRP-3.7a", note="an ACK 4 has a random operation and a room name of random bytes")
class MalformedEchoesNoise(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == MALFORMED:
            noise = secrets.token_bytes(random.randint(0, 255))
            request = Request(random.randint(0, 255), REQUEST, noise, b"")
        super().refuse(stream, request, status)


# how it serves and closes -----------------------------------------------------------------------


@odd("reset-at-once", "TCRP-3.6a", note="connections end with a RST right after the last byte of the answer")
class ResetAtOnce(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        stream.reset()


@odd("drains-first", "TCRP-2.6b", note="what follows a request is read for 200 ms before the FIN, not after it")
class DrainsFirst(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        with contextlib.suppress(TimeoutError):
            stream.drain(0.2)
        stream.end()


@odd("waits-for-the-client", "TCRP-3.6a", note="closes when the client has, or 1 s after the answer")
class WaitsForTheClient(Server):
    def finish(self, stream: Stream) -> None:
        with contextlib.suppress(TimeoutError):
            stream.drain(1.0)
        stream.end()


@odd("pool-of-16", "TCRP-6.3a", note="16 threads, each held by a connection until it is closed; the next ones wait")
class PoolOf16(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.waiting: queue.SimpleQueue[Stream] = queue.SimpleQueue()

    def accept_loop(self) -> None:
        for _ in range(16):
            threading.Thread(target=self.work, daemon=True).start()
        super().accept_loop()

    def take(self, stream: Stream) -> None:
        self.waiting.put(stream)

    def work(self) -> None:
        while True:
            self.run_connection(self.waiting.get())


@odd("slow-accept", "TCRP-6.3d", note="20 ms pass before each accept: 50 connections a second and not one more")
class SlowAccept(Server):
    def take(self, stream: Stream) -> None:
        super().take(stream)
        time.sleep(0.018)


@odd("the-floor-or-nothing", "TCRP-6.3a", "TCRP-6.3d", note="beyond 16 connections and 50 requests a second: a RST")
class TheFloorOrNothing(TheFloor):
    """What it does there cannot be judged by anybody who stays below."""

    max_rooms = 4096  # how soon a room is gone after its host has left by a datagram nobody can know
    max_members = 256

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == LIMIT_REACHED:
            stream.reset()
            raise Vanished
        super().refuse(stream, request, status)


@odd("one-member-an-address", "TCRP-4.3c", note="a member whose address another one takes is removed")
class OneMemberAnAddress(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        for room in list(self.rooms.values()):
            for other in list(room.members.values()):
                if other is not member and other.address == source:
                    self.leave(other)
        super().hear(member, source, message)
