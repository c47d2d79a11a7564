"""The log: it never blocks the server, and no burst of one kind of line floods it.

Lines go into a queue, and a thread writes them to standard error. If nobody reads there, the queue fills, and lines are
dropped and counted. Of one kind of line only so many a second pass. Debug lines all pass: they are asked for.
"""

import asyncio
import json
import logging
import os
import re
import select
import threading
import time
from collections import deque
from typing import Any, Final

LINES_PER_SECOND: Final = 10.0
"""Lines of one kind that pass, by default."""
BURST_SECONDS: Final = 50.0
"""A burst may have the lines of so many seconds at once."""
MAX_QUEUED_BYTES: Final = 1 << 20
"""Bytes of lines that wait for the thread. Further lines are dropped."""
FORMATS: Final = ("text", "json")

_CLOSE_SECONDS = 1.0
_BATCH_SECONDS = 0.01  # pause after each write, so that many lines cost one system call and one switch of threads
_REPORT_SECONDS = 5.0
_OWN = "reference_server"
_PLACE = re.compile(r"(?:(\w+)=)?%[-0-9.]*[a-z]")

logger = logging.getLogger(_OWN)


class TextFormatter(logging.Formatter):
    """`2026-01-31 12:00:00,000 INFO    created room='lobby' user='alice' peer=127.0.0.1`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")


class JsonFormatter(logging.Formatter):
    """One JSON object a line. The `name=value` parts of a message are fields too: `room`, `user`, `peer`, `why`, ..."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """The `name=%r` parts of the message's format, with their values."""
    arguments = record.args
    if not isinstance(arguments, tuple) or not isinstance(record.msg, str):
        return {}
    names = [match[1] for match in _PLACE.finditer(record.msg.replace("%%", ""))]
    return {name: value for name, value in zip(names, arguments, strict=False) if name}


class _Kind:
    """Lines of one kind: how many may pass now, how many were left out, and the text that stands for them."""

    __slots__ = ("left_out", "text", "tokens", "updated")

    def __init__(self, text: str, tokens: float, now: float) -> None:
        self.text = text
        self.tokens = tokens
        self.updated = now
        self.left_out = 0


class RateLimit(logging.Filter):
    """Lets `rate` lines a second of one kind pass, and bursts of so many seconds. A kind is a format of a message.

    Lines below the level INFO all pass. `rate` 0: all lines pass. Once a line is left out, those of its kind are until
    `report` tells how many. `pending`: lines left out that `report` has not told of.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate
        self._burst = max(1.0, rate * BURST_SECONDS)
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._lock = threading.Lock()
        self.pending = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line passes."""
        if not self._rate or record.levelno < logging.INFO:
            return True
        text = str(record.msg) if record.name == _OWN else record.name  # other loggers put values into their formats
        now = time.monotonic()
        with self._lock:
            kind = self._kinds.get((record.name, text))
            if kind is None:
                kind = self._kinds[record.name, text] = _Kind(text, self._burst, now)
            self._refill(kind, now)
            if kind.tokens >= 1 and not kind.left_out:
                kind.tokens -= 1
                return True
            kind.left_out += 1
            self.pending += 1
            return False

    def report(self, *, everything: bool = False) -> list[str]:
        """A line for each kind that may pass again and of which lines were left out. `everything`: for each kind."""
        lines = []
        now = time.monotonic()
        with self._lock:
            for kind in self._kinds.values():
                self._refill(kind, now)
                if kind.left_out and (kind.tokens >= 1 or everything):
                    kind.tokens -= 1
                    lines.append(f"left out {kind.left_out} lines of the form: {kind.text}")
                    self.pending -= kind.left_out
                    kind.left_out = 0
        return lines

    def _refill(self, kind: _Kind, now: float) -> None:
        kind.tokens = min(self._burst, kind.tokens + (now - kind.updated) * self._rate)
        kind.updated = now


class LogHandler(logging.Handler):
    """Writes lines to a file descriptor from a thread of its own. `emit` never waits for whoever reads there.

    `dropped`: lines that did not fit into the queue, or that could not be written.
    """

    def __init__(self, fd: int, limit: RateLimit) -> None:
        super().__init__()
        self._fd = fd
        self._limit = limit
        self.addFilter(limit)
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._closing = False
        self._told = 0
        self._report_due = 0.0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line, or drop it if the queue is full."""
        try:
            text = self.format(record)
        except Exception as error:  # a mistake in a call of the logger must not end the server
            text = f"a line of the log cannot be made: {error!r}"
        line = text.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            if self._size + len(line) > MAX_QUEUED_BYTES:
                self.dropped += 1
                return
            self._size += len(line)
            self._lines.append(line)
            self._changed.notify()

    def close(self) -> None:
        """Write what is queued, but wait for at most a second until it is read."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)
        super().close()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._lines and not self._closing:
                    self._changed.wait(_REPORT_SECONDS if self._untold else None)
                closing = self._closing
                lines, self._lines = self._lines, deque()
            if lines and not write_all(self._fd, b"".join(lines)):
                self.dropped += len(lines)
            with self._changed:  # only now, so that the queue stays full while nobody reads
                self._size -= sum(map(len, lines))
            if self._untold and (closing or time.monotonic() >= self._report_due):
                self._report(closing)
            if closing:
                return
            if lines:
                time.sleep(_BATCH_SECONDS)

    @property
    def _untold(self) -> bool:
        return self.dropped > self._told or self._limit.pending > 0

    def _report(self, closing: bool) -> None:
        """Tell in lines of their own what was dropped and what was left out."""
        self._report_due = time.monotonic() + _REPORT_SECONDS
        told = self._limit.report(everything=closing)
        if count := self.dropped - self._told:
            self._told += count
            told.append(f"{count} lines of the log were lost: they were not read in time")
        for text in told:
            record = logging.LogRecord(_OWN, logging.WARNING, __file__, 0, text, None, None)
            write_all(self._fd, self.format(record).encode(errors="backslashreplace") + b"\n")


def start_log(level: str, form: str, rate: float) -> LogHandler:
    """Log to standard error from now on. `form`: one of FORMATS. `rate`: see `RateLimit`."""
    handler = LogHandler(2, RateLimit(rate))
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler


def log_loop_errors(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For `loop.set_exception_handler`: what the system refuses is one line; a traceback says where a mistake is."""
    error = context.get("exception")
    if isinstance(error, OSError):
        logger.warning("%s: %s", context.get("message", "the event loop"), error)
    else:
        logger.error("%s", context.get("message", "the event loop"), exc_info=error)


def open_missing_streams() -> None:
    """Open /dev/null in place of each closed standard stream: otherwise a socket would get its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is `fd`


def say(text: str) -> None:
    """Write to standard output, from a thread: nobody may be reading. What cannot be written is logged."""

    def write() -> None:
        if not write_all(1, text.encode(errors="backslashreplace") + b"\n"):
            logger.warning("standard output is closed or full: nobody was told %r", text)

    threading.Thread(target=write, name="stdout", daemon=True).start()


def write_all(fd: int, data: bytes) -> bool:
    """Write all of it, however long whoever reads there takes. False: it cannot be written."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            select.select([], [fd], [])
        except OSError:
            return False
    return True
