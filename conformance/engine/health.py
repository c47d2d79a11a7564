"""Whether the server under test lives and serves, and starting it anew where that is in our hands."""

import socket
import time

from conformance.client import baseline
from conformance.client.baseline import Baseline
from conformance.client.bench import Bench
from conformance.client.diagnosis import NoPort
from conformance.net import kernel
from conformance.net.addresses import Unreachable
from conformance.net.ports import HALF_OPEN_SECONDS
from conformance.net.queues import is_stuck
from conformance.outcome.findings import Finding, Mismatch, Outcome, TargetLost
from conformance.outcome.trouble import trouble_of, words_of
from conformance.trace.names import names as fresh_names
from conformance.trace.recording import is_tcp

DYING_SECONDS = 0.3
"""How long a process that has closed a connection without an answer may take to end."""
ENDING_SECONDS = 1.0
"""How long a process that cannot be reached may take to end."""
OUTPUT_LINES = 40
STUCK_SECONDS = 0.3
"""A server that takes nothing for so long deserves a closer look."""
WORDS_SECONDS = 0.05
"""A server that prints nothing for so long has said what it has to say of a failure."""
BASELINES = 3
"""How often the plain conversation is held on a bad path: each says what must be heard often enough already."""
WORDS_AWAITED = 10
"""How often the server may print on before that is no longer waited for."""


