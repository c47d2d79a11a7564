"""One TCP conversation, on the server's side or the client's, as a state machine without a socket or a clock.

The caller does this, on both sides:

1. Send what `data_to_send()` returns, right after the start and after every call below.
2. Pass every byte that arrives to `receive_data`, the end of the stream to `receive_eof`, and act on the events.
3. Call `handle_timer` when `now` reaches `timer()`.
4. As a server, answer each `Requested` with `send(Ack(...))` and, after OK, with `send(Complete(...))`; answer a
   request for the list of rooms with `send(Rooms(...))`.
5. When `closing` is true and everything is sent, close the connection. A server first reads and drops the bytes that
   still arrive (TCRP-2.6b).

`now` is in seconds, of any clock that never goes back. No method raises because of what the peer sent: wrong bytes give
the event `Malformed`.
"""

from typing import NamedTuple, Protocol

from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE
from tcrp.events import Event
from tcrp.messages import Frame, Header, Reply
from tcrp.wire import check_payload_size, decode_frame, decode_header


class Limits(NamedTuple):
    """The limits that a server sets its clients.

    `payload`: bytes of a request's payload, at least 1024 (TCRP-2.4c).
    `handshake`: seconds from the first byte of a request to its last.
    `silence`: seconds for a client that has sent nothing yet. A person may still be typing.
    """

    payload: int = 64 * 1024
    handshake: float = 10.0
    silence: float = 60.0


class Conversation(Protocol):
    """A TCP conversation in any dialect, as servers, clients and the conformance suite use it."""

    @property
    def closing(self) -> bool:
        """The conversation is complete: close the connection once everything is sent."""

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the peer, in any segmentation (TCRP-2.5a), and return the events that they give."""

    def receive_eof(self, now: float) -> list[Event]:
        """Take the end of the peer's stream, or a reset (TCRP-3.6a). The last event is `Ended`."""

    def timer(self) -> float | None:
        """The time at which the caller must call `handle_timer`, or None."""

    def handle_timer(self, now: float) -> list[Event]:
        """Act on the deadline if it has passed. An earlier call does nothing."""

    def send(self, reply: Reply) -> None:
        """Answer a request, as a server.

        Raises RuntimeError if this reply is not due now, and on a client's side always. Raises LocalProtocolError if
        the dialect cannot express the reply.
        """

    def data_to_send(self) -> bytes:
        """The bytes to write now. Each byte is returned once."""


class BaseConversation:
    """The part that both sides share in every dialect: bytes to send, and a deadline."""

    def __init__(self, deadline: float | None = None) -> None:
        self._out = bytearray()
        self._deadline = deadline

    def data_to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def timer(self) -> float | None:
        return self._deadline


class FrameReader:
    """Splits a stream into frames.

    It holds only bytes that have arrived: a size in a header allocates no memory (TCRP-2.4b). `payload_limit`: bytes of
    a payload that are accepted.
    """

    def __init__(self, payload_limit: int = MAX_PAYLOAD_SIZE) -> None:
        self._limit = payload_limit
        self._buffer = bytearray()
        self._header: Header | None = None

    @property
    def started(self) -> bool:
        """Bytes of a frame have arrived that `next_frame` has not returned yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add bytes of the stream, in any segmentation."""
        self._buffer += data

    def next_header(self) -> Header | None:
        """The header of the next frame, or None until it is there.

        Raises RemoteProtocolError for a payload size above the limit. The reader cannot be used after an error.
        """
        if self._header is None and len(self._buffer) >= HEADER_SIZE:
            header = decode_header(bytes(self._buffer[:HEADER_SIZE]))
            check_payload_size(header.payload_size, self._limit)
            self._header = header
        return self._header

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more bytes arrive.

        Raises RemoteProtocolError for a frame that breaks the protocol, and as `next_header` does.
        """
        header = self.next_header()
        if header is None:
            return None
        size = HEADER_SIZE + header.room_size + header.payload_size
        if len(self._buffer) < size:
            return None
        whole = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._header = None
        return decode_frame(whole)
