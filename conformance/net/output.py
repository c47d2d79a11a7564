"""What a process prints: its last lines, in bounded memory, whatever it prints."""

import contextlib
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

KEPT_LINES = 200
LINE_BYTES = 2000
"""Of a longer line the rest is left out."""
CHUNK = 1 << 16
CATCH_UP_SECONDS = 1.0
"""How long reading what has been printed may take."""


class Output:
    """Reads what comes from the given files until they end, in a thread of its own. `takes`: takes a line away from the
    rest if it returns True.

    The files are closed by `close`, even if somebody else still holds their other ends.
    """

    def __init__(self, files: Sequence[int], takes: Callable[[str], bool]) -> None:
        self._takes = takes
        self._files = list(files)
        self._streams = {file: _Stream() for file in files}
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = threading.Lock()
        self._caught_up = threading.Event()
        self._ends = False
        self._wake, self._woken = os.pipe()
        for file in (*files, self._wake):
            os.set_blocking(file, False)
        self._thread = threading.Thread(target=self._read_all, daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """Forget what was printed so far."""
        with self._lock:
            self._lines.clear()
            for stream in self._streams.values():
                stream.clear()

    def last(self, count: int) -> list[str]:
        """The last lines, oldest first. A line that is not finished yet is one, too."""
        with self._lock:
            unfinished = [text for stream in self._streams.values() if (text := stream.text())]
            return [*self._lines, *unfinished][-count:]

    def catch_up(self) -> None:
        """Return once all has been read that was printed before this call."""
        if not self._thread.is_alive():
            return
        self._caught_up.clear()
        self._nudge()
        self._caught_up.wait(CATCH_UP_SECONDS)

    def close(self) -> None:
        """Read what has been printed, and no more."""
        if self._ends:
            return
        self._ends = True
        self._nudge()
        self._thread.join(CATCH_UP_SECONDS)
        if not self._thread.is_alive():
            for file in (*self._files, self._wake, self._woken):
                os.close(file)

    def _nudge(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._woken, b"\0")

    def _read_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            for file in (*self._files, self._wake):
                selector.register(file, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                nudged = self._wake in ready
                if nudged:
                    os.read(self._wake, CHUNK)
                for file in self._files if nudged else ready:
                    if file in selector.get_map() and not self._read(file):
                        selector.unregister(file)
                if nudged:
                    self._caught_up.set()
                    if self._ends:
                        return

    def _read(self, file: int) -> bool:
        """Take in what can be read now, of a flood a part. Returns False at the end of the file."""
        for _ in range(KEPT_LINES):
            try:
                data = os.read(file, CHUNK)
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            stream = self._streams[file]
            with self._lock:
                if data:
                    self._add(stream.feed(data))
                elif text := stream.finish():
                    self._add([text])
            if not data:
                return False
        return True

    def _add(self, lines: Iterator[str] | list[str]) -> None:
        self._lines.extend(line for line in lines if not self._takes(line))


class _Stream:
    """Cuts one stream into lines."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """Add bytes. Gives the lines that they end."""
        *ended, rest = data.split(b"\n")
        for piece in ended if len(ended) <= 2 * KEPT_LINES else (*ended[:KEPT_LINES], *ended[-KEPT_LINES:]):
            self._grow(piece)
            yield self.finish()
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        self._size += len(piece)
        self._line += piece[: max(0, LINE_BYTES - len(self._line))]

    def text(self) -> str:
        """The line so far."""
        text = self._line.decode(errors="replace")
        return text if self._size <= LINE_BYTES else f"{text}… ({self._size:,} bytes in one line)"

    def finish(self) -> str:
        """The line, which ends here."""
        text = self.text()
        self.clear()
        return text

    def clear(self) -> None:
        self._line.clear()
        self._size = 0
