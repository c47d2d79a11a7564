"""Input lines from a terminal or a pipe.

At a terminal prompt_toolkit keeps the line that is being typed below the messages that arrive. Without prompt_toolkit,
and in a pipe, lines are read as they come.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from reference_client.text import visible

CHUNK: Final = 65536
"""Bytes that one read takes."""
MAX_LINE: Final = 1 << 20
"""The longest line that is kept, in bytes. The messages of every dialect are far shorter."""


class OverlongLine(NamedTuple):
    """A line of more than MAX_LINE bytes, which were thrown away. `size`: how many they were."""

    size: int


class Interrupted(Exception):
    """The person pressed ^C."""


def read_lines(name: str) -> AsyncGenerator[bytes | OverlongLine, None]:
    """The lines of stdin, without their line ends. `name`: the prompt at a terminal. Iteration raises Interrupted."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty():
        try:
            import prompt_toolkit  # noqa: F401
        except ModuleNotFoundError:
            pass
        else:
            return _prompt_lines(f"{visible(name)}: ")
    return _plain_lines()


async def _prompt_lines(prompt: str) -> AsyncGenerator[bytes | OverlongLine, None]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.patch_stdout import patch_stdout

    session: PromptSession[str] = PromptSession(prompt)
    with patch_stdout():
        while True:
            try:
                line = await session.prompt_async(handle_sigint=False)
            except EOFError:
                return
            except KeyboardInterrupt:
                raise Interrupted from None
            yield line.encode(errors="surrogateescape")


async def _plain_lines() -> AsyncGenerator[bytes | OverlongLine, None]:
    """Lines that a thread reads: the event loop cannot watch a regular file, and stdin must stay blocking.

    The thread reads the next chunk once the last one is taken. When iteration stops early, it stays in its read and
    ends with the process.
    """
    if sys.stdin is None:
        return
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    chunk_taken = threading.Semaphore()
    threading.Thread(target=_read_chunks, args=(sys.stdin.fileno(), loop, chunks, chunk_taken), daemon=True).start()
    rest, discarded = b"", 0
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield OverlongLine(discarded + len(line)) if discarded else line.removesuffix(b"\r")
            discarded = 0
        if discarded or len(rest) > MAX_LINE:
            discarded, rest = discarded + len(rest), b""
        chunk_taken.release()
    if discarded:
        yield OverlongLine(discarded)
    elif rest:
        yield rest


def _read_chunks(
    fd: int, loop: asyncio.AbstractEventLoop, chunks: asyncio.Queue[bytes], chunk_taken: threading.Semaphore
) -> None:
    chunk = b"-"
    while chunk:
        chunk_taken.acquire()
        try:
            chunk = os.read(fd, CHUNK)
        except OSError:  # a closed terminal is the end of input too
            chunk = b""
        try:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
        except RuntimeError:  # the event loop is closed, so no one takes the chunk
            return
