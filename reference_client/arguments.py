"""The arguments of `tcrp-client`, and what they ask for."""

import argparse
import getpass
import math
import os
import ssl
import sys
from pathlib import Path
from typing import Final, NoReturn

from reference_client.client import KEEPALIVE, TIMEOUT
from reference_client.errors import ExitStatus, UsageError
from reference_client.text import visible
from reference_client.tls import client_context
from tcrp import __version__, dialects
from tcrp.constants import MAX_USER_SIZE
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint, parse_endpoint
from tcrp.messages import Create, Join

ACTIONS: Final = ("create", "join", "list")
SERVER: Final = "127.0.0.1"
RECHECK: Final = 60.0
"""Seconds without anything from the server after which the client joins once more, by default."""

DESCRIPTION: Final = """\
Chat in a room of a TCRP server: lines from stdin are messages, what others write goes to stdout.
Without ACTION it asks at a terminal for server, name, what to do, room and password.
"""
EPILOG: Final = """\
A line `exit` leaves: the protocol has that word for it, so it cannot be said in the chat. So does the end of input.
Empty lines are not sent, and neither is a line that is not UTF-8 or too long for a datagram. A pasted block of lines
is sent line by line. If the room turns out to have a password, it is asked for at a terminal.
Without a terminal stdin and stdout are plain pipes. On stderr: `joined room=ROOM` once in, `info: TEXT` and
`closed: TEXT` as the server says it, `unknown: TEXT` for what cannot be read. No line of chat begins so: the first
character of one that would is escaped. At a terminal these lines begin with a * in reverse video, in the full screen
with a * in the first column. Control characters and invisible characters are escaped.
In the full screen PageUp and PageDown turn the pages, and ctrl+Home and ctrl+End go to the first and the last one.

exit status: 0 left, 1 refused, 2 interrupted, 4 usage, 6 unreachable, 8 the room was closed
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if sys.stderr is not None:
            print(f"{self.prog}: {visible(message)}", file=sys.stderr, flush=True)
        sys.exit(ExitStatus.USAGE)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The options. `argv`: the arguments, without the program's name; None: those of the process.

    SystemExit for wrong arguments, after a line on stderr.
    """
    parser = _Parser(
        prog="tcrp-client",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="what to do")
    parser.add_argument("room", nargs="?", metavar="ROOM", help="the room to create or join")
    parser.add_argument("--name", help="your name in the room (default: the login name)")
    password = parser.add_mutually_exclusive_group()
    password.add_argument("--password-prompt", action="store_true", help="ask for the room's password")
    password.add_argument(
        "--password-file", type=Path, metavar="F", help="read the room's password from F, without a newline at its end"
    )
    parser.add_argument("--capacity", type=int, metavar="N", help="create: how many may be in the room, you included")
    parser.add_argument("--invite", metavar="TOKEN", help="join: the token to enter by")
    parser.add_argument(
        "--server", metavar="HOST[:TCP[:UDP]]",
        help=f"default: {SERVER} and the dialect's ports; IPv6 in brackets, - for no TCP",
    )  # fmt: skip
    parser.add_argument(
        "--dialect", default=dialects.DEFAULT, metavar="NAME|FILE",
        help=f"{', '.join(dialects.names())}, or a .toml file that says another (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="S", help="wait for the server (%(default)s)"
    )
    parser.add_argument(
        "--keepalive", type=_seconds, default=KEEPALIVE, metavar="S",
        help="seconds between signs of life, below the server's idle time (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--recheck", type=_seconds_or_never, default=RECHECK, metavar="S",
        help="after so many seconds without anything from the server join once more, to find out whether it still "
        "knows you; later ones follow less often; 0: never (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--tls", action="store_true", help="the server speaks TLS on TCP; chat is never encrypted")
    parser.add_argument(
        "--tls-ca", type=Path, metavar="FILE", help="PEM: trust these authorities, not the system's; implies --tls"
    )
    parser.add_argument("--tui", action="store_true", help="a full-screen interface")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser.parse_intermixed_args(argv)


