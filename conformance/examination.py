"""What is done about a failure: it is held again on a fresh endpoint with the same bytes, and then with one thing
changed. Always is `fail`, sometimes is `flaky`; what passes with the change says what the failure hinges on.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from conformance import hinges
from conformance.bench import Bench
from conformance.findings import Check
from conformance.hinges import Hinge
from conformance.recording import Steps
from conformance.trial import Attempt, Trial, attempt, repeat_names
from conformance.variation import AS_IS, Variation

RUNS = 3
RUNS_IF_MIXED = 5
LONG_SECONDS = 15.0
"""A conversation that takes longer than this is not held again."""
HASTE = 0.5
"""Waits of a conversation that has failed once with the usual ones."""
HINGE_SECONDS = 6.0
BUDGET_SECONDS = 90.0
"""For all findings of a run together; beyond it a failure is told as it was first seen."""


class Examined(NamedTuple):
    """`failed` of `runs` runs failed, the first included."""

    failed: int = 1
    runs: int = 1
    hinge: Hinge | None = None


class Examiner:
    """`renew` makes the endpoint as good as new, and says whether it could; `left`: seconds left of the run."""

    def __init__(self, bench: Bench, runs: int, renew: Callable[[], bool], left: Callable[[], float]) -> None:
        self._bench = bench
        self.runs = runs
        self._renew = renew
        self._left = left
        self._spent = 0.0
        self._tries = 1000

    def examine(
        self, trial: Trial, steps: Steps, check: Check | None, seconds: float, passed: list[Mapping[str, Any]], *,
        hinge: bool,
    ) -> Examined:  # fmt: skip
        """A conversation that took `seconds` and failed once. `passed`: examples of the same test that did not."""
        if self.runs == 1 or seconds > LONG_SECONDS:
            return Examined()
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
            self._bench.round = 0
            self._spent += time.monotonic() - started
        return Examined(failed, runs, found)

    def _again(self, trial: Trial, variation: Variation, number: int) -> Attempt:
        """`number`: of the repetition; conversations that several tests judge are held once in each."""
        if not self._renew():
            return Attempt(None, False, ())
        if self._bench.target.renewable:
            repeat_names(trial.names)  # on a server that has just started no room of that name stands
        self._bench.round = number
        return attempt(self._bench, trial, variation)

    def _within(self, until: float) -> hinges.Try:
        def again(trial: Trial, variation: Variation) -> Attempt:
            if time.monotonic() > until:
                return Attempt(None, False, ())
            self._tries += 1
            return self._again(trial, variation, self._tries)

        return again
