"""`tcrp decode`: what some captured bytes say, field by field.

Exit codes: 0 all of it decodes, 1 some of it does not, 4 usage.
"""

import argparse
import errno
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple, NoReturn

from construct import GreedyBytes, Struct

from tcrp import __version__, dialects, wire
from tcrp.annotate import Row, annotate, format_rows, mark, show
from tcrp.constants import HEADER_SIZE, MAX_PAYLOAD_SIZE, NoticeKind, Operation, State, Status
from tcrp.conversation import Limits
from tcrp.dialects import Dialect
from tcrp.dialects.tcrp import within_payload
from tcrp.errors import RemoteProtocolError
from tcrp.events import Malformed, Requested
from tcrp.hextext import HexError, looks_like_hex, parse_hex
from tcrp.messages import ChatMessage, Create, Disconnect, DownKind, Frame, Information, Join, Membership, UpKind

OK, WRONG, USAGE = 0, 1, 4

KINDS = ("frame", "packet", "delivery")

_NOWHERE = ("0.0.0.0", 0)
_NOBODY = Membership("", "", b"", False)
_CANONICAL = "tcrp"
_datagram_layout = Struct("datagram" / GreedyBytes * "datagram")  # for dialects that declare no layout

_EPILOG = """\
HEX   hex digits in pairs, with or without spaces, colons, commas, new lines, 0x and \\x, or the output of
      hexdump -C, xxd, od -t x1 and Wireshark. What is hex is never a file: write ./cafe for a file of that name
FILE  a file that holds such hex, or else the bytes themselves (--binary: the bytes themselves, whatever they look like)
-     the same, from standard input

Tokens and passwords in the bytes are shown.
Exit codes: 0 all of it decodes, 1 some of it does not, 4 usage
"""


class UsageError(Exception):
    """Something about the command line; the message is one line."""


class Guess(NamedTuple):
    """What bytes are taken for, and why."""

    kind: str
    reason: str


class Decoded(NamedTuple):
    """One frame or datagram: its rows, and either the message in it or what is wrong with it; the other is empty."""

    title: str
    rows: tuple[Row, ...]
    message: str
    error: str


def main(argv: Sequence[str] | None = None) -> int:
    """The command `tcrp`. Returns the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `tcrp decode ... | head` ends quietly
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except (UsageError, HexError, dialects.UnknownDialect) as error:
        print(f"tcrp: {error}", file=sys.stderr)
        return USAGE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tcrp", description="TCRP, the chat-room protocol.")
    parser.add_argument("--version", action="version", version=f"tcrp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    what = "show what captured bytes say, field by field"
    decode_parser = commands.add_parser(
        "decode", help=what, description=what, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    decode_parser.add_argument("input", metavar="HEX|FILE|-", help="the bytes")
    decode_parser.add_argument(
        "--as", dest="kind", choices=("auto", *KINDS), default="auto",
        help="what the bytes are: TCP frames one after another, a client's datagram, a server's datagram",
    )  # fmt: skip
    decode_parser.add_argument(
        "--dialect", metavar="NAME", default=dialects.DEFAULT, help=f"one of {', '.join(dialects.names())}"
    )
    decode_parser.add_argument("--binary", action="store_true", help="the input is the bytes themselves, not hex")
    return parser


def _run(options: argparse.Namespace) -> int:
    dialect = dialects.get(options.dialect)
    data = read_input(options.input, options.binary)
    if options.kind == "auto":
        if not data:
            raise UsageError("there is nothing to decode (--as packet takes an empty datagram)")
        kind, reason = guess(data)
        print(f"{_count(len(data), 'byte')} as {kind}: {reason}")
    else:
        kind = options.kind
        print(f"{_count(len(data), 'byte')} as {kind}: as asked")
    code = OK
    for title, rows, message, error in decode(data, kind, dialect):
        print(f"\n{title}")
        print(format_rows(rows))
        print(f"error: {error}" if error else f"= {message}")
        code = WRONG if error else code
    return code


def read_input(text: str, binary: bool) -> bytes:
    """The bytes that the argument means. Raises UsageError and HexError."""
    if text != "-" and not binary and (not text.strip() or looks_like_hex(text)):
        return parse_hex(text)
    try:
        data = sys.stdin.buffer.read() if text == "-" else Path(text).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        shown = repr(text if len(text) <= 60 else text[:60] + "…")
        if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
            raise UsageError(f"cannot read {shown}: {getattr(error, 'strerror', None) or error}") from None
        if binary:
            raise UsageError(f"there is no file {shown}") from None
        raise UsageError(f"{shown} is not a file, and not hex: {_why_not_hex(text)}") from None
    if binary or not data.isascii() or not looks_like_hex(data.decode("ascii")):
        return data
    return parse_hex(data.decode("ascii"))


def _why_not_hex(text: str) -> str:
    try:
        parse_hex(text)
    except HexError as error:
        return str(error)
    return "it holds no digits"


def guess(data: bytes) -> Guess:
    """What at least one byte is: frames if the sizes in their headers account for all of them, else what fits best."""
    if count := _whole_frames(data):
        return Guess("frame", f"the sizes in the headers account for every byte, in {_count(count, 'frame')}")
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
    """What the bytes say as one of KINDS: frames one after another, or one datagram. Raises UsageError."""
    canonical = dialect.name == _CANONICAL
    if kind == "frame":
        if not dialect.can.frames:
            raise UsageError(f"dialect {dialect.name} has no frames: use --as packet or --as delivery")
        for number, (offset, part) in enumerate(_frames(data), 1):
            yield _decoded(f"frame {number}, at byte {offset}", part, wire.frame_layout, _say_frame, dialect)
    elif kind == "packet":
        layout = wire.packet_layout if canonical else _datagram_layout
        yield _decoded("packet, from a client", data, layout, _say_packet, dialect)
    else:
        notice = data[:1] in [bytes([kind]) for kind in NoticeKind]
        layout = wire.notice_layout if notice else wire.chat_layout
        yield _decoded(
            "delivery, from a server", data, layout if canonical else _datagram_layout, _say_delivery, dialect
        )


def _decoded(
    title: str, data: bytes, layout: Struct, say: Callable[[bytes, Dialect], str], dialect: Dialect
) -> Decoded:
    rows = annotate(data, layout)
    try:
        return Decoded(title, rows, say(data, dialect), "")
    except RemoteProtocolError as error:
        if error.offset is not None:
            rows = mark(rows, error.offset, error.args[0])
        return Decoded(title, rows, "", str(error))


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames with their offsets. The last one is all that is left where the sizes do not fit."""
    offset = 0
    while True:
        end = _frame_end(data, offset)
        yield offset, data[offset:end]
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


