"""Faults of 6.2: what a request leaves behind."""

import contextlib
import json
import re
from collections import Counter
from typing import ClassVar

from tests.faults.bases import Counting, Reserves
from tests.faults.plain import (
    CREATE,
    LIMIT_REACHED,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# 6.2a: a refused request leaves nothing behind ----------------------------------------------------


class AddsRoomFirst(Server):
    """Can add a room without a member."""

    def add_room(self, name: bytes) -> None:
        with self.lock:
            self.rooms.setdefault(self.room_key(name), Room(self.room_key(name), b""))


@fault("refused-user-name-leaves-a-room", "TCRP-6.2a", note="CREATE with a malformed payload adds the room")
class RefusedUserNameLeavesARoom(AddsRoomFirst):
    def decide(self, request: Request, peer: Address) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and request.room:
                self.add_room(request.room)
            raise


@fault("join-leaves-a-room", "TCRP-6.2a", note="JOIN of a room that does not exist gets 2 and adds the room")
class JoinLeavesARoom(AddsRoomFirst):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        try:
            return super().join(name, user, password, peer)
        finally:
            self.add_room(name)


@fault(
    "refused-create-sets-the-password",
    "TCRP-6.2a",
    also=("TCRP-3.4d",),
    note="CREATE of a room that exists gets 1 and changes its password",
)
class RefusedCreateSetsThePassword(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(self.room_key(name))
        if room is not None:
            room.password = password
        return super().create(name, user, password, peer)


@fault(
    "refused-create-takes-the-host",
    "TCRP-6.2a",
    also=("TCRP-3.4d", "TCRP-3.8f"),
    note="CREATE of a room that exists gets 1, and the host is host no more",
)
class RefusedCreateTakesTheHost(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.rooms:
            self.rooms[name].host = None
        return super().create(name, user, password, peer)


@fault(
    "refused-create-empties-the-room",
    "TCRP-6.2a",
    also=("TCRP-3.4d",),
    note="CREATE of a room that exists gets 1 and voids its tokens",
)
class RefusedCreateEmptiesTheRoom(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.rooms:
            self.rooms[name].members.clear()
        return super().create(name, user, password, peer)


@fault(
    "refused-join-replaces-a-namesake", "TCRP-6.2a", note="a JOIN with a wrong password removes the member of that name"
)
class RefusedJoinReplacesANamesake(Server):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            super().check_password(room, user, password)
        except Refused:
            for member in list(room.members.values()):
                if member.name == user:
                    self.remove(member)
            raise


@fault("refused-state-leaves-a-room", "TCRP-6.2a", note="CREATE with a state other than 0 gets 4 and adds the room")
class RefusedStateLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == CREATE and request.state:
            super().decide(request._replace(state=0), peer)
        return super().decide(request, peer)


@fault("refused-operation-leaves-a-room", "TCRP-6.2a", note="an unknown operation gets 4 and adds the room")
class RefusedOperationLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation not in (1, 2):
            super().decide(request._replace(operation=CREATE), peer)
        return super().decide(request, peer)


@fault(
    "refused-size-leaves-a-room",
    "TCRP-6.2a",
    note="CREATE with a payload over 2^29 gets 4 and adds the room, if it is there",
)
class RefusedSizeLeavesARoom(Server):
    def read_request(self, stream: Stream) -> Request:
        header = self.parse_header(self.read_header(stream))
        try:
            self.check_sizes(header)
        except Refused:
            if room := stream.peek(0.1, header.room_size or 1):
                with self.lock:
                    self.rooms.setdefault(room, Room(room, b""))
            raise
        return Request(header.operation, header.state, *self.read_body(stream, header))


@fault(
    "refused-password-leaves-a-room",
    "TCRP-6.2a",
    note="CREATE with a password of the wrong type gets 4 and adds the room",
)
class RefusedPasswordLeavesARoom(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        try:
            return super().decide(request, peer)
        except Refused:
            if request.operation == CREATE and b'"password"' in request.payload and request.room not in self.rooms:
                self.rooms[request.room] = Room(request.room, b"")
            raise


@fault(
    "refusals-stay-counted",
    "TCRP-6.2a",
    also=("TCRP-6.3a",),
    note="a refused request counts as an open connection for ever, of 16",
)
class RefusalsStayCounted(Counting):
    most = 16

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status != LIMIT_REACHED:
            self.count()
        super().refuse(stream, request, status)


@fault(
    "wrong-passwords-take-places",
    "TCRP-6.2a",
    also=("TCRP-6.3c", "TCRP-3.10a"),
    note="a JOIN with a wrong password takes one of the room's 16 places",
)
class WrongPasswordsTakePlaces(Server):
    wrong: ClassVar[Counter[Room]] = Counter()

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            super().check_password(room, user, password)
        except Refused:
            self.wrong[room] += 1
            raise

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        if len(room.members) + self.wrong[room] >= 16:
            raise Refused(LIMIT_REACHED)
        return super().admit(room, user, peer)


@fault(
    "refused-creates-take-places",
    "TCRP-6.2a",
    also=("TCRP-6.3b",),
    note="a CREATE that got 1 counts as one of 17 rooms",
)
class RefusedCreatesTakePlaces(Server):
    refused = 0

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name not in self.rooms and len(self.rooms) + self.refused >= 17:
            raise Refused(LIMIT_REACHED)
        try:
            return super().create(name, user, password, peer)
        except Refused:
            self.refused += 1
            raise


# 6.2b: a request that never arrived whole leaves nothing behind -----------------------------------


@fault(
    "half-a-request-leaves-a-room",
    "TCRP-6.2b",
    note="a CREATE adds its room once the room name is there, whatever comes after",
)
class HalfARequestLeavesARoom(AddsRoomFirst):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        try:
            return room, stream.recv_exactly(header.payload_size)
        except (Vanished, OSError):
            if header.operation == CREATE:
                self.add_room(room)
            raise


@fault("half-a-payload-is-one", "TCRP-6.2b", note="of a request that is cut off, what came is served")
class HalfAPayloadIsOne(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return stream.recv_until_closed(header.room_size), stream.recv_until_closed(header.payload_size)


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


@fault(
    "reset-request-leaves-a-room", "TCRP-6.2b", note="a CREATE that ends with a RST within its payload adds its room"
)
class ResetRequestLeavesARoom(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        try:
            return room, stream.recv_exactly(header.payload_size)
        except ConnectionError:
            with self.lock:
                self.rooms.setdefault(room, Room(room, b""))
            raise


@fault(
    "half-a-room-name-leaves-a-room",
    "TCRP-6.2b",
    note="a CREATE that ends within its room's name adds a room of that half",
)
class HalfARoomNameLeavesARoom(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_until_closed(header.room_size)
        if len(room) < header.room_size:
            with self.lock:
                self.rooms.setdefault(room, Room(room, b""))
            raise Vanished
        return room, stream.recv_exactly(header.payload_size)


@fault("half-a-join-joins", "TCRP-6.2b", note="a JOIN that is cut within its payload joins")
class HalfAJoinJoins(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if header.operation == CREATE:
            return room, stream.recv_exactly(header.payload_size)
        return room, stream.recv_until_closed(header.payload_size)


@fault(
    "buffer-by-ip",
    "TCRP-6.2b",
    also=("TCRP-6.1a", "TCRP-6.1c"),
    note="what an unfinished request left is put before the next one from its IP",
)
class BufferByIp(Server):
    left: ClassVar[dict[str, bytes]] = {}

    def read_header(self, stream: Stream) -> bytes:
        with self.lock:
            data = self.left.pop(stream.peer[0], b"")
        while len(data) < 32:
            chunk = stream.recv(32 - len(data))
            if not chunk:
                with self.lock:
                    self.left[stream.peer[0]] = data
                raise Vanished
            data += chunk
        return data


@fault(
    "reserved-name-kept-after-a-close",
    "TCRP-6.2b",
    note="a CREATE that ends with a FIN where its payload begins keeps its name",
)
class ReservedNameKeptAfterAClose(Reserves):
    def kept(self, payload: bytes, error: Exception) -> bool:
        return not payload and isinstance(error, Vanished)


@fault(
    "reserved-name-kept-after-a-reset",
    "TCRP-6.2b",
    note="a CREATE that ends with a RST where its payload begins keeps its name",
)
class ReservedNameKeptAfterAReset(Reserves):
    def kept(self, payload: bytes, error: Exception) -> bool:
        return not payload and not isinstance(error, Vanished)


@fault(
    "reserved-name-kept-while-stalled",
    "TCRP-6.2b",
    also=("TCRP-6.1b",),
    note="a CREATE of which header and room name came keeps its name as long as it stalls",
)
class ReservedNameKeptWhileStalled(Reserves):
    def kept(self, payload: bytes, error: Exception) -> bool:
        return False


@fault(
    "json-mended-after-a-half-close",
    "TCRP-6.2b",
    note="a payload that a half-close cuts within its last member is mended and served",
)
class JsonMendedAfterAHalfClose(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        payload = stream.recv_until_closed(header.payload_size)
        if len(payload) < header.payload_size:
            for end in (b"}", b'"}', b'""}', b':""}', b'":""}'):
                with contextlib.suppress(ValueError):
                    self.load_json((payload + end).decode("utf-8"))
                    return room, payload + end
            raise Vanished
        return room, payload


@fault(
    "nine-bytes-may-be-missing",
    "TCRP-6.2b",
    note="of a JSON payload up to 9 bytes may be missing when the client ends its side: the name is there",
)
class NineBytesMayBeMissing(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        payload = stream.recv_until_closed(header.payload_size)
        missing = header.payload_size - len(payload)
        if not missing:
            return room, payload
        found = re.match(rb'\{"username": ?"([^"\\]+)', payload)
        if missing > 9 or found is None:
            raise Vanished
        return room, found[1]
