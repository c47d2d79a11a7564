"""The server's side of the TCP conversation of `json-envelope`; see `envelope_control`."""

from typing import Any

from tcrp.constants import HEADER_SIZE, Operation, State, Status
from tcrp.conversation import FrameReader, Limits
from tcrp.dialects.envelope_control import (
    BAD_HASH_TEXT,
    NO_ROOMS_TEXT,
    REFUSALS,
    REPLY_OPERATION,
    Envelope,
    EnvelopeConversation,
    Phase,
    decode_object,
)
from tcrp.dialects.envelope_passwords import hash_problem
from tcrp.dialects.tcrp import shift_error_offset
from tcrp.errors import RemoteProtocolError
from tcrp.events import Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Complete, Create, Frame, Join, List, Reply, Rooms, Want


class EnvelopeServer(EnvelopeConversation):
    """REQUEST -Requested-> ACK -> COMPLETE -> REQUEST, for each request. Unreadable bytes lead to DONE."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(Phase.REQUEST, now + limits.silence)
        self._limits = limits
        self._reader = FrameReader(limits.payload)
        self._want: Want = List()
        self._last_data = now
        self._timeout = limits.silence

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._phase is Phase.DONE or not data:
            return []
        if self._phase is Phase.REQUEST and not self._reader.started:
            self._deadline, self._timeout = now + self._limits.handshake, self._limits.handshake
        self._last_data = now
        self._reader.feed(data)
        return self._read_requests()

    def receive_eof(self, now: float) -> list[Event]:
        early = self._phase is Phase.REQUEST and self._reader.started
        if self._phase is Phase.REQUEST:
            self._finish()
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if self._timeout == 0.0:  # bytes of this request came before the last request was answered
            self._deadline, self._timeout = self._last_data + self._limits.handshake, self._limits.handshake
            return self._read_requests()
        self._finish()
        return [TimedOut(self._timeout)]

    def send(self, reply: Reply) -> None:
        match self._phase, reply:
            case Phase.ACK, Ack(Status.OK) if not isinstance(self._want, List):
                self._reply(State.ACK)
                self._phase = Phase.COMPLETE
            case Phase.ACK, Ack(status) if status in REFUSALS:
                state, text = REFUSALS[status]
                if state is State.COMPLETE:
                    self._reply(State.ACK)
                self._reply(state, error_message=text, token=None if state is State.COMPLETE else "")
                self._await_request()
            case Phase.ACK, Ack():  # there are no words for it
                self._finish()
            case Phase.COMPLETE, Complete(token):
                self._reply(State.COMPLETE, token=token.decode())
                self._await_request()
            case Phase.ACK, Rooms(names) if isinstance(self._want, List):
                self._reply(State.ACK)
                self._reply(State.COMPLETE, error_message=None if names else NO_ROOMS_TEXT, room_list=names)
                self._await_request()
            case phase, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {phase.name}")

    def _read_requests(self) -> list[Event]:
        """Read requests up to the first that must be answered: the events of it and of the malformed ones before it."""
        events: list[Event] = []
        try:
            while self._phase is Phase.REQUEST and (frame := self._reader.next_frame()) is not None:
                events.append(self._read_request(frame))
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    def _read_request(self, frame: Frame) -> Event:
        want = _read_want(frame)
        if isinstance(want, Create) and (problem := hash_problem(want.password or "")):
            self._reply(State.ACK, error_message=BAD_HASH_TEXT)
            self._await_request()
            return Malformed(problem)
        self._want = want
        self._phase, self._deadline = Phase.ACK, None
        return Requested(want)

    def _reply(self, state: State, **fields: Any) -> None:
        self._write("", REPLY_OPERATION, state, Envelope(error_message=None)._replace(**fields))

    def _await_request(self) -> None:
        self._phase = Phase.REQUEST
        self._timeout = 0.0 if self._reader.started else self._limits.silence
        self._deadline = self._last_data + self._timeout

    def _finish(self) -> None:
        self._phase, self._deadline = Phase.DONE, None


def _read_want(frame: Frame) -> Want:
    with shift_error_offset(frame):
        fields = decode_object(frame.payload, type=str, password=str)
    kind, password = fields["type"], fields["password"]
    match frame.operation, kind:
        case Operation.JOIN, "GET":
            return List()
        case (Operation.CREATE, _) | (Operation.JOIN, "JOIN") if not frame.room:
            raise RemoteProtocolError(
                "the room name is empty: 1 to 255 bytes",
                clause="TCRP-3.7d", field="RoomNameSize", offset=0, value=0, limit=1,
            )  # fmt: skip
        case Operation.CREATE, _:
            return Create(frame.room, "", password)
        case Operation.JOIN, "JOIN":
            return Join(frame.room, "", password)
        case Operation.JOIN, _:
            raise RemoteProtocolError(
                f"type is {kind[:40]!r}: JOIN or GET",
                clause="TCRP-3.2c", field="type", offset=HEADER_SIZE, value=kind[:40], limit="JOIN or GET",
            )  # fmt: skip
        case operation, _:
            raise RemoteProtocolError(
                f"Operation is {operation}: 1 creates, 2 joins and lists",
                clause="TCRP-3.7a", field="Operation", offset=1, value=operation, limit=2,
            )  # fmt: skip
