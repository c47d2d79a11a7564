"""Benches at servers of tests/, which are started for them."""

import contextlib
import sys
from collections.abc import Iterator

from conformance.client.bench import Bench
from conformance.client.drawing import Drawing
from conformance.net.pacing import Waits
from conformance.net.target import ProcessTarget
from conformance.trace.recording import StepKind, is_tcp
from tcrp import dialects
from tests.conformance.commands import TESTS


class CountingBench(Bench):
    """A bench that counts the TCP connections of all its conversations."""

    _before = 0
    """Those of the conversations before this one."""

    @property
    def connections(self) -> int:
        connects = [step for step in self.trace.steps() if step.does is StepKind.CONNECT and is_tcp(step.who)]
        return self._before + len(connects)

    def begin(self) -> None:
        self._before = self.connections
        super().begin()


@contextlib.contextmanager
def bench_at(
    command: str, *, wait: float | None = None, idle_timeout: float | None = None, drawing: Drawing | None = None
) -> Iterator[CountingBench]:
    """A bench at the server that this command starts. `wait`: seconds to wait for an answer, None for the fitted
    time; `idle_timeout`: the server's idle time in seconds.
    """
    dialect = dialects.get(dialects.DEFAULT)
    target = ProcessTarget(command, None, dialect.ports, ready_timeout=60.0)
    bench = CountingBench(target, dialect, Waits(wait), idle_timeout, drawing)
    target.start()
    try:
        yield bench
        bench.close()
    finally:
        target.stop()
        bench.release()


def server(kind: str, name: str) -> str:
    """The command of a server. `kind`: `faults` or `odd`, the folder of tests/ that has it."""
    return f"{sys.executable} -S -E {TESTS / kind / 'server.py'} --{'fault' if kind == 'faults' else 'odd'} {name}"
