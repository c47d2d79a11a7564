"""What becomes of a failure: which clause is to blame, whether it fails again, and what that hinges on."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from conformance.client import baseline
from conformance.engine.health import BASELINES, DYING_SECONDS, OUTPUT_LINES, Health
from conformance.engine.outcomes import evidence_of, failed, with_repetitions
from conformance.engine.rerun.attempt import Trial, address_of, attempt, drawn_by, play_of
from conformance.engine.rerun.killer import Killer, KillerSearch
from conformance.engine.rerun.repetition import LONG_SECONDS, Repeater
from conformance.outcome.findings import PLAIN_CONVERSATION, Evidence, Finding, Mismatch, Outcome, TargetLost
from conformance.outcome.trouble import Trouble, exception_of, trouble_of
from conformance.spec.clauses import Level, clause
from conformance.trace.description import described
from conformance.trace.recording import is_tcp

AT_LARGE = ("TCRP-6.1f", "TCRP-6.1e")
"""What is broken where chat, or control, has ended for everybody: no datagram, and no bytes on TCP, may do that."""
KNOWN = "the place in the server's code where its service ended is known already"
EXAMPLES_AGAIN = 5
"""Of a test that fails, how many examples before the one that did are held again with it."""


class Tested(NamedTuple):
    """A test of the suite: the clauses that it judges, its name, its function, and whether it sends what may hurt."""

    clauses: tuple[str, ...]
    name: str
    function: Any
    hostile: bool = False


_ABOUT_DATAGRAMS = ("4.1", "4.2", "4.7", "5.1b", "5.2b", "6.1f", "6.1g")
_ABOUT_TCP = ("2.", "3.2", "3.3b", "3.7", "6.1a", "6.1b", "6.1c", "6.1d", "6.1e", "6.2", "6.3")


def is_about(own: str, at_large: str) -> bool:
    """Whether the clause of a test itself says that what it sends does no harm on this channel."""
    kinds = _ABOUT_DATAGRAMS if at_large == AT_LARGE[0] else _ABOUT_TCP
    return clause(own).names()[0].startswith(kinds)


class Blame:
    """Looks into failures, one after another. `before`: the test that ran before the one at hand."""

    def __init__(self, health: Health, repeater: Repeater, killers: KillerSearch) -> None:
        self._health = health
        self._bench = health.bench
        self._target = health.target
        self._repeater = repeater
        self._killers = killers
        self._ended_at: dict[tuple[str, ...], str] = {}
        """The places in the server's code that ended its service, and the clauses under which that was found."""
        self._known: set[str | tuple[str, ...] | None] = set()
        self.before = ""

    def learn_the_usual(self) -> None:
        """The plain conversation has just passed: the trouble that the server reports of it says nothing."""
        self._health.usual = trouble_of(self._health.last_words())

    def look_into(self, test: Tested, outcome: Outcome, found: Finding, seconds: float) -> Outcome:
        """Whether the server still lives and serves, whether it fails again, and what that hinges on."""
        health, bench = self._health, self._bench
        example, names = found.example or {}, found.names or bench.began_with
        steps = bench.trace.steps() if found.steps is None else found.steps
        passed = list(bench.record.passed)
        serves = False
        output = health.last_words()  # before anything else is tried, which may be trouble of its own
        if not found.stopped:
            outcome, serves = health.look_after(outcome)
        if outcome.result == "crash":
            output = self._target.output(OUTPUT_LINES)
        broken = health.broken
        if self._ended_by_leaving(outcome, found):
            outcome = outcome._replace(
                clause=AT_LARGE[0], expected=f"chat to go on once a member has left ({outcome.expected})"
            )
        play = play_of(test.function)
        evidence = evidence_of(found, steps, address_of(test.function), example, names, output)
        trouble = trouble_of(evidence.output)
        if trouble is not None and trouble == health.usual:
            evidence, trouble = evidence._replace(usual=True), None
        trial = Trial(play, example, names)
        drawn = drawn_by(play) == example.keys()  # else nothing was drawn yet
        if not serves and not found.stopped and drawn and self._target.renewable:
            blamed = self._service_ended(test, outcome, evidence, trial, trouble)
            if blamed is not None:
                health.start_anew(blamed)
                return blamed
        return self._repeated(outcome, evidence, found, trial, passed, seconds, serves=serves, broken=broken,
                              trouble=trouble, drawn=drawn)  # fmt: skip

    def _repeated(
        self, outcome: Outcome, evidence: Evidence, found: Finding, trial: Trial, passed: list[Mapping[str, Any]],
        seconds: float, *, serves: bool, broken: str | None, trouble: tuple[str, ...] | None, drawn: bool,
    ) -> Outcome:  # fmt: skip
        """Hold it again, find what it hinges on, and see to it that a server is there for the next test."""
        health, renewable = self._health, self._target.renewable
        news = self._is_news(outcome, trouble) and drawn
        if found.held > 1:  # on a bad path: it never passed
            evidence = evidence._replace(failed=found.held, runs=found.held)
        elif (serves or renewable) and news:
            repeated = self._repeater.repeat(
                trial, evidence.steps, getattr(found, "check", None), seconds, passed, hinge=outcome.result != "crash"
            )
            evidence = with_repetitions(evidence, repeated)
            serves = not renewable and health.still_works()
        self._known.add(outcome.clause)
        if trouble is not None:
            self._known.add(trouble)
        if not serves and not (found.stopped and not renewable):
            health.start_anew(outcome)
            trials = [trial._replace(example=one) for one in (*passed[-EXAMPLES_AGAIN:], trial.example)]
            if news and broken is not None and self._was_broken_before(outcome, evidence, trials, seconds):
                outcome = self._blame_before(outcome, chat=broken == baseline.CHAT)
                evidence = evidence._replace(failed=1, runs=1, hinge=None, advice=None, check=None)
        return outcome._replace(evidence=evidence)

    def _service_ended(
        self, test: Tested, outcome: Outcome, evidence: Evidence, trial: Trial, trouble: tuple[str, ...] | None
    ) -> Outcome | None:
        """The server serves no longer: which act did it, and which clause is broken by that? None if it does not end
        again, so that it may have been something else.
        """
        if trouble is not None and trouble in self._ended_at:
            if is_about(test.clauses[0], AT_LARGE[0]) or is_about(test.clauses[0], AT_LARGE[1]):
                return outcome._replace(evidence=evidence._replace(ended=True, seen_once=KNOWN))
            known = f"could not be tried: the server's service ends as under {self._ended_at[trouble]}"
            known += f" ({evidence.exception})" if evidence.exception else ""
            return Outcome(test.clauses[0], "unsupported", test.name, outcome.seconds, message=known)
        killer = self._killers.find(trial)
        if killer is None:
            return None
        exception = exception_of(killer.output) or evidence.exception
        evidence = evidence._replace(
            killer=killer.act,
            ended=True,
            exception=exception,
            output=killer.output or evidence.output,
            failed=2,
            runs=2,
        )
        if outcome.result != "crash":
            outcome = self._blame_killer(test, outcome, killer, exception)
        if (place := trouble_of(evidence.output)) is not None:
            self._ended_at.setdefault(place, outcome.clause)
        return outcome._replace(evidence=evidence)

    def _blame_killer(self, test: Tested, outcome: Outcome, killer: Killer, exception: Trouble | None) -> Outcome:
        """The outcome of a test that ended chat, or control, for everybody, while the process lives on."""
        over_tcp = is_tcp(killer.act.who)
        what = described(killer.act, self._bench.dialect)
        gone = "nobody hears anything any more" if killer.broken == baseline.CHAT else "no room can be had any more"
        expected = f"the service of others to go on after {what}"
        actual = gone + (f" ({exception})" if exception else "")
        own = test.clauses[0]
        clause = own if is_about(own, AT_LARGE[over_tcp]) else AT_LARGE[over_tcp]
        return outcome._replace(
            clause=clause, result="fail", expected=expected, actual=actual, data=killer.act.data,
            message=f"expected {expected}; {actual}",
        )  # fmt: skip

    def look_into_late_end(self, test: Tested) -> Outcome:
        """The server ended, or closed its UDP port, after the test was over: what that test left behind ended it."""
        lost = TargetLost(self._target.ended() or "the server has closed its UDP port")
        lost.example = self._bench.record.latest
        outcome = failed(Outcome(test.clauses[0], "pass", test.name, 0.0), lost)
        return self.look_into(test, outcome, lost, 0.0)

    def look_into_baseline(self, found: Mismatch, seconds: float) -> Outcome:
        """What the plain conversation found. Where it fails only sometimes, the rest is judged all the same."""
        health = self._health
        outcome = failed(Outcome("TCRP-3.4a", "pass", PLAIN_CONVERSATION, round(seconds, 3), 1), found)
        outcome, flaky = self._repeated_baseline(outcome, found)
        if outcome.result == "crash" or self._target.ended() is not None or (flaky and self._target.renewable):
            health.start_anew(outcome)
        elif flaky:
            health.hold_baseline()
        return outcome

    def _repeated_baseline(self, outcome: Outcome, found: Mismatch) -> tuple[Outcome, bool]:
        """The outcome with its evidence, and whether the conversation fails only sometimes."""
        health = self._health
        steps, names = found.steps or (), found.names or self._bench.began_with
        if not health.outlives(DYING_SECONDS) and (ended := self._target.ended()) is not None:
            outcome = health.crashed(outcome, ended)
        elif health.baseline.lost is not None:
            outcome = health.crashed(outcome, health.baseline.lost)
        evidence = evidence_of(found, steps, address_of(baseline.plain), {}, names, health.last_words())
        if outcome.result == "crash" and not self._target.renewable:
            return outcome._replace(evidence=evidence), False
        if not self._bench.context.path.clean:
            held = min(BASELINES, self._bench.context.path.repeats)
            return outcome._replace(evidence=evidence._replace(failed=held, runs=held)), False
        repeated = self._repeater.repeat(
            Trial(baseline.plain, {}, names), steps, found.check, 0.0, [], hinge=outcome.result != "crash"
        )
        return outcome._replace(evidence=with_repetitions(evidence, repeated)), repeated.failed < repeated.runs

    def _ended_by_leaving(self, outcome: Outcome, found: Finding) -> bool:
        """Nobody hears anything any more since a member of this conversation left, and the clause is not about that."""
        deaf = isinstance(found, Mismatch) and found.check is not None and found.check.kind == "hears"
        about = outcome.clause.startswith(("TCRP-5.", "TCRP-6."))
        chat_ended = self._health.broken == baseline.CHAT and outcome.result == "fail"
        return deaf and not about and self._bench.udp.somebody_left and chat_ended

    def _was_broken_before(self, outcome: Outcome, evidence: Evidence, trials: Sequence[Trial], seconds: float) -> bool:
        """Whether the test has nothing to do with a failure after which the server did not serve: on a new server the
        test passes.
        """
        health = self._health
        if outcome.result != "fail" or self._repeater.runs == 1 or not self._target.owned or health.stopped:
            return False
        if evidence.failed > 1 or evidence.runs == 1 or seconds > LONG_SECONDS or not self._bench.dialect.can.rooms:
            return False
        tried = [attempt(self._bench, one) for one in trials]
        try:
            works = baseline.still_works(self._bench) is None
        except TargetLost:
            works = False
        if not works:
            health.restart()
        return tried[-1].passed and works

    def _blame_before(self, outcome: Outcome, *, chat: bool) -> Outcome:
        """The server had stopped serving before this test, which found it so."""
        expected = "chat to go on, whatever is sent" if chat else "rooms to be had, whatever is sent"
        actual = f"it had ended when {outcome.test} began, which passes on a server started anew"
        if self.before:
            actual += f"; before it ran {self.before}"
        return outcome._replace(
            clause=AT_LARGE[0 if chat else 1], expected=expected, actual=actual, data=None,
            message=f"expected {expected}; {actual}",
        )  # fmt: skip

    def _is_news(self, outcome: Outcome, trouble: tuple[str, ...] | None) -> bool:
        """Whether it is worth the time to hold it again: not if its cause is known already."""
        found = clause(outcome.clause)
        return found.level is not Level.MAY and not self._known & {trouble, *found.follows}
