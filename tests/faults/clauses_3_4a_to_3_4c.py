"""Faults of 3.4a to 3.4c: the ACK, and what is served."""

import time
from collections import Counter
from typing import ClassVar

from tests.faults.bases import Crashing, EchoesAnotherRoom, RemembersLeaversNames, joining
from tests.faults.plain import (
    ACK,
    COMPLETE,
    CREATE,
    JOIN,
    LIMIT_REACHED,
    OK,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.4a: the ACK echoes operation and room; its payload is one status byte --------------------------


@fault(
    "dies-of-the-first-join",
    "TCRP-3.4a",
    also=("TCRP-6.1e",),
    note="a JOIN of a room that stands ends the process",
)
class DiesOfTheFirstJoin(Crashing):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == 2 and request.room in self.rooms:
            raise KeyError(request.payload)
        return super().decide(request, peer)


@fault("operation-constant-in-replies", "TCRP-3.4a", also=("TCRP-3.5a",), note="every reply's operation is 10")
class OperationConstantInReplies(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(operation=10), state, payload)


@fault(
    "operation-1-in-replies",
    "TCRP-3.4a",
    also=("TCRP-3.5a",),
    note="every reply's operation is 1, that to a JOIN too",
)
class Operation1InReplies(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(operation=1), state, payload)


@fault("room-not-echoed", "TCRP-3.4a", also=("TCRP-3.5a",), note="replies have a room name of size 0")
class RoomNotEchoed(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(room=b""), state, payload)


@fault("room-not-echoed-in-refusals", "TCRP-3.4a", note="a refusal has a room name of size 0")
class RoomNotEchoedInRefusals(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request._replace(room=b""), status)


@fault("room-echoed-in-lower-case", "TCRP-3.4a", also=("TCRP-3.5a",), note="replies name the room in lower case")
class RoomEchoedInLowerCase(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(room=request.room.lower()), state, payload)


@fault("ack-in-state-0", "TCRP-3.4a", also=("TCRP-3.1b",), note="ACK comes with state 0")
class AckInState0(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request, 0 if state == ACK else state, payload)


@fault("refusal-in-state-2", "TCRP-3.4a", also=("TCRP-3.1b", "TCRP-3.5b"), note="a refusal comes with state 2")
class RefusalInState2(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        stream.send(self.frame(request, COMPLETE, self.status(status)))


@fault("status-json", "TCRP-3.4a", note='the status is JSON: {"status": 0}')
class StatusJson(Server):
    def status(self, status: int) -> bytes:
        return b'{"status": %d}' % status


@fault("status-digit", "TCRP-3.4a", also=("TCRP-3.4c",), note="the status is an ASCII digit")
class StatusDigit(Server):
    def status(self, status: int) -> bytes:
        return b"%d" % status


@fault("status-4-bytes", "TCRP-3.4a", note="the status is a number of 4 bytes")
class Status4Bytes(Server):
    def status(self, status: int) -> bytes:
        return status.to_bytes(4, "big")


@fault("status-left-out", "TCRP-3.4a", note="an ACK of status 0 has no payload")
class StatusLeftOut(Server):
    def status(self, status: int) -> bytes:
        return b"" if status == OK else super().status(status)


@fault(
    "status-in-the-state",
    "TCRP-3.4a",
    also=("TCRP-3.1b",),
    note="the State byte is the status, and there is no payload",
)
class StatusInTheState(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        if state == ACK:
            return super().frame(request, payload[0], b"")
        return super().frame(request, state, payload)


@fault("ack-left-out", "TCRP-3.4a", note="success is COMPLETE alone")
class AckLeftOut(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, COMPLETE, member.token))


@fault("wrong-password-not-echoed", "TCRP-3.4a", also=("TCRP-3.10a",), note="status 3 comes without the room's name")
class WrongPasswordNotEchoed(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request._replace(room=b"") if status == WRONG_PASSWORD else request, status)


@fault("not-found-not-echoed", "TCRP-3.4a", also=("TCRP-3.4e",), note="status 2 comes without the room's name")
class NotFoundNotEchoed(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request._replace(room=b"") if status == ROOM_NOT_FOUND else request, status)


@fault("ack-room-cut-at-127", "TCRP-3.4a", note="an ACK has the first 127 bytes of the room name")
class AckRoomCutAt127(EchoesAnotherRoom):
    state = ACK

    def echo(self, room: bytes) -> bytes:
        return room[:127]


@fault("ack-room-stripped", "TCRP-3.4a", note="an ACK has the room name without the spaces around it")
class AckRoomStripped(EchoesAnotherRoom):
    state = ACK

    def echo(self, room: bytes) -> bytes:
        return room.strip(b" ") or room


@fault(
    "room-of-the-latest-request",
    "TCRP-3.4a",
    also=("TCRP-2.5a", "TCRP-6.1b"),
    note="the room name is kept in a variable that the next connection overwrites",
)
class RoomOfTheLatestRequest(Server):
    room = b""

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        self.room = stream.recv_exactly(header.room_size)
        payload = stream.recv_exactly(header.payload_size)
        return self.room, payload


# 3.4b: the ACK comes at once, before anything slow ------------------------------------------------


@fault("ack-after-slow-work", "TCRP-3.4b", note="every success takes a second before its ACK")
class AckAfterSlowWork(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        time.sleep(1.0)
        super().accept(stream, request, member)


@fault("join-after-slow-work", "TCRP-3.4b", note="a JOIN that succeeds takes a second before its ACK")
class JoinAfterSlowWork(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if joining(request):
            time.sleep(1)
        super().accept(stream, request, member)


@fault("ack-after-the-password-hash", "TCRP-3.4b", note="CREATE with a password takes a second before its ACK")
class AckAfterThePasswordHash(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if request.operation == CREATE and member.room.password:
            time.sleep(1)
        super().accept(stream, request, member)


# 3.4c: a good CREATE and a good JOIN get status 0 -------------------------------------------------


@fault("joins-of-a-new-room-too-early", "TCRP-3.4c", note="a room can be joined half a second after its COMPLETE")
class JoinsOfANewRoomTooEarly(Server):
    created: ClassVar[dict[Room, float]] = {}

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        member = super().create(name, user, password, peer)
        self.created[member.room] = time.monotonic()
        return member

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and time.monotonic() < self.created.get(room, 0) + 0.5:
            raise Refused(ROOM_NOT_FOUND)
        return super().join(name, user, password, peer)


@fault("status-200", "TCRP-3.4c", note="success is status 200")
class Status200(Server):
    def status(self, status: int) -> bytes:
        return bytes([200 if status == OK else status])


@fault("status-of-join-is-true", "TCRP-3.4c", note="success of a JOIN is status 1")
class StatusOfJoinIsTrue(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        status = 1 if request.operation == JOIN else OK
        stream.send(self.frame(request, ACK, self.status(status)))
        stream.send(self.frame(request, COMPLETE, member.token))


@fault("join-before-the-host-registers-refused", "TCRP-3.4c", note="a room is found once its host sent a datagram")
class JoinBeforeTheHostRegistersRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and room.host and room.host.address is None:
            raise Refused(ROOM_NOT_FOUND)
        return super().join(name, user, password, peer)


@fault(
    "leaver-cannot-join-again",
    "TCRP-3.4c",
    also=("TCRP-5.3e",),
    note="who left a room cannot join it under its name again",
)
class LeaverCannotJoinAgain(RemembersLeaversNames):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and user in self.gone[room]:
            raise Refused(WRONG_PASSWORD)
        return super().join(name, user, password, peer)


@fault(
    "a-name-joins-three-times",
    "TCRP-3.4c",
    also=("TCRP-6.3c",),
    note="a user name may join a room of one name three times",
)
class ANameJoinsThreeTimes(Server):
    joined: ClassVar[Counter[tuple[bytes, bytes]]] = Counter()

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.joined[name, user] >= 3:
            raise Refused(LIMIT_REACHED)
        member = super().join(name, user, password, peer)
        self.joined[name, user] += 1
        return member


@fault(
    "not-found-is-remembered",
    "TCRP-3.4c",
    also=("TCRP-6.2a",),
    note="that a room was not found is remembered for 3 seconds",
)
class NotFoundIsRemembered(Server):
    missing: ClassVar[dict[bytes, float]] = {}

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if time.monotonic() - self.missing.get(name, float("-inf")) < 3:
            raise Refused(ROOM_NOT_FOUND)
        if name not in self.rooms:
            self.missing[name] = time.monotonic()
        return super().join(name, user, password, peer)


@fault(
    "status-of-the-latest-decision",
    "TCRP-3.4c",
    also=("TCRP-3.4d", "TCRP-3.4e", "TCRP-3.10a"),
    note="a refusal, 30 ms after it was decided, has the status that was decided last",
)
class StatusOfTheLatestDecision(Server):
    latest = 0

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        self.latest = status
        time.sleep(0.03)
        super().refuse(stream, request, self.latest)
