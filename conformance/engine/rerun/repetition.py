"""What is done about a failure: it is held again on a fresh endpoint with the same bytes, and then with one thing
changed. Always is `fail`, sometimes is `flaky`; what passes with the change says what the failure hinges on.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from conformance.client.bench import Bench
from conformance.engine.rerun import hinges
from conformance.engine.rerun.attempt import Attempt, Trial, attempt, repeat_names
from conformance.engine.rerun.hinges import Hinge
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import Check
from conformance.trace.recording import Steps

RUNS = 3
RUNS_IF_MIXED = 5
LONG_SECONDS = 15.0
"""A conversation that takes longer than this is not held again."""
HASTE = 0.5
"""Waits of a conversation that has failed once with the usual ones."""
HINGE_SECONDS = 6.0
BUDGET_SECONDS = 15.0
"""For all findings of a run together; beyond it a failure is told as it was first seen."""


_CANNOT = "its conversation could not be held again"


class Repeated(NamedTuple):
    """`failed` of `runs` runs failed, the first included. `seen_once`: why there was no other run."""

    failed: int = 1
    runs: int = 1
    hinge: Hinge | None = None
    seen_once: str | None = None


class Repeater:
    """`renew` makes the endpoint as good as new, and says whether it could; `left`: seconds left of the run."""

    def __init__(self, bench: Bench, runs: int, renew: Callable[[], bool], left: Callable[[], float]) -> None:
        self._bench = bench
        self.runs = runs
        self._renew = renew
        self._left = left
        self._spent = 0.0
        self._tries = 1000

    def repeat(
        self, trial: Trial, steps: Steps, check: Check | None, seconds: float, passed: list[Mapping[str, Any]], *,
        hinge: bool,
    ) -> Repeated:  # fmt: skip
        """A conversation that took `seconds` and failed once. `passed`: examples of the same test that did not."""
        if self.runs == 1:
            return Repeated(seen_once="repeating is switched off (--runs 1)")
        if seconds > LONG_SECONDS:
            return Repeated(seen_once=f"its conversation takes {seconds:.0f} s")
        started = time.monotonic()
        limit = min(BUDGET_SECONDS - self._spent, self._left())
        failed, runs, wanted = 1, 1, self.runs
        found: Hinge | None = None
        self._bench.waits.factor = HASTE
        try:
            while runs < wanted and time.monotonic() - started < limit:
                tried = self._again(trial, AS_IS, runs)
                if not tried.judged:
                    break
                runs += 1
                failed += tried.failed
                wanted = max(wanted, RUNS_IF_MIXED if failed < runs else 0)
            if hinge and failed == runs > 1:
                until = min(limit, time.monotonic() - started + HINGE_SECONDS)
                found = hinges.find(trial, steps, check, passed, self._within(started + until))
        finally:
            self._bench.waits.factor = 1.0
            self._spent += time.monotonic() - started
        why = None if runs > 1 else "the time for repeating findings was used up" if limit <= 0 else _CANNOT
        return Repeated(failed, runs, found, why)

    def _again(self, trial: Trial, variation: Variation, number: int) -> Attempt:
        """`number`: of the repetition; conversations that several tests judge are held once in each."""
        if not self._renew():
            return Attempt(None, False, ())
        if self._bench.target.renewable:
            repeat_names(trial.names)  # on a server that has just started no room of that name stands
        with self._bench.repetition(number):
            return attempt(self._bench, trial, variation)

    def _within(self, until: float) -> hinges.Try:
        def again(trial: Trial, variation: Variation) -> Attempt:
            if time.monotonic() > until:
                return Attempt(None, False, ())
            self._tries += 1
            return self._again(trial, variation, self._tries)

        return again
