"""tcrp-client on a terminal, which is a pty here."""

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable

from tests.reference_client.processes import PATIENCE

WITHOUT = "import sys; sys.modules[{!r}] = None; from reference_client.cli import main; sys.exit(main())"
PLAIN = ("-c", WITHOUT.format("prompt_toolkit"))
PROMPT = ("-m", "reference_client")


def _take_terminal() -> None:
    """Make stdin the controlling terminal of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class TerminalProcess:
    """tcrp-client on a pty of its own, which is its controlling terminal. `shown`: what it wrote there."""

    def __init__(self, *command: str, term: str = "xterm") -> None:
        self._fd, slave = pty.openpty()
        self.shown = b""
        self.popen = subprocess.Popen(
            [sys.executable, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1", "LANG": "C.UTF-8"},
        )
        os.close(slave)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size, and have the system tell the client."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def paste(self, text: str) -> None:
        """Type a text in one, as a terminal does that marks what is pasted."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, text: str) -> None:
        """Read until the text is shown, and remove what is shown up to there."""
        while text.encode() not in self.shown:
            if not self._read():
                raise AssertionError(f"ended without {text!r}: {self.shown!r}")
        self.shown = self.shown.partition(text.encode())[2]

    def wait(self) -> int:
        """The exit status. Reads what is shown until then, because a full pty would keep the process from ending."""
        while self._read():
            pass
        return self.popen.wait(PATIENCE)

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)
        os.close(self._fd)

    def _read(self) -> bool:
        assert select.select([self._fd], [], [], PATIENCE)[0], f"nothing more is shown after {self.shown!r}"
        try:
            data = os.read(self._fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux reports the close of the other side so
                raise
            data = b""
        self.shown += data
        return bool(data)


StartTerminal = Callable[..., TerminalProcess]
"""`terminal("-m", "reference_client", "join", "r", ...)`: arguments of Python."""
