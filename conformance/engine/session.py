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
from conformance.engine.comparing.comparison import Comparison
from conformance.engine.dialect_search import DialectSearch
from conformance.engine.health import DYING_SECONDS, OUTPUT_LINES, Health
from conformance.engine.options import RunOptions
from conformance.engine.outcomes import cut_short, failed, outcome_of
from conformance.engine.path_finding import PathFinder
from conformance.engine.rerun.attempt import Play, address_of
from conformance.engine.rerun.killer import KillerSearch
from conformance.engine.rerun.repetition import Repeater
from conformance.engine.time_limit import TimeLimit
from conformance.net.addresses import Unreachable, is_of_this_machine
from conformance.net.elsewhere import elsewhere
from conformance.net.impaired import ImpairedTarget
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
from conformance.spec.clauses import PREFIX, STAGE_1, clause
from conformance.spec.differences import Difference, differences
from conformance.spec.grounds import why_no_ground
from conformance.trace.names import fresh
from conformance.trace.names import names as fresh_names
from conformance.trace.text import printable
from tcrp import MAX_ROOM_SIZE, Create, Dialect, LocalProtocolError

if TYPE_CHECKING:
    from conformance.probe.probe import Probed

__all__ = ["Session", "Tested"]

HASTY_STOP_SECONDS = 1.0
"""How long the server may take to end once the time of the run is over."""
_HURTS = "TCRP-6."
"""Clauses whose tests do to a server what may end its service."""
MOST_PROBED = 3
"""How many of the requests that the probe got an answer to are compared before the plain one."""
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
        self.dialect_file: str | None = None
        """The dialect file that the search has written, in part or as a whole."""
        self.exits = True
        """End pytest at once if the endpoint cannot be tested at all. Else each test says why it cannot be judged."""
        self._spoken: Dialect | None = None
        """What the server speaks, where it is judged by TCRP/1 all the same."""
        self.limit = TimeLimit(options.max_time)
        self._told_baseline = self._ended_early = False
        self._probed: Probed | None = None
        self._started = time.monotonic()
        self._health = Health(self.bench)
        self.paths = PathFinder(self.bench, kept=options.addresses_kept)
        again = (self._health.renew, lambda: self.limit.left)
        repeater, killers = Repeater(self.bench, options.runs, *again), KillerSearch(self.bench, *again)
        self._blame = Blame(self._health, repeater, killers)
        self._pending: list[Outcome] = []
        self._last: Tested | None = None

    @property
    def differences(self) -> list[Difference]:
        """Where what the server speaks differs from TCRP/1."""
        return differences(self._spoken or self.bench.dialect)

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
                    where = elsewhere(self.target.server)
                    self.unreachable = f"{error}; {where}" if where else str(error)
                    if self.exits:
                        pytest.exit(f"unreachable: {printable(self.unreachable)}", returncode=Exit.UNREACHABLE)
                except TimeUp:
                    self._cut_baseline_short()
                yield
            finally:
                self.bench.close()
                self.target.stop(STOP_SECONDS if self.limit.left > 0 else HASTY_STOP_SECONDS)
                self.bench.release()
                if isinstance(self.target, ImpairedTarget):
                    self.target.close()

    def _begin_run(self) -> None:
        health, bench = self._health, self.bench
        self.target.start()
        self.paths.begin()
        bench.context.find_local_host()
        self._draw_names()
        if self.target.endpoint.udp is None and not bench.dialect.can.tcp:
            raise Unreachable(f"dialect {bench.dialect.name} needs UDP, and the endpoint has none")
        lacks_tcp = bench.dialect.can.tcp and self.target.endpoint.tcp is None
        if lacks_tcp and self.options.automatic:
            self._find_dialect()
        elif lacks_tcp:
            raise Unreachable(f"dialect {bench.dialect.name} needs TCP, and the endpoint has none")
        else:
            health.hold_baseline()
            if self.options.automatic and self._may_speak_another():
                self._find_dialect()
            elif self.options.strict and self._may_speak_another() and self._says_something():
                self._spoken = DialectSearch(health, self.told, self._speak).look()
        if health.baseline.no_chat is None:
            self.paths.go_on()
        if bench.dialect.can.rooms and STAGE_1 in self.chosen:
            self.chosen.remove(STAGE_1)  # which was chosen for the case that there are none
        if health.baseline.findings and not self._told_baseline:
            outcome = self._blame.look_into_baseline(health.baseline.findings[0], time.monotonic() - self._started)
            self._pending.append(outcome)
        if not health.baseline.findings:
            self._blame.learn_the_usual()
        self._compare()

    def _compare(self) -> None:
        """Where no reply can be read, or no chat, some of it can be shown by comparing the server with itself."""
        health, endpoint = self._health, self.target.endpoint
        rooms, chat = health.baseline.no_rooms, health.baseline.no_chat
        if health.stopped or self.target.tls is not None or not self.bench.dialect.can.rooms or not (rooms or chat):
            return
        if self._is_foreign() or self.target.endpoint != self.target.server:
            return  # it may be hurt, or the path between changes what is compared
        comparison = Comparison(health, self._requests(), self.chosen)
        if rooms and endpoint.tcp is not None:
            self._pending += comparison.over_tcp()
            if comparison.reason and (self.options.automatic or self.options.request is not None):
                self.told(comparison.reason)
        if endpoint.udp is not None:
            self._pending += comparison.over_udp()

    def _requests(self) -> list[bytes]:
        """Requests that the server may react to, the likeliest first."""
        if self.options.request is not None:
            return [self.options.request]
        found: list[bytes] = []
        if self._probed is not None:
            deadly = {one.sent.data for one in self._probed.killers}
            found = [one.sent for one in self._probed.exchanges if one.got and one.sent not in deadly]
        if self._ended_early:
            return found
        with contextlib.suppress(LocalProtocolError):
            found[:MOST_PROBED] = [*found[:MOST_PROBED], self.bench.tcp.request(Create(fresh(), "alicia"))]
        return found

    def _find_dialect(self) -> None:
        """The plain conversation does not work in the canonical dialect: does another fit?"""
        search = DialectSearch(self._health, self.told, self._speak)
        try:
            search.find()
        finally:
            self.dialect_file = None if search.probed is None else search.probed.toml
            self._told_baseline = search.told_baseline
            self._probed = search.probed
            self._ended_early = search.ended_early
            self._pending += search.outcomes

    def _draw_names(self) -> None:
        """Room names are drawn so that they fit into the dialect's field for them."""
        longest = self.bench.traits.longest_room
        fresh_names.longest = longest if longest < MAX_ROOM_SIZE else None

    def _speak(self, dialect: Dialect) -> None:
        """Use another dialect from here on."""
        self.bench.context.speak(dialect)
        self._draw_names()

    def begin(self, test: Tested, needs: Sequence[str]) -> Bench:
        """Before a test: the bench, or the reason why the clause cannot be judged."""
        bench = self.bench
        last, self._last = self._last, None
        if last is not None and (self._health.has_ended() or self._health.has_closed()):
            self._pending.append(self._late_end(last))
        self._blame.before = last.name if last else self._blame.before
        bench.begin_test()
        if test.clauses[0] not in self.chosen:
            unsupported("not about a server of this dialect")
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
        if self.unreachable is not None:
            unsupported(f"unreachable: {self.unreachable}")
        if self.target.stopped:
            health.restart()
        if health.stopped:
            unsupported(health.stopped)
        knowledge = bench.traits.knowledge
        if (unlearnt := why_no_ground(knowledge, test.clauses[0])) is not None:
            unsupported(unlearnt)
        if (otherwise := why_not(bench.traits, test.clauses[0])) is not None:
            unsupported(otherwise)
        if self._is_spared(test):
            unsupported("needs --hostile: the server is on another machine, and this may hurt it")
        if "chat" in needs and knowledge.why_no_chat is not None:
            unsupported(knowledge.why_no_chat)
        blocking = health.baseline.no_chat if "chat" in needs else health.baseline.no_rooms
        if blocking is None and clause(test.clauses[0]).names()[0].startswith(_ABOUT_JSON):
            blocking = health.baseline.no_json
        if blocking is not None:
            unsupported(f"blocked by {blocking}" if blocking.startswith(PREFIX) else blocking)

    def _is_spared(self, test: Tested) -> bool:
        """Whether the test may hurt a server that is somebody else's."""
        return test.clauses[0].startswith(_HURTS) and self._is_foreign()

    def _is_foreign(self) -> bool:
        """Whether the server is somebody else's, and nobody has said that it may be hurt."""
        spared = not self.options.hostile and not self.target.owned
        return spared and not is_of_this_machine(self.target.server.host)

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
        if test.clauses[0] not in self.chosen:  # since the dialect is known
            return []
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
        return bool(found) and broken and not isinstance(found[0], NoPort) and (lost is None or self.target.owned)

    def _says_something(self) -> bool:
        """Whether there are no rooms and yet an answer to a CREATE, if only a close: then another dialect may be it. A
        server that has died of the CREATE is a finding, and is not asked anything else.
        """
        found = self._health.baseline.findings[0]
        answered = bool(found.data) or "closed" in found.actual
        return self._health.baseline.no_rooms is not None and answered and self._health.outlives(DYING_SECONDS)
