"""The server's side of a TCP conversation of a dialect made of answers."""

from typing import NoReturn

from tcrp import constants
from tcrp.constants import HEADER_SIZE, Status
from tcrp.conversation import Limits
from tcrp.dialects.framed_control import PORT_SIZE, Codec, FramedConversation, Step
from tcrp.dialects.framed_frames import Reader
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Bound, Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Address, Complete, Create, Header, Join, Reply


class FramedServer(FramedConversation):
    """A server's side."""

    def __init__(self, codec: Codec, peer: Address, limits: Limits, now: float) -> None:
        super().__init__(codec, Step.HEADER)
        self._peer = peer
        self._limits = limits
        self._now = now
        self._deadline, self._allowed = now + limits.silence, limits.silence
        self._reader = Reader(codec.framing, lambda header: header.room_size, limits.payload)
        self._started = False
        self._port = bytearray()
        self._operation = 0
        self._room = ""
        self._user = ""

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        self._now = now
        if not data or self._step in (Step.END, Step.DONE):
            return []
        if self._step not in (Step.HEADER, Step.BODY):
            return self._take_port(data)
        if not self._started:
            self._started = True
            self._deadline, self._allowed = now + self._limits.handshake, self._limits.handshake
        self._reader.feed(data)
        try:
            want, udp = self._read() or (None, None)
        except RemoteProtocolError as error:
            self._answer_malformed(error)
            return [Malformed(error)]
        if want is None:
            return []
        self._user = want.user
        self._step, self._deadline = Step.ACK, None
        return [Requested(want, udp), *self._take_port(self._reader.take_rest())]

    def receive_eof(self, now: float) -> list[Event]:
        events = self._bound()
        early = self._step in (Step.HEADER, Step.BODY, Step.PORT)
        if early or self._step is Step.END:
            self._finish()
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if events := self._bound():
            return events
        ended = self._step is Step.END
        self._finish()
        return [] if ended else [TimedOut(self._allowed)]

    def send(self, reply: Reply) -> None:
        codec = self._codec
        match self._step, reply:
            case Step.ACK, Ack(Status.OK):
                if codec.acknowledges and self._answers.reply.refused_in == "acknowledgement":
                    self._acknowledge()
                self._step = Step.TOKEN
            case Step.ACK, Ack(status):
                self._refuse(status)
            case Step.TOKEN, Complete(token):
                self._say(self._answers.reply.token_state, codec.replies.token(_sayable(token)))
                if codec.handshakes:
                    self._step, self._allowed = Step.PORT, self._limits.silence
                    waits = len(self._port) < PORT_SIZE  # else it came before, and is told at once
                    self._deadline = self._now + (self._allowed if waits else 0.0)
                else:
                    self._end()
            case step, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {step.name}")

    def _read(self) -> tuple[Create | Join, Address | None] | None:
        """The request, once it is whole."""
        if self._step is Step.HEADER:
            header = self._reader.next_header()
            if header is None:
                return None
            self._operation = header.operation
            self._step = Step.BODY
            if self._acknowledges_always and not self._codec.framed:
                self._check_header(header)
                self._acknowledge()
        frame = self._reader.next_frame()
        if frame is None:
            return None
        self._room = self._check_room(frame.room)
        self._check_header(frame.header)
        if self._acknowledges_always and self._codec.framed:  # it holds the room, so not sooner
            self._acknowledge()
        return self._want(frame.payload)

    @property
    def _acknowledges_always(self) -> bool:
        return self._codec.acknowledges and self._answers.reply.refused_in == "token"

    def _check_header(self, header: Header) -> None:
        request = self._answers.request
        if header.operation not in (request.create, request.join):
            _wrong(f"Operation is {header.operation}: {request.create} creates, {request.join} joins",
                   "TCRP-3.7a", "Operation", 1, header.operation)  # fmt: skip
        if header.state != request.state and not request.any_state:
            _wrong(f"State is {header.state}: a request has {request.state}", "TCRP-3.7b", "State", 2, header.state)

    def _check_room(self, room: bytes) -> str:
        try:
            name = room.decode()
        except UnicodeDecodeError as error:
            _wrong("the room name is not UTF-8", "TCRP-2.3b", "room name", HEADER_SIZE + error.start, None)
        if not name and self._answers.request.names == "checked":
            _wrong("the room name is empty: 1 to 255 bytes", "TCRP-3.7d", "RoomNameSize", 0, 0)
        return name

    def _want(self, payload: bytes) -> tuple[Create | Join, Address | None]:
        try:
            asked = self._codec.requests.read(payload)
        except RemoteProtocolError as error:
            error.offset = HEADER_SIZE + len(self._room.encode()) + (error.offset or 0)
            raise
        want = Create if self._operation == self._answers.request.create else Join
        udp = self._peer if self._answers.address.learnt == "tcp" else asked.udp
        return want(self._room, asked.user, asked.password), udp

    def _take_port(self, data: bytes) -> list[Event]:
        """The port may come before the token left: by whoever does not wait for it."""
        if not self._codec.handshakes or len(self._port) >= PORT_SIZE:
            return []
        self._port += data[: PORT_SIZE - len(self._port)]
        return self._bound()

    def _bound(self) -> list[Event]:
        if self._step is not Step.PORT or len(self._port) < PORT_SIZE:
            return []
        port = int.from_bytes(self._port, "big")
        self._end()
        if port == 0:
            error = RemoteProtocolError("the UDP port is 0", clause="TCRP-4.3a", field="UDP port", offset=0, value=0)
            return [Malformed(error)]
        return [Bound((self._peer[0], port))]

    def _answer_malformed(self, error: RemoteProtocolError) -> None:
        in_payload = error.clause in _OF_PAYLOAD
        how = self._answers.reply.bad_payload if in_payload else self._answers.reply.bad_header
        if how == "close":
            self._finish()
        else:
            self._refuse(Status.ROOM_NOT_FOUND if how == "room-not-found" else error.status)

    def _acknowledge(self) -> None:
        self._say(self._answers.reply.ack_state, self._codec.replies.acknowledgement())

    def _refuse(self, status: Status) -> None:
        reply, replies = self._answers.reply, self._codec.replies
        self._end()
        if status is Status.LIMIT_REACHED and self._answers.token.null_when_full:
            if self._codec.acknowledges and reply.refused_in == "acknowledgement":
                self._acknowledge()
            self._say(reply.token_state, replies.token(None))
        elif reply.refusal == "close":
            self._finish()
        else:
            state = reply.refusal_state
            if status is Status.MALFORMED and reply.malformed_state is not None:
                state = reply.malformed_state
            if self._answers.status.form == "state":
                state = int(replies.value_of(status))
            self._say(state, replies.refusal(status, self._room, self._user))

    def _end(self) -> None:
        """All is said. Who does not close, where it is the client's turn, is not waited for for ever."""
        if self._answers.reply.closes == "client":
            self._step, self._deadline = Step.END, self._now + self._limits.silence
        else:
            self._finish()

    def _say(self, state: int, payload: bytes) -> None:
        if not self._codec.framed:
            self._out += payload
            return
        room, size = self._codec.room_of_reply(self._room)
        operation = self._codec.operation_of_reply(self._operation)
        self._out += self._codec.framing.write(room, operation, state, payload, size)


_OF_PAYLOAD = frozenset({"TCRP-3.2c", "TCRP-3.2g", "TCRP-3.2h"})


def _sayable(token: bytes) -> bytes:
    if not isinstance(token, bytes) or not 1 <= len(token) <= constants.MAX_TOKEN_SIZE:
        raise LocalProtocolError(
            f"a token is 1 to {constants.MAX_TOKEN_SIZE} bytes",
            clause="TCRP-3.8c", field="token", limit=constants.MAX_TOKEN_SIZE,
        )  # fmt: skip
    return token


def _wrong(message: str, clause: str, field: str, offset: int, value: object) -> NoReturn:
    raise RemoteProtocolError(message, clause=clause, field=field, offset=offset, value=value)
