"""Control over TCP, sections 2 and 3 of the protocol, read literally and with nothing added.

Each step is a method of its own, so that a fault replaces one step and nothing else.
"""

import json
import os
import struct
import threading
import time
from typing import NamedTuple

from tests.faults.plain.chat import Member, Room
from tests.faults.plain.stream import Address, Stream

HEADER_SIZE = 32
CREATE, JOIN = 1, 2
REQUEST, ACK, COMPLETE = 0, 1, 2
OK, ROOM_EXISTS, ROOM_NOT_FOUND, WRONG_PASSWORD, MALFORMED, SERVER_ERROR, LIMIT_REACHED = range(7)
MAX_PAYLOAD = 2**29
MAX_NAME = 255
MAX_PASSWORD = 1024


class Header(NamedTuple):
    """The 32 bytes that begin a frame (2.1). Sizes count bytes."""

    room_size: int
    operation: int
    state: int
    payload_size: int


class Request(NamedTuple):
    """A request that has been read whole."""

    operation: int
    state: int
    room: bytes
    payload: bytes


UNREAD = Request(0, 0, b"", b"")  # stands for a request that was refused before it was read


class Refused(Exception):
    """The request gets an ACK with this status and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Control:
    """What the server does with a connection: it reads one request, decides, and answers."""

    max_payload = 65536
    max_rooms = 4096
    max_members = 256
    lock: threading.RLock
    rooms: dict[bytes, Room]

    # one connection -----------------------------------------------------------------------------

    def serve(self, stream: Stream) -> None:
        self.exchange(stream)
        self.finish(stream)

    def exchange(self, stream: Stream) -> None:
        request = UNREAD
        try:
            request = self.read_request(stream)
            member = self.decide(request, stream.peer)
        except Refused as refused:
            self.refuse(stream, request, refused.status)
        else:
            self.accept(stream, request, member)

    def finish(self, stream: Stream) -> None:
        """3.6 and 2.6: the client sees the end at once. What still comes is read and ignored."""
        self.forget_connection(stream)
        stream.end()
        stream.drain()

    def forget_connection(self, stream: Stream) -> None:
        raise NotImplementedError

    # reading a request (2.1 to 2.5) -------------------------------------------------------------

    def read_request(self, stream: Stream) -> Request:
        header = self.parse_header(self.read_header(stream))
        self.check_sizes(header)
        room, payload = self.read_body(stream, header)
        return Request(header.operation, header.state, room, payload)

    def read_header(self, stream: Stream) -> bytes:
        return stream.recv_exactly(HEADER_SIZE)

    def parse_header(self, data: bytes) -> Header:
        room_size, operation, state, size = struct.unpack("!BBB29s", data)
        return Header(room_size, operation, state, int.from_bytes(size, "big"))

    def check_sizes(self, header: Header) -> None:
        """2.4: a claim that is too large is refused before the body is read. Raises Refused."""
        if header.payload_size > MAX_PAYLOAD:
            raise Refused(MALFORMED)
        if header.payload_size > self.max_payload:
            raise Refused(LIMIT_REACHED)

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        return room, stream.recv_exactly(header.payload_size)

    # the payload of a request (3.2, 3.3) --------------------------------------------------------

    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        """User name and password, both UTF-8. b"" means no password. Raises Refused."""
        if not payload.startswith(b"{"):
            return self.check_user(payload), b""
        fields = self.parse_json(payload)
        return self.check_user(self.user_in(fields)), self.password_in(fields)

    def parse_json(self, payload: bytes) -> dict[str, object]:
        try:
            return self.load_json(payload.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Refused(MALFORMED) from None

    def load_json(self, text: str) -> dict[str, object]:
        """Raises ValueError for what RFC 8259 forbids, and for a lone surrogate anywhere."""
        fields: dict[str, object] = json.loads(
            text, parse_constant=self.constant, object_pairs_hook=self.members_of_object
        )
        return fields

    def constant(self, name: str) -> object:
        """What NaN, Infinity and -Infinity stand for. Python reads them, RFC 8259 forbids them: ValueError."""
        raise ValueError(name)

    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """One JSON object, inner ones first. `pairs` holds all of it, also what a later equal key replaces."""
        for key, value in pairs:
            self.check_text(key)
            self.check_text(value)
        return dict(pairs)

    def check_text(self, value: object) -> None:
        if isinstance(value, str):
            value.encode("utf-8")
        elif isinstance(value, list):
            for item in value:
                self.check_text(item)

    def user_in(self, fields: dict[str, object]) -> bytes:
        name = fields.get("username")
        if not isinstance(name, str):
            raise Refused(MALFORMED)
        return name.encode("utf-8")

    def password_in(self, fields: dict[str, object]) -> bytes:
        password = fields.get("password")
        if password is None:
            return b""
        if not isinstance(password, str):
            raise Refused(MALFORMED)
        if len(password.encode("utf-8")) > MAX_PASSWORD:
            raise Refused(MALFORMED)
        return password.encode("utf-8")

    def check_user(self, name: bytes) -> bytes:
        self.check_user_size(name)
        if any(character < " " or character == "\x7f" for character in self.decode(name)):
            raise Refused(MALFORMED)
        return name

    def check_user_size(self, name: bytes) -> None:
        if not 1 <= len(name) <= MAX_NAME:
            raise Refused(MALFORMED)

    def check_room(self, name: bytes) -> None:
        if not name:
            raise Refused(MALFORMED)
        self.decode(name)

    def decode(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(MALFORMED) from None

    # the decision (3.4 to 3.10) -----------------------------------------------------------------

    def decide(self, request: Request, peer: Address) -> Member:
        """The new member. Raises Refused. Nothing is changed before everything is checked (6.2)."""
        if request.operation not in (CREATE, JOIN) or request.state != REQUEST:
            raise Refused(MALFORMED)
        self.check_room(request.room)
        user, password = self.parse_payload(request.payload)
        with self.lock:  # 3.9: looking and adding are one step
            if request.operation == CREATE:
                return self.create(request.room, user, password, peer)
            return self.join(request.room, user, password, peer)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        key = self.room_key(name)
        if key in self.rooms:
            raise Refused(ROOM_EXISTS)
        if len(self.rooms) >= self.max_rooms:
            raise Refused(LIMIT_REACHED)
        room = Room(key, password)
        room.host = self.admit(room, user, peer)
        self.rooms[key] = room
        return room.host

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(self.room_key(name))
        if room is None:
            raise Refused(ROOM_NOT_FOUND)
        self.check_password(room, user, password)
        if len(room.members) >= self.max_members:
            raise Refused(LIMIT_REACHED)
        return self.admit(room, user, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        """3.10. A password is ignored where the room has none. Raises Refused."""
        if room.password and room.password != password:
            raise Refused(WRONG_PASSWORD)

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        token = self.new_token(room, user, peer)
        member = Member(room, token, user, self.ip_of(peer), time.monotonic())
        room.members[token] = member
        return member

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        """3.8: 128 random bits."""
        return os.urandom(16).hex().encode("ascii")

    def room_key(self, name: bytes) -> bytes:
        """2.3: room names are compared byte for byte."""
        return name

    def ip_of(self, address: Address) -> str:
        raise NotImplementedError

    # the answer (3.4, 3.5) ----------------------------------------------------------------------

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()  # 5.3 counts from here

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        stream.send(self.frame(request, ACK, self.status(status)))

    def status(self, status: int) -> bytes:
        return bytes([status])

    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        header = Header(len(request.room), request.operation, state, len(payload))
        return self.build_header(header) + request.room + payload

    def build_header(self, header: Header) -> bytes:
        size = header.payload_size.to_bytes(29, "big")
        return struct.pack("!BBB29s", header.room_size, header.operation, header.state, size)