def find_dialect(options: argparse.Namespace) -> Dialect:
    """The dialect. Raises UsageError if there is none of this name."""
    try:
        return dialects.get(options.dialect)
    except dialects.UnknownDialect as error:
        raise UsageError(f"--dialect: {error}") from None


def find_server(text: str | None, dialect: Dialect) -> Endpoint:
    """The server that the text names, None: the default one. Raises UsageError."""
    text = SERVER if text is None else text
    try:
        server = parse_endpoint(text, dialect.ports)
    except ValueError as error:
        raise UsageError(f"--server: {error}") from None
    if dialect.can.tcp and server.tcp is None:
        raise UsageError(f"--server: dialect {dialect.name} needs a TCP port, and {text!r} has none")
    if server.udp is None:
        raise UsageError(f"--server: chat needs a UDP port, and {text!r} has none")
    if not dialect.can.tcp and server.tcp is not None:
        raise UsageError(f"--server: dialect {dialect.name} has no TCP: write {server._replace(tcp=None)}")
    return server


def tls_context(options: argparse.Namespace, dialect: Dialect) -> ssl.SSLContext | None:
    """What to trust of the server on TCP; None: no TLS. Raises UsageError."""
    if not options.tls and options.tls_ca is None:
        return None
    if not dialect.can.tcp:
        raise UsageError(f"--tls: dialect {dialect.name} has no TCP")
    try:
        return client_context(options.tls_ca)
    except OSError as error:  # SSLError is one
        raise UsageError(f"--tls-ca {options.tls_ca}: {getattr(error, 'reason', None) or error.strerror}") from None


def check_list(options: argparse.Namespace, dialect: Dialect) -> None:
    """Raise UsageError if rooms cannot be listed so."""
    if options.room is not None:
        raise UsageError(f"list takes no room, and {options.room!r} is one")
    if not dialect.can.listing:
        raise UsageError(f"dialect {dialect.name} cannot list rooms")


def room_request(options: argparse.Namespace, dialect: Dialect, password: str | None) -> Create | Join:
    """The request for `create` and `join`. Raises UsageError for options that do not fit."""
    can, creating = dialect.can, options.action == "create"
    if options.room is None and can.rooms:
        raise UsageError(f"{options.action} needs the name of a room")
    for option, given, possible, action in (
        ("--password-prompt", options.password_prompt, can.passwords, options.action),
        ("--password-file", options.password_file is not None, can.passwords, options.action),
        ("--capacity", options.capacity is not None, can.capacity, "create"),
        ("--invite", options.invite is not None, can.invites, "join"),
    ):
        if given and not possible:
            raise UsageError(f"{option}: dialect {dialect.name} has nothing of the kind")
        if given and action != options.action:
            raise UsageError(f"{option} is for {action}, not for {options.action}")
    room = options.room or ""
    user = login_name() if options.name is None else options.name
    if creating:
        return Create(room, user, password, options.capacity)
    return Join(room, user, password, None if options.invite is None else os.fsencode(options.invite))


def login_name() -> str:
    """The name of the user's account, or `guest`."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # neither the environment nor the system has a name
        name = ""
    return cut("".join(c for c in name if c.isprintable()), MAX_USER_SIZE) or "guest"


def cut(text: str, size: int) -> str:
    """The text cut to `size` bytes of UTF-8, without half a character."""
    return text.encode(errors="ignore")[:size].decode(errors="ignore")


def read_password_file(path: Path) -> str:
    """The password in the file. Raises UsageError."""
    try:
        text: str = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"--password-file {path}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"--password-file {path}: {error.strerror}") from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:  # an empty one would make an open room, which the user did not ask for
        raise UsageError(f"--password-file {path}: it is empty")
    return password


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _seconds_or_never(text: str) -> float | None:
    return None if text == "0" else _seconds(text)
