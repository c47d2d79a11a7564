"""The server's side of the TCP conversation of `fixed-fields` and `fixed-width`; see `fixed_control`."""

from collections.abc import Iterator

from tcrp.constants import Operation, State, Status
from tcrp.conversation import BaseConversation, Limits
from tcrp.dialects.fixed_control import (
    ACCEPTED,
    FIXED_HEADER_SIZE,
    REFUSALS,
    TOKEN_SIZE,
    FixedHeader,
    Phase,
    created_layout,
    decode_fixed_header,
    encode_address,
    encode_fixed_header,
    joined_layout,
)
from tcrp.errors import RemoteProtocolError
from tcrp.events import Ended, Event, Malformed, Requested, TimedOut
from tcrp.layouts import build_layout
from tcrp.messages import Ack, Complete, Create, Join, Reply, Want

TOKEN_SILENCE = 2.0
"""Seconds of silence after which a token that is too short is taken for complete. A person may have typed it."""


class FixedServer(BaseConversation):
    """HEADER -> (TOKEN ->) ANSWER -> COMPLETE -> DONE. After a refused join it waits for a HEADER again."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(now + limits.silence)
        self._limits = limits
        self._phase = Phase.HEADER
        self._in = bytearray()
        self._header = FixedHeader(0, 0, 0, "", "", "")
        self._last_data = now
        self._timeout = limits.silence

    @property
    def closing(self) -> bool:
        return self._phase is Phase.DONE

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._phase not in (Phase.HEADER, Phase.TOKEN) or not data:
            return []  # bytes that come while an answer is due, or after the last one, are dropped
        if self._phase is Phase.HEADER and not self._in:
            self._last_data = now
            self._set_timeout(self._limits.handshake)
        self._last_data = now
        self._in += data
        events: list[Event] = []
        while self._phase is Phase.HEADER and len(self._in) >= FIXED_HEADER_SIZE:
            events += self._read_header()
        if self._phase is Phase.TOKEN:
            self._set_timeout(TOKEN_SILENCE if self._in else self._limits.silence)
            if len(self._in) >= TOKEN_SIZE:
                events += self._read_token()
        return events

    def receive_eof(self, now: float) -> list[Event]:
        early = self._phase is Phase.TOKEN or bool(self._in)
        if self._phase in (Phase.HEADER, Phase.TOKEN):
            self._finish()
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if self._phase is Phase.TOKEN and self._in:
            return self._read_token()
        self._finish()
        return [TimedOut(self._timeout)]

    def send(self, reply: Reply) -> None:
        creating = self._header.operation == Operation.CREATE
        match self._phase, reply:
            case Phase.ANSWER, Ack(Status.OK):
                if creating:
                    self._repeat_header(State.ACK)
                self._phase = Phase.COMPLETE
            case Phase.ANSWER, Ack(status) if not creating and status in REFUSALS:
                self._out += REFUSALS[status]
                self._phase = Phase.HEADER
                self._set_timeout(self._limits.silence)
            case Phase.ANSWER, Ack():  # no answer has this meaning
                self._finish()
            case Phase.COMPLETE, Complete(token, address) if address is not None:
                text = encode_address(address)
                if creating:
                    self._repeat_header(State.COMPLETE)
                    self._out += build_layout(created_layout, {"token": token, "address": text}, "TCRP-3.5a")
                else:
                    self._out += build_layout(joined_layout, {"answer": ACCEPTED, "address": text}, "TCRP-3.5a")
                self._finish()
            case phase, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {phase.name}")

    def _read_header(self) -> Iterator[Event]:
        data = bytes(self._in[:FIXED_HEADER_SIZE])
        del self._in[:FIXED_HEADER_SIZE]
        try:
            self._header = header = decode_fixed_header(data)
        except RemoteProtocolError as error:
            self._finish()
            yield Malformed(error)
            return
        if header.operation == Operation.CREATE:
            yield self._requested(Create(header.room, header.user, header.password or None, header.capacity))
        elif header.operation == Operation.JOIN:
            self._phase = Phase.TOKEN
        else:  # it gets no answer, and the client may send another request
            self._set_timeout(self._limits.handshake if self._in else self._limits.silence)
            unknown = RemoteProtocolError(
                f"operation is {header.operation}: 1 creates, 2 joins",
                clause="TCRP-3.7a", field="operation", offset=1, value=header.operation, limit=2,
            )  # fmt: skip
            yield Malformed(unknown)

    def _read_token(self) -> list[Event]:
        token = bytes(self._in[:TOKEN_SIZE])
        header = self._header
        return [self._requested(Join(header.room, header.user, header.password or None, token))]

    def _requested(self, want: Want) -> Requested:
        self._in.clear()
        self._phase, self._deadline = Phase.ANSWER, None
        return Requested(want)

    def _repeat_header(self, state: State) -> None:
        self._out += encode_fixed_header(self._header._replace(state=state, user=""))

    def _set_timeout(self, seconds: float) -> None:
        self._deadline, self._timeout = self._last_data + seconds, seconds

    def _finish(self) -> None:
        self._in.clear()
        self._phase, self._deadline = Phase.DONE, None
