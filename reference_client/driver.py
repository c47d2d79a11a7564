"""A textual app that does not wait for a terminal that is not read."""

import asyncio
import contextlib
import sys
from typing import Final

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from reference_client.console import GRACE
from reference_client.output import OutputThread

MAX_BACKLOG: Final = 1 << 18
"""Waiting bytes from which on changes of the screen are skipped. The whole screen is drawn once they are read."""


class PatientApp(App[int]):
    """Draws in a thread of its own, so that a terminal that is not read stops neither the chat nor signals.

    textual's own driver waits for its thread once that has 30 pieces to write, and when the app ends. `output`: where
    it draws; None if there is no terminal.
    """

    def __init__(self) -> None:
        super().__init__(driver_class=_PatientDriver)
        self.output: OutputThread | None = None

    async def run_to_end(self) -> int | None:
        """Run the app and wait for what it drew last, for GRACE seconds at most. Returns the result of the app."""
        result = await self.run_async()
        if self.output is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self.output.flush()
        return result


class _PatientDriver(LinuxDriver):
    _drawing_later: asyncio.Task[None] | None = None
    _stopping = False

    def start_application_mode(self) -> None:
        self._stopping = False
        if isinstance(self._app, PatientApp) and sys.__stdout__ is not None:
            self._app.output = OutputThread(sys.__stdout__.fileno())
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        self._stopping = True  # the terminal must be as it was, so nothing is skipped any more
        if self._drawing_later is not None:
            self._drawing_later.cancel()
        super().stop_application_mode()

    def write(self, data: str) -> None:
        output = self._app.output if isinstance(self._app, PatientApp) else None
        if output is None:
            return
        skips = self._drawing_later is not None and not self._drawing_later.done()
        if self._stopping or not (skips or output.backlog > MAX_BACKLOG):
            output.write(data.encode(errors="replace"))
        elif not skips:
            self._drawing_later = asyncio.create_task(self._draw_later(output))

    async def _draw_later(self, output: OutputThread) -> None:
        await output.flush()
        asyncio.get_running_loop().call_soon(self._app.refresh)
