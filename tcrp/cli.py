"""The command `tcrp`. `tcrp decode` shows captured bytes field by field.

Exit codes: 0 all of it decodes, 1 some of it does not, 2 interrupted, 4 usage.
"""

import argparse
import contextlib
import errno
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from tcrp import __version__, dialects
from tcrp.annotate import format_rows
from tcrp.decoding import FRAME, KINDS, counted, decode, guess
from tcrp.hextext import HexError, looks_like_hex, parse_hex

OK, WRONG, INTERRUPTED, USAGE = 0, 1, 2, 4
MAX_INPUT = 16 << 20
"""Bytes of input that are read without --all, as hex or as they are."""
MAX_PARTS = 100
"""Frames that are shown without --all."""
MAX_SAID = 400
"""Characters of a line that says what a frame or datagram means, without --all."""

_EPILOG = """\
HEX   hex digits in pairs, with or without spaces, colons, commas, new lines, 0x and \\x, or the output of
      hexdump -C, xxd, od -t x1 and Wireshark. What is hex is never a file: write ./cafe for a file of that name
FILE  a file that holds such hex, or else the bytes themselves (--binary: the bytes themselves, whatever they look like)
-     the same, from standard input

Tokens and passwords in the bytes are shown. Without --all at most 100 frames are, and 400 characters of what each of
them says; all are decoded, and the exit code is about all of them.
Exit codes: 0 all of it decodes, 1 some of it does not, 2 interrupted, 4 usage
"""


class UsageError(Exception):
    """The command line is wrong. The message is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `tcrp` and return its exit code."""
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
    except KeyboardInterrupt:
        print("tcrp: interrupted", file=sys.stderr)
        return INTERRUPTED


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
        "--dialect",
        metavar="NAME|FILE",
        default=dialects.DEFAULT,
        help=f"one of {', '.join(dialects.names())}, or a .toml file that says another",
    )
    decode_parser.add_argument("--all", action="store_true", help="read and show everything, however much it is")
    decode_parser.add_argument("--binary", action="store_true", help="the input is the bytes themselves, not hex")
    return parser


def _run(options: argparse.Namespace) -> int:
    dialect = dialects.get(options.dialect)
    data = read_input(options.input, options.binary, None if options.all else MAX_INPUT)
    if options.kind == "auto":
        if not data:
            raise UsageError("there is nothing to decode (--as packet takes an empty datagram)")
        kind, reason = guess(data)
        print(f"{counted(len(data), 'byte')} as {kind}: {reason}")
    else:
        kind = options.kind
        print(f"{counted(len(data), 'byte')} as {kind}: as asked")
    code = OK
    if kind == FRAME and not dialect.can.frames:
        raise UsageError(f"dialect {dialect.name} has no frames: use --as packet or --as delivery")
    left_out = 0
    wrong_left_out = 0
    for number, part in enumerate(decode(data, kind, dialect)):
        code = WRONG if part.error else code
        if number >= MAX_PARTS and not options.all:
            left_out += 1
            wrong_left_out += bool(part.error)
            continue
        said = f"error: {part.error}" if part.error else f"= {part.message}"
        print(f"\n{part.title}")
        print(format_rows(part.rows))
        print(said if options.all else _cut(said))
    if left_out:
        print(f"\n… and {counted(left_out, 'more frame')}, of which {wrong_left_out} wrong: --all shows them")
    return code


def _cut(line: str) -> str:
    if len(line) <= MAX_SAID:
        return line
    return f"{line[:MAX_SAID]}… ({len(line) - MAX_SAID} more characters: --all shows them)"


def read_input(text: str, binary: bool, most: int | None = None) -> bytes:
    """The bytes that the argument stands for: hex, the name of a file, or `-` for standard input.

    `most`: bytes that are read; None: all. Raises UsageError and HexError.
    """
    if text != "-" and not binary and (not text.strip() or looks_like_hex(text)):
        return parse_hex(text)
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if text == "-" else Path(text).open("rb") as file:
            data = file.read(-1 if most is None else most + 1)
    except (OSError, ValueError) as error:  # ValueError: the name holds a NUL
        shown = repr(text if len(text) <= 60 else text[:60] + "…")
        if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
            raise UsageError(f"cannot read {shown}: {getattr(error, 'strerror', None) or error}") from None
        if binary:
            raise UsageError(f"there is no file {shown}") from None
        raise UsageError(f"{shown} is not a file, and not hex: {_why_not_hex(text)}") from None
    if most is not None and len(data) > most:
        raise UsageError(f"the input has more than {most >> 20} MiB: --all reads all of it")
    if binary or not data.isascii() or not looks_like_hex(data.decode("ascii")):
        return data
    return parse_hex(data.decode("ascii"))


def _why_not_hex(text: str) -> str:
    try:
        parse_hex(text)
    except HexError as error:
        return str(error)
    return "it holds no digits"
