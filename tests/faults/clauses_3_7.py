"""Faults of 3.7: malformed requests."""

import re
import time

from tests.faults.bases import ReadsJoinsItsOwnWay, joining
from tests.faults.plain import (
    ACK,
    COMPLETE,
    CREATE,
    JOIN,
    MALFORMED,
    OK,
    REQUEST,
    SERVER_ERROR,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.7a: an unknown operation gets status 4 or a close ----------------------------------------------


@fault("operation-0-creates", "TCRP-3.7a", note="operation 0 is CREATE, too")
class Operation0Creates(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(operation=request.operation or CREATE), peer)


@fault("operation-3-joins", "TCRP-3.7a", note="operation 3 is JOIN, too")
class Operation3Joins(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(operation=JOIN if request.operation == 3 else request.operation), peer)


@fault("operation-digits-served", "TCRP-3.7a", note="the digits 1 and 2 are operations, too")
class OperationDigitsServed(Server):
    def decide(self, request: Request, peer: Address) -> Member:
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


@fault("unknown-operation-creates", "TCRP-3.7a", note="what is not JOIN is CREATE")
class UnknownOperationCreates(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request if request.operation == JOIN else request._replace(operation=CREATE), peer)


@fault("unknown-operation-joins", "TCRP-3.7a", note="what is not CREATE is JOIN")
class UnknownOperationJoins(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request if request.operation == CREATE else request._replace(operation=JOIN), peer)


@fault("operation-by-its-low-bits", "TCRP-3.7a", note="operation 0x81 is operation 1")
class OperationByItsLowBits(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(operation=request.operation & 3), peer)


@fault(
    "unknown-operation-unanswered",
    "TCRP-3.7a",
    also=("TCRP-3.6a",),
    note="an unknown operation gets neither an answer nor a close",
)
class UnknownOperationUnanswered(Server):
    def decide(self, request: Request, peer: Address) -> Member:
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


# 3.7b: a request whose state is not 0 gets status 4 or a close ------------------------------------


@fault("join-state-ignored", "TCRP-3.7b", note="a JOIN of any state is served")
class JoinStateIgnored(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(state=0) if joining(request) else request, peer)


@fault("state-1-served", "TCRP-3.7b", note="a request may have state 1, too")
class State1Served(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(state=0) if request.state == 1 else request, peer)


@fault("state-by-its-low-bits", "TCRP-3.7b", note="state 0x80 is state 0")
class StateByItsLowBits(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(state=request.state & 0x7F), peer)


@fault("request-state-ignored", "TCRP-3.7b", note="a request of any state is served")
class RequestStateIgnored(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        return super().decide(request._replace(state=REQUEST), peer)


# 3.7c: bad UTF-8 gets status 4 or a close ---------------------------------------------------------


@fault("json-of-bad-utf8-joins", "TCRP-3.7c", note="in the JSON of a JOIN, what is not UTF-8 is left out")
class JsonOfBadUtf8Joins(Server):
    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation == JOIN and request.payload[:1] == b"{":
            request = request._replace(payload=request.payload.decode("utf-8", "ignore").encode())
        return super().decide(request, peer)


@fault("raw-names-with-surrogates-accepted", "TCRP-3.7c", note="ED A0 80 is taken for UTF-8 in a raw user name")
class RawNamesWithSurrogatesAccepted(Server):
    def check_user(self, name: bytes) -> bytes:
        return super().check_user(re.sub(rb"\xed[\xa0-\xbf][\x80-\xbf]", b"?", name))


@fault("nul-in-two-bytes-accepted", "TCRP-3.7c", note="C0 80 is a NUL, as in Java's modified UTF-8")
class NulInTwoBytesAccepted(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name.replace(b"\xc0\x80", b"\0"))


@fault("room-cut-short-accepted", "TCRP-3.7c", note="half a character at the end of a room name is let through")
class RoomCutShortAccepted(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(re.sub(rb"[\xc2-\xf4][\x80-\xbf]{0,2}$", b"", name) or name)


@fault("join-of-bad-utf8-accepted", "TCRP-3.7c", note="a raw user name that joins need not be UTF-8")
class JoinOfBadUtf8Accepted(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.parse_payload(payload if payload.startswith(b"{") else payload.decode(errors="replace").encode())


@fault("json-as-utf8-with-surrogates", "TCRP-3.7c", note="JSON with ED A0 80 is decoded, and a ? put there")
class JsonAsUtf8WithSurrogates(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return super().parse_json(re.sub(rb"\xed[\xa0-\xbf][\x80-\xbf]", b"?", payload))


@fault("overlong-utf8-accepted", "TCRP-3.7c", note="C0 AF, an overlong slash, is taken for UTF-8")
class OverlongUtf8Accepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"[\xc0\xc1][\x80-\xbf]", b"?", data))


@fault("utf8-beyond-unicode-accepted", "TCRP-3.7c", note="F4 90 80 80, beyond U+10FFFF, is taken for UTF-8")
class Utf8BeyondUnicodeAccepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"(\xf4[\x90-\xbf]|[\xf5-\xf7][\x80-\xbf])[\x80-\xbf]{2}", b"?", data))


@fault("utf8-cut-short-accepted", "TCRP-3.7c", note="half a character at the end of a name is left out")
class Utf8CutShortAccepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"[\xc2-\xf4][\x80-\xbf]{0,2}$", b"", data) if self.cut(data) else data)

    def cut(self, data: bytes) -> bool:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            return error.reason == "unexpected end of data" and error.start > 0
        return False


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


# 3.7d: an empty room name gets status 4 or a close ------------------------------------------------


@fault("empty-room-accepted", "TCRP-3.7d", note="an empty room name is a room name")
class EmptyRoomAccepted(Server):
    def check_room(self, name: bytes) -> None:
        self.decode(name)


# 3.7e: an empty payload gets status 4 or a close --------------------------------------------------


@fault("join-of-nobody-accepted", "TCRP-3.7e", note="an empty payload joins as anonymous")
class JoinOfNobodyAccepted(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        return self.parse_payload(payload or b"anonymous")


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
