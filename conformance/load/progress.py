"""What is printed while a load goes on."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from conformance.trace.text import printable

PLAIN_SECONDS = 2.0
"""Seconds between two lines of progress where there is no terminal."""
PLAIN_WIDTH = 200
"""Columns of a line where there is no terminal."""


class LoadProgress:
    """Prints lines, and how far a part is: at a terminal in one live line, elsewhere in a line now and then."""

    def __init__(self, console: Console) -> None:
        if not console.is_terminal:
            console.width = PLAIN_WIDTH
        self._console = console
        self._live: Live | None = None
        self._begun = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the last part began."""
        return time.monotonic() - self._begun

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(printable(line)), soft_wrap=True)

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """A part of the load goes on meanwhile."""
        self._begun = self._told = time.monotonic()
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            yield
            return
        with Live(Text(), console=self._console, transient=True, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, line: str) -> None:
        """Show how far the part is."""
        if self._live is not None:
            text = printable(f"{line}  {self.seconds:.0f} s")
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
        elif time.monotonic() - self._told >= PLAIN_SECONDS:
            self._told = time.monotonic()
            self.say(f"{self.seconds:4.0f} s  {line}")
