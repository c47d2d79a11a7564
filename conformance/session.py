"""One run against one endpoint: what is to be judged, what works, and what each test found."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance import baseline, examples
from conformance.baseline import Baseline
from conformance.bench import Bench
from conformance.clauses import Clause, Role, UnknownClause, all_clauses, clause, select
from conformance.endpoint import AddressTarget, ProcessTarget, Target, Unreachable
from conformance.findings import Mismatch, Outcome, TargetLost, unsupported
from conformance.pacing import Waits
from conformance.verdicts import Exit
from tcrp import dialects
from tcrp.endpoint import parse_endpoint

PLAIN_CONVERSATION = "the plain conversation"
"""In place of the test's name, where no test but the conversation before them found something."""


class UsageProblem(ValueError):
    """An option that cannot be followed; one line says which, why, and what would do."""


class Session:
    """What the plugin asks, test by test. `died`: the endpoint ended during the run at least once."""

    def __init__(self, target: Target, bench: Bench, chosen: Sequence[Clause], max_time: float | None) -> None:
        self.target = target
        self.bench = bench
        self.chosen = [one.id for one in chosen]
        self.died = False
        self.unreachable: str | None = None
        self.seed = examples.drawing.seed
        self._max_time = max_time
        self._started = time.monotonic()
        self._baseline = Baseline()
        self._stopped: str | None = None
        self._pending: list[Outcome] = []

    @classmethod
    def of_options(cls, options: Any) -> "Session":
        """From the plugin's options. UsageProblem for one that cannot be followed."""
        try:
            dialect = dialects.get(options.tcrp_dialect or dialects.DEFAULT)
            given = parse_endpoint(options.tcrp_target, dialect.ports) if options.tcrp_target else None
            target: Target
            if options.tcrp_exec:
                target = ProcessTarget(options.tcrp_exec, given, dialect.ports, options.tcrp_ready_timeout)
            else:
                assert given is not None
                target = AddressTarget(given)
            chosen = choose(options.tcrp_clause, options.tcrp_skip)
        except (UnknownClause, ValueError, Unreachable) as error:
            raise UsageProblem(str(error)) from None
        for name, value in (("examples", options.tcrp_examples), ("seed", options.tcrp_seed)):
            if value is not None and value < (1 if name == "examples" else 0):
                raise UsageProblem(
                    f"--tcrp-{name} is {value}: a whole number, at least {1 if name == 'examples' else 0}"
                )
        for name in ("idle_timeout", "timeout", "max_time", "ready_timeout"):
            value = getattr(options, f"tcrp_{name}")
            if value is not None and not 0 < value < 1e6:
                raise UsageProblem(f"--tcrp-{name.replace('_', '-')} is {value:g}: seconds, more than 0")
        examples.drawing.examples = options.tcrp_examples or examples.DEFAULT_EXAMPLES
        examples.drawing.seconds = examples.SECONDS * max(1.0, examples.drawing.examples / examples.DEFAULT_EXAMPLES)
        examples.drawing.seed = options.tcrp_seed or 0
        bench = Bench(target, dialect, Waits(options.tcrp_timeout), options.tcrp_idle_timeout)
        return cls(target, bench, chosen, options.tcrp_max_time)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the endpoint, hold the plain conversation, and end at last what was begun."""
        try:
            self.target.start()
            if self.bench.dialect.can.tcp and self.target.endpoint.tcp is None:
                raise Unreachable(f"dialect {self.bench.dialect.name} needs TCP, and the endpoint has none")
            self._hold_baseline()
            self._pending.extend(self._baseline_outcomes())
        except (Unreachable, TargetLost) as error:
            self.unreachable = str(error)
            self.target.stop()
            pytest.exit(f"unreachable: {error}", returncode=Exit.UNREACHABLE)
        try:
            yield
        finally:
            self.bench.close()
            self.target.stop()

    def begin(self, needs: Sequence[str]) -> Bench:
        """Before a test: the bench, or the reason why the clause cannot be judged."""
        self.bench.notes.clear()
        self.bench.examples = 0
        if self._stopped:
            unsupported(self._stopped)
        if self._max_time is not None and time.monotonic() - self._started > self._max_time:
            unsupported(f"not judged within --max-time of {self._max_time:g} s")
        blocking = self._baseline.no_chat if "chat" in needs else self._baseline.no_rooms
        if blocking is not None:
            unsupported(f"blocked by {blocking}")
        return self.bench

    def outcomes_of(self, clause_id: str, test: str, call: "pytest.CallInfo[None]") -> list[Outcome]:
        """After a test: what it found, and before it what the plain conversation found, which is told once."""
        outcome = self._outcome(clause_id, test, call)
        if outcome.result in ("fail", "crash"):
            outcome = self._look_after(outcome)
        pending, self._pending = self._pending, []
        return [*pending, outcome]

    def _outcome(self, clause_id: str, test: str, call: "pytest.CallInfo[None]") -> Outcome:
        done = Outcome(clause_id, "pass", test, round(call.duration, 3), self.bench.examples)
        if call.excinfo is None:
            return done._replace(message="; ".join(self.bench.notes) or None)
        match call.excinfo.value:
            case Mismatch() as found:
                return _failed(done, found)
            case TargetLost() as lost:
                return done._replace(
                    result="crash", expected="the server to go on serving", actual=str(lost), message=str(lost)
                )
            case pytest.skip.Exception() as skipped:
                return done._replace(result="unsupported", message=skipped.msg)
            case error:
                where = call.excinfo.traceback[-1]
                text = f"{type(error).__name__}: {error} ({Path(where.path).name}:{where.lineno + 1})"
                return done._replace(result="error", message=" ".join(text.split()))

    def _look_after(self, outcome: Outcome) -> Outcome:
        """After a failure: does the server still live and serve? If not, that is the finding, and a server that is
        ours is started anew so that the rest is judged fairly.
        """
        self.bench.tidy()
        try:
            broken = baseline.still_works(self.bench)
            ended = self.target.ended()
        except TargetLost as lost:
            broken, ended = baseline.ROOMS, str(lost)
        if ended is not None:
            self.died = True
            ended = self.target.ended() or ended
            last = " | ".join(self.target.output(3))
            message = f"{ended}; its last output: {last}" if last else ended
            outcome = outcome._replace(result="crash", actual=ended, message=message)
        if (broken is None and ended is None) or self._restart():
            return outcome
        if ended is not None:
            self._stopped = f"not judged: the server had ended under {outcome.clause}"
        elif broken == baseline.CHAT:
            self._baseline = self._baseline._replace(no_chat=f"{outcome.clause}, since which chat no longer works")
            self.bench.chat_works = False
        else:
            blocking = f"{outcome.clause}, since which no room can be had"
            self._baseline = Baseline((), no_rooms=blocking, no_chat=blocking)
        return outcome

    def _restart(self) -> bool:
        try:
            if not self.target.restart():
                return False
            self.bench.forget()
            self._hold_baseline()
        except (Unreachable, TargetLost):
            return False
        return True

    def _hold_baseline(self) -> None:
        self._baseline = baseline.hold(self.bench)
        self.bench.chat_works = self._baseline.no_chat is None

    def _baseline_outcomes(self) -> list[Outcome]:
        seconds = round(time.monotonic() - self._started, 3)
        return [
            _failed(Outcome(found.clause or "TCRP-3.4a", "pass", PLAIN_CONVERSATION, seconds, 1), found)
            for found in self._baseline.findings
        ]

    @staticmethod
    def explanation(outcome: Outcome) -> str:
        """A finding in words, for whoever runs the suite from pytest."""
        lines = [f"{outcome.clause}: {clause(outcome.clause).quote}", f"expected  {outcome.expected}"]
        lines.append(f"actual    {outcome.actual}")
        if outcome.data is not None:
            lines.append(f"bytes     {outcome.data}")
        return "\n".join(lines)


def _failed(outcome: Outcome, found: Mismatch) -> Outcome:
    """The outcome of a test that found this."""
    data = None if found.data is None else found.data.hex()
    return outcome._replace(
        result="fail", expected=found.expected, actual=found.actual, data=data, message=str(found)
    )  # fmt: skip


def choose(words: Sequence[str], skipped: Sequence[str]) -> list[Clause]:
    """The clauses to judge: those named, or all, less those skipped, and only those that a server can show."""
    named = select(words) if words else all_clauses()
    dropped = {one.id for one in select(skipped)}
    return [one for one in named if one.id not in dropped and one.untested is None and one.role is not Role.CLIENT]
