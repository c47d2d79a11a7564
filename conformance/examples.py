"""Properties: hypothesis draws the examples, and a budget of time keeps a slow or silent server from delaying the run.

Once the budget is spent, further examples are not tried; once an example has failed, hypothesis shrinks it for as long
as the second budget lasts. What was tried once, a named case for instance, is remembered: it passes or fails as it did,
without being sent again. A server that no longer serves after a failing example is left alone: whatever else it would
fail says nothing.
"""

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis.strategies import SearchStrategy

from conformance import baseline
from conformance.bench import Bench
from conformance.findings import Finding, TargetLost
from conformance.variation import AS_IS, Variation
from tcrp import LocalProtocolError

Test = TypeVar("Test", bound=Callable[..., None])

DEFAULT_EXAMPLES = 3
SECONDS = 2.0
NAMED = 5
"""Times the budget, for a named case: what it shows may be shown by no other."""
HASTY = Variation(patience=0.5)
"""For making an example small that has failed with the usual waits."""


@dataclass
class Drawing:
    """How properties are drawn in this run; set before the tests are collected."""

    examples: int = DEFAULT_EXAMPLES
    seed: int = 0
    seconds: float = SECONDS
    """For trying examples of one property."""
    shrink_seconds: float = 3.0
    """For making a failing example small."""


drawing = Drawing()


def for_all(
    *, cases: Sequence[Mapping[str, Any]] = (), scale: float = 1.0, **strategies: SearchStrategy[Any]
) -> Callable[[Test], Test]:
    """The test holds for every value that is drawn, after the named `cases`. `scale`: times the usual examples.

    The test takes the fixture `bench`, and whatever it begins is ended after each example.
    """

    def decorate(test: Test) -> Test:
        budgeted: Callable[..., None] = _budgeted(test, {_key(case) for case in cases})
        for case in reversed(cases):
            budgeted = example(**case)(budgeted)
        drawn = given(**strategies)(budgeted)
        limited = settings(
            max_examples=max(1, round(drawing.examples * scale)),
            deadline=None,
            database=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )(drawn)
        return cast(Test, seed(drawing.seed)(limited))

    return decorate


def _key(example: Mapping[str, Any]) -> str:
    return repr(sorted(example.items()))


def _budgeted(test: Test, named: set[str]) -> Test:
    failed: dict[str, Finding] = {}
    passed: set[str] = set()
    gone: list[bool] = []
    begun: dict[str, float] = {}

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        bench: Bench = kwargs["bench"]
        example = {name: value for name, value in kwargs.items() if name != "bench"}
        key = _key(example)
        if key in failed:
            raise failed[key]
        if gone or key in passed:
            return
        now = time.monotonic()
        phase, limit = ("failed", drawing.shrink_seconds) if failed else ("begun", drawing.seconds)
        if now - begun.setdefault(phase, now) > limit * (NAMED if key in named else 1):
            if key in named:
                bench.notes.append(f"not tried for want of time: {repr(example)[:60]}")
            return
        bench.examples += 1
        bench.begin()
        waived, bench.waived = bench.waived, []
        try:
            with bench.varied(HASTY if failed else AS_IS):
                test(*args, **kwargs)
            bench.passed.append(example)
            bench.judged += not bench.waived
        except LocalProtocolError as unsayable:
            bench.waive(f"in dialect {bench.dialect.name}: {unsayable}")
            passed.add(key)
        except Finding as found:
            found.example, found.steps, found.names = example, bench.recorder.steps(), bench.began_with
            failed[key] = found
            bench.tidy()
            if not _serves(bench):
                gone.append(True)
            raise
        else:
            passed.add(key)
        finally:
            bench.waived = [*waived, *(reason for reason in bench.waived if reason not in waived)]
            bench.tidy()

    return cast(Test, run)


def _serves(bench: Bench) -> bool:
    try:
        return baseline.still_works(bench) is None
    except TargetLost:
        return False
