"""Faults of JOIN alone, or of one kind of refusal: right for CREATE, forgotten in the other branch."""

from __future__ import annotations

import secrets
import time
from typing import ClassVar

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
    WRONG_PASSWORD,
    Header,
    Refused,
    Request,
)
from registry import fault
from stream import Stream


def joining(request: Request) -> bool:
    return request.operation == JOIN


@fault(
    "join-counts-characters",
    "TCRP-2.3a",
    note="a JOIN finds its room by the first RoomNameSize characters of its body",
)
class JoinCountsCharacters(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = super().read_body(stream, header)
        if header.operation != JOIN:
            return room, payload
        body = (room + payload).decode("utf-8", "replace")
        return body[: header.room_size].encode(), payload


@fault("join-in-one-recv", "TCRP-2.5a", note="the body of a JOIN is whatever one recv gives")
class JoinInOneRecv(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        if header.operation != JOIN:
            return super().read_body(stream, header)
        data = stream.recv(header.room_size + header.payload_size)
        return data[: header.room_size], data[header.room_size :]


@fault("join-state-ignored", "TCRP-3.7b", note="a JOIN of any state is served")
class JoinStateIgnored(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(state=0) if joining(request) else request, peer)


@fault("state-1-served", "TCRP-3.7b", note="a request may have state 1, too")
class State1Served(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(state=0) if request.state == 1 else request, peer)


@fault("state-by-its-low-bits", "TCRP-3.7b", note="state 0x80 is state 0")
class StateByItsLowBits(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(state=request.state & 0x7F), peer)


@fault("operation-0-creates", "TCRP-3.7a", note="operation 0 is CREATE, too")
class Operation0Creates(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(operation=request.operation or CREATE), peer)


@fault("operation-3-joins", "TCRP-3.7a", note="operation 3 is JOIN, too")
class Operation3Joins(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(operation=JOIN if request.operation == 3 else request.operation), peer)


@fault("operation-digits-served", "TCRP-3.7a", note="the digits 1 and 2 are operations, too")
class OperationDigitsServed(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        digits = {0x31: CREATE, 0x32: JOIN}
        return super().decide(request._replace(operation=digits.get(request.operation, request.operation)), peer)


@fault("operation-3-lists", "TCRP-3.7a", note="operation 3 is answered with status 0 and a list of the rooms")
class Operation3Lists(Server):
    def exchange(self, stream: Stream) -> None:
        head = stream.peek(5, 32)
        if head and len(head) == 32 and head[1] == 3:
            request = self.read_request(stream)
            stream.send(self.frame(request, ACK, self.status(OK)))
            stream.send(self.frame(request, COMPLETE, b",".join(self.rooms)))
            return
        super().exchange(stream)


class ReadsJoinsItsOwnWay(Server):
    """`payload_of_join` is user name and password of a JOIN."""

    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        raise NotImplementedError

    def decide(self, request: Request, peer: tuple) -> Member:
        if not joining(request) or request.state:
            return super().decide(request, peer)
        self.check_room(request.room)
        user, password = self.payload_of_join(request.payload)
        with self.lock:
            return self.join(request.room, user, password, peer)


@fault("join-raw-refused", "TCRP-3.2i", note="a JOIN must be JSON")
class JoinRawRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("join-json-not-understood", "TCRP-3.2a", also=("TCRP-3.8d",), note="the JSON of a JOIN is its raw user name")
class JoinJsonNotUnderstood(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.check_user(payload), self.parse_payload(payload)[1]


@fault("join-of-bad-utf8-accepted", "TCRP-3.7c", note="a raw user name that joins need not be UTF-8")
class JoinOfBadUtf8Accepted(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.parse_payload(payload if payload.startswith(b"{") else payload.decode(errors="replace").encode())


@fault("join-of-nobody-accepted", "TCRP-3.7e", note="an empty payload joins as anonymous")
class JoinOfNobodyAccepted(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.parse_payload(payload or b"anonymous")


@fault("join-with-control-characters", "TCRP-3.3b", note="a user name that joins may hold control characters")
class JoinWithControlCharacters(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{"):
            return self.parse_payload(payload)
        self.check_user_size(payload)
        self.decode(payload)
        return payload, b""


@fault("join-with-any-length", "TCRP-3.3b", note="a user name that joins may be longer than 255 bytes")
class JoinWithAnyLength(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        self.check_user_size = lambda name: None  # nothing joins while something creates but the suite's own
        try:
            return self.parse_payload(payload)
        finally:
            del self.check_user_size


@fault("join-first-equal-key-counts", "TCRP-3.2e", note="of equal keys of a JOIN the first counts")
class JoinFirstEqualKeyCounts(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        with self.lock:
            self.members_of_object = lambda pairs: dict(reversed(pairs))
            try:
                return self.parse_payload(payload)
            finally:
                del self.members_of_object


@fault("join-unknown-keys-refused", "TCRP-3.2d", note="a JOIN with an unknown key is malformed")
class JoinUnknownKeysRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and set(self.parse_json(payload)) - {"username", "password"}:
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("join-username-of-any-type", "TCRP-3.2c", note="a username that joins may be a number")
class JoinUsernameOfAnyType(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and isinstance(name := self.parse_json(payload).get("username"), int):
            return str(name).encode(), b""
        return self.parse_payload(payload)


@fault("join-bytes-after-object-ignored", "TCRP-3.2g", note="whatever follows the object of a JOIN is ignored")
class JoinBytesAfterObjectIgnored(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and b"}" in payload:
            payload = payload[: payload.rindex(b"}") + 1]
        return self.parse_payload(payload)


@fault("join-white-space-after-object-refused", "TCRP-3.2f", note="the payload of a JOIN must end with }")
class JoinWhiteSpaceAfterObjectRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and not payload.endswith(b"}"):
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("join-payload-512-bytes-at-most", "TCRP-2.4c", note="a JOIN's payload over 512 bytes is refused")
class JoinPayload512BytesAtMost(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if len(payload) > 512:
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("join-half-close-unanswered", "TCRP-2.6c", note="a client that has ended its side does not join")
class JoinHalfCloseUnanswered(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if joining(request) and stream.peek(0.05) == b"":
            return
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


@fault("join-before-the-host-registers-refused", "TCRP-3.4c", note="a room is found once its host sent a datagram")
class JoinBeforeTheHostRegistersRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and room.host and room.host.address is None:
            raise Refused(ROOM_NOT_FOUND)
        return super().join(name, user, password, peer)


# 3.4 and 3.5: one kind of refusal -----------------------------------------------------------------


@fault("wrong-password-not-echoed", "TCRP-3.4a", also=("TCRP-3.10a",), note="status 3 comes without the room's name")
class WrongPasswordNotEchoed(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request._replace(room=b"") if status == WRONG_PASSWORD else request, status)


@fault("not-found-not-echoed", "TCRP-3.4a", also=("TCRP-3.4e",), note="status 2 comes without the room's name")
class NotFoundNotEchoed(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request._replace(room=b"") if status == ROOM_NOT_FOUND else request, status)


@fault("wrong-password-gets-a-complete", "TCRP-3.5b", also=("TCRP-3.10a",), note="status 3 is followed by a COMPLETE")
class WrongPasswordGetsAComplete(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if status == WRONG_PASSWORD:
            stream.send(self.frame(request, COMPLETE, secrets.token_hex(16).encode()))


@fault("exists-gets-a-complete", "TCRP-3.5b", also=("TCRP-3.4d",), note="status 1 is followed by a COMPLETE")
class ExistsGetsAComplete(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if status == ROOM_EXISTS:
            stream.send(self.frame(request, COMPLETE, secrets.token_hex(16).encode()))


class LeavesOpen(Server):
    """After these statuses it waits for the client to close."""

    statuses: ClassVar[set[int]] = set()

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if status in self.statuses:
            self.forget_connection(stream)
            stream.drain(30)


@fault("wrong-password-left-open", "TCRP-3.6a", also=("TCRP-3.10a",), note="after status 3 another try is waited for")
class WrongPasswordLeftOpen(LeavesOpen):
    statuses: ClassVar[set[int]] = {WRONG_PASSWORD}


@fault("not-found-left-open", "TCRP-3.6a", also=("TCRP-3.4e",), note="after status 2 another try is waited for")
class NotFoundLeftOpen(LeavesOpen):
    statuses: ClassVar[set[int]] = {ROOM_NOT_FOUND}


@fault("malformed-left-open", "TCRP-3.6a", also=("TCRP-3.7a",), note="after status 4 the connection stays open")
class MalformedLeftOpen(LeavesOpen):
    statuses: ClassVar[set[int]] = {MALFORMED}


@fault("join-left-open", "TCRP-3.6a", note="after a JOIN that succeeded the connection stays open")
class JoinLeftOpen(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        if joining(request):
            self.forget_connection(stream)
            stream.drain(30)


@fault(
    "creator-may-create-again", "TCRP-3.4d", also=("TCRP-3.9",), note="a room's creator, by name and IP, starts it anew"
)
class CreatorMayCreateAgain(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and room.host and (room.host.name, room.host.ip) == (user, self.ip_of(peer)):
            del self.rooms[name]
        return super().create(name, user, password, peer)


@fault("create-with-the-password-joins", "TCRP-3.4d", note="CREATE of a room that exists joins it with its password")
class CreateWithThePasswordJoins(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and room.password and room.password == password:
            return self.join(name, user, password, peer)
        return super().create(name, user, password, peer)


@fault(
    "create-replaces-an-unused-room",
    "TCRP-3.4d",
    also=("TCRP-3.9", "TCRP-3.11"),
    note="a room with no datagram yet is replaced",
)
class CreateReplacesAnUnusedRoom(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        room = self.rooms.get(name)
        if room and all(member.address is None for member in room.members.values()):
            del self.rooms[name]
        return super().create(name, user, password, peer)
