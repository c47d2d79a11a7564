"""Faults of when a request is refused, and of what else is said or left open then."""

from __future__ import annotations

import json
import select
import time

from plain import Server
from plain_chat import Member, Room
from plain_control import (
    COMPLETE,
    JOIN,
    MALFORMED,
    MAX_PAYLOAD,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Header,
    Refused,
    Request,
)
from registry import fault
from stream import Stream, Vanished

# 2.4 to 2.6: sizes, segments, what follows ---------------------------------------------------------


@fault("payload-size-in-128-bits", "TCRP-2.4a", also=("TCRP-2.1",), note="of the size, the lower 16 bytes are read")
class PayloadSizeIn128Bits(Server):
    def parse_header(self, data: bytes) -> Header:
        return super().parse_header(data[:3] + bytes(13) + data[16:])


@fault("join-claims-without-limit", "TCRP-2.4a", note="the payload of a JOIN may be of any size")
class JoinClaimsWithoutLimit(Server):
    def check_sizes(self, header: Header) -> None:
        if header.operation != JOIN:
            super().check_sizes(header)


@fault("room-name-waited-for", "TCRP-2.4a", note="a claim is looked at once the room name has come")
class RoomNameWaitedFor(Server):
    def check_sizes(self, header: Header) -> None:
        pass

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        super().check_sizes(header)
        return room, stream.recv_exactly(header.payload_size)


@fault("room-name-in-one-recv", "TCRP-2.5a", note="the room name is what one recv gives, and the payload follows")
class RoomNameInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return stream.recv(header.room_size), stream.recv_exactly(header.payload_size)


@fault("bytes-after-a-join-refused", "TCRP-2.6a", note="a JOIN with bytes after it is malformed")
class BytesAfterAJoinRefused(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        body = super().read_body(stream, header)
        if header.operation == JOIN and stream.peek(0.02):
            raise Refused(MALFORMED)
        return body


@fault("json-ends-the-payload", "TCRP-6.2b", note="a payload is whole once it parses as JSON, whatever its size says")
class JsonEndsThePayload(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = stream.recv_exactly(header.room_size), b""
        while len(payload) < header.payload_size:
            if not (data := stream.recv(header.payload_size - len(payload))):
                raise Vanished
            payload += data
            try:
                if isinstance(json.loads(payload), dict):
                    break
            except ValueError:
                pass
        return room, payload


# 3.4 to 3.6: the answer -----------------------------------------------------------------------------


class _Rewritten(Server):
    def rewritten(self, request: Request, status: int) -> int:
        raise NotImplementedError

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, self.rewritten(request, status))


@fault("join-of-no-room-with-a-password-gets-3", "TCRP-3.4e", note="3 for a password where there is no room")
class JoinOfNoRoomWithAPasswordGets3(_Rewritten):
    def rewritten(self, request: Request, status: int) -> int:
        return WRONG_PASSWORD if status == ROOM_NOT_FOUND and b'"password"' in request.payload else status


@fault("join-of-a-closed-room-gets-3", "TCRP-5.2c", also=("TCRP-3.4e",), note="3 for a room that stood once")
class JoinOfAClosedRoomGets3(_Rewritten):
    closed: frozenset[bytes] = frozenset()

    def close_room(self, room: Room, why: str) -> None:
        self.closed |= {room.key}
        super().close_room(room, why)

    def rewritten(self, request: Request, status: int) -> int:
        return WRONG_PASSWORD if status == ROOM_NOT_FOUND and request.room in self.closed else status


@fault("malformed-and-a-complete", "TCRP-3.5b", note="status 4 is followed by a COMPLETE that says why")
class MalformedAndAComplete(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if status == MALFORMED:
            stream.send(self.frame(request, COMPLETE, b"malformed"))


@fault("too-large-a-claim-left-open", "TCRP-3.6a", note="after the refusal of a claim the connection stays open")
class TooLargeAClaimLeftOpen(Server):
    def check_sizes(self, header: Header) -> None:
        self.too_large = header.payload_size > MAX_PAYLOAD
        super().check_sizes(header)

    def finish(self, stream: Stream) -> None:
        if self.too_large:
            select.select([], [], [], 30.0)
        super().finish(stream)


# 3.10: passwords --------------------------------------------------------------------------------------


class _Lenient(Server):
    def fits(self, room: Room, password: bytes) -> bool:
        raise NotImplementedError

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not (room.password and password and self.fits(room, password)):
            super().check_password(room, user, password)


@fault("passwords-cut-at-900", "TCRP-3.10a", note="passwords are compared in their first 900 bytes")
class PasswordsCutAt900(_Lenient):
    def fits(self, room: Room, password: bytes) -> bool:
        return room.password[:900] == password[:900]


@fault("passwords-of-any-room", "TCRP-3.10a", note="the password of one room opens every other")
class PasswordsOfAnyRoom(_Lenient):
    def fits(self, room: Room, password: bytes) -> bool:
        return any(other.password == password for other in self.rooms.values())


@fault("passwords-in-latin-1", "TCRP-3.10a", note="passwords are compared with ? for what is not Latin-1")
class PasswordsInLatin1(_Lenient):
    def fits(self, room: Room, password: bytes) -> bool:
        return room.password.decode().encode("latin-1", "replace") == password.decode().encode("latin-1", "replace")


@fault("null-password-opens", "TCRP-3.10a", note="a JOIN with a null password is let in")
class NullPasswordOpens(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        self.null = b'"password":null' in request.payload
        return super().decide(request, peer)

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if not self.null:
            super().check_password(room, user, password)


# 6.1: others ------------------------------------------------------------------------------------------


@fault("one-at-a-time-for-300-ms", "TCRP-6.1b", note="one connection at a time, which may stall for 300 ms")
class OneAtATimeFor300Ms(Server):
    def take(self, stream: Stream) -> None:
        stream._begun, stream._deadline = True, time.monotonic() + 0.3
        self.run_connection(stream)

    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
