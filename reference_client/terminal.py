"""Lines from a person or a pipe.

At a terminal prompt_toolkit keeps the line being typed below what arrives; without it, and in a pipe, lines are
read as they are.
"""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from reference_client.text import visible

CHUNK: Final = 65536
MAX_LINE: Final = 1 << 20
"""Bytes of a line that are held; no dialect has messages nearly as long."""


class Overlong(NamedTuple):
    """A line of more than MAX_LINE bytes, which were not kept."""

    size: int


class Interrupted(Exception):
    """The person pressed ^C."""


def read_lines(name: str) -> AsyncGenerator[bytes | Overlong, None]:
    """The lines that come from stdin, without their ends; `name` is the prompt at a terminal. Raises Interrupted."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty():
        try:
            import prompt_toolkit  # noqa: F401
        except ModuleNotFoundError:
            pass
        else:
            return _prompt_lines(f"{visible(name)}: ")
    return _plain_lines()


async def _prompt_lines(prompt: str) -> AsyncGenerator[bytes | Overlong, None]:
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


async def _plain_lines() -> AsyncGenerator[bytes | Overlong, None]:
    """A thread reads, since a regular file cannot be watched and must not be made non-blocking. It reads on when its
    last chunk was taken, and is left behind in its read when nobody wants more.
    """
    if sys.stdin is None:
        return
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    taken = threading.Semaphore()
    threading.Thread(target=_read, args=(sys.stdin.fileno(), loop, chunks, taken), daemon=True).start()
    rest, lost = b"", 0
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield Overlong(lost + len(line)) if lost else line.removesuffix(b"\r")
            lost = 0
        if lost or len(rest) > MAX_LINE:
            lost, rest = lost + len(rest), b""
        taken.release()
    if lost:
        yield Overlong(lost)
    elif rest:
        yield rest


def _read(fd: int, loop: asyncio.AbstractEventLoop, chunks: asyncio.Queue[bytes], taken: threading.Semaphore) -> None:
    chunk = b"-"
    while chunk:
        taken.acquire()
        try:
            chunk = os.read(fd, CHUNK)
        except OSError:  # a closed terminal is an end too
            chunk = b""
        try:
            loop.call_soon_threadsafe(chunks.put_nowait, chunk)
        except RuntimeError:  # the loop is gone, and so is whoever wanted this
            return
