"""A conversation that fails on a bad path is held again, until it passes or the path does not explain it any more."""

import contextlib
import time
from collections.abc import Callable

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch, unsupported
from conformance.trace.recording import is_tcp

SECONDS = 60.0
"""Upper bound, of a run, for conversations that are held again."""

ROUND = 100_000
"""Times the number of a repetition: a conversation that several tests judge is held once in each."""


def hold(bench: Bench, conversation: Callable[[], object]) -> None:
    """Hold a conversation that has begun. Mismatch if it fails as often as no path explains; unsupported if there is no
    time for that.
    """
    context = bench.context
    for number in range(1, context.path.repeats + 1):
        if number > 1:
            bench.tidy()
            bench.shared.drop()
            bench.begin()
        started = time.monotonic()
        try:
            with bench.repetition(ROUND * (number - 1)) if number > 1 else contextlib.nullcontext():
                conversation()
        except Mismatch as found:
            certain = found.held or found.stopped or not _may_be_of_the_path(bench)
            if certain or number == context.path.repeats:
                found.held = found.held or number
                raise
            if number > 1:
                context.path_seconds += time.monotonic() - started
            if context.path_seconds > SECONDS:
                unsupported(f"the path {context.path.odds}: there was no time to hold it often enough")
        else:
            return


def _may_be_of_the_path(bench: Bench) -> bool:
    """Whether anything went over UDP. On TCP nothing is lost."""
    return any(not is_tcp(step.who) for step in bench.trace.steps())
