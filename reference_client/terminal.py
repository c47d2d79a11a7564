"""Lines from stdin as they come, from a pipe, a file or a plain terminal."""

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

CHUNK: Final = 65536
"""Bytes that one read takes."""
MAX_LINE: Final = 1 << 20
"""The longest line that is kept, in bytes. The messages of every dialect are far shorter."""


class OverlongLine(NamedTuple):
    """A line of more than MAX_LINE bytes, which were thrown away. `size`: how many they were."""

    size: int


class Interrupted(Exception):
    """The person pressed ^C."""


async def plain_lines() -> AsyncGenerator[bytes | OverlongLine, None]:
    """The lines of stdin, without their line ends."""
    if sys.stdin is None:
        return
    reader = _StdinThread(sys.stdin.fileno())
    rest, discarded = b"", 0
    try:
        while chunk := await reader.next_chunk():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield OverlongLine(discarded + len(line)) if discarded else line.removesuffix(b"\r")
                discarded = 0
            if discarded or len(rest) > MAX_LINE:
                discarded, rest = discarded + len(rest), b""
        if discarded:
            yield OverlongLine(discarded)
        elif rest:
            yield rest
    finally:
        reader.stop()


class _StdinThread:
    """Chunks that a thread reads: the event loop cannot watch a regular file, and stdin must stay blocking.

    The thread reads a chunk only when it is asked for, so that it takes nothing from whoever reads stdin after `stop`.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._asked = threading.Semaphore(0)
        self._stopped, self._stop = os.pipe()
        threading.Thread(target=self._run, name="stdin", daemon=True).start()

    async def next_chunk(self) -> bytes:
        """The next bytes; none at the end of input."""
        self._asked.release()
        return await self._chunks.get()

    def stop(self) -> None:
        """End the thread. It closes what it has opened."""
        os.close(self._stop)
        self._asked.release()

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            try:
                readable, _, _ = select.select([self._fd, self._stopped], [], [])
                if self._stopped in readable:
                    break
                chunk = os.read(self._fd, CHUNK)
            except OSError:  # a closed terminal is the end of input too
                chunk = b""
            try:
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
            except RuntimeError:  # the event loop is closed
                break
        os.close(self._stopped)
