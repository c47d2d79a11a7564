"""What must not outlive this process: servers that it has started, processes that help it."""

import atexit
import contextlib
import os
from collections.abc import Callable
from typing import NoReturn

from conformance.outcome.verdicts import Exit

SHOW_CURSOR = b"\x1b[?25h\n"

_kills: dict[object, Callable[[], None]] = {}


def keep(who: object, kill: Callable[[], None]) -> None:
    """From now on `kill` is called, at the latest when this process ends. It must not wait for long."""
    _kills[who] = kill


def release(who: object) -> None:
    """It has ended."""
    _kills.pop(who, None)


def is_empty() -> bool:
    """Whether there is nothing to end."""
    return not _kills


@atexit.register
def kill_all() -> None:
    """End everything at once."""
    for who, kill in list(_kills.items()):
        with contextlib.suppress(Exception):
            kill()
        release(who)


def end_at_once() -> NoReturn:
    """End this process as interrupted, and everything that must not outlive it. A terminal gets its cursor back."""
    kill_all()
    for file in (1, 2):
        with contextlib.suppress(OSError):
            if os.isatty(file):
                os.write(file, SHOW_CURSOR)
                break
    os._exit(Exit.INTERRUPTED)
