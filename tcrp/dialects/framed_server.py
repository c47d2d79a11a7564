"""The server's side of the TCP conversation of a dialect that a file describes; see `framed_control`."""

from typing import NoReturn

from tcrp import constants
from tcrp.constants import HEADER_SIZE, Status
from tcrp.conversation import Limits
from tcrp.dialects.framed_control import PORT_SIZE, ControlCodec, FramedConversation, Phase
from tcrp.dialects.framed_frames import RawFrameReader
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Bound, Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Address, Complete, Create, Header, Join, Reply


class FramedServer(FramedConversation):
    """The server's side."""

    def __init__(self, codec: ControlCodec, peer: Address, limits: Limits, now: float) -> None:
        super().__init__(codec, Phase.HEADER)
        self._peer = peer
        self._limits = limits
        self._now = now
        self._deadline, self._timeout = now + limits.silence, limits.silence
        self._reader = RawFrameReader(codec.frames, lambda header: header.room_size, limits.payload)
        self._started = False
        self._port = bytearray()
        self._operation = 0
        self._room = ""
        self._user = ""

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        self._now = now
        if not data or self._phase in (Phase.END, Phase.DONE):
            return []
        if self._phase not in (Phase.HEADER, Phase.BODY):
            return self._receive_port(data)
        if not self._started:
            self._started = True
            self._deadline, self._timeout = now + self._limits.handshake, self._limits.handshake
        self._reader.feed(data)
        try:
            want, udp = self._read_request() or (None, None)
        except RemoteProtocolError as error:
            self._answer_malformed(error)
            return [Malformed(error)]
        if want is None:
            return []
        self._user = want.user
        self._phase, self._deadline = Phase.ACK, None
        return [Requested(want, udp), *self._receive_port(self._reader.take_rest())]

    def receive_eof(self, now: float) -> list[Event]:
        events = self._bound_events()
        early = self._phase in (Phase.HEADER, Phase.BODY, Phase.PORT)
        if early or self._phase is Phase.END:
            self._finish()
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if events := self._bound_events():
            return events
        ended = self._phase is Phase.END
        self._finish()
        return [] if ended else [TimedOut(self._timeout)]

    def send(self, reply: Reply) -> None:
        codec = self._codec
        match self._phase, reply:
            case Phase.ACK, Ack(Status.OK):
                if codec.has_acknowledgement and self._settings.reply.refused_in == "acknowledgement":
                    self._acknowledge()
                self._phase = Phase.TOKEN
            case Phase.ACK, Ack(status):
                self._refuse(status)
            case Phase.TOKEN, Complete(token):
                self._write_reply(
                    self._settings.reply.token_state, codec.replies.write_token(_checked_token(token), self._room)
                )
                if codec.port_on_tcp:
                    self._phase, self._timeout = Phase.PORT, self._limits.silence
                    waits = len(self._port) < PORT_SIZE  # else the timer is due now, and gives the event Bound
                    self._deadline = self._now + (self._timeout if waits else 0.0)
                else:
                    self._end_replies()
            case phase, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {phase.name}")

    def _read_request(self) -> tuple[Create | Join, Address | None] | None:
        """The request and the UDP address that it holds, or None until the request is whole."""
        if self._phase is Phase.HEADER:
            header = self._reader.next_header()
            if header is None:
                return None
            self._operation = header.operation
            self._phase = Phase.BODY
            if self._always_acknowledges and not self._codec.framed:
                self._check_header(header)
                self._acknowledge()
        frame = self._reader.next_frame()
        if frame is None:
            return None
        self._room = self._check_room(frame.room)
        self._check_header(frame.header)
        if self._always_acknowledges and self._codec.framed:  # not sooner, because it holds the room name
            self._acknowledge()
        return self._read_want(frame.payload)

    @property
    def _always_acknowledges(self) -> bool:
        return self._codec.has_acknowledgement and self._settings.reply.refused_in == "token"

    def _check_header(self, header: Header) -> None:
        request = self._settings.request
        if header.operation not in (request.create, request.join):
            message = f"Operation is {header.operation}: {request.create} creates, {request.join} joins"
            _raise_malformed(message, "TCRP-3.7a", "Operation", 1, header.operation)
        if header.state != request.state and not request.any_state:
            message = f"State is {header.state}: a request has {request.state}"
            _raise_malformed(message, "TCRP-3.7b", "State", 2, header.state)

    def _check_room(self, room: bytes) -> str:
        try:
            name = room.decode()
        except UnicodeDecodeError as error:
            _raise_malformed("the room name is not UTF-8", "TCRP-2.3b", "room name", HEADER_SIZE + error.start, None)
        if not name and self._settings.request.names == "checked":
            _raise_malformed("the room name is empty: 1 to 255 bytes", "TCRP-3.7d", "RoomNameSize", 0, 0)
        return name

    def _read_want(self, payload: bytes) -> tuple[Create | Join, Address | None]:
        try:
            asked = self._codec.requests.read(payload)
        except RemoteProtocolError as error:
            error.offset = HEADER_SIZE + len(self._room.encode()) + (error.offset or 0)
            raise
        want = Create if self._operation == self._settings.request.create else Join
        udp = self._peer if self._settings.address.learnt == "tcp" else asked.udp
        return want(self._room, asked.user, asked.password), udp

    def _receive_port(self, data: bytes) -> list[Event]:
        """Take bytes of the client's UDP port. A client that does not wait sends them before it has the token."""
        if not self._codec.port_on_tcp or len(self._port) >= PORT_SIZE:
            return []
        self._port += data[: PORT_SIZE - len(self._port)]
        return self._bound_events()

    def _bound_events(self) -> list[Event]:
        if self._phase is not Phase.PORT or len(self._port) < PORT_SIZE:
            return []
        port = int.from_bytes(self._port, "big")
        self._end_replies()
        if port == 0:
            error = RemoteProtocolError("the UDP port is 0", clause="TCRP-4.3a", field="UDP port", offset=0, value=0)
            return [Malformed(error)]
        return [Bound((self._peer[0], port))]

    def _answer_malformed(self, error: RemoteProtocolError) -> None:
        in_payload = error.clause in _PAYLOAD_CLAUSES
        how = self._settings.reply.bad_payload if in_payload else self._settings.reply.bad_header
        if how == "close":
            self._finish()
        else:
            self._refuse(Status.ROOM_NOT_FOUND if how == "room-not-found" else error.status)

    def _acknowledge(self) -> None:
        self._write_reply(self._settings.reply.ack_state, self._codec.replies.write_acknowledgement(self._room))

    def _refuse(self, status: Status) -> None:
        reply, replies = self._settings.reply, self._codec.replies
        self._end_replies()
        if status is Status.LIMIT_REACHED and self._settings.token.null_when_full:
            if self._codec.has_acknowledgement and reply.refused_in == "acknowledgement":
                self._acknowledge()
            self._write_reply(reply.token_state, replies.write_token(None, self._room))
        elif reply.refusal == "close":
            self._finish()
        else:
            state = reply.refusal_state
            if status is Status.MALFORMED and reply.malformed_state is not None:
                state = reply.malformed_state
            if self._settings.status.form == "state":
                state = int(replies.status_value(status))
            self._write_reply(state, replies.write_refusal(status, self._room, self._user))

    def _end_replies(self) -> None:
        """After the last reply: finish, or wait for the client to close, but not longer than the limit for silence."""
        if self._settings.reply.closes == "client":
            self._phase, self._deadline = Phase.END, self._now + self._limits.silence
        else:
            self._finish()

    def _write_reply(self, state: int, payload: bytes) -> None:
        if not self._codec.framed:
            self._out += payload
            return
        room, size = self._codec.reply_room(self._room)
        operation = self._codec.reply_operation(self._operation)
        self._out += self._codec.frames.write(room, operation, state, payload, size)


_PAYLOAD_CLAUSES = frozenset({"TCRP-3.2c", "TCRP-3.2g", "TCRP-3.2h"})


def _checked_token(token: bytes) -> bytes:
    if not isinstance(token, bytes) or not 1 <= len(token) <= constants.MAX_TOKEN_SIZE:
        raise LocalProtocolError(
            f"a token is 1 to {constants.MAX_TOKEN_SIZE} bytes",
            clause="TCRP-3.8c", field="token", limit=constants.MAX_TOKEN_SIZE,
        )  # fmt: skip
    return token


def _raise_malformed(message: str, clause: str, field: str, offset: int, value: object) -> NoReturn:
    raise RemoteProtocolError(message, clause=clause, field=field, offset=offset, value=value)
