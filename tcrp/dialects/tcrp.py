"""The canonical dialect: docs/spec.md, sections 1 to 6. Numbers are sizes in bytes.

TCP   client  frame, state 0: room name, payload JSON {"username", "password"} or the raw user name
      server  frame, state 1: the same room name, payload 1 byte of status
      server  frame, state 2: the same room name, payload token; then it closes
UDP   up      RoomNameSize 1 | TokenSize 1 | room name | token | message    empty registers, `exit` leaves
      down    user name ": " message  |  0x04 text  |  0x05 text
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from tcrp import constants, wire
from tcrp.constants import HEADER_SIZE, Operation, State, Status
from tcrp.conversation import BaseConversation, FrameReader, Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.dialects.wants import check_extras, check_no_list
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Accepted, Ended, Event, Joined, Malformed, Refused, Requested, TimedOut
from tcrp.layouts import chat_layout, notice_layout, packet_layout, status_layout
from tcrp.messages import (
    Ack,
    Address,
    ChatMessage,
    ChatPacket,
    Complete,
    Create,
    Disconnect,
    Down,
    DownKind,
    Frame,
    Information,
    Join,
    Membership,
    NoticeReason,
    Reply,
    Request,
    Up,
    UpKind,
    Want,
    make,
)
from tcrp.names import check_room
from tcrp.policy import Policy
from tcrp.request import decode_request, encode_request


class Phase(Enum):
    """The phase of a conversation: what the server or the client waits for."""

    REQUEST = auto()  # server: the rest of the request
    ACK = auto()  # the ACK
    COMPLETE = auto()  # the COMPLETE
    DONE = auto()


class _TcrpConversation(BaseConversation):
    """The part that both sides share: the phase, and the deadline with its length in seconds."""

    def __init__(self, phase: Phase, deadline: float | None, timeout: float) -> None:
        super().__init__(deadline)
        self._phase = phase
        self._timeout = timeout

    @property
    def closing(self) -> bool:
        return self._phase is Phase.DONE

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._finish()
        return [TimedOut(self._timeout)]

    def _finish(self) -> None:
        self._phase = Phase.DONE
        self._deadline = None


class TcrpServer(_TcrpConversation):
    """The server's side.

    REQUEST -Requested-> ACK -send(Ack OK)-> COMPLETE -send(Complete)-> DONE. Anything else leads to DONE.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(Phase.REQUEST, now + limits.silence, limits.silence)
        self._limits = limits
        self._reader = FrameReader(limits.payload)
        self._operation = 0
        self._room = ""

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._phase is not Phase.REQUEST or not data:
            return []  # bytes after the request are ignored (TCRP-2.6a)
        if not self._reader.started:
            self._deadline, self._timeout = now + self._limits.handshake, self._limits.handshake
        self._reader.feed(data)
        try:
            frame = self._reader.next_frame()
            if frame is None:
                return []
            self._operation, self._room = frame.operation, frame.room
            want = _read_want(frame)
        except RemoteProtocolError as error:
            self._answer(State.ACK, wire.encode_status(error.status))
            self._finish()
            return [Malformed(error)]
        self._phase, self._deadline = Phase.ACK, None
        return [Requested(want)]

    def receive_eof(self, now: float) -> list[Event]:
        early = self._phase is Phase.REQUEST
        if early:
            self._finish()
        return [Ended(early)]  # a request that came whole is still answered (TCRP-2.6c)

    def send(self, reply: Reply) -> None:
        match self._phase, reply:
            case Phase.ACK, Ack(status):
                self._answer(State.ACK, wire.encode_status(status))
                if status == Status.OK:
                    self._phase = Phase.COMPLETE
                else:
                    self._finish()
            case Phase.COMPLETE, Complete(token):
                if not isinstance(token, bytes) or not 1 <= len(token) <= constants.MAX_TOKEN_SIZE:
                    raise LocalProtocolError(
                        f"a token is 1 to {constants.MAX_TOKEN_SIZE} bytes",
                        clause="TCRP-3.8c", field="token", limit=constants.MAX_TOKEN_SIZE,
                    )  # fmt: skip
                self._answer(State.COMPLETE, token)
                self._finish()
            case phase, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {phase.name}")

    def _answer(self, state: State, payload: bytes) -> None:
        self._out += wire.encode_frame(Frame(self._room, self._operation, state, payload))


