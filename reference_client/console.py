"""The standard streams of a chat in lines: stdin is said, chat goes to stdout, everything else to stderr."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Final, Self, TextIO

from reference_client.output import BACKLOG, OutputThread, open_outputs
from reference_client.terminal import OverlongLine, plain_lines
from reference_client.text import Label, own_line

GRACE: Final = 0.5
"""Seconds for the rest of the output after a signal."""
BADGE: Final = "\x1b[7m*\x1b[27m "
"""What precedes the client's own lines at a terminal: a `*` in reverse video. Chat cannot hold the escape sequences."""


class Console:
    """Lines from stdin and lines to stdout and stderr, in pipes and at a plain terminal.

    Used in an `async with` block, whose end waits until everything is written; after a signal only GRACE seconds. No
    other call waits for whoever reads the output.
    """

    def __init__(self) -> None:
        self._out, self._err = open_outputs(sys.stdout, sys.stderr)
        self._badge = BADGE if is_terminal(sys.stderr) else ""
        self._not_shown = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        interrupted = kind is not None and issubclass(kind, asyncio.CancelledError)
        try:
            async with asyncio.timeout(GRACE if interrupted else None):
                await self._flush()
        except TimeoutError:
            return

    def lines(self, name: str) -> AsyncGenerator[bytes | OverlongLine, None]:
        """What is typed, without line ends. `name`: the user name. Iteration raises `terminal.Interrupted`."""
        return plain_lines()

    def show(self, line: str) -> None:
        """Write a line to stdout."""
        self._show(self._out, sys.stdout, line)

    def chat(self, line: str) -> None:
        """Show a line of chat. If too much waits to be read, it is dropped; how many were dropped is told later."""
        if self._out is not None and self._out.backlog >= BACKLOG:
            self._not_shown += 1
            return
        self._tell_not_shown()
        self.show(line)

    def tell(self, label: Label, text: str | bytes) -> None:
        """Show a line of the client's own."""
        if self._err is None or self._err.backlog < BACKLOG:
            self._show(self._err, sys.stderr, self._badge + own_line(label, text))

    async def output_failure(self) -> OSError:
        """Wait until stdout cannot be written to any more."""
        if self._out is None:
            await asyncio.Event().wait()
            raise AssertionError
        return await self._out.failed()

    def _tell_not_shown(self) -> None:
        if self._not_shown:
            count, self._not_shown = self._not_shown, 0
            self.tell(Label.NOT_SHOWN, f"{count} messages, because stdout was not read")

    def _show(self, output: OutputThread | None, stream: TextIO | None, line: str) -> None:
        if output is not None and stream is not None:
            self._write(output, f"{line}\n".encode(stream.encoding, stream.errors or "strict"))

    def _write(self, output: OutputThread, data: bytes) -> None:
        output.write(data)

    async def _flush(self) -> None:
        if self._out is not None:
            await self._out.flush()
            failure = self._out.failure
            if failure is not None and not isinstance(failure, BrokenPipeError):
                self.tell(Label.STDOUT, failure.strerror or str(failure))
        self._tell_not_shown()
        if self._err is not None:
            await self._err.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that knows escape sequences."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def open_console() -> Console:
    """The console for this process."""
    if is_terminal(sys.stdin) and is_terminal(sys.stdout):
        try:
            from reference_client.prompt import PromptConsole
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "prompt_toolkit":
                raise
        else:
            return PromptConsole()
    return Console()
