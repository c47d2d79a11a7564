"""The life of one run against one endpoint: from its start over one test after another to its end."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from conformance.client import baseline
from conformance.client.bench import Bench
from conformance.client.diagnosis import NoPort
from conformance.engine.blame import AT_LARGE, Blame, Tested
from conformance.engine.health import OUTPUT_LINES, Health
from conformance.engine.options import RunOptions
from conformance.engine.outcomes import cut_short, failed, outcome_of
from conformance.engine.rerun.attempt import Play, address_of
from conformance.engine.rerun.killer import KillerSearch
from conformance.engine.rerun.repetition import Repeater
from conformance.engine.time_limit import TimeLimit
from conformance.net.addresses import Unreachable
from conformance.net.process import STOP_SECONDS
from conformance.outcome.findings import (
    PLAIN_CONVERSATION,
    Finding,
    Mismatch,
    Outcome,
    TargetLost,
    TimeUp,
    unsupported,
)
from conformance.outcome.verdicts import Exit
from conformance.spec.applicability import why_not
from conformance.spec.clauses import clause
from conformance.trace.names import names as fresh_names
from tcrp import MAX_ROOM_SIZE

if TYPE_CHECKING:
    from conformance.probe.probe import Probed

__all__ = ["Session", "Tested"]

HASTY_STOP_SECONDS = 1.0
"""How long the server may take to end once the time of the run is over."""
_ABOUT_JSON = ("3.2", "3.3b", "3.10")
"""Clauses that a server which does not read the JSON object cannot be asked about."""


class Session:
    """What the plugin asks, test by test."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.bench = options.bench()
        self.target = self.bench.target
        self.chosen = [one.id for one in options.chosen]
        self.unreachable: str | None = None
        """Why the endpoint could not be tested at all."""
        self.told: Callable[[str], None] = lambda line: None
        """Takes, line by line, what the search for the server's dialect has to say."""
        self.probed: Probed | None = None
        self.limit = TimeLimit(options.max_time)
        self._started = time.monotonic()
        self._health = Health(self.bench)
        again = (self._health.renew, lambda: self.limit.left)
        repeater, killers = Repeater(self.bench, options.runs, *again), KillerSearch(self.bench, *again)
        self._blame = Blame(self._health, repeater, killers)
        self._pending: list[Outcome] = []
        self._last: Tested | None = None

    @property
    def died(self) -> bool:
        """Whether the endpoint ended during the run at least once."""
        return self._health.died

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the endpoint, hold the plain conversation, and end at last what was begun."""
        with self.limit.running():
            try:
                try:
                    with self.limit.limited():
                        self._begin_run()
                except (Unreachable, TargetLost) as error:
                    self.unreachable = str(error)
                    pytest.exit(f"unreachable: {error}", returncode=Exit.UNREACHABLE)
                except TimeUp:
                    self._cut_baseline_short()
                yield
            finally:
                self.bench.close()
                self.target.stop(STOP_SECONDS if self.limit.left > 0 else HASTY_STOP_SECONDS)
                self.bench.release()

    def _begin_run(self) -> None:
        health, bench = self._health, self.bench
        self.target.start()
        bench.context.find_local_host()
        if bench.traits.longest_room < MAX_ROOM_SIZE:
            fresh_names.longest = bench.traits.longest_room
        if bench.dialect.can.tcp and self.target.endpoint.tcp is None:
            raise Unreachable(f"dialect {bench.dialect.name} needs TCP, and the endpoint has none")
        health.hold_baseline()
        if self.options.automatic and self._may_speak_another():
            self._find_dialect()
        if not health.baseline.findings:
            self._blame.learn_the_usual()
            return
        outcome = self._blame.look_into_baseline(health.baseline.findings[0], time.monotonic() - self._started)
        self._pending.append(outcome)
        if not health.baseline.findings:
            self._blame.learn_the_usual()

    def begin(self, test: Tested, needs: Sequence[str]) -> Bench:
        """Before a test: the bench, or the reason why the clause cannot be judged."""
        bench = self.bench
        last, self._last = self._last, None
        if last is not None and self._health.has_ended():
            self._pending.append(self._late_end(last))
        self._blame.before = last.name if last else self._blame.before
        bench.begin_test()
        try:
            with self.limit.limited():
                self._make_ready(test, needs)
        except TimeUp:  # pytest takes this for the end of everything, where a fixture raises it
            unsupported(self.limit.why_unjudged)
        self._last = test
        self.target.begin()
        bench.begin()
        return bench

    def _make_ready(self, test: Tested, needs: Sequence[str]) -> None:
        """A server is there for the test, and the clause can be judged; else it is unsupported."""
        health, bench = self._health, self.bench
        if self.target.stopped:
            health.restart()
        if health.stopped:
            unsupported(health.stopped)
        if (otherwise := why_not(bench.traits, test.clauses[0])) is not None:
            unsupported(otherwise)
        blocking = health.baseline.no_chat if "chat" in needs else health.baseline.no_rooms
        if blocking is None and clause(test.clauses[0]).names()[0].startswith(_ABOUT_JSON):
            blocking = health.baseline.no_json
        if blocking is not None:
            unsupported(f"blocked by {blocking}")

    def _late_end(self, test: Tested) -> Outcome:
        """The server has ended since this test was over."""
        try:
            with self.limit.limited():
                return self._blame.look_into_late_end(test)
        except TimeUp:
            lost = TargetLost(str(self.target.ended()))
            return self._cut_short(Outcome(test.clauses[0], "pass", test.name, 0.0), lost, test.function)

    def _cut_baseline_short(self) -> None:
        """The time of the run was over before a test began. What the plain conversation has found is told."""
        for found in self._health.baseline.findings[: not self._pending]:
            begun = Outcome(found.clause or "TCRP-3.4a", "pass", PLAIN_CONVERSATION, 0.0, 1)
            self._pending.append(self._cut_short(begun, found, baseline.plain))

    def _cut_short(self, outcome: Outcome, found: Finding | None, function: Play) -> Outcome:
        """The outcome of a test at whose end, or before, the time of the run was over."""
        if found is None:
            return outcome._replace(result="unsupported", message=self.limit.why_unjudged)
        evidence = cut_short(found, self.bench, address_of(function), self.target.output(OUTPUT_LINES))
        return failed(outcome, found)._replace(evidence=evidence)

    def outcomes_of(self, test: Tested, call: "pytest.CallInfo[None]") -> list[Outcome]:
        """After a test: what it found, and before it what was found since the test before, which is told once."""
        bench = self.bench
        found = call.excinfo.value if call.excinfo else None
        done = Outcome(test.clauses[0], "pass", test.name, round(call.duration, 3), bench.record.examples)
        try:
            if found is None and (test.hostile or self._health.seems_hurt()):
                with self.limit.limited():
                    found = self._health.is_gone()
            elif isinstance(found, TimeUp):
                raise found
            if isinstance(found, Mismatch) and found.data is not None:
                found.data = bench.tcp.as_sent.get(found.data, found.data)
            outcome = outcome_of(done, bench, call, found)
            if isinstance(found, Finding):
                with self.limit.limited():
                    outcome = self._blame.look_into(test, outcome, found, call.duration)
        except TimeUp:
            outcome = self._cut_short(done, found if isinstance(found, Finding) else None, test.function)
        pending, self._pending = self._pending, []
        if outcome.clause in AT_LARGE and outcome.clause != test.clauses[0]:
            untried = Outcome(test.clauses[0], "unsupported", test.name, 0.0)
            return [*pending, outcome, untried._replace(message=f"could not be tried: {outcome.clause} is broken")]
        if outcome.result != "pass":
            return [*pending, outcome]
        return [*pending, *(outcome._replace(clause=one) for one in test.clauses)]

    def _may_speak_another(self) -> bool:
        """Whether another dialect may explain what became of the plain conversation, and there is a server to ask."""
        found, lost = self._health.baseline.findings, self._health.baseline.lost
        broken = self._health.baseline.no_rooms is not None or self._health.baseline.no_chat is not None
        return broken and not isinstance(found[0], NoPort) and (lost is None or self.target.owned)

    def _find_dialect(self) -> None:
        """The plain conversation does not work in the canonical dialect: does another fit?"""
        from conformance.probe.probe import probe  # here, since most runs need none of it

        self.told("the plain conversation does not work in dialect tcrp: probing for another")
        self.bench.close()
        if self.target.ended() is not None:
            self.target.restart()
        self.probed = probe(self.target, tell=lambda text: None)
        if self.target.renewable:
            self.target.restart()
            self.bench.forget()
        found = self.probed.dialect
        enters = self._health.baseline.no_rooms is None
        if found is None or found.name == self.bench.dialect.name or (enters and self.probed.part):
            self.told(f"no other was found in {self.probed.seconds:.0f} s: see tcrp-conformance probe")
        else:
            where = "" if self.probed.name else ", see dialect.toml beside the report"
            self.told(f"dialect {found.name}, found in {self.probed.seconds:.0f} s{where}")
            for line in self.probed.lines:
                if line.startswith("  nearest"):
                    self.told(line)
            self.bench.context.speak(found)
        self._health.hold_baseline()
