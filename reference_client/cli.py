"""The command `tcrp-client`: its arguments, and a chat between stdin and stdout."""

import argparse
import asyncio
import contextlib
import getpass
import math
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Final, NoReturn

from reference_client.client import KEEPALIVE, TIMEOUT, ChatClient, list_rooms
from reference_client.errors import ExitStatus, Refused, RoomClosed, Unreachable
from reference_client.terminal import MAX_LINE, Interrupted, OverlongLine, read_lines
from reference_client.text import visible
from reference_client.tls import client_context
from tcrp import __version__, dialects
from tcrp.constants import MAX_USER_SIZE
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint, parse_endpoint
from tcrp.errors import LocalProtocolError, MissingExtra, RemoteProtocolError
from tcrp.messages import Create, DownKind, Join

LEAVE_LINE: Final = b"exit"

DESCRIPTION = "Chat in a room of a TCRP server: lines from stdin are messages, what others write goes to stdout."
EPILOG = """\
A line `exit` leaves: the protocol has that word for it, so it cannot be said in the chat. So does the end of input.
Empty lines are not sent, and neither is a line that is not UTF-8 or too long for a datagram.
Without a terminal stdin and stdout are plain pipes. On stderr: `joined room=ROOM` once in, `info: TEXT` and
`closed: TEXT` as the server says it, `unknown: TEXT` for what cannot be read. Control characters are escaped.

exit status: 0 left, 1 refused, 2 interrupted, 4 usage, 6 unreachable, 8 the room was closed
"""


class UsageError(Exception):
    """The arguments ask for something that cannot be done. The message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _print_error(f"{self.prog}: {visible(message)}")
        sys.exit(ExitStatus.USAGE)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    `argv`: the arguments, without the program's name; None: those of the process. SystemExit for wrong arguments.
    """
    parser = _parser()
    options = parser.parse_intermixed_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # not every locale has every character
    try:
        dialect = _dialect(options.dialect)
        server = _server(options.server, dialect)
        options.tls = _tls(options, dialect)
        if options.action == "list":
            _check_list(options, dialect)
            return asyncio.run(_until_signalled(_list(options, dialect, server)))
        want = _room_request(options, dialect)  # asks for the password; an event loop would hold back ^C
        return asyncio.run(_until_signalled(_chat(options, dialect, server, want)))
    except (UsageError, LocalProtocolError, MissingExtra) as error:
        return _fail(ExitStatus.USAGE, error)
    except Refused as error:
        return _fail(ExitStatus.REFUSED, f"refused: {error}")
    except Unreachable as error:
        return _fail(ExitStatus.UNREACHABLE, f"unreachable: {error}")
    except RemoteProtocolError as error:
        return _fail(ExitStatus.UNREACHABLE, f"the server breaks the protocol: {error}")
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED


