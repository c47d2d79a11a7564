"""--max-time: the seconds of a run, and ending whatever goes on when they are over.

A thread counts them, and then sends this process a signal that ends what the main thread does, be it a wait, again and
again: some code catches everything. Elsewhere than in the main thread, where no signal can be handled, the end is
noticed between tests.
"""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from conformance.outcome.findings import OUT_OF_TIME, TimeUp

SIGNAL = signal.SIGVTALRM
"""SIGALRM is left to others, pytest-timeout for one."""
AGAIN_SECONDS = 1.0


class TimeLimit:
    """The time of one run, which begins now. `seconds`: None for as long as it takes."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._ends = math.inf if seconds is None else time.monotonic() + seconds
        self._limiting = False
        self._over = threading.Event()

    @property
    def left(self) -> float:
        """Seconds left, less than 0 once the time is over."""
        return self._ends - time.monotonic()

    @property
    def why_unjudged(self) -> str:
        """Why a clause is not judged once the time is over."""
        return OUT_OF_TIME if self.seconds is None else f"{OUT_OF_TIME} of {self.seconds:g} s"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The run goes on meanwhile, in this thread."""
        if self.seconds is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(SIGNAL, self._end)
        counting = threading.Thread(target=self._count, args=(threading.get_ident(),), daemon=True)
        counting.start()
        try:
            yield
        finally:
            self._over.set()
            counting.join()
            signal.signal(SIGNAL, before)

    @contextlib.contextmanager
    def limited(self) -> Iterator[None]:
        """Raise TimeUp in what goes on meanwhile once the time is over; at once if it is over already."""
        outer, self._limiting = self._limiting, True
        try:
            if self.left <= 0:
                raise TimeUp
            yield
        finally:
            self._limiting = outer

    def _count(self, thread: int) -> None:
        wait = max(0.0, self.left)
        while not self._over.wait(wait):
            signal.pthread_kill(thread, SIGNAL)
            wait = AGAIN_SECONDS

    def _end(self, number: int, frame: FrameType | None) -> None:
        if self._limiting and self.left <= 0:
            raise TimeUp
