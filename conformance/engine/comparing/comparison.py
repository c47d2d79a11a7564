"""Clauses that can be judged of a server whose replies nobody can read, by comparing it with itself.

It is sent equal requests; from the second on, they are answered alike. Then others do what must not disturb anybody
(TCRP-6.1, TCRP-6.3a), and the same request must be answered as before. A reaction that is only different says nothing,
since nobody knows what it means: `fail` is only for a server that does not serve any more.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

from conformance.client.bench import Bench
from conformance.engine.comparing import datagrams
from conformance.engine.comparing.disturbances import ALL, Disturbance
from conformance.engine.comparing.likeness import Reaction
from conformance.engine.comparing.subject import Subject
from conformance.engine.comparing.verdicts import COMPARISON, Verdicts
from conformance.engine.health import DYING_SECONDS, Health
from conformance.net.addresses import Unreachable
from conformance.net.connection import Connection
from conformance.outcome.findings import Outcome, TargetLost
from conformance.spec.clauses import PREFIX

__all__ = ["COMPARISON", "Comparison"]

MOST_REQUESTS = 4
"""How many requests are tried, to find one that the server reacts to."""
GARBAGE = 3
"""How many strings of random bytes are tried, to see whether they draw the same answer."""
TRIES = 2
"""So often service must be lost before that is a finding."""


class Comparison:
    """Compares the server of a run with itself. `requests`: those that it may react to, the likeliest first."""

    def __init__(self, health: Health, requests: Sequence[bytes], chosen: Collection[str]) -> None:
        self._health = health
        self._bench: Bench = health.bench
        self._requests = list(dict.fromkeys(one for one in requests if one))[:MOST_REQUESTS]
        self._chosen = chosen
        self._verdicts = Verdicts(health)
        self.reason = ""
        """Why nothing could be compared over TCP, in words."""

    def over_tcp(self) -> list[Outcome]:
        """Judge what can be judged with requests."""
        disturbances = [one for one in ALL if PREFIX + one.clause in self._chosen]
        segments = f"{PREFIX}2.5a" in self._chosen
        if not disturbances and not segments:
            return []
        subject = self._find() if self._is_there() else None
        if subject is None:
            return self._verdicts.outcomes()
        if segments:
            self._compare_segments(subject)
        for one in disturbances:
            if not self._verdicts.is_decided(one.clause):
                self._compare(subject, one)
            if self._health.stopped:
                break
        return self._verdicts.outcomes()

    def over_udp(self) -> list[Outcome]:
        """Judge what can be judged with datagrams."""
        for clause, sent in datagrams.ALL.items():
            if PREFIX + clause in self._chosen and self._is_there():
                self._begin()
                datagrams.judge(self._bench, self._verdicts, clause, sent)
                self._start_anew(clause)
        return self._verdicts.outcomes()

    def _begin(self) -> None:
        self._bench.tidy()
        self._bench.target.begin()
        self._bench.begin()

    def _find(self) -> Subject | None:
        """The first request that the server answers, or else reacts to."""
        closes: Subject | None = None
        for request in self._requests:
            self._begin()
            subject = Subject(self._bench, request)
            learnt = subject.learn()
            if self._bench.target.ended() is not None and not self._start_anew("6.1e"):
                return None
            if learnt and subject.likeness.answers:
                return subject
            if learnt and closes is None:
                closes = subject
        if closes is None:
            self.reason = "no request is known that it reacts to: --request HEX|FILE gives one"
        return closes

    def _compare(self, subject: Subject, disturbance: Disturbance) -> None:
        clause, told = disturbance.clause, self._verdicts
        lost: list[Reaction] = []
        while len(lost) < TRIES:
            self._begin()
            if not self._is_as_before(subject):
                told.unjudged(clause, "the request is answered otherwise now, and nobody knows why")
                return
            with self._held(disturbance.act, subject) as ended:
                reaction = Reaction(refused=True) if ended else subject.ask()
            if self._has_ended():
                told.died(clause, disturbance.words, subject.request)
                self._start_anew(clause)
                return
            if subject.likeness.holds(reaction):
                if not lost:
                    told.passed(clause, subject.request, disturbance.words)
                else:
                    told.unjudged(clause, f"once it was not served after {disturbance.words}, and once it was")
                return
            if self._serves(subject, reaction):
                told.unjudged(clause, f"after {disturbance.words}, the request is answered otherwise: {reaction}")
                return
            lost.append(reaction)
            if len(lost) < TRIES and not self._renewed(subject):
                break
        told.failed(clause, disturbance.words, subject, lost)
        self._start_anew(clause)

    @contextlib.contextmanager
    def _held(self, act: Callable[[Subject], list[Connection]], subject: Subject) -> Iterator[bool]:
        """Disturb, and end that afterwards. Gives whether the server took no connection any more meanwhile."""
        connections: list[Connection] = []
        ended = False
        try:
            try:
                connections = act(subject)
            except TargetLost:
                ended = True
            yield ended
        finally:
            for one in connections:
                self._bench.tcp.drop(one)

    def _serves(self, subject: Subject, reaction: Reaction) -> bool:
        """Whether the client was served, if otherwise than before."""
        return bool(reaction.data) if subject.likeness.answers else reaction.any

    def _is_as_before(self, subject: Subject) -> bool:
        """Whether the request is answered as before. If not, what is usual now is learnt once more. A server of our own
        that does not answer is started anew for that.
        """
        if self._bench.target.ended() is None and (subject.likeness.holds(subject.ask()) or subject.learn()):
            return True
        return self._bench.target.owned and self._restart() and subject.learn()

    def _renewed(self, subject: Subject) -> bool:
        """Whether the server serves again, once nobody disturbs it any more, or it was started anew."""
        if subject.likeness.holds(subject.ask()):
            return True
        return self._bench.target.owned and self._restart() and subject.learn()

    def _compare_segments(self, subject: Subject) -> None:
        """A request that draws an answer that garbage does not draw gets it in segments, too (TCRP-2.5a)."""
        told, size = self._verdicts, len(subject.request)
        if not subject.likeness.answers or size < 3:
            return
        self._begin()
        if self._is_drawn_by_garbage(subject):
            told.unjudged("2.5a", "other bytes draw the same answer as this request, and nobody knows what it means")
            return
        if not self._is_as_before(subject):
            told.unjudged("2.5a", "the request is answered otherwise now, and nobody knows why")
            return
        for cuts in dict.fromkeys(((1,), (size // 2,), (size - 1,), (1, size // 2, size - 1))):
            self._begin()
            tried = [(subject.ask(cuts=cuts), subject.ask()) for _ in range(TRIES)]
            if self._has_ended():
                told.died("2.5a", f"this request in segments cut at {_listed(cuts)}", subject.request)
                self._start_anew("2.5a")
                return
            if not all(subject.likeness.holds(whole) for _, whole in tried):
                told.unjudged("2.5a", "the whole request is answered otherwise now, and nobody knows why")
                return
            wrong = [cut for cut, _ in tried if not subject.likeness.holds(cut)]
            if len(wrong) == TRIES:
                told.failed("2.5a", f"cut at {_listed(cuts)} it comes in {len(cuts) + 1} segments", subject, wrong)
                return
            if wrong:
                told.unjudged("2.5a", f"in segments cut at {_listed(cuts)} it was answered as the whole only sometimes")
                return
        if any(subject.likeness.holds(subject.ask(subject.request[:keep])) for keep in (1, size // 2)):
            told.unjudged("2.5a", "the beginning of this request draws the same answer as the whole")
            return
        told.passed("2.5a", subject.request, "it comes in segments, wherever it is cut")

    def _is_drawn_by_garbage(self, subject: Subject) -> bool:
        """Whether bytes that are no request draw the same answer as the request."""
        for garbage in map(subject.garbage, range(GARBAGE)):
            drawn = subject.likeness.holds(subject.ask(garbage))
            if self._has_ended():
                self._verdicts.died("6.1e", f"{len(garbage)} bytes that are no request", garbage)
                return not self._start_anew("6.1e")
            if drawn:
                return True
        return False

    def _is_there(self) -> bool:
        """Whether there is a server to compare. The plain conversation may just have ended it."""
        if self._health.stopped is None and self._has_ended():
            return self._bench.target.owned and self._restart()
        return self._health.stopped is None

    def _has_ended(self) -> bool:
        return not self._health.outlives(DYING_SECONDS) and self._bench.target.ended() is not None

    def _start_anew(self, clause: str) -> bool:
        """See to it that a server is there. Of one that is gone and not ours to start, nothing more is judged."""
        target = self._bench.target
        if target.owned and (target.ended() is not None or self._verdicts.has_failed(clause)):
            return self._restart()
        if target.ended() is not None or (not target.owned and self._verdicts.has_failed(clause) and self._is_gone()):
            self._health.stopped = f"not judged: the server had ended under {PREFIX}{clause}"
        return self._health.stopped is None

    def _is_gone(self) -> bool:
        try:
            self._bench.tcp.drop(self._bench.tcp.connect())
        except TargetLost:
            return True
        return False

    def _restart(self) -> bool:
        try:
            self._bench.target.restart()
        except Unreachable as error:
            self._health.stopped = f"not judged: the server cannot be started again: {error}"
            return False
        self._bench.forget()
        return True


def _listed(cuts: Sequence[int]) -> str:
    return " and ".join(map(str, cuts))