class TcrpClient(_TcrpConversation):
    """The client's side.

    ACK -Accepted-> COMPLETE -Joined-> DONE. Refused leads to DONE too, and so does Malformed if it is strict.
    """

    def __init__(self, want: Create | Join, strict: bool) -> None:
        super().__init__(Phase.ACK, None, 0.0)
        self._strict = strict
        self._operation = Operation.CREATE if isinstance(want, Create) else Operation.JOIN
        self._room = check_room(want.room).decode()
        payload = encode_request(Request(want.user, want.password))
        self._out += wire.encode_frame(Frame(self._room, self._operation, State.REQUEST, payload))
        self._reader = FrameReader()

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        events: list[Event] = []
        if self.closing:
            return events
        self._reader.feed(data)
        try:
            while self._phase is not Phase.DONE and (frame := self._next_frame()) is not None:
                events.extend(self._read_reply(frame))
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    def receive_eof(self, now: float) -> list[Event]:
        early = self._phase is not Phase.DONE
        self._finish()
        return [Ended(early)]

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client of this dialect says nothing after its request")

    def _next_frame(self) -> Frame | None:
        """The next whole frame. No reply is longer than a token, so a header that claims more ends the conversation
        before the payload is read (TCRP-3.4a, TCRP-3.8c).
        """
        header = self._reader.next_header()
        if header is not None and header.payload_size > constants.MAX_TOKEN_SIZE:
            acking = self._phase is Phase.ACK
            limit = 1 if acking else constants.MAX_TOKEN_SIZE
            raise RemoteProtocolError(
                f"the {'status' if acking else 'token'} has {header.payload_size} bytes: at most {limit}",
                clause="TCRP-3.4a" if acking else "TCRP-3.8c", field="status" if acking else "token",
                offset=3, value=header.payload_size, limit=limit,
            )  # fmt: skip
        return self._reader.next_frame()

    def _read_reply(self, frame: Frame) -> Iterator[Event]:
        acking = self._phase is Phase.ACK
        if frame.state != State.ACK or frame.payload not in _UNCHECKED_REFUSALS:
            for error in self._deviations(frame, State.ACK if acking else State.COMPLETE):
                if self._strict:
                    raise error
                yield Malformed(error)
        with shift_error_offset(frame):
            status = wire.decode_status(frame.payload) if acking else Status.OK
        if not acking:
            with shift_error_offset(frame):
                token = wire.check_token(frame.payload)
            self._finish()
            yield Joined(token)
        elif status == Status.OK:
            self._phase = Phase.COMPLETE
            yield Accepted()
        else:
            self._finish()
            yield Refused(status)

    def _deviations(self, frame: Frame, state: State) -> Iterator[RemoteProtocolError]:
        """The fields of a reply that are not as in the request. A refusal with 4 or 6 need not repeat the request
        (TCRP-3.7, TCRP-2.4d).
        """
        clause = "TCRP-3.4a" if state is State.ACK else "TCRP-3.5a"
        if frame.state != state:
            yield RemoteProtocolError(
                f"the reply has State {frame.state}: {state} is due",
                clause=clause, field="State", offset=2, value=frame.state, limit=int(state),
            )  # fmt: skip
        if frame.operation != self._operation:
            yield RemoteProtocolError(
                f"the reply has Operation {frame.operation}, the request {self._operation}",
                clause=clause, field="Operation", offset=1, value=frame.operation, limit=int(self._operation),
            )  # fmt: skip
        if frame.room != self._room:
            # in a COMPLETE with mixed up sizes or parts the token may stand in the place of the room name
            found = frame.room if state is State.ACK else None
            yield RemoteProtocolError(
                f"the reply is about {'another room' if found is None else f'room {_short_repr(found)}'}, "
                f"the request about {_short_repr(self._room)}",
                clause=clause, field="room name", offset=HEADER_SIZE, value=found, limit=self._room,
            )  # fmt: skip


@contextmanager
def shift_error_offset(frame: Frame) -> Iterator[None]:
    """Change the offset of an error from one in the payload to one in the frame."""
    try:
        yield
    except RemoteProtocolError as error:
        error.offset = HEADER_SIZE + len(frame.room.encode()) + (error.offset or 0)
        raise


def _short_repr(room: str) -> str:
    shown = repr(room)
    return shown if len(shown) <= 60 else f"{shown[:60]}... ({len(room.encode())} bytes)"


_UNCHECKED_REFUSALS = (bytes([Status.MALFORMED]), bytes([Status.LIMIT_REACHED]))


def _read_want(frame: Frame) -> Create | Join:
    if frame.operation not in Operation.__members__.values():
        raise RemoteProtocolError(
            f"Operation is {frame.operation}: 1 creates, 2 joins",
            clause="TCRP-3.7a", field="Operation", offset=1, value=frame.operation, limit=2,
        )  # fmt: skip
    if frame.state != State.REQUEST:
        raise RemoteProtocolError(
            f"State is {frame.state}: a request has 0",
            clause="TCRP-3.7b", field="State", offset=2, value=frame.state, limit=0,
        )  # fmt: skip
    if not frame.room:
        raise RemoteProtocolError(
            "the room name is empty: 1 to 255 bytes",
            clause="TCRP-3.7d", field="RoomNameSize", offset=0, value=0, limit=1,
        )  # fmt: skip
    with shift_error_offset(frame):
        request = decode_request(frame.payload)
    want = Create if frame.operation == Operation.CREATE else Join
    return want(frame.room, request.user, request.password)


