"""The console at a terminal: prompt_toolkit keeps the line that is being typed below the lines that arrive."""

import os
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TextIO, cast

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, create_app_session
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output.vt100 import Vt100_Output

from reference_client.console import Console
from reference_client.output import OutputThread
from reference_client.terminal import Interrupted, OverlongLine
from reference_client.text import visible


class _TerminalFile:
    """A text file for prompt_toolkit, which would block the event loop if it wrote to the terminal itself."""

    def __init__(self, output: OutputThread, stream: TextIO) -> None:
        self._output = output
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        self._output.write(text.encode(self.encoding, "replace"))
        return len(text)

    def flush(self) -> None:
        """Nothing to do: the thread writes without delay."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


class PromptConsole(Console):
    """Lines that are typed at a prompt, which is the user name, and shown above it.

    A pasted block of lines is sent line by line. What follows its last line end stays at the prompt.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pasted: deque[str] = deque()
        self._rest = ""
        self._app: Application[str] | None = None
        self._session = ExitStack()

    async def __aenter__(self) -> Self:
        if self._out is not None and sys.stdout is not None:
            file = cast("TextIO", _TerminalFile(self._out, sys.stdout))
            output = Vt100_Output.from_pty(file, os.environ.get("TERM"))
            self._session.enter_context(create_app_session(output=output))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._session.close()

    async def lines(self, name: str) -> AsyncGenerator[bytes | OverlongLine, None]:
        session: PromptSession[str] = PromptSession(f"{visible(name)}: ", key_bindings=self._key_bindings())
        self._app = session.app
        while True:
            default, pasted = (self._pasted.popleft(), True) if self._pasted else (self._rest, False)
            if not pasted:
                self._rest = ""
            try:
                line = await session.prompt_async(default=default, accept_default=pasted, handle_sigint=False)
            except EOFError:
                return
            except KeyboardInterrupt:
                raise Interrupted from None
            yield line.encode(errors="surrogateescape")

    def _key_bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        bindings.add(Keys.BracketedPaste)(self._paste)
        return bindings

    def _paste(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        first, *more = event.data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if not more:
            buffer.insert_text(first)
            return
        before, after = buffer.document.text_before_cursor, buffer.document.text_after_cursor
        *whole, rest = more
        self._pasted.extend(whole)
        self._rest = rest + after
        buffer.text = before + first
        buffer.validate_and_handle()

    def _write(self, output: OutputThread, data: bytes) -> None:
        # prompt_toolkit's own way switches the terminal to line mode meanwhile, which loses keys that are pressed then
        shown = self._app is not None and self._app.is_running and not self._app.is_done
        if output is self._out and self._app is not None and shown:
            self._app.renderer.erase()
            output.write(data)
            self._app.invalidate()
        else:
            output.write(data)
