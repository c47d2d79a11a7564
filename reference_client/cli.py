"""The command `tcrp-client`."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from reference_client import asking
from reference_client.arguments import (
    check_list,
    cut,
    find_dialect,
    find_server,
    parse_arguments,
    read_password_file,
    room_request,
    tls_context,
)
from reference_client.client import ChatClient, list_rooms
from reference_client.console import Console, open_console
from reference_client.errors import ExitStatus, PasswordNeeded, Refused, Unreachable, UsageError
from reference_client.talk import chat_in_lines
from reference_client.text import Label, own_line, visible
from reference_client.transcript import Transcript
from tcrp.constants import Status
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint
from tcrp.errors import LocalProtocolError, MissingExtra, RemoteProtocolError
from tcrp.messages import Create, Join

T = TypeVar("T")
RunTui = Callable[[ChatClient, Transcript], Awaitable[int]]
"""`tui.run_tui`, which is loaded only if it is asked for."""


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    `argv`: the arguments, without the program's name; None: those of the process. SystemExit for wrong arguments.
    """
    options = parse_arguments(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # not every locale has every character
    try:
        return _run(options)
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


def _run(options: argparse.Namespace) -> int:
    # questions are asked outside of an event loop, which would hold back ^C
    dialect = find_dialect(options)
    options.tls = tls_context(options, dialect)
    password = None
    if options.action is None:
        if not asking.can_ask():
            what = "create ROOM, join ROOM or list (there is no terminal to ask at)"
            raise UsageError(f"the following arguments are required: action: {what}")
        password = asking.ask_for_all(options, dialect)
    server = find_server(options.server, dialect)
    if options.action == "list":
        check_list(options, dialect)
        status = asyncio.run(_until_signalled(_list(options, dialect, server)))
        return ExitStatus.INTERRUPTED if status is None else status
    if options.room is None and dialect.can.rooms and asking.can_ask():
        options.room = asking.ask_room(options.action)
    want = room_request(options, dialect, password)
    if options.password_prompt:
        want = want._replace(password=asking.ask_password("password: "))
        if not want.password:
            raise UsageError("--password-prompt: no password was given")
    elif options.password_file is not None:
        want = want._replace(password=read_password_file(options.password_file))
    return _Visit(options, dialect, server, want).run()


async def _until_signalled(work: Coroutine[object, object, T]) -> T | None:
    """Run `work` and return its result. A signal cancels it, and so it leaves the room; the result is then None."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores the signal
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _list(options: argparse.Namespace, dialect: Dialect, server: Endpoint) -> int:
    rooms = await list_rooms(server, dialect=dialect, timeout=options.timeout, tls=options.tls)
    async with Console() as console:
        for room in rooms:
            console.show(visible(room))
    return ExitStatus.LEFT


class _Visit:
    """A chat, with all that a person at a terminal is asked about it on the way."""

    def __init__(self, options: argparse.Namespace, dialect: Dialect, server: Endpoint, want: Create | Join) -> None:
        self._options = options
        self._dialect = dialect
        self._server = server
        self._want = want
        self._run_tui = _load_tui() if options.tui else None
        self._transcript = Transcript()
        self._passwords_asked = 0
        self._has_been_in = False
        self._forgotten = False

    def run(self) -> int:
        """Chat until it ends for good, and return the exit status. Raises as `ChatClient.connect`."""
        while True:
            try:
                status = asyncio.run(_until_signalled(self._chat()))
            except Refused as error:
                self._mend(error)
                continue
            except Unreachable as error:
                if not self._has_been_in or not asking.can_ask():
                    raise
                status = _fail(ExitStatus.UNREACHABLE, f"unreachable: {error}")
                self._forgotten = True
            if status is None:
                return ExitStatus.INTERRUPTED
            if not (self._forgotten and asking.can_ask() and asking.ask_yes("join again?")):
                return status
            if isinstance(self._want, Create):
                self._want = Join(self._want.room, self._want.user, self._want.password)

    async def _chat(self) -> int:
        self._forgotten = False
        async with open_console() if self._run_tui is None else Console() as console:
            async with await self._connect(self._want) as chat:
                self._has_been_in = True
                if self._run_tui is not None:
                    status = await self._run_tui(chat, self._transcript)
                else:
                    console.tell(Label.JOINED, chat.room)
                    if chat.invite is not None:
                        console.tell(Label.INVITE, chat.invite)
                    status = await chat_in_lines(chat, console)
            if chat.closed is not None:
                console.tell(Label.CLOSED, chat.closed)
            self._forgotten = chat.forgotten
        return status

    async def _connect(self, want: Create | Join) -> ChatClient:
        options = self._options
        try:
            return await ChatClient.connect(
                self._server,
                want,
                dialect=self._dialect,
                timeout=options.timeout,
                keepalive=options.keepalive,
                recheck=options.recheck,
                tls=options.tls,
            )
        except LocalProtocolError as error:
            if options.name is not None or error.field != "user name" or not isinstance(error.limit, int):
                raise
            name = cut(want.user, error.limit)  # the default name is too long for this dialect, so a part of it will do
            if name in ("", want.user):
                raise
            return await self._connect(want._replace(user=name))

    def _mend(self, error: Refused) -> None:
        """Ask for what makes the request succeed. Raises the error if nobody answers, or nothing would help."""
        want, room = self._want, visible(self._want.room)
        if error.status is Status.WRONG_PASSWORD and (want.password is None or self._passwords_asked):
            if asking.can_ask() and self._passwords_asked < asking.TRIES:
                if self._passwords_asked:
                    _print_error(str(error))
                self._passwords_asked += 1
                if password := asking.ask_password(f"the password of room {room}: "):
                    self._want = want._replace(password=password)
                    return
            if want.password is None:
                raise PasswordNeeded(error.status, error.text)
        may_create = error.status is Status.ROOM_NOT_FOUND and self._has_been_in and not self._dialect.can.invites
        if may_create and asking.ask_yes(f"room {room} is gone: create it?"):
            self._want = Create(want.room, want.user, want.password, self._options.capacity)
            return
        raise error


def _load_tui() -> RunTui:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty()):
        raise UsageError("--tui needs a terminal: stdin and stdout are not both one")
    try:
        from reference_client.tui import run_tui
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("textual", "rich"):
            raise
        hint = "install tcrp with the extra 'tui', in a clone: pip install '.[tui]'"
        raise UsageError(f"--tui needs textual: {hint}") from None
    return run_tui


def _print_error(line: str) -> None:
    """Write a line to stderr, if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


def _fail(status: int, error: object) -> int:
    _print_error(own_line(Label.FAILED, str(error)))
    return status