def _say_frame(data: bytes, dialect: Dialect) -> str:
    frame = wire.decode_frame(data)
    if dialect.name != _CANONICAL:
        return repr(frame)
    if frame.state in (State.ACK, State.COMPLETE):
        return _say_reply(frame)
    (event,) = dialect.server(_NOWHERE, Limits(payload=MAX_PAYLOAD_SIZE), 0.0).receive_data(data, 0.0)
    match event:
        case Malformed(error):
            raise error
        case Requested(Create() | Join() as want):
            said = _said({"room": want.room, "user": want.user, "password": want.password})
            return f"{type(want).__name__.upper()} REQUEST: {said}"
    return repr(event)


def _say_reply(frame: Frame) -> str:
    known = frame.operation in list(Operation)
    operation = Operation(frame.operation).name if known else f"operation {frame.operation}"
    with within_payload(frame):
        if frame.state == State.COMPLETE:
            return f"{operation} COMPLETE: room {frame.room!r}, token {show(wire.check_token(frame.payload))}"
        status = wire.decode_status(frame.payload)
    name = status.name if isinstance(status, Status) else "(unknown)"
    return f"{operation} ACK: room {frame.room!r}, status {status} {name}"


def _say_packet(data: bytes, dialect: Dialect) -> str:
    up = dialect.read_up(data, _NOWHERE)
    parts = {"room": up.room, "token": up.token, "user": up.user, "message": up.body or None}
    if up.kind is UpKind.LEAVE:
        del parts["message"]
    return f"{up.kind.name}: {_said(parts)}"


def _say_delivery(data: bytes, dialect: Dialect) -> str:
    if dialect.name != _CANONICAL:
        down = dialect.read_down(data, _NOBODY)
        if down.kind is DownKind.UNKNOWN:
            raise RemoteProtocolError(
                f"dialect {dialect.name} has no such datagram", clause="TCRP-4.6c", field="datagram", offset=0
            )
        return f"{down.kind.name}: {_said({'user': down.user, 'message': down.body})}"
    match wire.decode_delivery(data):
        case ChatMessage(user, message):
            return f"CHAT: {_said({'user': user, 'message': message})}"
        case Disconnect(text):
            return f"DISCONNECT: text {text!r}"
        case Information(text):
            return f"INFORMATION: text {text!r}"


def _said(parts: dict[str, str | bytes | None]) -> str:
    return ", ".join(
        f"{name} {show(value) if isinstance(value, bytes) else repr(value)}"
        for name, value in parts.items()
        if value is not None
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
