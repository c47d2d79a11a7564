"""Staying below what every server must serve (TCRP-6.3), and waiting as long as this server needs."""

import statistics
import time
from collections import deque

REQUESTS_A_SECOND = 48
"""Below the 50 of TCRP-6.3d, so that a server that grants exactly those is never blamed."""

WINDOW = 1.01
"""Seconds; a little more than the second, since the server counts at its own end."""

FLOOR = 2.0
"""Seconds to wait for an answer or a close, at the least (TCRP-3.6a)."""
CAP = 15.0
ROUND_TRIPS = 20


class Pace:
    """At most `REQUESTS_A_SECOND` connections in any second."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque(maxlen=REQUESTS_A_SECOND)

    def left(self, count: int = 1) -> float:
        """Seconds until another connection, or this many at once, may be opened."""
        excess = len(self._starts) + count - REQUESTS_A_SECOND
        return max(0.0, self._starts[excess - 1] + WINDOW - time.monotonic()) if excess > 0 else 0.0

    def left_for_a_burst(self) -> float:
        """Seconds until a full second has passed without a connection."""
        return max(0.0, self._starts[-1] + WINDOW - time.monotonic()) if self._starts else 0.0

    def left_for_a_stream(self, count: int, seconds: float) -> float:
        """Seconds until so many connections, evenly spread over so many seconds, may follow those before: never more
        than `count` of old and new are in one second.
        """
        room = count - len(self._starts)
        begins = (start + WINDOW - (room + older) * seconds / count for older, start in enumerate(self._starts))
        return max(0.0, max(begins, default=0.0) - time.monotonic())

    def count(self) -> None:
        """A connection is opened now."""
        self._starts.append(time.monotonic())

    def full(self) -> None:
        """A burst that was not paced has just ended."""
        self._starts.extend([time.monotonic()] * REQUESTS_A_SECOND)


class Waits:
    """How long to wait for this server: a multiple of its round trip, between a floor and a cap."""

    def __init__(self, fixed: float | None = None) -> None:
        self.fixed = fixed
        self.factor = 1.0
        """Less for a conversation that is only repeated, more for one that tries whether patience helps."""
        self._trips: deque[float] = deque(maxlen=50)

    def measured(self, seconds: float) -> None:
        """Take note of one round trip."""
        self._trips.append(seconds)

    @property
    def round_trip(self) -> float:
        """Seconds, the median of the latest; 0 before the first."""
        return statistics.median(self._trips) if self._trips else 0.0

    @property
    def answer(self) -> float:
        """Seconds to wait for an answer, a close or a datagram that must come."""
        if self.fixed is not None:
            return self.fixed * self.factor
        return min(CAP, max(FLOOR, ROUND_TRIPS * self.round_trip)) * self.factor

    @property
    def between_segments(self) -> float:
        """Seconds between two segments that the server should read apart."""
        return min(0.05, max(0.003, self.round_trip))

    @property
    def until_read(self) -> float:
        """Seconds in which a server, on a busy machine too, has read a segment."""
        return max(0.25, self.round_trip)

    def pause(self) -> None:
        """Between two looks at something that is about to happen."""
        time.sleep(min(0.2, max(0.02, self.round_trip)))

    @property
    def prompt(self) -> float:
        """Seconds in which a client is answered while others stall (TCRP-6.1b)."""
        return max(1.0, ROUND_TRIPS * self.round_trip) if self.fixed is None else max(1.0, self.fixed)
