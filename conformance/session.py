"""One run against one endpoint: what is to be judged, what works, and what each test found."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from conformance import baseline, causes, examples
from conformance.applies import why_not
from conformance.baseline import Baseline
from conformance.bench import Bench
from conformance.clauses import Clause, Level, clause
from conformance.diagnosis import NoPort
from conformance.endpoint import Target, Unreachable
from conformance.examination import LONG_SECONDS, RUNS, Examined, Examiner
from conformance.findings import PLAIN_CONVERSATION, Evidence, Finding, Mismatch, Outcome, TargetLost, unsupported
from conformance.names import NameState
from conformance.names import names as fresh_names
from conformance.recording import Steps
from conformance.trial import Trial, address_of, attempt, drawn_by, play_of, to_text
from conformance.verdicts import Exit
from tcrp import MAX_ROOM_SIZE, LocalProtocolError

if TYPE_CHECKING:
    from conformance.probe.probe import Probed

DYING_SECONDS = 0.3
"""How long a process that has closed a connection without an answer may take to end."""
ENDING_SECONDS = 1.0
"""How long a process that cannot be reached may take to end."""
OUTPUT_LINES = 40
WORDS_SECONDS = 0.05
"""A server that prints nothing for so long has said what it has to say of a failure."""
WORDS_AWAITED = 10
"""How often it may print on before that is no longer waited for."""
_AT_LARGE = ("TCRP-6.1f", "TCRP-6.1e")
"""What is broken where chat, or control, has ended for everybody: no datagram, and no bytes on TCP, may do that."""
EXAMPLES_AGAIN = 5
"""Of a test that fails, how many examples before the one that did are held again with it."""


class Tested(NamedTuple):
    """A test of the suite: the clauses that it judges, its name, its function, and whether it sends what may hurt."""

    clauses: tuple[str, ...]
    name: str
    function: Any
    hostile: bool = False


class Session:
    """What the plugin asks, test by test. `died`: the endpoint ended during the run at least once."""

    def __init__(
        self, target: Target, bench: Bench, chosen: Sequence[Clause], max_time: float | None, runs: int = RUNS
    ) -> None:
        self.target = target
        self.bench = bench
        self.chosen = [one.id for one in chosen]
        self.died = False
        self.unreachable: str | None = None
        self.seed = examples.drawing.seed
        self.automatic = False
        """Nobody has said which dialect the server speaks."""
        self.told: Callable[[str], None] = lambda line: None
        """Takes what is to be said of the dialect that a probe is looking for, line by line."""
        self.probed: Probed | None = None
        self.given: str | None = None
        self.command: str | None = None
        """What the command line said of the endpoint: the address, and the command that starts it."""
        self._max_time = max_time
        self._started = time.monotonic()
        self._baseline = Baseline()
        self._stopped: str | None = None
        self._pending: list[Outcome] = []
        self._last: Tested | None = None
        self._broken: str | None = None
        self._examiner = Examiner(bench, runs, self._renew, self._left)
        self._known: set[str | tuple[str, ...] | None] = set()
        self._usual: tuple[str, ...] | None = None
        """Where the server reports trouble in the plain conversation, which it passes."""
        self._before = ""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the endpoint, hold the plain conversation, and end at last what was begun."""
        try:
            try:
                self.target.start()
                self.bench.terms.host = self.bench.local_host
                if self.bench.terms.longest_room < MAX_ROOM_SIZE:
                    fresh_names.longest = self.bench.terms.longest_room
                if self.bench.dialect.can.tcp and self.target.endpoint.tcp is None:
                    raise Unreachable(f"dialect {self.bench.dialect.name} needs TCP, and the endpoint has none")
                self._hold_baseline()
                if self.automatic and self._may_speak_another():
                    self._find_dialect()
                self._pending.extend(self._baseline_outcomes())
                if not self._baseline.findings:
                    self._usual = causes.trouble_of(self._last_words())
            except (Unreachable, TargetLost) as error:
                self.unreachable = str(error)
                pytest.exit(f"unreachable: {error}", returncode=Exit.UNREACHABLE)
            yield
        finally:
            self.bench.close()
            self.target.stop()
            self.bench.release()

    def begin(self, test: Tested, needs: Sequence[str]) -> Bench:
        """Before a test: the bench, or the reason why the clause cannot be judged."""
        self._blame_the_last()
        self._before = self._last.name if self._last else self._before
        self._last = None
        if self.target.stopped:
            self._restart()
        self.bench.notes.clear()
        self.bench.examples = 0
        self.bench.passed.clear()
        self.bench.waived.clear()
        self.bench.judged = 0
        if self._stopped:
            unsupported(self._stopped)
        if self._left() <= 0:
            unsupported(f"not judged within --max-time of {self._max_time:g} s")
        if (otherwise := why_not(self.bench.terms, test.clauses[0])) is not None:
            unsupported(otherwise)
        blocking = self._baseline.no_chat if "chat" in needs else self._baseline.no_rooms
        if blocking is not None:
            unsupported(f"blocked by {blocking}")
        self._last = test
        self.target.begin()
        self.bench.begin()
        return self.bench

    def outcomes_of(self, test: Tested, call: "pytest.CallInfo[None]") -> list[Outcome]:
        """After a test: what it found, and before it what was found since the test before, which is told once."""
        found = call.excinfo.value if call.excinfo else None
        if found is None and (test.hostile or self._has_ended()):
            found = self._is_gone()
        if isinstance(found, Mismatch) and found.data is not None:
            found.data = self.bench.as_sent.get(found.data, found.data)
        outcome = self._outcome(test, call, found)
        if isinstance(found, Finding):
            outcome = self._look_into(test, outcome, found, call.duration)
        pending, self._pending = self._pending, []
        if outcome.clause in _AT_LARGE and outcome.clause != test.clauses[0]:
            untried = Outcome(test.clauses[0], "unsupported", test.name, 0.0)
            return [*pending, outcome, untried._replace(message=f"could not be tried: {outcome.clause} is broken")]
        if outcome.result != "pass":
            return [*pending, outcome]
        return [*pending, *(outcome._replace(clause=one) for one in test.clauses)]

    def _outcome(self, test: Tested, call: "pytest.CallInfo[None]", found: BaseException | None) -> Outcome:
        done = Outcome(test.clauses[0], "pass", test.name, round(call.duration, 3), self.bench.examples)
        match found:
            case None if self.bench.waived and not self.bench.judged:
                return done._replace(result="unsupported", message=self.bench.waived[0])
            case None:
                return done._replace(message="; ".join(self.bench.notes) or None)
            case LocalProtocolError() as unsayable:
                return done._replace(result="unsupported", message=f"in dialect {self.bench.dialect.name}: {unsayable}")
            case Finding():
                return _failed(done, found)
            case pytest.skip.Exception():
                return done._replace(result="unsupported", message=found.msg)
            case error:
                assert call.excinfo is not None
                where = call.excinfo.traceback[-1]
                text = f"{type(error).__name__}: {error} ({Path(where.path).name}:{where.lineno + 1})"
                return done._replace(result="error", message=" ".join(text.split()))

    def _has_ended(self) -> bool:
        return self._stopped is None and self.target.ended() is not None

    def _is_gone(self) -> Finding | None:
        """After a hostile test that found nothing: does a well-formed CREATE still get its token (TCRP-6.1)?"""
        steps = self.bench.recorder.steps()
        self.bench.tidy()
        try:
            self.bench.still_serves("this conversation")
        except Finding as found:
            found.steps, found.names, found.example = steps, self.bench.began_with, self._latest_example()
            return found
        finally:
            self.bench.tidy()
        return None

    def _latest_example(self) -> Mapping[str, Any] | None:
        """What was drawn last for the test that runs, or has just run."""
        return self.bench.passed[-1] if self.bench.passed else None

    def _blame_the_last(self) -> None:
        """The server ended after the last test was over: that test ended it."""
        if self._last is None or not self._has_ended():
            return
        lost = TargetLost(str(self.target.ended()))
        lost.example = self._latest_example()
        outcome = _failed(Outcome(self._last.clauses[0], "pass", self._last.name, 0.0), lost)
        self._pending.append(self._look_into(self._last, outcome, lost, 0.0))

    def _look_into(self, test: Tested, outcome: Outcome, found: Finding, seconds: float) -> Outcome:
        """Whether the server still lives and serves, whether it fails again, and what that hinges on."""
        example, names = found.example or {}, found.names or self.bench.began_with
        steps = self.bench.recorder.steps() if found.steps is None else found.steps
        passed = list(self.bench.passed)
        serves = False
        output = self._last_words()  # before anything else is tried, which may be trouble of its own
        if not found.stopped:
            outcome, serves = self._look_after(outcome)
        if outcome.result == "crash":
            output = self.target.output(OUTPUT_LINES)
        broken = self._broken
        if self._ended_by_leaving(outcome, found):
            outcome = outcome._replace(
                clause=_AT_LARGE[0], expected=f"chat to go on once a member has left ({outcome.expected})"
            )
        play = play_of(test.function)
        evidence = _evidence(found, steps, address_of(play), example, names)._replace(output=tuple(output))
        trouble = causes.trouble_of(evidence.output)
        if trouble is not None and trouble == self._usual:
            evidence, trouble = evidence._replace(usual=True), None
        renewable = self.target.renewable
        news = self._is_news(outcome, trouble) and drawn_by(play) == example.keys()  # else nothing was drawn yet
        if (serves or renewable) and news:
            examined = self._examiner.examine(
                Trial(play, example, names), steps, getattr(found, "check", None), seconds, passed,
                hinge=outcome.result != "crash",
            )  # fmt: skip
            evidence = _examined(evidence, examined)
            serves = not renewable and self._still_works()
        self._known.add(outcome.clause)
        if trouble is not None:
            self._known.add(trouble)
        if not serves and not (found.stopped and not renewable):
            self._start_anew(outcome)
            trials = [Trial(play, one, names) for one in (*passed[-EXAMPLES_AGAIN:], example)]
            if news and broken is not None and self._was_broken_before(outcome, evidence, trials, seconds):
                outcome = self._blame_before(outcome, chat=broken == baseline.CHAT)
                evidence = evidence._replace(failed=1, runs=1, hinge=None, advice=None, check=None)
        return outcome._replace(evidence=evidence)

    def _last_words(self) -> list[str]:
        """What the server has printed in this test, once it prints no more: the answer may come before the trouble."""
        said = self.target.output(OUTPUT_LINES)
        for _ in range(WORDS_AWAITED if self.target.owned else 0):
            time.sleep(WORDS_SECONDS)
            before, said = said, self.target.output(OUTPUT_LINES)
            if said == before:
                break
        return said

    def _ended_by_leaving(self, outcome: Outcome, found: Finding) -> bool:
        """Nobody hears anything any more since a member of this conversation left, which the clause is not about."""
        deaf = isinstance(found, Mismatch) and found.check is not None and found.check.kind == "hears"
        about = outcome.clause.startswith(("TCRP-5.", "TCRP-6."))
        return deaf and not about and self.bench.left and self._broken == baseline.CHAT and outcome.result == "fail"

    def _was_broken_before(self, outcome: Outcome, evidence: Evidence, trials: Sequence[Trial], seconds: float) -> bool:
        """Whether a failure after which the server did not serve is none of the test: on a new server it passes."""
        if outcome.result != "fail" or self._examiner.runs == 1 or not self.target.owned or self._stopped:
            return False
        if evidence.failed > 1 or seconds > LONG_SECONDS or not self.bench.dialect.can.rooms:
            return False
        tried = [attempt(self.bench, one) for one in trials]
        try:
            works = baseline.still_works(self.bench) is None
        except TargetLost:
            works = False
        if not works:
            self._restart()
        return tried[-1].passed and works

    def _blame_before(self, outcome: Outcome, *, chat: bool) -> Outcome:
        """The server had stopped serving before this test, which found it so."""
        expected = "chat to go on, whatever is sent" if chat else "rooms to be had, whatever is sent"
        actual = f"it had ended when {outcome.test} began, which passes on a server started anew"
        if self._before:
            actual += f"; before it ran {self._before}"
        return outcome._replace(
            clause=_AT_LARGE[0 if chat else 1],
            expected=expected,
            actual=actual,
            data=None,
            message=f"expected {expected}; {actual}",
        )

    def _is_news(self, outcome: Outcome, trouble: tuple[str, ...] | None) -> bool:
        """Whether it is worth the time to hold it again: not what has a cause that is known already."""
        found = clause(outcome.clause)
        return found.level is not Level.MAY and not self._known & {trouble, *found.follows}

    def _still_works(self) -> bool:
        try:
            self._broken = baseline.still_works(self.bench)
        except TargetLost:
            self._broken = baseline.ROOMS
        return self._broken is None

    def _look_after(self, outcome: Outcome) -> tuple[Outcome, bool]:
        """After a failure: does the server still live and serve? If it has ended, that is the finding."""
        self.bench.tidy()
        try:
            broken = baseline.still_works(self.bench)
            ended = self.target.ended()
        except TargetLost as lost:
            broken, ended = baseline.ROOMS, str(lost)
        if ended is None:
            self._broken = broken
            return outcome._replace(result="fail"), broken is None
        self._broken = baseline.ROOMS
        if self.target.owned and self._outlives():
            return outcome._replace(result="fail"), False
        return self._crashed(outcome, self.target.ended() or ended), False

    def _outlives(self, seconds: float = ENDING_SECONDS) -> bool:
        """Whether a process of ours lives on although something went wrong: it may be about to end."""
        deadline = time.monotonic() + (seconds if self.target.owned else 0.0)
        while self.target.ended() is None:
            if time.monotonic() > deadline:
                return True
            self.bench.waits.pause()
        return False

    def _crashed(self, outcome: Outcome, ended: str) -> Outcome:
        """How it ended, and its last word."""
        last = causes.words_of(self.target.output(OUTPUT_LINES))
        actual = f"{ended}: {last}" if last else ended
        return outcome._replace(result="crash", actual=actual, message=actual)

    def _start_anew(self, outcome: Outcome) -> None:
        """Start a server that is ours anew, so that the rest is judged fairly; of another, say why the rest is not."""
        crashed = outcome.result == "crash"
        self.died = self.died or crashed
        if self._restart():
            return
        if crashed:
            self._stopped = f"not judged: the server had ended under {outcome.clause}"
        elif self._broken == baseline.CHAT:
            self._baseline = self._baseline._replace(no_chat=f"{outcome.clause}, since which chat no longer works")
            self.bench.chat_works = False
        else:
            blocking = f"{outcome.clause}, since which no room can be had"
            self._baseline = Baseline((), no_rooms=blocking, no_chat=blocking)

    def _left(self) -> float:
        """Seconds left of --max-time."""
        return math.inf if self._max_time is None else self._started + self._max_time - time.monotonic()

    def _renew(self) -> bool:
        """Make the endpoint as good as new: where that is quickly done it is started anew, else it gets other names."""
        if not self.target.renewable:
            self.bench.tidy()
            self.bench.drop_common()
            fresh_names.renew()
            return True
        try:
            self.target.restart()
        except (Unreachable, TargetLost):
            return False
        self.bench.forget()
        return True

    def _restart(self) -> bool:
        try:
            if not self.target.restart():
                return False
            self.bench.forget()
            self._hold_baseline()
            if self.target.ended() is not None:  # by the plain conversation, again
                self.target.restart()
                self.bench.forget()
        except (Unreachable, TargetLost):
            return False
        return True

    def _hold_baseline(self) -> None:
        self.bench.silent = False
        self._baseline = baseline.hold(self.bench)
        self.bench.silent = self._baseline.lost is not None
        self.bench.chat_works = self._baseline.no_chat is None

    def _may_speak_another(self) -> bool:
        """Whether another dialect may explain what became of the plain conversation, and there is a server to ask."""
        found = self._baseline.findings
        return bool(found) and not isinstance(found[0], NoPort) and (self._baseline.lost is None or self.target.owned)

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
        enters = self._baseline.no_rooms is None
        if found is None or found.name == self.bench.dialect.name or (enters and self.probed.part):
            self.told(f"no other was found in {self.probed.seconds:.0f} s: see tcrp-conformance probe")
        else:
            where = "" if self.probed.name else ", see dialect.toml beside the report"
            self.told(f"dialect {found.name}, found in {self.probed.seconds:.0f} s{where}")
            for line in self.probed.lines:
                if line.startswith("  nearest"):
                    self.told(line)
            self.bench.speak(found)
        self._hold_baseline()

    def _baseline_outcomes(self) -> list[Outcome]:
        """What the plain conversation found. Where it fails only sometimes, the rest is judged all the same."""
        found = self._baseline.findings
        if not found:
            return []
        seconds = time.monotonic() - self._started
        outcome = _failed(Outcome("TCRP-3.4a", "pass", PLAIN_CONVERSATION, round(seconds, 3), 1), found[0])
        outcome, flaky = self._examined_baseline(outcome, found[0])
        if outcome.result == "crash" or self.target.ended() is not None or (flaky and self.target.renewable):
            self._start_anew(outcome)
        elif flaky:
            self._hold_baseline()
        return [outcome]

    def _examined_baseline(self, outcome: Outcome, found: Mismatch) -> tuple[Outcome, bool]:
        """With its evidence, and whether it fails only sometimes."""
        steps, names = found.steps or (), found.names or self.bench.began_with
        if not self._outlives(DYING_SECONDS) and (ended := self.target.ended()) is not None:
            outcome = self._crashed(outcome, ended)
        elif self._baseline.lost is not None:
            outcome = self._crashed(outcome, self._baseline.lost)
        output = tuple(self._last_words())
        evidence = _evidence(found, steps, address_of(baseline.plain), {}, names)._replace(output=output)
        if outcome.result == "crash" and not self.target.renewable:
            return outcome._replace(evidence=evidence), False
        examined = self._examiner.examine(
            Trial(baseline.plain, {}, names), steps, found.check, 0.0, [], hinge=outcome.result != "crash"
        )
        return outcome._replace(evidence=_examined(evidence, examined)), examined.failed < examined.runs

    @staticmethod
    def explanation(outcome: Outcome) -> str:
        """A finding in words, for whoever runs the suite from pytest."""
        lines = [f"{outcome.clause}: {clause(outcome.clause).quote}", f"expected  {outcome.expected}"]
        lines.append(f"actual    {outcome.actual}")
        if outcome.data is not None:
            lines.append(f"bytes     {outcome.data}")
        return "\n".join(lines)


def _failed(outcome: Outcome, found: Finding) -> Outcome:
    """The outcome of a test that found this."""
    if not isinstance(found, Mismatch):
        return outcome._replace(
            result="crash", expected="the server to go on serving", actual=str(found), message=str(found)
        )
    data = None if found.data is None else found.data.hex()
    return outcome._replace(
        clause=found.clause or outcome.clause, result="fail", expected=found.expected, actual=found.actual, data=data,
        message=str(found),
    )  # fmt: skip


def _evidence(found: Finding, steps: Steps, play: str, example: Mapping[str, Any], names: NameState) -> Evidence:
    at, check = (found.at, found.check) if isinstance(found, Mismatch) else (None, None)
    return Evidence(tuple(step.as_dict() for step in steps), play, to_text(example), names, at, check)


def _examined(evidence: Evidence, examined: Examined) -> Evidence:
    """The evidence, with how often it failed and what it hinges on."""
    evidence = evidence._replace(failed=examined.failed, runs=examined.runs)
    if examined.hinge is None:
        return evidence
    return evidence._replace(hinge=examined.hinge.text, advice=examined.hinge.advice or None)