# constants, because on Python 3.11 a lookup of an enum member costs as much as a slice
_UP_REGISTER, _UP_CHAT, _UP_LEAVE = UpKind.REGISTER, UpKind.CHAT, UpKind.LEAVE
_DOWN_CHAT = DownKind.CHAT


def _read_kind(message: bytes) -> UpKind:
    if not message:
        return _UP_REGISTER
    return _UP_LEAVE if message == constants.LEAVE else _UP_CHAT


@dataclass(frozen=True, slots=True)
class Tcrp:
    """The canonical dialect. `Dialect` documents the methods."""

    name: str = "tcrp"
    ports: Ports = Ports(constants.TCP_PORT, constants.UDP_PORT)
    policy: Policy = field(default_factory=Policy)
    can: Capabilities = Capabilities()
    layouts: Layouts = Layouts(packet_layout, chat_layout, notice_layout, status_layout)
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> TcrpClient:
        entering = check_no_list(self.name, want)
        check_extras(self.name, self.can, entering)
        return TcrpClient(entering, strict)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        self.client(want, udp, 0.0)  # checks it
        assert isinstance(want, Create | Join)
        fields = {"username": want.user} | ({"password": want.password} if want.password else {})
        operation = int(Operation.CREATE if isinstance(want, Create) else Operation.JOIN)
        payload = encode_request(Request(want.user, want.password))
        return RequestParts(want.room.encode(), operation, int(State.REQUEST), payload, fields, "username", "password")

    def server(self, peer: Address, limits: Limits, now: float) -> TcrpServer:
        return TcrpServer(limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        room, token, message = wire.split_packet(data)
        return make(Up, (_read_kind(message), room, token, None, message))

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes:
        message = constants.LEAVE if kind is UpKind.LEAVE else body
        if _read_kind(message) is not kind:
            raise LocalProtocolError(
                f"a datagram with this message would not be {kind.value} but {_read_kind(message).value}",
                clause="TCRP-5.1d" if message else "TCRP-4.4a", field="message", value=message,
            )  # fmt: skip
        return wire.encode_packet(ChatPacket(member.room, member.token, message))

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            delivery = wire.decode_delivery(data)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        match delivery:
            case ChatMessage(user, message):
                return Down(DownKind.CHAT, user, message)
            case Disconnect(text):
                return Down(DownKind.CLOSED, None, text.encode())
            case Information(text):
                return Down(DownKind.INFO, None, text.encode())

    def write_down(self, down: Down) -> bytes | None:
        if down.kind is _DOWN_CHAT:
            return wire.encode_chat(down.user or "", down.body)
        match down.kind:
            case DownKind.CLOSED:
                return wire.encode_delivery(Disconnect(_notice_text(down)))
            case DownKind.INFO:
                return wire.encode_delivery(Information(_notice_text(down)))
        return None


def _notice_text(down: Down) -> str:
    if down.why:
        texts = _TEXTS_FOR_OTHERS if down.kind is DownKind.INFO and down.why in _TEXTS_FOR_OTHERS else _NOTICE_TEXTS
        return texts[down.why].format(user=down.user)
    try:
        return down.body.decode()
    except (UnicodeDecodeError, AttributeError):
        clause = "TCRP-5.4a" if down.kind is DownKind.CLOSED else "TCRP-5.5"
        raise LocalProtocolError("the text is not bytes of UTF-8", clause=clause, field="text", limit="UTF-8") from None


# the user name comes last, because whoever chose it could otherwise write the rest of the notice
_TEXTS_FOR_OTHERS = {
    NoticeReason.IDLE: "left, idle for too long: {user}",
    NoticeReason.UNREACHABLE: "left, not reachable any more: {user}",
}
_NOTICE_TEXTS = {
    NoticeReason.JOINED: "joined: {user}",
    NoticeReason.LEFT: "left: {user}",
    NoticeReason.HOST_LEFT: "the host left: the room is closed",
    NoticeReason.IDLE: "you were idle for too long: join again to come back",
    NoticeReason.HOST_IDLE: "the host was idle for too long: the room is closed",
    NoticeReason.UNREACHABLE: "datagrams could not be delivered to you: join again to come back",
    NoticeReason.STOPPED: "the server is stopping: the room is closed",
    NoticeReason.TOO_LONG: "your last message is too long to be relayed",
}
