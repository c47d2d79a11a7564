"""Trouble that a server reports of itself: where in its own code, and in which words."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_SOURCE = "py|go|js|mjs|cjs|ts|java|kt|scala|cs|fs|rs|c|cc|cpp|cxx|h|hpp|php|rb|swift|dart|lua|pl|ex|exs|hs|zig|nim"
_PLACE = re.compile(rf"""([\w./\\-]+\.(?:{_SOURCE}))["']?(?:, line |:line | on line |:|\()(\d+)""")
"""`server.py", line 41` and `server.go:41` and `server.cs:line 41` and `server.php on line 41`."""
_TROUBLE = re.compile(
    r"error|exception|panic|traceback|fatal|abort|segmentation|assert|terminate called", re.IGNORECASE
)
_ROUTINE = re.compile(
    r"broken ?pipe|connection ?(was )?(aborted|reset|refused)|forcibly closed|EPIPE|ECONN(RESET|ABORTED|REFUSED)"
    r"|transport endpoint is not connected|timed out|TimeoutError",
    re.IGNORECASE,
)
"""What any server may print of a peer that goes away: it is no trouble of the server's own."""
_FRAME = re.compile(r"\s*(at|from) ")
_PYTHON = re.compile(r'\s*File "')
_LIBRARIES = (
    "/lib/python", "site-packages", "node_modules", "node:internal", "java.base/", "/rustc/", "/usr/lib",
    "/usr/local/go",
)  # fmt: skip


class Trouble(NamedTuple):
    """An exception that a server has printed: its type, what it says, and where in the server's own code it came up.
    Text that was not printed is empty, and the line is 0 then.
    """

    type: str
    message: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.type, f"{self.file.rpartition('/')[2]}:{self.line}" if self.file else "")))


_TYPE = re.compile(
    r"\b((?:[A-Za-z_$][\w$]*[.:]+)*[A-Za-z_$][\w$]*(?:Error|Exception|Fault)|panic|KeyboardInterrupt)\b:?\s*(.*)"
)


def exception_of(output: Sequence[str]) -> Trouble | None:
    """The last exception in what a server printed. None if there is none but of peers that went away."""
    output = _without_routine(output)
    said = [match for n in _troubles(output) if (match := _TYPE.search(output[n])) is not None]
    if not said:
        return None
    last = said[-1]
    place = trouble_of(output)
    kind = re.split(r"[.:]+", last[1])[-1]
    return Trouble(kind, last[2].strip()[:200], *((place[0], int(place[1])) if place else ()))


def trouble_of(output: Sequence[str]) -> tuple[str, ...] | None:
    """Where in its own code the server ran into trouble, as its last words say: file and line. None if they do not.

    Python names the innermost call last, all others name it first. What is told of peers that went away does not count.
    """
    output = _without_routine(output)
    starts = _troubles(output)
    if not starts:
        return None
    if _is_python(output):
        return next(reversed(_places(output)), None)
    return next(iter(_places(output[starts[-1] :]) or _places(output)), None)


def words_of(output: Sequence[str]) -> str | None:
    """The line of its last words that says what the trouble is; the last line if none does. None of no output."""
    said = [line for line in output if line.strip()]
    starts = [] if _is_python(said) else _troubles(said)
    return said[starts[-1] if starts else -1].strip() if said else None


def _without_routine(output: Sequence[str]) -> list[str]:
    """The lines without those that only say that a peer went away, and without the stack that goes with them."""
    kept: list[str] = []
    stack = False  # the lines that follow belong to what was left out
    for line in output:
        if _ROUTINE.search(line) and not _PYTHON.match(line):
            if not line[:1].isspace():  # the last line of a Python traceback: what stands above it goes too
                start = next((n for n in range(len(kept) - 1, -1, -1) if kept[n].startswith("Traceback")), None)
                if start is not None and all(one[:1].isspace() for one in kept[start + 1 :]):
                    del kept[start:]
            stack = True
        elif not (stack and _FRAME.match(line)):
            stack = False
            kept.append(line)
    return kept


def _troubles(output: Sequence[str]) -> list[int]:
    return [n for n, line in enumerate(output) if _TROUBLE.search(line) and not _FRAME.match(line)]


def _is_python(output: Sequence[str]) -> bool:
    return any(_PYTHON.match(line) for line in output)


def _places(output: Sequence[str]) -> list[tuple[str, ...]]:
    """Files and lines, of the server's own code if any is."""
    found = [(match.groups(), line) for line in output for match in _PLACE.finditer(line)]
    own = [place for place, line in found if not any(name in line for name in _LIBRARIES)]
    return own or [place for place, _ in found]
