"""The search for the dialect of a server that does not hold the plain conversation in the canonical one."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from conformance.client import baseline
from conformance.engine import probed_killers
from conformance.engine.blame import AT_LARGE
from conformance.engine.health import Health
from conformance.engine.outcomes import evidence_of, failed
from conformance.engine.rerun.attempt import address_of
from conformance.net import kernel
from conformance.net.addresses import Unreachable
from conformance.outcome.findings import PLAIN_CONVERSATION, Outcome, TargetLost
from conformance.outcome.trouble import words_of
from tcrp import Dialect

if TYPE_CHECKING:
    from conformance.probe.probe import Probed
    from conformance.probe.wire.server import Killer

REFUSES = "its TCP port is closed, while its process lives"


class DialectSearch:
    """Probes the server, and lets the run speak what was found. What ends the server meanwhile is a finding. After that
    a server of our own is started anew, and of another's nothing more is judged.

    `told` takes lines for the user, `speak` the dialect that was found. `probed`: what the probe said, None before;
    `outcomes`: what was found meanwhile; `told_baseline`: what the plain conversation found is among them;
    `ended_early`: the server did not survive that conversation.
    """

    def __init__(self, health: Health, told: Callable[[str], None], speak: Callable[[Dialect], None]) -> None:
        self.probed: Probed | None = None
        self.outcomes: list[Outcome] = []
        self.told_baseline = False
        self.ended_early = False
        self._health = health
        self._bench = health.bench
        self._target = health.target
        self._told = told
        self._speaks = speak

    def find(self) -> None:
        """Search. Raises Unreachable for a server without TCP that says nothing that is understood."""
        from conformance.probe.probe import probe  # here, since most runs need none of it

        had_tcp = self._target.endpoint.tcp is not None
        why = "the plain conversation does not work in dialect tcrp" if had_tcp else "the endpoint has no TCP"
        self._told(f"{why}: probing for another" if had_tcp else f"{why}: probing for a dialect without it")
        early = self._early_killers()
        self.ended_early = bool(early)
        self._bench.close()
        try:
            self._start_anew(early)
            probed = self.probed = probe(self._target, tell=lambda text: None)
            killers = [*early, *probed.killers]
            spoken = self._speak(probed)
            if probed.died is None:
                self._start_anew(killers)
        except Unreachable as error:
            if not had_tcp:
                raise
            self._health.baseline = self._health.baseline._replace(lost=str(error))
            return
        self._health.died = self._health.died or any(one.ended for one in killers)
        if spoken or probed.killers:
            self.outcomes += probed_killers.outcomes_of(killers if spoken else probed.killers)
        if not spoken and (early or probed.died is not None):
            self._tell_baseline(early)
        if probed.died is not None:
            by = self.outcomes[-1].clause if self.outcomes else AT_LARGE[1]
            self._health.stopped = f"not judged: the server had ended under {by}"
            self._health.died = True
        elif not spoken and not had_tcp:
            raise Unreachable(f"dialect tcrp needs TCP, and the endpoint has none; probed: {probed.lines[0]}")
        elif spoken:
            self._hold_baseline()

    def look(self) -> Dialect | None:
        """What the server speaks, which is judged by TCRP/1 all the same: to say all that differs. None if nobody
        knows.
        """
        from conformance.probe.probe import probe  # here, since most runs need none of it

        self._told("the plain conversation does not work: probing for what differs from TCRP/1")
        self._bench.close()
        try:
            self._start_anew([])
            probed = probe(self._target, tell=lambda text: None)
            self._start_anew(probed.killers)
        except Unreachable:
            return None
        return probed.dialect

    def _early_killers(self) -> "list[Killer]":
        """The plain conversation in the canonical dialect, if the server did not survive that."""
        how = self._target.ended()
        if how is None and self._target.endpoint.tcp is not None and self._bench.context.is_local:
            how = REFUSES if kernel.is_open(socket.SOCK_STREAM, self._target.server.tcp or 0) is False else None
        return [] if how is None else [probed_killers.of_conversation(self._bench, how)]

    def _start_anew(self, killers: "list[Killer]") -> None:
        """Start a server of our own anew where that is quickly done, or needed. Raises Unreachable."""
        if self._target.renewable or (self._target.owned and killers) or self._target.ended() is not None:
            self._target.restart()
            self._bench.forget()

    def _speak(self, probed: "Probed") -> bool:
        """Let the session speak what was found. Returns whether it is another dialect."""
        found = probed.dialect
        enters = self._health.baseline.no_rooms is None and self._target.endpoint.tcp is not None
        if found is None or found.name == self._bench.dialect.name or (enters and probed.part):
            self._told(f"no other was found in {probed.seconds:.0f} s: see tcrp-conformance probe")
            return False
        where = "" if probed.name else ", see dialect.toml beside the report"
        self._told(f"dialect {found.name}, found in {probed.seconds:.0f} s{where}")
        for line in probed.lines:
            if line.startswith("  nearest"):
                self._told(line)
        self._speaks(found)
        return True

    def _tell_baseline(self, early: "list[Killer]") -> None:
        """What the plain conversation found, which is not held again: it, or the probe, has ended the server."""
        self.told_baseline = True
        for found in self._health.baseline.findings[:1]:
            outcome = failed(Outcome(found.clause or "TCRP-3.4a", "pass", PLAIN_CONVERSATION, 0.0, 1), found)
            names, output = found.names or self._bench.began_with, [*early[0].output] if early else []
            evidence = evidence_of(found, found.steps or (), address_of(baseline.plain), {}, names, output)
            if early:
                words = words_of(output)
                how = f"{early[0].how}: {words}" if words else early[0].how
                outcome = outcome._replace(result="crash", actual=how, message=how)
            self.outcomes.append(outcome._replace(evidence=evidence._replace(seen_once=probed_killers.ONCE)))

    def _hold_baseline(self) -> None:
        """Hold the plain conversation with what is spoken now. It took a connection before: that it takes none now is
        no reason to say that it cannot be reached.
        """
        health = self._health
        try:
            health.hold_baseline()
        except TargetLost as lost:
            health.baseline = health.baseline._replace(lost=str(lost))