class Health:
    """The state of the server, as far as it is known.

    `baseline`: what works of the plain conversation; `broken`: what worked and no longer does, None if nothing;
    `stopped`: why nothing more is judged; `died`: the server has ended at least once.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.target = bench.target
        self.baseline = Baseline()
        self.broken: str | None = None
        self.stopped: str | None = None
        self.died = False
        self.usual: tuple[str, ...] | None = None
        """Where the server reports trouble in the plain conversation, which it passes."""

    def hold_baseline(self) -> None:
        """Hold the plain conversation. A server that ends when a datagram comes is sent none any more."""
        has_udp = self.target.endpoint.udp is not None
        self.bench.udp.hold_back(not has_udp)
        self.baseline = baseline.hold(self.bench)
        if self.baseline.findings and isinstance(none := self.baseline.findings[0], NoPort) and self._opens(none):
            self.baseline = baseline.hold(self.bench)
        for _ in range(1, min(BASELINES, self.bench.context.path.repeats)):
            if not any(map(self._may_be_of_the_path, self.baseline.findings)) or not self.outlives(DYING_SECONDS):
                break
            try:
                self.baseline = baseline.hold(self.bench)
            except TargetLost:
                break
        self.bench.udp.hold_back(not has_udp or self.baseline.lost is not None)
        self.bench.context.chat_works = self.baseline.no_chat is None

    def _opens(self, none: NoPort) -> bool:
        """Whether the UDP port is opened a little later than that of TCP."""
        deadline = time.monotonic() + HALF_OPEN_SECONDS
        while refused := self.bench.udp.is_refused(none.tried):
            if time.monotonic() > deadline:
                break
        return not refused

    def _may_be_of_the_path(self, found: Mismatch) -> bool:
        """Whether a bad path may explain what the plain conversation has found: not what went over TCP alone."""
        return self.baseline.lost is None and not all(is_tcp(step.who) for step in found.steps or ())

    def has_ended(self) -> bool:
        """Whether the process has ended, in a run that still judges."""
        return self.stopped is None and self.target.ended() is not None

    def has_closed(self) -> bool:
        """Whether the process lives, and yet its UDP port, on this machine, is closed, although chat worked."""
        if self.stopped is not None or self.target.stopped or self.baseline.no_chat is not None:
            return False
        port = self.target.server.udp
        local = self.bench.context.is_local and port is not None
        return local and kernel.is_open(socket.SOCK_DGRAM, port or 0) is False

    def seems_hurt(self) -> bool:
        """Whether a look shows that something has happened to the server in this test: it has ended, takes nothing that
        is sent to it any more, or has printed an exception that is not usual.
        """
        if self.stopped is not None or self.target.stopped:
            return False
        if self.target.ended() is not None:
            return True
        trouble = trouble_of(self.target.output(OUTPUT_LINES))
        if trouble is not None and trouble != self.usual:
            return True
        return self.bench.context.is_local and is_stuck(
            self.target.server, max(STUCK_SECONDS, 4 * self.bench.waits.round_trip)
        )

    def is_gone(self) -> Finding | None:
        """After a test that found nothing but may have hurt: does a well-formed CREATE still get its token, do members
        still hear each other (TCRP-6.1)?
        """
        bench, steps = self.bench, self.bench.trace.steps()
        began, example = bench.began_with, bench.record.latest
        bench.tidy()
        try:
            bench.still_serves("this conversation")
            if baseline.still_works(bench) == baseline.CHAT:
                raise Mismatch("members to hear each other after this conversation", "nobody hears anything any more")
        except Finding as found:
            found.steps, found.names, found.example = steps, began, example
            return found
        finally:
            bench.tidy()
        return None

    def still_works(self) -> bool:
        """Whether all that worked still does."""
        try:
            self.broken = baseline.still_works(self.bench)
        except TargetLost:
            self.broken = baseline.ROOMS
        return self.broken is None

    def look_after(self, outcome: Outcome) -> tuple[Outcome, bool]:
        """After a failure: does the server still live and serve? If it has ended, that is the finding."""
        self.bench.tidy()
        try:
            broken = baseline.still_works(self.bench)
            ended = self.target.ended()
        except TargetLost as lost:
            broken, ended = baseline.ROOMS, str(lost)
        if ended is None:
            self.broken = broken
            return outcome._replace(result="fail"), broken is None
        self.broken = baseline.ROOMS
        if self.target.owned and self.outlives():
            return outcome._replace(result="fail"), False
        return self.crashed(outcome, self.target.ended() or ended), False

    def outlives(self, seconds: float = ENDING_SECONDS) -> bool:
        """Whether a process of ours lives on although something went wrong: it may be about to end."""
        deadline = time.monotonic() + (seconds if self.target.owned else 0.0)
        while self.target.ended() is None:
            if time.monotonic() > deadline:
                return True
            self.bench.waits.pause()
        return False

    def crashed(self, outcome: Outcome, ended: str) -> Outcome:
        """The outcome of a test that ended the server: how it ended, and its last word."""
        last = words_of(self.target.output(OUTPUT_LINES))
        actual = f"{ended}: {last}" if last else ended
        return outcome._replace(result="crash", actual=actual, message=actual)

    def last_words(self) -> list[str]:
        """What the server has printed in this test, once it prints no more: the answer may come before the trouble."""
        said = self.target.output(OUTPUT_LINES)
        for _ in range(WORDS_AWAITED if self.target.owned else 0):
            time.sleep(WORDS_SECONDS)
            before, said = said, self.target.output(OUTPUT_LINES)
            if said == before:
                break
        return said

    def start_anew(self, outcome: Outcome) -> None:
        """Start a server that is ours anew, so that the rest is judged fairly. Of another, say why the rest is not."""
        crashed = outcome.result == "crash"
        self.died = self.died or crashed
        if self.restart():
            return
        if crashed:
            self.stopped = f"not judged: the server had ended under {outcome.clause}"
        elif self.broken == baseline.CHAT:
            self.baseline = self.baseline._replace(no_chat=f"{outcome.clause}, since which chat no longer works")
            self.bench.context.chat_works = False
        else:
            blocking = f"{outcome.clause}, since which no room can be had"
            self.baseline = Baseline((), no_rooms=blocking, no_chat=blocking)

    def renew(self) -> bool:
        """Make the endpoint as good as new: where that is quickly done it is started anew, else it gets other names."""
        if not self.target.renewable:
            self.bench.tidy()
            self.bench.shared.drop()
            fresh_names.renew()
            return True
        try:
            self.target.restart()
        except (Unreachable, TargetLost):
            return False
        self.bench.forget()
        return True

    def restart(self) -> bool:
        """Start the server anew and hold the plain conversation. False if that cannot be done."""
        try:
            if not self.target.restart():
                return False
            self.bench.forget()
            self.hold_baseline()
            if self.target.ended() is not None:  # by the plain conversation, again
                self.target.restart()
                self.bench.forget()
        except (Unreachable, TargetLost):
            return False
        return True
