"""Captured bytes decoded for a reader: their kind, their fields as rows, and a summary in words.

Tokens and passwords are shown: this is for reading captured bytes, not for logs.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from construct import GreedyBytes, Struct

from tcrp import wire
from tcrp.annotate import Row, annotate, bytes_text, mark
from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE, NoticeKind, Operation, State, Status
from tcrp.conversation import Limits
from tcrp.dialects import Dialect
from tcrp.dialects.tcrp import shift_error_offset
from tcrp.errors import RemoteProtocolError
from tcrp.events import Malformed, Requested
from tcrp.layouts import frame_layout, notice_layout, status_layout
from tcrp.messages import ChatMessage, Create, Disconnect, DownKind, Frame, Information, Join, Membership, UpKind

FRAME, PACKET, DELIVERY = "frame", "packet", "delivery"
KINDS = (FRAME, PACKET, DELIVERY)
"""Kinds of captured bytes: TCP frames one after another, a client's datagram, a server's datagram."""

_UNKNOWN_ADDRESS = ("0.0.0.0", 0)
_UNKNOWN_MEMBER = Membership("", "", b"", False)
_datagram_layout = Struct("datagram" / GreedyBytes * "datagram")  # for dialects that declare no layout
_stream_layout = Struct("bytes" / GreedyBytes * "bytes")


class Guess(NamedTuple):
    """The most likely kind of some bytes, one of KINDS, and the reason."""

    kind: str
    reason: str


class Summary(NamedTuple):
    """A message in words: what it is (`CREATE REQUEST`), and its parts as pairs of name and text."""

    what: str
    parts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: {', '.join(' '.join(part) for part in self.parts)}" if self.parts else self.what


class Decoded(NamedTuple):
    """One decoded frame or datagram.

    `offset`: where it begins in the captured bytes. The offsets in `rows` count from there.
    `summary`, `error`: its summary, or what is wrong with it; the other one is None or "".
    `whole`: it has as many bytes as its header says.
    """

    title: str
    offset: int
    rows: tuple[Row, ...]
    summary: Summary | None
    error: str
    whole: bool = True

    @property
    def message(self) -> str:
        """The summary as text, or "" if something is wrong."""
        return str(self.summary) if self.summary else ""


def guess(data: bytes) -> Guess:
    """The most likely kind of these bytes, at least one. They are frames if the sizes in the headers add up."""
    if count := _whole_frames(data):
        return Guess("frame", f"the sizes in the headers account for every byte, in {counted(count, 'frame')}")
    if len(data) >= 8 and not any(data[3 : HEADER_SIZE - 4]):
        return Guess("frame", "zeros stand where a header's size begins, though the sizes do not add up")
    if data[0] >= 0x20 and _is_delivery(data):
        return Guess("delivery", "it begins with a user name and ': '")
    if len(data) >= 2 and data[0] and data[1] and 2 + data[0] + data[1] <= len(data):
        return Guess("packet", f"its first bytes, {data[0]} and {data[1]}, fit as the sizes of a room name and a token")
    if data[0] in list(NoticeKind) and _is_delivery(data):
        return Guess("delivery", f"it begins with 0x{data[0]:02x}, as a notice does")
    return Guess("frame" if len(data) >= HEADER_SIZE else "packet", "nothing fits; --as says what it is")


def decode(data: bytes, kind: str, dialect: Dialect) -> Iterator[Decoded]:
    """Decode the bytes as one of KINDS. Frames give one result each, a datagram gives one.

    In a dialect without frames, a TCP stream gives one result with a single row.
    """
    if kind == FRAME and not dialect.can.frames:
        yield Decoded("stream", 0, annotate(data, _stream_layout), Summary(counted(len(data), "byte")), "")
    elif kind == FRAME:
        for number, (offset, part, whole) in enumerate(_frames(data), 1):
            title = f"frame {number}, at byte {offset}"
            yield _decoded(title, part, frame_layout, _summary_of_frame, dialect, offset)._replace(whole=whole)
    elif kind == PACKET:
        layout = dialect.layouts.up or _datagram_layout
        yield _decoded("packet, from a client", data, layout, _summary_of_packet, dialect)
    else:
        marked = data[:1] in [bytes([kind]) for kind in NoticeKind]
        layout = (dialect.layouts.notice if marked else None) or dialect.layouts.down or _datagram_layout
        yield _decoded("delivery, from a server", data, layout, _summary_of_delivery, dialect)


def _decoded(
    title: str,
    data: bytes,
    layout: Struct,
    summary: Callable[[bytes, Dialect], Summary],
    dialect: Dialect,
    offset: int = 0,
) -> Decoded:
    rows = annotate(data, layout)
    try:
        return Decoded(title, offset, rows, summary(data, dialect), "")
    except RemoteProtocolError as error:
        if error.offset is not None:
            rows = mark(rows, error.offset, error.args[0])
        return Decoded(title, offset, rows, None, str(error))


def _frames(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """The frames of a stream: offset, bytes, and whether the frame is whole.

    Where the sizes do not fit, all bytes that are left are the last frame, and it is not whole.
    """
    offset = 0
    while True:
        end = _frame_end(data, offset)
        yield offset, data[offset:end], end is not None
        if end is None or end == len(data):
            return
        offset = end


def _frame_end(data: bytes, offset: int) -> int | None:
    """The end of the frame at `offset`, or None if the frame is not whole or its payload size is above the limit."""
    head = data[offset : offset + HEADER_SIZE]
    if len(head) < HEADER_SIZE:
        return None
    header = wire.decode_header(head)
    end = offset + HEADER_SIZE + header.room_size + header.payload_size
    return end if header.payload_size <= MAX_PAYLOAD_SIZE and end <= len(data) else None


def _whole_frames(data: bytes) -> int:
    """The number of frames that the bytes consist of, or 0 if they are not a sequence of whole frames."""
    offset, count = 0, 0
    while offset < len(data):
        end = _frame_end(data, offset)
        if end is None:
            return 0
        offset, count = end, count + 1
    return count


def _is_delivery(data: bytes) -> bool:
    try:
        wire.decode_delivery(data)
    except RemoteProtocolError:
        return False
    return True


def _summary_of_frame(data: bytes, dialect: Dialect) -> Summary:
    frame = wire.decode_frame(data)
    if dialect.layouts.status is not status_layout:
        what = f"operation {frame.operation} state {frame.state}"
        return Summary(what, (("room", repr(frame.room)), ("payload", counted(len(frame.payload), "byte"))))
    if frame.state in (State.ACK, State.COMPLETE):
        return _summary_of_reply(frame)
    if frame.state != State.REQUEST:
        raise RemoteProtocolError(
            f"State is {frame.state}: a request has 0, an ACK 1, a COMPLETE 2",
            clause="TCRP-3.1b", field="State", offset=2, value=frame.state, limit=2,
        )  # fmt: skip
    (event,) = dialect.server(_UNKNOWN_ADDRESS, Limits(payload=MAX_PAYLOAD_SIZE), 0.0).receive_data(data, 0.0)
    match event:
        case Malformed(error):
            raise error
        case Requested(Create() | Join() as want):
            what = f"{type(want).__name__.upper()} REQUEST"
            return _summary(what, room=want.room, user=want.user, password=want.password)
    return Summary(repr(event))


def _summary_of_reply(frame: Frame) -> Summary:
    known = frame.operation in list(Operation)
    operation = Operation(frame.operation).name if known else f"operation {frame.operation}"
    with shift_error_offset(frame):
        if frame.state == State.COMPLETE:
            return _summary(f"{operation} COMPLETE", room=frame.room, token=wire.check_token(frame.payload))
        status = wire.decode_status(frame.payload)
    name = status.name if isinstance(status, Status) else "(unknown)"
    return Summary(f"{operation} ACK", (("room", repr(frame.room)), ("status", f"{status} {name}")))


def _summary_of_packet(data: bytes, dialect: Dialect) -> Summary:
    up = dialect.read_up(data, _UNKNOWN_ADDRESS)
    message = None if up.kind is UpKind.LEAVE else up.body or None
    return _summary(up.kind.name, room=up.room, token=up.token, user=up.user, message=message)


def _summary_of_delivery(data: bytes, dialect: Dialect) -> Summary:
    if dialect.layouts.notice is not notice_layout:
        down = dialect.read_down(data, _UNKNOWN_MEMBER)
        if down.kind is DownKind.UNKNOWN:
            raise RemoteProtocolError(
                f"dialect {dialect.name} has no such datagram", clause="TCRP-4.6c", field="datagram", offset=0
            )
        return _summary(down.kind.name, user=down.user, message=down.body)
    match wire.decode_delivery(data):
        case ChatMessage(user, message):
            return _summary("CHAT", user=user, message=message)
        case Disconnect(text):
            return _summary("DISCONNECT", text=text)
        case Information(text):
            return _summary("INFORMATION", text=text)


def _summary(what: str, **parts: str | bytes | None) -> Summary:
    return Summary(
        what,
        tuple(
            (name, bytes_text(value) if isinstance(value, bytes) else repr(value))
            for name, value in parts.items()
            if value is not None
        ),
    )


def counted(number: int, what: str) -> str:
    """A number with its noun: `1 byte`, `2 bytes`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
