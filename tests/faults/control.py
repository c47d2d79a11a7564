"""Faults of sections 3.1 and 3.4 to 3.6: operations and answers."""

from __future__ import annotations

import time
import uuid

from plain import Server
from plain_chat import Member
from plain_control import (
    ACK,
    COMPLETE,
    CREATE,
    JOIN,
    MALFORMED,
    OK,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    Header,
    Request,
)
from registry import fault
from stream import Stream

# 3.1: numbers -----------------------------------------------------------------------------------


@fault("operations-swapped", "TCRP-3.1a", also=("TCRP-3.4c",), note="1 joins and 2 creates")
class OperationsSwapped(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        swapped = {CREATE: JOIN, JOIN: CREATE}.get(request.operation, request.operation)
        return super().decide(request._replace(operation=swapped), peer)


@fault("operations-from-zero", "TCRP-3.1a", also=("TCRP-3.4c",), note="0 creates and 1 joins")
class OperationsFromZero(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(operation=request.operation + 1), peer)


@fault(
    "states-from-one",
    "TCRP-3.1b",
    also=("TCRP-3.4a", "TCRP-3.5a"),
    note="ACK is state 2 and COMPLETE is state 3",
)
class StatesFromOne(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        header = Header(len(request.room), request.operation, state + 1, len(payload))
        return self.build_header(header) + request.room + payload


@fault("requests-have-state-1", "TCRP-3.1b", also=("TCRP-3.4c",), note="a request's state must be 1")
class RequestsHaveState1(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(state=request.state - 1), peer)


# 3.4: ACK ---------------------------------------------------------------------------------------


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


@fault(
    "refusals-are-closes",
    "TCRP-3.4d",
    also=("TCRP-3.4e", "TCRP-3.10a"),
    note="whoever is refused sees the connection close, and no status",
)
class RefusalsAreCloses(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        pass


@fault("ack-after-slow-work", "TCRP-3.4b", note="every success takes a second before its ACK")
class AckAfterSlowWork(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        time.sleep(1.0)
        super().accept(stream, request, member)


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


@fault("create-joins-what-exists", "TCRP-3.4d", note="CREATE of a room that exists joins it")
class CreateJoinsWhatExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if self.room_key(name) in self.rooms:
            return self.join(name, user, password, peer)
        return super().create(name, user, password, peer)


@fault(
    "create-replaces-what-exists",
    "TCRP-3.4d",
    also=("TCRP-3.9",),
    note="CREATE of a room that exists starts it anew",
)
class CreateReplacesWhatExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        self.rooms.pop(self.room_key(name), None)
        return super().create(name, user, password, peer)


@fault("exists-is-status-4", "TCRP-3.4d", also=("TCRP-3.9",), note="CREATE of a room that exists gets 4")
class ExistsIsStatus4(Server):
    def status(self, status: int) -> bytes:
        return super().status(MALFORMED if status == ROOM_EXISTS else status)


@fault("join-creates-what-is-missing", "TCRP-3.4e", note="JOIN of a room that does not exist creates it")
class JoinCreatesWhatIsMissing(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if self.room_key(name) not in self.rooms:
            return self.create(name, user, password, peer)
        return super().join(name, user, password, peer)


@fault("not-found-is-status-1", "TCRP-3.4e", note="JOIN of a room that does not exist gets 1")
class NotFoundIsStatus1(Server):
    def status(self, status: int) -> bytes:
        return super().status(ROOM_EXISTS if status == ROOM_NOT_FOUND else status)


# 3.5 and 3.6: COMPLETE and the end --------------------------------------------------------------


@fault("complete-left-out", "TCRP-3.5a", note="success is ACK alone")
class CompleteLeftOut(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))


@fault("complete-before-ack", "TCRP-3.5a", also=("TCRP-3.4a",), note="COMPLETE comes before ACK")
class CompleteBeforeAck(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, COMPLETE, member.token))
        stream.send(self.frame(request, ACK, self.status(OK)))


@fault("complete-without-room", "TCRP-3.5a", note="COMPLETE has a room name of size 0")
class CompleteWithoutRoom(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(room=b"") if state == COMPLETE else request, state, payload)


@fault("complete-without-operation", "TCRP-3.5a", note="COMPLETE has operation 0")
class CompleteWithoutOperation(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request._replace(operation=0) if state == COMPLETE else request, state, payload)


@fault("complete-in-state-1", "TCRP-3.5a", also=("TCRP-3.1b",), note="COMPLETE comes with state 1")
class CompleteInState1(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return super().frame(request, ACK, payload)


@fault(
    "token-in-json",
    "TCRP-3.5a",
    also=("TCRP-4.4a",),
    note='COMPLETE holds {"token": "..."}, a datagram needs what is in it',
)
class TokenInJson(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        stream.send(self.frame(request, COMPLETE, b'{"token": "%s"}' % member.token))


@fault(
    "token-with-newline",
    "TCRP-3.5a",
    also=("TCRP-4.4a",),
    note="the token in COMPLETE ends with a newline that is no part of it",
)
class TokenWithNewline(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        stream.send(self.frame(request, ACK, self.status(OK)))
        stream.send(self.frame(request, COMPLETE, member.token + b"\n"))


@fault("complete-after-refusal", "TCRP-3.5b", note="a refusal is followed by a COMPLETE without a token")
class CompleteAfterRefusal(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        stream.send(self.frame(request, COMPLETE, b""))


@fault(
    "token-after-refusal",
    "TCRP-3.5b",
    also=("TCRP-3.7a",),
    note="a refusal is followed by a COMPLETE with a token that opens nothing",
)
class TokenAfterRefusal(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        stream.send(self.frame(request, COMPLETE, uuid.uuid4().bytes))


@fault("connection-left-open", "TCRP-3.6a", note="the connection stays open until the client closes it")
class ConnectionLeftOpen(Server):
    def finish(self, stream: Stream) -> None:
        stream.drain(3600)


@fault("refused-connection-left-open", "TCRP-3.6a", note="after a refusal the connection stays open")
class RefusedConnectionLeftOpen(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        stream.drain(3600)
