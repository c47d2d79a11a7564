"""What a server has refused because a limit was reached: a count by limit, and one line in the log for each burst."""

import logging
from collections import Counter, OrderedDict
from typing import Final

from relay import network_of

logger = logging.getLogger("reference_server")

_BURST_ENDS_AFTER: Final = 10.0  # seconds without a refusal
_MAX_BURSTS: Final = 1000  # at the same time; further ones are counted and not logged


class Refusals:
    """`counts`: how many refusals there were, by the name of the limit."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()  # of each burst, the longest ago first

    def note(self, limit: str, ip: str, now: float) -> None:
        """An address has reached a limit. `now`: seconds of a clock that never goes back."""
        self.counts[limit] += 1
        while self._last and now - next(iter(self._last.values())) > _BURST_ENDS_AFTER:
            self._last.popitem(last=False)
        burst = limit, network_of(ip)
        if burst in self._last:
            self._last.move_to_end(burst)
        elif len(self._last) < _MAX_BURSTS:
            logger.warning("%s has reached %s: the rest of this burst is refused too and counted only", burst[1], limit)
        else:
            return
        self._last[burst] = now
