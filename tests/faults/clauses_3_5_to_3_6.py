"""Faults of 3.5 and 3.6: the COMPLETE, and the end of the connection."""

import secrets
import select
import unicodedata
import uuid
from typing import ClassVar

from tests.faults.bases import EchoesAnotherRoom, joining
from tests.faults.plain import (
    ACK,
    COMPLETE,
    MALFORMED,
    MAX_PAYLOAD,
    OK,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Header,
    Member,
    Request,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.5a: after status 0 a COMPLETE carries the token ------------------------------------------------


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


@fault("complete-room-ends-at-nul", "TCRP-3.5a", note="a COMPLETE has the room name up to its first NUL")
class CompleteRoomEndsAtNul(EchoesAnotherRoom):
    state = COMPLETE

    def echo(self, room: bytes) -> bytes:
        return room.partition(b"\0")[0]


@fault("complete-room-in-nfc", "TCRP-3.5a", note="a COMPLETE has the room name normalised")
class CompleteRoomInNfc(EchoesAnotherRoom):
    state = COMPLETE

    def echo(self, room: bytes) -> bytes:
        try:
            return unicodedata.normalize("NFC", room.decode()).encode()
        except UnicodeDecodeError:
            return room


# 3.5b: after any other status there is no COMPLETE ------------------------------------------------


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


@fault("malformed-and-a-complete", "TCRP-3.5b", note="status 4 is followed by a COMPLETE that says why")
class MalformedAndAComplete(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        if status == MALFORMED:
            stream.send(self.frame(request, COMPLETE, b"malformed"))


# 3.6a: the server closes the connection after its last frame --------------------------------------


@fault("connection-left-open", "TCRP-3.6a", note="the connection stays open until the client closes it")
class ConnectionLeftOpen(Server):
    def finish(self, stream: Stream) -> None:
        stream.drain(3600)


@fault("refused-connection-left-open", "TCRP-3.6a", note="after a refusal the connection stays open")
class RefusedConnectionLeftOpen(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, status)
        stream.drain(3600)


class LeavesOpen(Server):
    """After these statuses it leaves the connection open, until the client closes it or 30 s have passed."""

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


@fault("too-large-a-claim-left-open", "TCRP-3.6a", note="after the refusal of a claim the connection stays open")
class TooLargeAClaimLeftOpen(Server):
    def check_sizes(self, header: Header) -> None:
        self.too_large = header.payload_size > MAX_PAYLOAD
        super().check_sizes(header)

    def finish(self, stream: Stream) -> None:
        if self.too_large:
            select.select([], [], [], 30.0)
        super().finish(stream)
