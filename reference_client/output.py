"""Output that never blocks the event loop, however slowly it is read."""

import asyncio
import os
import queue
import select
import threading
from typing import Final, TextIO

CHUNK: Final = 65536
"""The most bytes that one write takes."""
BACKLOG: Final = 1 << 20
"""Waiting bytes from which on `OutputThread.ready` waits."""


class OutputThread:
    """Writes to a file descriptor in a thread of its own. Made and used in one event loop.

    A thread that is in the middle of a write does not keep the process from ending. `failure`: the error that ended the
    writing, or None.
    """

    def __init__(self, fd: int) -> None:
        self.failure: OSError | None = None
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._backlog = 0
        self._changed = asyncio.Event()
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="output", daemon=True).start()

    @property
    def backlog(self) -> int:
        """Bytes that wait to be written."""
        return self._backlog

    def write(self, data: bytes) -> None:
        """Write the data after everything before it. After a failure nothing is written."""
        if data and self.failure is None:
            self._backlog += len(data)
            self._queue.put(data)

    async def ready(self) -> None:
        """Wait until less than BACKLOG bytes wait, or the writing has failed."""
        while self._backlog >= BACKLOG and self.failure is None:
            await self._change()

    async def flush(self) -> None:
        """Wait until everything is written, or the writing has failed."""
        while self._backlog and self.failure is None:
            await self._change()

    async def failed(self) -> OSError:
        """Wait until the writing fails."""
        while self.failure is None:
            await self._change()
        return self.failure

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note(self, written: int, failure: OSError | None) -> None:
        self._backlog -= written
        self.failure = self.failure or failure
        self._changed.set()

    def _run(self) -> None:
        rest = b""
        try:
            while True:
                rest = rest or self._queue.get()
                while len(rest) < CHUNK and not self._queue.empty():
                    rest += self._queue.get()
                try:
                    written = os.write(self._fd, rest[:CHUNK])
                except BlockingIOError:  # another process has made the descriptor non-blocking
                    select.select([], [self._fd], [])
                    continue
                rest = rest[written:]
                self._loop.call_soon_threadsafe(self._note, written, None)
        except OSError as error:
            self._end(error)
        except RuntimeError:
            return  # the event loop is closed

    def _end(self, error: OSError) -> None:
        try:
            self._loop.call_soon_threadsafe(self._note, 0, error)
        except RuntimeError:
            return


def open_outputs(*streams: TextIO | None) -> list[OutputThread | None]:
    """A thread for each stream. Streams that are one file share one, so that their lines keep their order.

    None for a stream that is None or closed.
    """
    opened: dict[tuple[int, int], OutputThread] = {}
    outputs: list[OutputThread | None] = []
    for stream in streams:
        try:
            if stream is None:
                raise OSError
            fd = stream.fileno()
            status = os.fstat(fd)
        except (OSError, ValueError):  # io.UnsupportedOperation is both
            outputs.append(None)
            continue
        file = status.st_dev, status.st_ino
        if file not in opened:
            opened[file] = OutputThread(fd)
        outputs.append(opened[file])
    return outputs
