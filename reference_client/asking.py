"""Questions to the person at the terminal."""

import argparse
import getpass
import os
import select
import signal
import sys
from typing import Final

from reference_client.arguments import ACTIONS, SERVER, find_server, login_name
from reference_client.errors import UsageError
from reference_client.text import visible
from tcrp.dialects import Dialect

MAX_ANSWER: Final = 4096
"""Bytes of an answer. A terminal does not pass on longer lines."""
TRIES: Final = 3
"""Passwords that are asked for before the server's refusal counts."""


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()


def ask_for_all(options: argparse.Namespace, dialect: Dialect) -> str | None:
    """Fill in what the arguments leave open: server, name, what to do, room. Returns the password, if one is given.

    Raises UsageError at the end of input, KeyboardInterrupt for ^C.
    """
    can = dialect.can
    if options.server is None:
        options.server = _ask_server(dialect)
    if options.name is None:
        options.name = _ask("your name", login_name())
    actions = [action for action in ACTIONS if can.rooms and (action != "list" or can.listing)]
    options.action = _ask_action(actions) if actions else "join"
    if options.action == "list":
        return None
    if options.room is None and can.rooms:
        options.room = ask_room(options.action)
    if can.invites and options.action == "join" and options.invite is None:
        options.invite = _ask("the invitation")
    asks_password = options.action == "create" and can.passwords and not options.password_prompt
    if asks_password and options.password_file is None:
        return ask_password("a password for the room (none: just press Enter): ") or None
    return None


def ask_room(action: str) -> str:
    """The room to create or join. Raises as `ask_for_all`."""
    return _ask(f"the room to {action}")


def ask_password(prompt: str) -> str:
    """What is typed, which is not shown. Raises UsageError if there is no terminal, KeyboardInterrupt for ^C."""
    try:
        # without a terminal getpass would read the messages on stdin
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise UsageError("--password-prompt: there is no terminal to ask on: use --password-file") from None
    try:
        return getpass.getpass(prompt)
    except EOFError:
        return ""


def ask_yes(question: str) -> bool:
    """Whether the answer is yes, which pressing Enter is too. The end of input is no."""
    try:
        return _ask(question, "Y/n").lower() in ("y/n", "y", "yes")
    except UsageError:
        return False


def _ask_server(dialect: Dialect) -> str:
    while True:
        text = _ask("the server, HOST[:TCP[:UDP]]", SERVER)
        try:
            find_server(text, dialect)
        except UsageError as error:
            print(visible(str(error).removeprefix("--server: ")))
        else:
            return text


def _ask_action(actions: list[str]) -> str:
    choice = f"{', '.join(actions[:-1])} or {actions[-1]} a room" if "list" not in actions else ", ".join(actions)
    while True:
        answer = _ask(choice, "join").lower()
        found = [action for action in actions if action.startswith(answer)]
        if len(found) == 1:
            return found[0]


def _ask(question: str, default: str = "") -> str:
    """The answer without white space around it; the default for none. Asks again if there is no default either."""
    while True:
        print(f"{question} [{visible(default)}]: " if default else f"{question}: ", end="", flush=True)
        line = _read_line()
        if not line:
            print()
            raise UsageError(f"{question}: no answer")
        if answer := line.strip() or default:
            return answer


def _read_line() -> str:
    """A line from the terminal, with its line end; "" at the end of input. Raises KeyboardInterrupt for ^C.

    `input` may miss a ^C that comes just before it begins to wait.
    """
    signalled, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    before = signal.set_wakeup_fd(wakeup)
    try:
        fd = sys.stdin.fileno()
        while fd not in select.select([fd, signalled], [], [])[0]:
            os.read(signalled, 1)  # Python calls the signal's handler now, which raises KeyboardInterrupt for ^C
        return os.read(fd, MAX_ANSWER).decode(errors="surrogateescape")
    finally:
        signal.set_wakeup_fd(before)
        os.close(signalled)
        os.close(wakeup)
