"""stdout and stderr of the command, which may be closed, full, or read by somebody who has read enough.

None of that is a verdict, and none keeps a run from its end: what cannot be written is dropped. That the disk is full
is told at the end. Whoever reads no more knows it.
"""

import errno
import io
import os
import select
import sys
from typing import Any, TextIO


class DroppingFile(io.FileIO):
    """A file that drops what it cannot take. `lost`: why it did so, once it has."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write, or drop."""
        while self.lost is None:
            try:
                if (written := super().write(data)) is not None:
                    return written
                select.select([], [self], [])  # somebody else has made it non-blocking
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


def install() -> None:
    """Let sys.stdout and sys.stderr drop what cannot be written, and escape what their encoding has not. Files 0 to 2
    that are closed are opened, to nothing: else a socket would get their numbers.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout = _dropping(sys.stdout, 1)
    sys.stderr = _dropping(sys.stderr, 2)


def _dropping(stream: TextIO | None, number: int) -> TextIO:
    if stream is not None and not _is_file(stream, number):
        return stream  # of whoever has called us in his own process
    raw = DroppingFile(number, "w", closefd=False)
    buffered = stream is not None and number == 1 and not stream.line_buffering
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=None if stream is None else stream.encoding,
        errors="backslashreplace",  # an arrow is no reason to fail in a Latin locale
        line_buffering=not buffered,
    )


def _is_file(stream: TextIO, number: int) -> bool:
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == number
    except (OSError, ValueError):
        return False


def lost_output() -> str | None:
    """Why something that was to be printed is lost, if that is to be told. Whatever is still to be written is."""
    for stream in (sys.stderr, sys.stdout):
        stream.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, DroppingFile) else None
    return None if lost is None or lost.errno == errno.EPIPE else lost.strerror
