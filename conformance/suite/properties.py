"""Properties: hypothesis draws the examples, and a budget of time keeps a slow or silent server from delaying the run.

Once the budget is spent, further examples are not tried. Once an example has failed, hypothesis shrinks it for as long
as the second budget lasts. What was tried once, a named case for instance, is remembered: it passes or fails as it did,
without being sent again. A server that no longer serves after a failing example is left alone: whatever else it would
fail says nothing.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis.strategies import SearchStrategy

from conformance.client import baseline, persistence
from conformance.client.bench import Bench
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import Finding, TargetLost, TimeUp
from tcrp import LocalProtocolError

Play = Callable[..., None]
"""A test of the suite: it takes the bench and what is drawn."""

NAMED = 5
"""Times the budget, for a named case: what it shows may be shown by no other."""
HASTY = Variation(patience=0.5)
"""For making an example small that has failed with the usual waits."""


def for_all(
    *, cases: Sequence[Mapping[str, Any]] = (), scale: float = 1.0, **strategies: SearchStrategy[Any]
) -> Callable[[Play], Callable[[Bench], None]]:
    """The test holds for every value that is drawn, after the named `cases`. `scale`: times the usual examples.

    The test takes the fixture `bench`, and whatever it begins is ended after each example. How many examples are drawn,
    and from which seed, the bench says when the test runs.
    """

    def decorate(play: Play) -> Callable[[Bench], None]:
        @functools.wraps(play)
        def test(bench: Bench) -> None:
            budgeted = _Budgeted(play, bench, cases)
            try:
                _search(budgeted, bench, cases, scale, strategies)
            except TimeUp:
                if (found := budgeted.found) is None:
                    raise
                raise found from None

        del test.__wrapped__  # pytest would take its arguments for fixtures
        test.play = play  # type: ignore[attr-defined]
        return test

    return decorate


def _search(
    budgeted: "_Budgeted", bench: Bench, cases: Sequence[Mapping[str, Any]], scale: float,
    strategies: Mapping[str, SearchStrategy[Any]],
) -> None:  # fmt: skip
    """Let hypothesis draw. It raises the finding of the smallest example that fails."""

    def one(**drawn: Any) -> None:
        budgeted.hold(drawn)

    for case in reversed(cases):
        one = example(**case)(one)
    limited = settings(
        max_examples=max(1, round(bench.context.drawing.examples * scale)),
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )(given(**strategies)(one))
    seed(bench.context.drawing.seed)(limited)()


def _key(drawn: Mapping[str, Any]) -> str:
    return repr(sorted(drawn.items()))


class _Budgeted:
    """One property of one test, with what is known of its examples so far."""

    def __init__(self, play: Play, bench: Bench, cases: Sequence[Mapping[str, Any]]) -> None:
        self._play = play
        self._bench = bench
        self._named = {_key(case) for case in cases}
        self._failed: dict[str, Finding] = {}
        self._passed: set[str] = set()
        self._gone = False
        self._begun: dict[str, float] = {}

    @property
    def found(self) -> Finding | None:
        """What the last example that failed has found."""
        return next(reversed(self._failed.values()), None)

    def hold(self, drawn: Mapping[str, Any]) -> None:
        """Hold the conversation with these values, if there is time. Raises what it finds."""
        bench, key = self._bench, _key(drawn)
        if key in self._failed:
            raise self._failed[key]
        if self._gone or key in self._passed or (self._failed and not bench.context.path.clean):
            return
        if self._out_of_time(key):
            if key in self._named:
                bench.record.note(f"not tried for want of time: {repr(dict(drawn))[:60]}")
            return
        bench.begin()
        try:
            with bench.record.example(drawn), bench.context.varied(HASTY if self._failed else AS_IS):
                persistence.hold(bench, lambda: self._play(bench=bench, **drawn))
            self._passed.add(key)
        except pytest.skip.Exception as skipped:
            if skipped.msg != bench.context.path.narrow:
                raise
            bench.record.waive(skipped.msg)
            self._passed.add(key)
        except LocalProtocolError as unsayable:
            bench.record.waive(f"in dialect {bench.dialect.name}: {unsayable}")
            self._passed.add(key)
        except Finding as found:
            found.example, found.steps, found.names = drawn, bench.trace.steps(), bench.began_with
            self._failed[key] = found
            bench.tidy()
            self._gone = not _serves(bench)
            raise
        finally:
            bench.tidy()

    def _out_of_time(self, key: str) -> bool:
        drawing, now = self._bench.context.drawing, time.monotonic()
        phase, limit = ("failed", drawing.shrink_seconds) if self._failed else ("begun", drawing.seconds)
        return now - self._begun.setdefault(phase, now) > limit * (NAMED if key in self._named else 1)


def _serves(bench: Bench) -> bool:
    try:
        return baseline.still_works(bench) is None
    except TargetLost:
        return False
