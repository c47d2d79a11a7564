"""tcrp-client on a terminal, which is a pty here."""

import os
import sys
import termios
from collections.abc import Callable

from tests.pty_process import PtyProcess

WITHOUT = "import sys; sys.modules[{!r}] = None; from reference_client.cli import main; sys.exit(main())"
PLAIN = ("-c", WITHOUT.format("prompt_toolkit"))
PROMPT = ("-m", "reference_client")


class TerminalProcess(PtyProcess):
    """tcrp-client on a pty of its own."""

    def __init__(self, *command: str, term: str = "xterm") -> None:
        environment = {**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1", "LANG": "C.UTF-8"}
        super().__init__([sys.executable, *command], environment)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and have the system tell the client."""
        termios.tcsetwinsize(self._fd, (rows, columns))

    def paste(self, text: str) -> None:
        """Type a text in one, as a terminal does that marks what is pasted."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def type(self, text: str) -> None:
        self.press(text.encode())

    def until(self, text: str) -> None:
        """Read until the text is shown, and remove what is shown up to there."""
        while text.encode() not in self.shown:
            if not self.read():
                raise AssertionError(f"ended without {text!r}: {self.shown!r}")
        self.shown = self.shown.partition(text.encode())[2]


StartTerminal = Callable[..., TerminalProcess]
"""`terminal("-m", "reference_client", "join", "r", ...)`: arguments of Python."""
