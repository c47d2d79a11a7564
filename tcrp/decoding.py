"""What captured bytes say: which kind they are, field by field, and in words.

Tokens and passwords are shown: this is for reading captured bytes, not for logs.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from construct import GreedyBytes, Struct

from tcrp import wire
from tcrp.annotate import Row, annotate, mark, show
from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE, NoticeKind, Operation, State, Status
from tcrp.conversation import Limits
from tcrp.dialects import Dialect
from tcrp.dialects.tcrp import within_payload
from tcrp.errors import RemoteProtocolError
from tcrp.events import Malformed, Requested
from tcrp.layouts import frame_layout, notice_layout, status_layout
from tcrp.messages import ChatMessage, Create, Disconnect, DownKind, Frame, Information, Join, Membership, UpKind

FRAME, PACKET, DELIVERY = "frame", "packet", "delivery"
KINDS = (FRAME, PACKET, DELIVERY)
"""TCP frames one after another, a client's datagram, a server's datagram."""

_NOWHERE = ("0.0.0.0", 0)
_NOBODY = Membership("", "", b"", False)
_datagram_layout = Struct("datagram" / GreedyBytes * "datagram")  # for dialects that declare no layout
_stream_layout = Struct("bytes" / GreedyBytes * "bytes")


class Guess(NamedTuple):
    """What bytes are taken for, and why."""

    kind: str
    reason: str


class Said(NamedTuple):
    """A message in words: what it is, and its parts by name, each as it is shown."""

    what: str
    parts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.what}: {', '.join(' '.join(part) for part in self.parts)}" if self.parts else self.what


class Decoded(NamedTuple):
    """One frame or datagram: where it begins, its rows with offsets from there, and either what it says or what is
    wrong with it; the other is None or empty. `whole`: it has as many bytes as its sizes say.
    """

    title: str
    offset: int
    rows: tuple[Row, ...]
    said: Said | None
    error: str
    whole: bool = True

    @property
    def message(self) -> str:
        """What it says, in words; empty if something is wrong."""
        return str(self.said) if self.said else ""


def guess(data: bytes) -> Guess:
    """What at least one byte is: frames if the sizes in their headers account for all of them, else what fits best."""
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
    """What the bytes say as one of KINDS: frames one after another, or one datagram. A stream of a dialect without
    frames is one row.
    """
    if kind == FRAME and not dialect.can.frames:
        yield Decoded("stream", 0, annotate(data, _stream_layout), Said(counted(len(data), "byte")), "")
    elif kind == FRAME:
        for number, (offset, part, whole) in enumerate(_frames(data), 1):
            title = f"frame {number}, at byte {offset}"
            yield _decoded(title, part, frame_layout, _say_frame, dialect, offset)._replace(whole=whole)
    elif kind == PACKET:
        yield _decoded("packet, from a client", data, dialect.layouts.up or _datagram_layout, _say_packet, dialect)
    else:
        marked = data[:1] in [bytes([kind]) for kind in NoticeKind]
        layout = (dialect.layouts.notice if marked else None) or dialect.layouts.down or _datagram_layout
        yield _decoded("delivery, from a server", data, layout, _say_delivery, dialect)


def _decoded(
    title: str, data: bytes, layout: Struct, say: Callable[[bytes, Dialect], Said], dialect: Dialect, offset: int = 0
) -> Decoded:
    rows = annotate(data, layout)
    try:
        return Decoded(title, offset, rows, say(data, dialect), "")
    except RemoteProtocolError as error:
        if error.offset is not None:
            rows = mark(rows, error.offset, error.args[0])
        return Decoded(title, offset, rows, None, str(error))


def _frames(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """The frames with their offsets. The last one is all that is left, and not whole, where the sizes do not fit."""
    offset = 0
    while True:
        end = _frame_end(data, offset)
        yield offset, data[offset:end], end is not None
        if end is None or end == len(data):
            return
        offset = end


def _frame_end(data: bytes, offset: int) -> int | None:
    """Where the frame at `offset` ends, or None if it is not whole or claims too much."""
    head = data[offset : offset + HEADER_SIZE]
    if len(head) < HEADER_SIZE:
        return None
    header = wire.decode_header(head)
    end = offset + HEADER_SIZE + header.room_size + header.payload_size
    return end if header.payload_size <= MAX_PAYLOAD_SIZE and end <= len(data) else None


def _whole_frames(data: bytes) -> int:
    """How many frames the bytes are, exactly, or 0."""
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


def _say_frame(data: bytes, dialect: Dialect) -> Said:
    frame = wire.decode_frame(data)
    if dialect.layouts.status is not status_layout:
        what = f"operation {frame.operation} state {frame.state}"
        return Said(what, (("room", repr(frame.room)), ("payload", counted(len(frame.payload), "byte"))))
    if frame.state in (State.ACK, State.COMPLETE):
        return _say_reply(frame)
    if frame.state != State.REQUEST:  # whoever has sent it
        raise RemoteProtocolError(
            f"State is {frame.state}: a request has 0, an ACK 1, a COMPLETE 2",
            clause="TCRP-3.1b", field="State", offset=2, value=frame.state, limit=2,
        )  # fmt: skip
    (event,) = dialect.server(_NOWHERE, Limits(payload=MAX_PAYLOAD_SIZE), 0.0).receive_data(data, 0.0)
    match event:
        case Malformed(error):
            raise error
        case Requested(Create() | Join() as want):
            what = f"{type(want).__name__.upper()} REQUEST"
            return _said(what, room=want.room, user=want.user, password=want.password)
    return Said(repr(event))


def _say_reply(frame: Frame) -> Said:
    known = frame.operation in list(Operation)
    operation = Operation(frame.operation).name if known else f"operation {frame.operation}"
    with within_payload(frame):
        if frame.state == State.COMPLETE:
            return _said(f"{operation} COMPLETE", room=frame.room, token=wire.check_token(frame.payload))
        status = wire.decode_status(frame.payload)
    name = status.name if isinstance(status, Status) else "(unknown)"
    return Said(f"{operation} ACK", (("room", repr(frame.room)), ("status", f"{status} {name}")))


def _say_packet(data: bytes, dialect: Dialect) -> Said:
    up = dialect.read_up(data, _NOWHERE)
    message = None if up.kind is UpKind.LEAVE else up.body or None
    return _said(up.kind.name, room=up.room, token=up.token, user=up.user, message=message)


def _say_delivery(data: bytes, dialect: Dialect) -> Said:
    if dialect.layouts.notice is not notice_layout:
        down = dialect.read_down(data, _NOBODY)
        if down.kind is DownKind.UNKNOWN:
            raise RemoteProtocolError(
                f"dialect {dialect.name} has no such datagram", clause="TCRP-4.6c", field="datagram", offset=0
            )
        return _said(down.kind.name, user=down.user, message=down.body)
    match wire.decode_delivery(data):
        case ChatMessage(user, message):
            return _said("CHAT", user=user, message=message)
        case Disconnect(text):
            return _said("DISCONNECT", text=text)
        case Information(text):
            return _said("INFORMATION", text=text)


def _said(what: str, **parts: str | bytes | None) -> Said:
    return Said(
        what,
        tuple(
            (name, show(value) if isinstance(value, bytes) else repr(value))
            for name, value in parts.items()
            if value is not None
        ),
    )


def counted(number: int, what: str) -> str:
    """`1 byte`, `2 bytes`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
