"""Which act ended the service of others: the same conversation on a fresh server, stopped earlier and earlier.

A process that lives while its chat thread or its accept loop has died is the usual state of a server that checks
nothing. The one datagram or request that did it is found by bisection, so that it is blamed and not what came later.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from conformance.client import baseline
from conformance.client.bench import Bench
from conformance.engine.rerun.attempt import Trial, hold_until, repeat_names
from conformance.outcome.findings import TargetLost
from conformance.trace.recording import Step

HASTE = 0.25
"""Waits of a conversation whose answers do not matter; whether the server serves afterwards is waited for in full."""
SECONDS = 6.0
"""For one search."""
BUDGET_SECONDS = 20.0
"""For all searches of a run together."""


class Killer(NamedTuple):
    """The act after which the server served no longer. `output`: what it printed on it; `broken`: what has ended;
    `times`: how often it ended in the search.
    """

    act: Step
    broken: str
    output: tuple[str, ...]
    times: int


class KillerSearch:
    """`renew` starts the server anew, and says whether it could; `left`: seconds left of the run."""

    def __init__(self, bench: Bench, renew: Callable[[], bool], left: Callable[[], float]) -> None:
        self._bench = bench
        self._renew = renew
        self._left = left
        self._spent = 0.0
        self._tries = 500_000

    def find(self, trial: Trial) -> Killer | None:
        """The act of this conversation that ends the server's service. None if it does not end again, or if there is
        no time to look for it.
        """
        started = time.monotonic()
        until = started + min(SECONDS, BUDGET_SECONDS - self._spent, self._left())
        try:
            return self._bisected(trial, until)
        finally:
            self._spent += time.monotonic() - started

    def _bisected(self, trial: Trial, until: float) -> Killer | None:
        held = self._held(trial, None)
        if held is None or held.broken is None:
            return None
        good, bad, found, times = 0, held.acts, held, 1
        while bad - good > 1 and time.monotonic() < until:
            middle = (good + bad) // 2
            held = self._held(trial, middle)
            if held is None:
                return None
            if held.broken is None:
                good = middle
            else:
                bad, found, times = middle, held, times + 1
        if bad - good > 1 or found.last is None or found.broken is None:
            return None
        if good == 0 and ((nothing := self._held(trial, 0)) is None or nothing.broken is not None):
            return None  # the look whether it still serves ends it, too
        return Killer(found.last, found.broken, found.output, times)

    def _held(self, trial: Trial, acts: int | None) -> "_Held | None":
        """Hold the conversation on a fresh server up to so many acts. None if that cannot be done."""
        bench = self._bench
        if not self._renew():
            return None
        repeat_names(trial.names)
        self._tries += 1
        bench.target.begin()
        bench.waits.factor = HASTE
        try:
            with bench.repetition(self._tries):
                hold_until(bench, trial, acts)
        finally:
            bench.waits.factor = 1.0
        done, last = bench.trace.acts, bench.trace.last_act
        try:
            broken = baseline.still_works(bench)
        except TargetLost:
            broken = baseline.ROOMS
        output = tuple(bench.target.output(40))
        return _Held(done, last, broken, output)


class _Held(NamedTuple):
    acts: int
    last: Step | None
    broken: str | None
    output: tuple[str, ...]
