"""Learning the path to the server, before anything is judged by what comes over it."""

import contextlib
import time

from conformance.client.bench import Bench
from conformance.client.path_by_relay import by_relay
from conformance.net.addresses import is_loopback
from conformance.net.control import over_loopback, through_proxy
from conformance.net.ownership import owns_its_ports
from conformance.net.path import KEEPS, MERGES, UNKNOWN, Path
from conformance.net.target import AddressTarget, ImpairedTarget, ProcessTarget
from conformance.outcome.findings import Mismatch, TargetLost


class PathFinder:
    """Finds out what the path of a run does. `kept`: the user says that the server sees each client's address."""

    def __init__(self, bench: Bench, *, kept: bool) -> None:
        self._bench = bench
        self._kept = kept
        self.seconds = 0.0
        """How long it has taken so far."""

    def begin(self) -> None:
        """The server has just been started: measure by a control between two sockets of ours, where that says something
        of the path to it.
        """
        started = time.monotonic()
        context = self._bench.context
        target = context.target
        inner = target.inner if isinstance(target, ImpairedTarget) else target
        owns = is_loopback(inner.endpoint.host) and owns_its_ports(inner.endpoint, _processes(inner))
        if isinstance(target, ImpairedTarget):
            path = through_proxy(target.proxy, target.server)
        elif owns:
            path = over_loopback(inner.endpoint.host)
        else:
            path = UNKNOWN
        if self._kept:
            path = path._replace(sources=KEEPS)
        elif not owns and path.sources != MERGES:
            path = path._replace(sources=UNKNOWN.sources)
        context.path = path
        context.addresses_kept = path.sources == KEEPS
        self.seconds += time.monotonic() - started

    def go_on(self) -> None:
        """The plain conversation works: measure by what the server relays, if nothing else could be said."""
        bench, sources = self._bench, self._bench.context.path.sources
        if bench.context.path.by:
            return
        started = time.monotonic()
        bench.begin()
        try:
            with contextlib.suppress(Mismatch, TargetLost):
                bench.context.path = by_relay(bench)._replace(sources=sources)
        finally:
            bench.tidy()
        self.seconds += time.monotonic() - started

    @property
    def path(self) -> Path:
        """What is known of it."""
        return self._bench.context.path


def _processes(target: AddressTarget | ProcessTarget) -> list[int] | None:
    return target.processes() if isinstance(target, ProcessTarget) else None
