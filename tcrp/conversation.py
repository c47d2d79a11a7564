"""One TCP conversation, either side, as a state machine without a socket or a clock.

The caller's whole duty, on both sides:

1. Send what `data_to_send()` returns, also right after the start and after every call below.
2. Give every byte that arrives to `receive_data`, the end of the stream to `receive_eof`, and act on the events.
3. When `now` reaches `timer()`, call `handle_timer`.
4. A server answers each `Requested` with `send(Ack(...))` and, after OK, `send(Complete(...))` (or `send(Rooms(...))`).
5. Once `closing` is true and everything is sent, close; a server drains what still arrives first (TCRP-2.6b).

`now` is in seconds of any clock that never goes back. No method raises for what the peer did: that is the event
`Malformed`.
"""

from typing import NamedTuple, Protocol

from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE
from tcrp.events import Event
from tcrp.messages import Frame, Header, Reply
from tcrp.wire import check_payload_size, decode_frame, decode_header


class Limits(NamedTuple):
    """What a side grants its peer.

    `payload`: bytes (TCRP-2.4c: not below 1024). `handshake`: seconds from the request's first byte to its last.
    `silence`: seconds for a peer that says nothing at all, which may be a person still typing.
    """

    payload: int = 64 * 1024
    handshake: float = 10.0
    silence: float = 60.0


class Conversation(Protocol):
    """What server, client and suite need of a TCP conversation in any dialect."""

    @property
    def closing(self) -> bool:
        """True: nothing more is expected; close once everything is sent."""

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take bytes as they come, in any segmentation (TCRP-2.5a)."""

    def receive_eof(self, now: float) -> list[Event]:
        """Take the end of the peer's stream, which a reset is too (TCRP-3.6a)."""

    def timer(self) -> float | None:
        """When `handle_timer` is due, or None."""

    def handle_timer(self, now: float) -> list[Event]:
        """Act if a deadline has passed."""

    def send(self, reply: Reply) -> None:
        """Server: answer. RuntimeError for a reply that is not due."""

    def data_to_send(self) -> bytes:
        """Bytes to write now; each is returned once."""


class Outgoing:
    """What either side of every dialect has: bytes that are to be sent, and a deadline."""

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
    """Frames out of a stream. Only bytes that have arrived are held: a claimed size allocates nothing (TCRP-2.4b)."""

    def __init__(self, payload_limit: int = MAX_PAYLOAD_SIZE) -> None:
        self._limit = payload_limit
        self._buffer = bytearray()
        self._header: Header | None = None

    @property
    def started(self) -> bool:
        """A frame has begun and is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole frame, or None until more bytes come. Raises RemoteProtocolError as soon as a claimed size
        is too large; the reader is then of no further use.
        """
        if self._header is None:
            if len(self._buffer) < HEADER_SIZE:
                return None
            header = decode_header(bytes(self._buffer[:HEADER_SIZE]))
            check_payload_size(header.payload_size, self._limit)
            self._header = header
        size = HEADER_SIZE + self._header.room_size + self._header.payload_size
        if len(self._buffer) < size:
            return None
        whole = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._header = None
        return decode_frame(whole)
