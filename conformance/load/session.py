"""One load from the first member in to the last one out: it measures one run, or searches for the highest rate."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

from conformance.load import page
from conformance.load.assessment import exit_code, judge_step
from conformance.load.figures import Figures
from conformance.load.generator import Settled
from conformance.load.plan import Plan
from conformance.load.pool import WorkerPool
from conformance.load.progress import LoadProgress
from conformance.load.search import RateSearch, RateStep, search
from conformance.net import guard
from conformance.net.target import AddressTarget, Target
from conformance.outcome.verdicts import CommandError, Exit
from tcrp import Dialect

STEP_SECONDS = 3.0
"""Upper bound of the seconds of one step of a search."""
LOWER = 0.9
"""Factor of the next rate, if a run of the full length does not hold what a short one did."""
NOTHING_MEASURED = "interrupted before anything was measured"


@dataclass
class LoadResult:
    """What a load has measured. `plan`: of the run that `figures` are of; `found`: of a search; `notes`: remarks."""

    figures: Figures
    plan: Plan
    found: RateSearch | None
    code: Exit
    notes: list[str] = field(default_factory=list)


class LoadSession:
    """A load of one server. `count`: processes of the generator; `idle`: the server's idle time in seconds."""

    def __init__(
        self, target: Target, dialect: Dialect, plan: Plan, count: int, idle: float | None, progress: LoadProgress
    ) -> None:
        self._target = target
        self._dialect = dialect
        self._plan = plan
        self._idle = idle
        self._progress = progress
        self._pool = WorkerPool(target, dialect, plan, count, self._watch)
        self._died: str | None = None
        self._interrupted = False
        self._notes: list[str] = []
        self._doing: Callable[[], str] = self._entering

    def run(self, *, search_rate: bool) -> LoadResult:
        """Let the members in, measure, and let them leave. `search_rate`: look for the highest rate that is held.

        Raises CommandError if nothing could be measured.
        """
        plan = self._plan
        self._progress.say(page.header(str(self._target.endpoint), self._dialect.name, plan))
        with self._interruptible(), contextlib.closing(self._pool):
            settled = self._enter()
            self._progress.say(f"{plan.all_members:,} members are in ({self._progress.seconds:.1f} s).")
            if settled.deaf:
                self._notes.append(f"{settled.deaf:,} members never heard anything, before the run began.")
            if not settled.understood:
                self._notes.append(f"What came is no chat as dialect {self._dialect.name} reads it.")
            figures, plan, found = self._search() if search_rate else (self._measure(plan), plan, None)
        return self._conclude(figures, plan, found)

    def _enter(self) -> Settled:
        settled: Settled | None = None
        with self._progress.part():
            try:
                self._pool.enter(self._idle)
                settled = self._pool.settle()
            except CommandError:
                if self._died is None and not self._interrupted:
                    raise
        if self._died is not None:
            raise CommandError(f"the server died while members came in: {self._died}", Exit.DIED)
        if self._interrupted or settled is None:
            raise CommandError(NOTHING_MEASURED, Exit.INTERRUPTED)
        return settled

    def _measure(self, plan: Plan) -> Figures:
        self._doing = lambda: self._running(plan)
        with self._progress.part():
            return self._pool.measure(plan)

    def _search(self) -> tuple[Figures, Plan, RateSearch]:
        """Short runs, and then one as long as asked for at the rate that was held; if it is not, a little lower."""
        last = Figures(), self._plan

        def try_at(rate: float, seconds: float = min(STEP_SECONDS, self._plan.seconds)) -> RateStep | None:
            nonlocal last
            plan = self._plan.at(rate, seconds)
            plan.check()
            figures = self._measure(plan)
            if self._pool.stopped:
                return None
            last = figures, plan
            step = judge_step(figures, plan)
            self._progress.say(f"{plan.total_rate:>12,.0f} messages/s  {step_in_words(step, figures)}")
            return step

        found = search(try_at, self._plan.rate)
        if self._interrupted and not found.steps:
            raise CommandError(NOTHING_MEASURED, Exit.INTERRUPTED)
        rate = found.held
        while rate is not None and (step := try_at(rate, self._plan.seconds)) is not None:
            found.steps.append(step)
            if step.held:
                break
            rate = None if found.held is None else max(found.held, LOWER * rate)
        return (*last, found)

    def _conclude(self, figures: Figures, plan: Plan, found: RateSearch | None) -> LoadResult:
        if figures.refused and not self._died and isinstance(self._target, AddressTarget):
            self._died = f"{figures.refused:,} times nothing listened on UDP port {self._target.endpoint.udp}"
        code = exit_code(figures, plan, interrupted=self._interrupted, died=self._died is not None)
        if found is not None and code in (Exit.CONFORMS, Exit.FAILED, Exit.SUITE_FAULT):
            code = Exit.FAILED if found.held is None else Exit.CONFORMS
        if self._died is not None:
            self._notes.append(f"The server died: {self._died}.")
        if self._interrupted:
            self._notes.append("Interrupted: these are the figures until then.")
        return LoadResult(figures, plan, found, code, self._notes)

    def _watch(self) -> None:
        """Called again and again by the pool: end all when the server has died, and show how far it is."""
        if self._died is None and (how := self._target.ended()) is not None:
            self._died = how
            self._pool.stop()
        self._progress.show(self._doing())

    def _entering(self) -> str:
        return f"entering: {self._pool.entered:,} of {self._plan.all_members:,} members"

    def _running(self, plan: Plan) -> str:
        sent, delivered = self._pool.sent, self._pool.delivered
        still_open = sent * plan.listeners - delivered
        return (
            f"sent {sent:,} of {plan.all_members * plan.messages:,} at {plan.total_rate:,.0f}/s, "
            f"delivered {delivered:,}, open {still_open:,}"
        )

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C ends the run with what there is. The second ends it at once."""

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            if self._interrupted:
                guard.end_at_once()
            self._interrupted = True
            self._pool.stop()

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def step_in_words(step: RateStep, figures: Figures) -> str:
    """A step of a search in one line."""
    p99 = figures.latencies.ms(0.99)
    tail = "" if p99 is None else f"p99 {p99:,.1f} ms, generator {max(figures.cores, default=0.0):.0%} of a core"
    what = "held" if step.held else f"not held: {step.why}"
    return f"{what}; {tail}" + (" (the generator was the limit)" if step.generator else "")
