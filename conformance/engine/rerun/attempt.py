"""A conversation that can be held again: a test's own function, what was drawn for it, and where the names stood."""

import ast
import contextlib
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from conformance.client import baseline, persistence
from conformance.client.bench import Bench
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import Finding
from conformance.spec.suite_index import SUITE_PACKAGE, modules_with
from conformance.trace.names import NameState, names
from conformance.trace.recording import Steps, Stopped
from tcrp import LocalProtocolError

Play = Callable[..., None]


class Trial(NamedTuple):
    """`play(bench, **example)` holds the conversation and raises what it finds."""

    play: Play
    example: Mapping[str, Any]
    names: NameState


class Attempt(NamedTuple):
    """What came of holding it: `found` is None if all was right, `judged` False if it could not be held at all."""

    found: Finding | None
    judged: bool
    steps: Steps

    @property
    def failed(self) -> bool:
        return self.found is not None

    @property
    def passed(self) -> bool:
        return self.judged and self.found is None


def attempt(bench: Bench, trial: Trial, variation: Variation = AS_IS) -> Attempt:
    """Hold the conversation once, and end what it began."""
    bench.tidy()
    bench.begin()
    found: Finding | None = None
    judged = True
    try:
        with bench.context.varied(variation):
            persistence.hold(bench, lambda: trial.play(bench=bench, **trial.example))
    except Finding as raised:
        found = raised
    except (pytest.skip.Exception, OSError, LocalProtocolError):
        judged = False
    steps = bench.trace.steps()
    try:
        bench.tidy()
    except Finding as lost:
        found = found or lost
    return Attempt(found, judged, steps)


def hold_until(bench: Bench, trial: Trial, acts: int | None) -> None:
    """Hold the conversation up to so many acts, then leave everything as it is. None: to its end, what it began ended.
    What it finds does not matter.
    """
    bench.tidy()
    bench.begin()
    with contextlib.suppress(Stopped), bench.trace.stopping_before(acts):
        with contextlib.suppress(Finding, pytest.skip.Exception, OSError, LocalProtocolError):
            trial.play(bench=bench, **trial.example)
        bench.tidy()


def play_of(test: Any) -> Play:
    """The function that holds the conversation of a test, without what draws its examples."""
    return getattr(test, "play", test)  # type: ignore[no-any-return]


def drawn_by(play: Play) -> set[str]:
    """What is drawn for it: its arguments beside the bench that have no default."""
    parameters = inspect.signature(play).parameters.values()
    return {one.name for one in parameters if one.default is one.empty} - {"bench"}


def address_of(test: Play) -> str:
    """Where a test is found again: `test_2_frame:test_...`, or `baseline:plain`."""
    return f"{test.__module__.rpartition('.')[2]}:{test.__name__}"


def play_at(address: str) -> Play:
    """The function of that address, which may have moved to another module since. LookupError, in one line, if this
    version of the suite has none.
    """
    module, _, name = address.partition(":")
    if address == address_of(baseline.plain):
        return baseline.plain
    if module.startswith("test_") and name.startswith("test_"):
        for one in (module, *modules_with(name)):
            with contextlib.suppress(ImportError, AttributeError):
                return play_of(getattr(import_module(f"{SUITE_PACKAGE}.{one}"), name))
    raise LookupError(f"this version of the suite has no test {name!r} in {module!r}")


def of_text(example: str) -> dict[str, Any]:
    """What was drawn, from its text in a report. ValueError if it is none."""
    try:
        value = ast.literal_eval(example)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"the example {example[:60]!r} is no Python literal: {error}") from None
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"the example {example[:60]!r} is no dict of arguments")
    return value


def to_text(example: Mapping[str, Any]) -> str:
    """What was drawn, as Python writes it."""
    return repr(dict(example))


def repeat_names(state: NameState) -> None:
    """The next conversation has the names of that one."""
    names.set(state)
