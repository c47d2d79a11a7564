"""The processes that a command leaves behind: those that it started, and those that went to the background (Linux).

All of them have a mark in their environment, whatever session they are in. While a server of ours runs, this process
adopts what its parent has left (a subreaper, prctl(2)), so that it learns how that ends.
"""

import contextlib
import ctypes
import os
import secrets
import signal
import sys
from pathlib import Path

VARIABLE = "TCRP_STARTED_BY"
PR_SET_CHILD_SUBREAPER = 36
CAN_BE_WATCHED = sys.platform.startswith("linux")
PROC = Path("/proc")


class Offspring:
    """What descends from one command. `mark`: what its environment must have under VARIABLE; `parent`: the command's
    own process, which is not among them: whoever has started it removes it.
    """

    def __init__(self) -> None:
        self.mark = secrets.token_hex(8)
        self.parent: int | None = None
        self._looked_for = f"{VARIABLE}={self.mark}".encode()
        self._known: set[int] = set()
        self._ended = ""

    def living(self) -> list[int]:
        """The processes that run now. Those that have ended since are removed."""
        found = [pid for pid in _processes() if pid != self.parent and self._is_ours(pid)]
        for pid in self._known.difference(found):
            with contextlib.suppress(ChildProcessError):
                gone, status = os.waitpid(pid, os.WNOHANG)
                if gone:
                    self._ended = how_it_ended(os.waitstatus_to_exitcode(status))
                else:  # it is about to end, or has changed its environment
                    found.append(pid)
        self._known = set(found)
        return found

    @property
    def how_ended(self) -> str:
        """How the last of those that were known has ended, as far as that is known: after `the process`."""
        return self._ended or "ended in the background"

    def signal(self, number: signal.Signals) -> list[int]:
        """Send all of them this signal. Returns them."""
        found = self.living()
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return found

    def _is_ours(self, pid: int) -> bool:
        try:  # of a process that has ended, and is only to be removed, it is empty
            return self._looked_for in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            return False


def how_it_ended(code: int) -> str:
    """How a process ended, in words: after `the process`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"ended by signal {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"ended by signal {-code}"


def adopt(adopting: bool) -> None:
    """Let this process be the parent of what its children leave behind, or let it be so no more."""
    if CAN_BE_WATCHED:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopting), 0, 0, 0)


def _processes() -> list[int]:
    if not CAN_BE_WATCHED:
        return []
    with contextlib.suppress(OSError):
        return [int(one.name) for one in PROC.iterdir() if one.name.isdecimal()]
    return []
