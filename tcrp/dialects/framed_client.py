"""The client's side of the TCP conversation of a dialect that a file describes; see `framed_control`.

A reply without a header and without a known size ends when the server closes or is silent for `reply.pause` seconds.
"""

from collections.abc import Callable, Iterator

from tcrp.constants import HEADER_SIZE, Status
from tcrp.dialects.framed_control import PORT_SIZE, ControlCodec, FramedConversation, Phase
from tcrp.dialects.framed_frames import RawFrame, RawFrameReader
from tcrp.dialects.framed_replies import Refusal, ReplyOutcome, Success
from tcrp.dialects.framed_text import json_end
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import NO_STATUS, Accepted, Ended, Event, Joined, Malformed, Refused
from tcrp.messages import Address, Create, Header, Join, Reply

MAX_REPLY_SIZE = 64 * 1024
"""The greatest size of an unframed reply, and of the payload of a framed one, in bytes."""
_JSON_STARTS = (b"{", b"[", b'"')


class FramedClient(FramedConversation):
    """The client's side."""

    def __init__(self, codec: ControlCodec, want: Create | Join, udp: Address | None, strict: bool, now: float) -> None:
        settings = codec.settings
        super().__init__(codec, Phase.ACK if codec.has_acknowledgement else Phase.TOKEN)
        self._strict = strict
        self._creating = isinstance(want, Create)
        self._operation = settings.request.create if self._creating else settings.request.join
        self._room = want.room
        self._udp = udp
        self._pause = settings.reply.pause
        self._buffer = b""
        self._reader = RawFrameReader(codec.frames, self._room_bytes, MAX_REPLY_SIZE)
        room = self._checked_room(want)
        payload = codec.requests.write(want, udp)
        header = codec.frames.write_header(room, self._operation, settings.request.state, payload, len(room))
        self._unsent_body = b""
        if settings.request.stages == "header-first":
            self._out += header
            self._unsent_body = room + payload
            self._deadline = now + self._pause
        else:
            self._out += header + room + payload

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self.closing or not data:
            return []
        self._deadline = None
        self._out += self._unsent_body
        self._unsent_body = b""
        events = self._receive(data, final=False)
        if not self.closing and self._buffer and self._buffer[:1] not in _JSON_STARTS:
            self._deadline = now + self._pause
        return events

    def receive_eof(self, now: float) -> list[Event]:
        if self.closing:
            return [Ended(False)]
        events = self._receive(b"", final=True)
        early = not self.closing
        self._finish()
        if early and self._settings.reply.refusal == "close" and not self._buffer and not self._reader.started:
            return [*events, Refused(NO_STATUS), Ended(False)]
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        if self._unsent_body:
            self._out += self._unsent_body
            self._unsent_body = b""
            return []
        return self._receive(b"", final=True)

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client says nothing after its request")

    def _checked_room(self, want: Create | Join) -> bytes:
        if self._codec.port_on_tcp and self._udp is None:
            raise LocalProtocolError(
                "the UDP port is to be told, and none is given", clause="TCRP-4.3a", field="UDP port"
            )
        try:
            room = want.room.encode()
        except UnicodeEncodeError:
            raise LocalProtocolError(
                "the room name holds a lone surrogate, which UTF-8 cannot say", clause="TCRP-2.3b", field="room name"
            ) from None
        if not room and self._settings.request.names == "checked":
            raise LocalProtocolError(
                "the room name is empty: 1 to 255 bytes", clause="TCRP-3.7d", field="room name", value=0, limit=1
            )
        return room

    def _room_bytes(self, header: Header) -> int:
        """Bytes of room name after a header. If RoomNameSize counts characters, it is the requested room's size."""
        match self._settings.reply.room:
            case "announced":
                return 0
            case "echoed" if self._settings.reply.room_size == "characters" and header.room_size == len(self._room):
                return len(self._room.encode())
        return header.room_size

    def _receive(self, data: bytes, *, final: bool) -> list[Event]:
        events: list[Event] = []
        take = self._receive_frames if self._codec.framed else self._receive_unframed
        try:
            for event in take(data, final):
                events.append(event)  # noqa: PERF402  # events before an error are returned too
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    # ------------------------------------------------------------------------------------------------- framed

    def _receive_frames(self, data: bytes, final: bool) -> Iterator[Event]:
        self._reader.feed(data)
        while not self.closing and (frame := self._reader.next_frame()) is not None:
            yield from self._read_frame(frame)

    def _read_frame(self, frame: RawFrame) -> Iterator[Event]:
        acking = self._phase is Phase.ACK
        outcome = self._outcome_of(frame, acking)
        if isinstance(outcome, Success) or outcome.status not in (Status.MALFORMED, Status.LIMIT_REACHED, NO_STATUS):
            for error in self._deviations(frame, isinstance(outcome, Success), acking):
                yield from self._report(error)
        yield from self._finish_reply(outcome, acking)

    def _outcome_of(self, frame: RawFrame, acking: bool) -> ReplyOutcome:
        reply, replies, state = self._settings.reply, self._codec.replies, frame.header.state
        good = reply.ack_state if acking else reply.token_state
        may_refuse = acking or not self._codec.has_acknowledgement or reply.refused_in == "token"
        refuses = self._settings.status.form == "state" or state in (reply.refusal_state, reply.malformed_state)
        if state != good and may_refuse and refuses:
            return replies.read_refusal(frame.payload, state, self._creating)
        read: Callable[[bytes, bool], ReplyOutcome] = replies.read_acknowledgement if acking else replies.read_token
        try:
            return read(frame.payload, self._creating)
        except RemoteProtocolError as error:
            error.offset = HEADER_SIZE + len(frame.room) + (error.offset or 0)
            raise

    def _deviations(self, frame: RawFrame, good: bool, acking: bool) -> Iterator[RemoteProtocolError]:
        """The fields of a reply that have wrong values. The State of a refusal is not checked."""
        reply, header = self._settings.reply, frame.header
        clause = "TCRP-3.4a" if acking else "TCRP-3.5a"
        state = reply.ack_state if acking else reply.token_state
        operation = self._codec.reply_operation(self._operation)
        room, size = self._codec.reply_room(self._room)
        if good and header.state != state:
            yield RemoteProtocolError(
                f"the reply has State {header.state}: {state} is due",
                clause=clause, field="State", offset=2, value=header.state, limit=state,
            )  # fmt: skip
        if header.operation != operation:
            yield RemoteProtocolError(
                f"the reply has Operation {header.operation}: {operation} is due",
                clause=clause, field="Operation", offset=1, value=header.operation, limit=operation,
            )  # fmt: skip
        if header.room_size != size:
            yield RemoteProtocolError(
                f"the reply has RoomNameSize {header.room_size}: {size} is due",
                clause=clause, field="RoomNameSize", offset=0, value=header.room_size, limit=size,
            )  # fmt: skip
        elif frame.room != room:
            yield RemoteProtocolError(
                "the reply is about another room", clause=clause, field="room name", offset=HEADER_SIZE
            )

    # ----------------------------------------------------------------------------------------------- unframed

    def _receive_unframed(self, data: bytes, final: bool) -> Iterator[Event]:
        self._buffer += data
        while not self.closing and self._buffer:
            acking = self._phase is Phase.ACK
            size = self._size_of_status() if acking else self._size_of_token()
            if size is None and len(self._buffer) > MAX_REPLY_SIZE:
                size, final = len(self._buffer), True
            if size is None and not final:
                return
            part = self._buffer if size is None else self._buffer[:size]
            self._buffer = self._buffer[len(part) :]
            read = self._codec.replies.read_acknowledgement if acking else self._codec.replies.read_token
            outcome = read(part, self._creating)
            if isinstance(outcome, Success) and not acking:
                for error in self._token_deviations(outcome.token):
                    yield from self._report(error)
            yield from self._finish_reply(outcome, acking)

    def _size_of_status(self) -> int | None:
        """Bytes of the acknowledgement, or None if it ends only with the stream or a pause."""
        ok = self._codec.replies.write_acknowledgement(self._room)
        if self._buffer[:1] in _JSON_STARTS:
            return json_end(self._buffer)
        if self._buffer.startswith(ok):
            return len(ok)
        return 1 if self._settings.status.form == "byte" and self._settings.reply.refusal == "status" else None

    def _size_of_token(self) -> int | None:
        """Bytes of the token, or of a refusal in its place. None if it ends only with the stream or a pause."""
        settings, buffer = self._settings, self._buffer
        if settings.token.form == "json" or (buffer[:1] in _JSON_STARTS and settings.reply.refusal != "text"):
            return json_end(buffer)
        if settings.token.ends == "pause":
            return None
        part = buffer[: settings.token.size]
        if len(part) < settings.token.size or self._codec.replies.may_be_words(part):
            return None
        return settings.token.size

    def _token_deviations(self, token: bytes | None) -> Iterator[RemoteProtocolError]:
        size = self._settings.token.size
        if token is not None and self._settings.token.form == "raw" and self._settings.token.ends == "size":
            if len(token) == size:
                return
            yield RemoteProtocolError(
                f"the token has {len(token)} bytes: {size} are due",
                clause="TCRP-3.8c", field="token", offset=0, value=len(token), limit=size,
            )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ outcome

    def _report(self, error: RemoteProtocolError) -> Iterator[Event]:
        if self._strict:
            raise error
        yield Malformed(error)

    def _finish_reply(self, outcome: ReplyOutcome, acking: bool) -> Iterator[Event]:
        match outcome:
            case Refusal(status, text):
                self._finish()
                yield Refused(status, text)
            case Success(_) if acking:
                self._phase = Phase.TOKEN
                yield Accepted()
            case Success(token):
                if self._codec.port_on_tcp and self._udp is not None:
                    self._out += self._udp[1].to_bytes(PORT_SIZE, "big")
                self._finish()
                yield Joined(token or b"")