def _parser() -> _Parser:
    parser = _Parser(
        prog="tcrp-client",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("action", choices=("create", "join", "list"), help="what to do")
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
        "--server", default="127.0.0.1", metavar="HOST[:TCP[:UDP]]",
        help="default: 127.0.0.1 and the dialect's ports; IPv6 in brackets, - for no TCP",
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
    parser.add_argument("--tls", action="store_true", help="the server speaks TLS on TCP; chat is never encrypted")
    parser.add_argument(
        "--tls-ca", type=Path, metavar="FILE", help="PEM: trust these authorities, not the system's; implies --tls"
    )
    parser.add_argument("--tui", action="store_true", help="a full-screen interface")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


async def _until_signalled(work: Coroutine[object, object, int]) -> int:
    """Run `work` and return its exit status. A signal cancels it, and so it leaves the room."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores the signal
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return ExitStatus.INTERRUPTED


async def _list(options: argparse.Namespace, dialect: Dialect, server: Endpoint) -> int:
    for room in await list_rooms(server, dialect=dialect, timeout=options.timeout, tls=options.tls):
        if not _print_line(visible(room)):
            break
    return ExitStatus.LEFT


async def _chat(options: argparse.Namespace, dialect: Dialect, server: Endpoint, want: Create | Join) -> int:
    run_tui = _load_tui() if options.tui else None
    chat = await _connect(options, dialect, server, want)
    async with chat:
        if run_tui is not None:
            status = await run_tui(chat)
        else:
            _print_error(f"joined room={visible(chat.room)}")
            if chat.invite is not None:
                _print_error(f"invite={visible(chat.invite)}")
            status = await _chat_in_lines(chat)
    if chat.closed is not None:
        _print_error(f"closed: {visible(chat.closed)}")
    return status


async def _connect(options: argparse.Namespace, dialect: Dialect, server: Endpoint, want: Create | Join) -> ChatClient:
    try:
        return await ChatClient.connect(
            server, want, dialect=dialect, timeout=options.timeout, keepalive=options.keepalive, tls=options.tls
        )
    except LocalProtocolError as error:
        if options.name is not None or error.field != "user name" or not isinstance(error.limit, int):
            raise
        name = _cut(want.user, error.limit)  # the default name is too long for this dialect, so a part of it will do
        if name in ("", want.user):
            raise
        return await _connect(options, dialect, server, want._replace(user=name))


async def _chat_in_lines(chat: ChatClient) -> int:
    """Send stdin and show what comes, until one of both ends. A closed room ends it even while stdin is open."""
    talking, listening = asyncio.create_task(_send_lines(chat)), asyncio.create_task(_show_messages(chat))
    try:
        await asyncio.wait((talking, listening), return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        if chat.closed is not None:
            return ExitStatus.CLOSED
        return talking.result() if talking.done() else ExitStatus.LEFT
    finally:
        talking.cancel()
        listening.cancel()
        await asyncio.gather(talking, listening, return_exceptions=True)


async def _send_lines(chat: ChatClient) -> int:
    async with contextlib.aclosing(read_lines(chat.user)) as lines:
        try:
            async for line in lines:
                if line == LEAVE_LINE:
                    break
                if line:
                    await _send_line(chat, line)
        except Interrupted:
            return ExitStatus.INTERRUPTED
        except RoomClosed:
            pass
    return ExitStatus.LEFT


async def _send_line(chat: ChatClient, line: bytes | OverlongLine) -> None:
    """Send a line, or say on stderr why it was not sent."""
    if isinstance(line, OverlongLine):
        _print_error(f"not sent: the line has {line.size} bytes: more than {MAX_LINE} are not even looked at")
        return
    try:
        line.decode()
        await chat.send(line)
    except UnicodeDecodeError as error:
        _print_error(
            f"not sent: the line is not UTF-8: byte 0x{line[error.start]:02x} at {error.start}, {error.reason}"
        )
    except LocalProtocolError as error:
        _print_error(f"not sent: {visible(str(error))}")
    except OSError as error:
        _print_error(f"not sent: {error.strerror or error}")


async def _show_messages(chat: ChatClient) -> None:
    """Show what comes until the room or stdout is closed."""
    async for down in chat:
        text = visible(down.body)
        if down.kind is not DownKind.CHAT:
            _print_error(f"{down.kind.value}: {text}")
        elif not _print_line(text if down.user is None else f"{visible(down.user)}: {text}"):
            return


def _load_tui() -> Callable[[ChatClient], Awaitable[int]]:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise UsageError("--tui needs a terminal: stdin and stdout are not both one")
    try:
        from reference_client.tui import run_tui
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("textual", "rich"):
            raise
        raise UsageError("--tui needs textual: pip install 'tcrp[tui]'") from None
    return run_tui


def _dialect(name: str) -> Dialect:
    try:
        return dialects.get(name)
    except dialects.UnknownDialect as error:
        raise UsageError(f"--dialect: {error}") from None


def _tls(options: argparse.Namespace, dialect: Dialect) -> ssl.SSLContext | None:
    if not options.tls and options.tls_ca is None:
        return None
    if not dialect.can.tcp:
        raise UsageError(f"--tls: dialect {dialect.name} has no TCP")
    try:
        return client_context(options.tls_ca)
    except OSError as error:  # SSLError is one
        raise UsageError(f"--tls-ca {options.tls_ca}: {getattr(error, 'reason', None) or error.strerror}") from None


def _server(text: str, dialect: Dialect) -> Endpoint:
    try:
        server = parse_endpoint(text, dialect.ports)
    except ValueError as error:
        raise UsageError(f"--server: {error}") from None
    if dialect.can.tcp and server.tcp is None:
        raise UsageError(f"--server: dialect {dialect.name} needs a TCP port, and {text!r} has none")
    if not dialect.can.tcp and server.tcp is not None:
        raise UsageError(f"--server: dialect {dialect.name} has no TCP: write {server._replace(tcp=None)}")
    return server


def _check_list(options: argparse.Namespace, dialect: Dialect) -> None:
    if options.room is not None:
        raise UsageError(f"list takes no room, and {options.room!r} is one")
    if not dialect.can.listing:
        raise UsageError(f"dialect {dialect.name} cannot list rooms")


def _room_request(options: argparse.Namespace, dialect: Dialect) -> Create | Join:
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
    user = _login_name() if options.name is None else options.name
    password = _password(options)
    if creating:
        return Create(room, user, password, options.capacity)
    return Join(room, user, password, None if options.invite is None else os.fsencode(options.invite))


def _login_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # neither the environment nor the system has a name
        name = ""
    return _cut("".join(c for c in name if c.isprintable()), MAX_USER_SIZE) or "guest"


def _cut(text: str, size: int) -> str:
    """The text cut to `size` bytes of UTF-8, without half a character."""
    return text.encode(errors="ignore")[:size].decode(errors="ignore")


def _password(options: argparse.Namespace) -> str | None:
    if options.password_prompt:
        return _ask_password()
    if options.password_file is None:
        return None
    try:
        text: str = options.password_file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"--password-file {options.password_file}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"--password-file {options.password_file}: {error.strerror}") from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:  # an empty one would make an open room, which the user did not ask for
        raise UsageError(f"--password-file {options.password_file}: it is empty")
    return password


def _ask_password() -> str:
    try:
        # without a terminal getpass would read the messages on stdin
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise UsageError("--password-prompt: there is no terminal to ask on: use --password-file") from None
    try:
        password = getpass.getpass("password: ")
    except EOFError:
        password = ""
    if not password:
        raise UsageError("--password-prompt: no password was given")
    return password


def _print_line(line: str) -> bool:
    """Write a line to stdout. False: stdout is closed."""
    try:
        print(line, flush=True)
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _print_error(f"stdout: {error.strerror}")
        return False
    return True


def _print_error(line: str) -> None:
    """Write a line to stderr, if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


def _fail(status: int, error: object) -> int:
    _print_error(f"tcrp-client: {visible(str(error))}")
    return status
