"""How long the probe waits: fitted to the answers and the datagrams that came so far."""

import time

FIRST_WAIT = 2.0
"""Seconds for the very first answers, before anything is known of the server's pace."""
LEAST_WAIT, MOST_WAIT = 0.4, 1.5
"""Bounds, in seconds, of the wait for an answer of a server that has answered before."""
FIRST_HEARING = 0.8
"""Seconds for the first datagrams, before anything is known of how fast they come."""
LEAST_HEARING, MOST_HEARING = 0.15, 1.2
"""Bounds, in seconds, of the wait for a datagram."""


class OutOfTime(Exception):
    """The time for questions is over."""


class Timing:
    """The waits of one probe, and its deadline. `seconds`: how long questions may be asked."""

    def __init__(self, seconds: float) -> None:
        self.patience = 1.0
        """Factor of every wait. More than 1 once the server has been slow now and then."""
        self._deadline = time.monotonic() + seconds
        self._requests = 0
        self._slowest_answer: float | None = None
        self._unanswered = 0
        self._slowest_datagram: float | None = None
        self._unheard = 0

    @property
    def answer_wait(self) -> float:
        """Seconds to wait for an answer on TCP. A server that never answers is waited for less and less."""
        if self._slowest_answer is None:
            return FIRST_WAIT if self._unanswered < 2 else 0.6 if self._unanswered < 6 else 0.3
        least = FIRST_WAIT / 2 if self._requests < 3 else LEAST_WAIT
        return min(MOST_WAIT, max(least, 3 * self._slowest_answer)) * self.patience

    @property
    def datagram_wait(self) -> float:
        """Seconds to wait for a datagram."""
        if self._slowest_datagram is None:
            if self._unheard < 2:
                return FIRST_HEARING
            return max(LEAST_HEARING, min(MOST_HEARING, self._slowest_answer or 0.0))
        return min(MOST_HEARING, max(LEAST_HEARING, 3 * self._slowest_datagram)) * self.patience

    @property
    def any_answer(self) -> bool:
        """Whether anything was ever answered on TCP."""
        return self._slowest_answer is not None

    @property
    def left(self) -> float:
        """Seconds left for questions, never less than a datagram needs."""
        return max(LEAST_HEARING, self._deadline - time.monotonic())

    def check(self) -> None:
        """Raise OutOfTime when the time for questions is over."""
        if time.monotonic() > self._deadline:
            raise OutOfTime

    def request_is_over(self) -> None:
        """Count a request, answered or not."""
        self._requests += 1

    def answer_took(self, seconds: float) -> None:
        """Take down how long bytes on TCP took to come."""
        self._slowest_answer = max(self._slowest_answer or 0.0, seconds)

    def reading_is_over(self, *, answered: bool) -> None:
        """Take down whether a read on TCP brought bytes or a close."""
        self._unanswered = 0 if answered else self._unanswered + 1

    def datagram_took(self, seconds: float) -> None:
        """Take down how long a datagram took to come to another member."""
        self._slowest_datagram = max(self._slowest_datagram or 0.0, seconds)

    def datagrams_were_lost(self) -> None:
        """Take down that datagrams of one layout reached nobody."""
        self._unheard += 1
