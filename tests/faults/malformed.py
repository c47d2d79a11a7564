"""Faults of section 3.7: malformed requests."""

from __future__ import annotations

import time

from plain import Server
from plain_chat import Member
from plain_control import CREATE, JOIN, MALFORMED, REQUEST, SERVER_ERROR, Header, Refused, Request
from registry import fault
from stream import Stream

# 3.7: malformed requests ------------------------------------------------------------------------


@fault("unknown-operation-creates", "TCRP-3.7a", note="what is not JOIN is CREATE")
class UnknownOperationCreates(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request if request.operation == JOIN else request._replace(operation=CREATE), peer)


@fault("unknown-operation-joins", "TCRP-3.7a", note="what is not CREATE is JOIN")
class UnknownOperationJoins(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request if request.operation == CREATE else request._replace(operation=JOIN), peer)


@fault("operation-by-its-low-bits", "TCRP-3.7a", note="operation 0x81 is operation 1")
class OperationByItsLowBits(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(operation=request.operation & 3), peer)


@fault(
    "unknown-operation-unanswered",
    "TCRP-3.7a",
    also=("TCRP-3.6a",),
    note="an unknown operation gets neither an answer nor a close",
)
class UnknownOperationUnanswered(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation not in (CREATE, JOIN):
            time.sleep(3600)
        return super().decide(request, peer)


@fault(
    "malformed-is-status-5",
    "TCRP-3.7a",
    also=("TCRP-3.7b", "TCRP-3.7c", "TCRP-3.7d", "TCRP-3.7e", "TCRP-3.2c", "TCRP-3.2g", "TCRP-3.3b"),
    note="a malformed request gets 5",
)
class MalformedIsStatus5(Server):
    def status(self, status: int) -> bytes:
        return super().status(SERVER_ERROR if status == MALFORMED else status)


@fault("request-state-ignored", "TCRP-3.7b", note="a request of any state is served")
class RequestStateIgnored(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        return super().decide(request._replace(state=REQUEST), peer)


@fault("bad-utf8-in-room-accepted", "TCRP-3.7c", note="a room name need not be UTF-8")
class BadUtf8InRoomAccepted(Server):
    def check_room(self, name: bytes) -> None:
        if not name:
            raise Refused(MALFORMED)


@fault("bad-utf8-replaced", "TCRP-3.7c", note="what is not UTF-8 is decoded with replacement characters")
class BadUtf8Replaced(Server):
    def decode(self, data: bytes) -> str:
        return data.decode("utf-8", "replace")

    def parse_json(self, payload: bytes) -> dict[str, object]:
        return super().parse_json(payload.decode("utf-8", "replace").encode())

    def check_user(self, name: bytes) -> bytes:
        return super().check_user(name).decode("utf-8", "replace").encode()


@fault("utf8-of-surrogates-accepted", "TCRP-3.7c", note="ED A0 80 is taken for UTF-8, as some decoders do")
class Utf8OfSurrogatesAccepted(Server):
    def decode(self, data: bytes) -> str:
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Refused(MALFORMED) from None


@fault("latin-1-as-a-last-resort", "TCRP-3.7c", note="a raw user name that is not UTF-8 is taken for Latin-1")
class Latin1AsALastResort(Server):
    def check_user(self, name: bytes) -> bytes:
        try:
            name.decode("utf-8")
        except UnicodeDecodeError:
            name = name.decode("latin-1").encode("utf-8")
        return super().check_user(name)


@fault("empty-room-accepted", "TCRP-3.7d", note="an empty room name is a room name")
class EmptyRoomAccepted(Server):
    def check_room(self, name: bytes) -> None:
        self.decode(name)


@fault("empty-payload-is-anonymous", "TCRP-3.7e", note="an empty payload is the user anonymous")
class EmptyPayloadIsAnonymous(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return super().parse_payload(payload or b"anonymous")


@fault(
    "empty-payload-unanswered",
    "TCRP-3.7e",
    also=("TCRP-3.6a",),
    note="after an empty payload it still waits for one byte more",
)
class EmptyPayloadUnanswered(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        return room, stream.recv_exactly(max(1, header.payload_size))
