"""A process on a pty of its own, which is its controlling terminal."""

import errno
import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds to wait for output, and for the end of the process."""


def _take_terminal() -> None:
    """Make stdin the controlling terminal of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class PtyProcess:
    """`size`: rows and columns of the terminal, if not the usual ones. `shown`: what was written there."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], *, folder: Path | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self._fd, slave = pty.openpty()
        if size is not None:
            termios.tcsetwinsize(slave, size)
        self.shown = b""
        self.popen = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
            preexec_fn=_take_terminal, env=dict(environment),
        )  # fmt: skip
        os.close(slave)

    def press(self, data: bytes) -> None:
        """Type these bytes."""
        os.write(self._fd, data)

    def read(self) -> bool:
        """Add what is shown next to `shown`. False once the process has closed the terminal."""
        assert select.select([self._fd], [], [], PATIENCE)[0], f"nothing more is shown after {self.shown!r}"
        try:
            data = os.read(self._fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux reports the close of the other side so
                raise
            data = b""
        self.shown += data
        return bool(data)

    def wait(self) -> int:
        """The exit status. Reads what is shown until then, because a full pty would keep the process from ending."""
        while self.read():
            pass
        return self.popen.wait(PATIENCE)

    def close(self) -> None:
        """End it."""
        self.popen.kill()
        self.popen.wait(PATIENCE)
        os.close(self._fd)
