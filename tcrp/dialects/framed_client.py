"""The client's side of a TCP conversation of a dialect made of answers.

What nothing delimits is taken for whole once the server closes or is silent for `reply.pause` seconds.
"""

from collections.abc import Callable, Iterator

from tcrp.constants import HEADER_SIZE, Status
from tcrp.dialects.framed_control import PORT_SIZE, Codec, FramedConversation, Step
from tcrp.dialects.framed_frames import RawFrame, Reader
from tcrp.dialects.framed_replies import No, Outcome, Yes
from tcrp.dialects.framed_text import find_json
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import NO_STATUS, Accepted, Ended, Event, Joined, Malformed, Refused
from tcrp.messages import Address, Create, Header, Join, Reply

MAX_UNFRAMED = 64 * 1024
"""Bytes of an unframed reply that are held."""
_JSON_BEGINS = (b"{", b"[", b'"')


class FramedClient(FramedConversation):
    """A client's side."""

    def __init__(self, codec: Codec, want: Create | Join, udp: Address | None, strict: bool, now: float) -> None:
        answers = codec.answers
        super().__init__(codec, Step.ACK if codec.acknowledges else Step.TOKEN)
        self._strict = strict
        self._creating = isinstance(want, Create)
        self._operation = answers.request.create if self._creating else answers.request.join
        self._room = want.room
        self._udp = udp
        self._pause = answers.reply.pause
        self._buffer = b""
        self._reader = Reader(codec.framing, self._room_bytes)
        room = self._check(want)
        payload = codec.requests.write(want, udp)
        header = codec.framing.write_header(room, self._operation, answers.request.state, payload, len(room))
        self._held = b""
        if answers.request.stages == "header-first":
            self._out += header
            self._held = room + payload
            self._deadline = now + self._pause
        else:
            self._out += header + room + payload

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self.closing or not data:
            return []
        self._deadline = None
        self._out += self._held
        self._held = b""
        events = self._take(data, final=False)
        if not self.closing and self._buffer and self._buffer[:1] not in _JSON_BEGINS:
            self._deadline = now + self._pause
        return events

    def receive_eof(self, now: float) -> list[Event]:
        if self.closing:
            return [Ended(False)]
        events = self._take(b"", final=True)
        early = not self.closing
        self._finish()
        if early and self._answers.reply.refusal == "close" and not self._buffer and not self._reader.started:
            return [*events, Refused(NO_STATUS), Ended(False)]
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        if self._held:
            self._out += self._held
            self._held = b""
            return []
        return self._take(b"", final=True)

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client says nothing after its request")

    def _check(self, want: Create | Join) -> bytes:
        for field, value in (
            ("capacity", want.capacity if isinstance(want, Create) else None),
            ("invite", want.invite if isinstance(want, Join) else None),
        ):
            if value is not None:
                raise LocalProtocolError(
                    f"dialect {self._answers.name} has no {field}", clause="TCRP-3.2a", field=field
                )
        if self._codec.handshakes and self._udp is None:
            raise LocalProtocolError(
                "the UDP port is to be told, and none is given", clause="TCRP-4.3a", field="UDP port"
            )
        try:
            room = want.room.encode()
        except UnicodeEncodeError:
            raise LocalProtocolError(
                "the room name holds a lone surrogate, which UTF-8 cannot say", clause="TCRP-2.3b", field="room name"
            ) from None
        if not room and self._answers.request.names == "checked":
            raise LocalProtocolError(
                "the room name is empty: 1 to 255 bytes", clause="TCRP-3.7d", field="room name", value=0, limit=1
            )
        return room

    def _room_bytes(self, header: Header) -> int:
        """How many bytes of the room follow: where characters are counted, those of the room that was asked for."""
        match self._answers.reply.room:
            case "announced":
                return 0
            case "echoed" if self._answers.reply.room_size == "characters" and header.room_size == len(self._room):
                return len(self._room.encode())
        return header.room_size

    def _take(self, data: bytes, *, final: bool) -> list[Event]:
        events: list[Event] = []
        take = self._take_frames if self._codec.framed else self._take_unframed
        try:
            for event in take(data, final):
                events.append(event)  # noqa: PERF402  # those before an error count
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    # ------------------------------------------------------------------------------------------------- framed

    def _take_frames(self, data: bytes, final: bool) -> Iterator[Event]:
        self._reader.feed(data)
        while not self.closing and (frame := self._reader.next_frame()) is not None:
            yield from self._read_frame(frame)

    def _read_frame(self, frame: RawFrame) -> Iterator[Event]:
        acking = self._step is Step.ACK
        outcome = self._judge(frame, acking)
        if isinstance(outcome, Yes) or outcome.status not in (Status.MALFORMED, Status.LIMIT_REACHED, NO_STATUS):
            for error in self._deviations(frame, isinstance(outcome, Yes), acking):
                yield from self._tell(error)
        yield from self._conclude(outcome, acking)

    def _judge(self, frame: RawFrame, acking: bool) -> Outcome:
        reply, replies, state = self._answers.reply, self._codec.replies, frame.header.state
        good = reply.ack_state if acking else reply.token_state
        may_refuse = acking or not self._codec.acknowledges or reply.refused_in == "token"
        refuses = self._answers.status.form == "state" or state in (reply.refusal_state, reply.malformed_state)
        if state != good and may_refuse and refuses:
            return replies.read_refusal(frame.payload, state, self._creating)
        read: Callable[[bytes, bool], Outcome] = replies.read_acknowledgement if acking else replies.read_token
        try:
            return read(frame.payload, self._creating)
        except RemoteProtocolError as error:
            error.offset = HEADER_SIZE + len(frame.room) + (error.offset or 0)
            raise

    def _deviations(self, frame: RawFrame, good: bool, acking: bool) -> Iterator[RemoteProtocolError]:
        """What a reply should hold and does not. The State of a refusal is not judged: it may be any but the good
        one.
        """
        reply, header = self._answers.reply, frame.header
        clause = "TCRP-3.4a" if acking else "TCRP-3.5a"
        state = reply.ack_state if acking else reply.token_state
        operation = self._codec.operation_of_reply(self._operation)
        room, size = self._codec.room_of_reply(self._room)
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

    def _take_unframed(self, data: bytes, final: bool) -> Iterator[Event]:
        self._buffer += data
        while not self.closing and self._buffer:
            acking = self._step is Step.ACK
            size = self._size_of_status() if acking else self._size_of_token(final)
            if size is None and len(self._buffer) > MAX_UNFRAMED:
                size, final = len(self._buffer), True
            if size is None and not final:
                return
            part = self._buffer if size is None else self._buffer[:size]
            self._buffer = self._buffer[len(part) :]
            read = self._codec.replies.read_acknowledgement if acking else self._codec.replies.read_token
            outcome = read(part, self._creating)
            if isinstance(outcome, Yes) and not acking:
                for error in self._odd_token(outcome.token):
                    yield from self._tell(error)
            yield from self._conclude(outcome, acking)

    def _size_of_status(self) -> int | None:
        """Bytes of the acknowledgement, or None if only the end tells."""
        ok = self._codec.replies.acknowledgement()
        if self._buffer[:1] in _JSON_BEGINS:
            found = find_json(self._buffer, final=False)
            return found.end if found else None
        if self._buffer.startswith(ok):
            return len(ok)
        return 1 if self._answers.status.form == "byte" and self._answers.reply.refusal == "status" else None

    def _size_of_token(self, final: bool) -> int | None:
        """Bytes of the token or of what stands in its place, or None if only the end tells."""
        answers, buffer = self._answers, self._buffer
        if answers.token.form == "json" or (buffer[:1] in _JSON_BEGINS and answers.reply.refusal != "text"):
            found = find_json(buffer, final=False)
            return found.end if found else None
        if answers.token.ends == "pause":
            return None
        part = buffer[: answers.token.size]
        if len(part) < answers.token.size or self._codec.replies.may_be_words(part):
            return None
        return answers.token.size

    def _odd_token(self, token: bytes | None) -> Iterator[RemoteProtocolError]:
        size = self._answers.token.size
        if token is not None and self._answers.token.form == "raw" and self._answers.token.ends == "size":
            if len(token) == size:
                return
            yield RemoteProtocolError(
                f"the token has {len(token)} bytes: {size} are due",
                clause="TCRP-3.8c", field="token", offset=0, value=len(token), limit=size,
            )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ outcome

    def _tell(self, error: RemoteProtocolError) -> Iterator[Event]:
        if self._strict:
            raise error
        yield Malformed(error)

    def _conclude(self, outcome: Outcome, acking: bool) -> Iterator[Event]:
        match outcome:
            case No(status, text):
                self._finish()
                yield Refused(status, text)
            case Yes(_) if acking:
                self._step = Step.TOKEN
                yield Accepted()
            case Yes(token):
                if self._codec.handshakes and self._udp is not None:
                    self._out += self._udp[1].to_bytes(PORT_SIZE, "big")
                self._finish()
                yield Joined(token or b"")
