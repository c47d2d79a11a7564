"""How often something may happen: token buckets, one for each key, with the time as an argument."""

from collections.abc import Hashable

_FIRST_SWEEP = 1024  # keys
_ROUNDING = 0.001  # of a token: sums of seconds are not exact, and the last token of a burst is granted all the same


class TokenBuckets:
    """Buckets that hold `burst` tokens and gain `rate` tokens a second. A bucket that nobody used is full.

    A bucket is one number, the time at which it is full again, and a full one is forgotten: memory follows the keys of
    the last `burst / rate` seconds. All times are in seconds of the caller's clock, which never goes back.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._interval = 1.0 / rate
        self._depth = (burst - 1.0 + _ROUNDING) / rate
        self._full_at: dict[Hashable, float] = {}
        self._sweep_at = _FIRST_SWEEP

    def take(self, key: Hashable, now: float, patience: float = 0.0, cost: int = 1) -> float | None:
        """Take `cost` tokens of the key's bucket, which may lack all but one of them.

        The seconds until the one is there; None: that is more than `patience`, and none is taken.
        """
        full_at = self._full_at.get(key, now)
        if full_at < now:
            full_at = now
        wait = full_at - now - self._depth
        if wait > patience:
            return None
        if len(self._full_at) >= self._sweep_at:
            self._sweep(now)
        self._full_at[key] = full_at + cost * self._interval
        return wait if wait > 0.0 else 0.0

    def give_back(self, key: Hashable) -> None:
        """Put back one token that was taken."""
        if key in self._full_at:
            self._full_at[key] -= self._interval

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._full_at)

    def _sweep(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._full_at))
