"""What is to be done later, in the order of time; what is due at the same time keeps its order."""

import heapq
import itertools
import time
from collections.abc import Callable


class Schedule:
    """Calls that wait for their time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call it after so many seconds."""
        heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._numbers), call))

    def run(self) -> float | None:
        """Call what is due. Returns the seconds until the next, None if there is none."""
        while self._waiting:
            left = self._waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            heapq.heappop(self._waiting)[2]()
        return None

    def __len__(self) -> int:
        return len(self._waiting)
