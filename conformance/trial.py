"""A conversation that can be held again: a test's own function, what was drawn for it, and where the names stood."""

import ast
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.bench import Bench
from conformance.findings import Finding
from conformance.names import NameState, names
from conformance.recording import Steps
from conformance.variation import AS_IS, Variation
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
        with bench.varied(variation):
            trial.play(bench=bench, **trial.example)
    except Finding as raised:
        found = raised
    except (pytest.skip.Exception, OSError, LocalProtocolError):
        judged = False
    steps = bench.recorder.steps()
    try:
        bench.tidy()
    except Finding as lost:
        found = found or lost
    return Attempt(found, judged, steps)


def play_of(test: Any) -> Play:
    """The function that holds the conversation of a test, without what draws its examples."""
    if (play := getattr(test, "play", None)) is not None:
        return play  # type: ignore[no-any-return]
    drawn = getattr(test, "hypothesis", None)
    return drawn.inner_test.__wrapped__ if drawn else test  # type: ignore[no-any-return]


def drawn_by(play: Play) -> set[str]:
    """What is drawn for it: its arguments beside the bench."""
    return inspect.signature(play).parameters.keys() - {"bench"}


def address_of(play: Play) -> str:
    """Where it is found again: `test_2_frame:test_...`."""
    return f"{Path(play.__code__.co_filename).stem}:{play.__name__}"


def play_at(address: str) -> Play:
    """The function of that address. LookupError, in one line, if this version of the suite has none."""
    module, _, name = address.partition(":")
    package = "conformance.suite" if module.startswith("test_") else "conformance"
    try:
        if address != "baseline:plain" and not (module.startswith("test_") and name.startswith("test_")):
            raise AttributeError
        return play_of(getattr(import_module(f"{package}.{module}"), name))
    except (ImportError, AttributeError):
        raise LookupError(f"this version of the suite has no test {name!r} in {module!r}") from None


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
