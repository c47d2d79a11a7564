"""`tcrp-conformance load`: let the members in, measure, tell, and let them leave."""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from conformance.endpoint import MOST_SECONDS, AddressTarget, Target, Unreachable, target_of
from conformance.load import chart, outcome, page
from conformance.load.crew import DELIVERED, ENTERED, SENT, Crew
from conformance.load.figures import Figures
from conformance.load.generator import Settled
from conformance.load.plan import Plan, dialect_rooms, processes
from conformance.load.search import KEEPS_UP, Search, Step, search
from conformance.screen import WIDTH
from conformance.verdicts import CommandError, Exit
from tcrp import Dialect
from tcrp.dialects import get

STEP_SECONDS = 3.0
"""Of a step of a search, at the most."""
PLAIN_SECONDS = 2.0
"""Between two lines of progress where there is no terminal."""
LOWER = 0.9
"""Times the rate, if a run of the full length does not hold what a short one did."""
STDOUT = "-"
NOTHING_MEASURED = "interrupted before anything was measured"


def run(arguments: argparse.Namespace) -> Exit:
    """What the arguments of the command line ask for. Raises CommandError."""
    try:
        dialect = get(arguments.dialect)
        target = target_of(arguments.target, arguments.exec, dialect.ports, arguments.ready_timeout)
    except ValueError as error:
        raise CommandError(str(error)) from None
    except Unreachable as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    plan = _plan(arguments, dialect)
    count = arguments.processes or processes(plan, search=arguments.search)
    paths = _paths(arguments)
    screen = Progress(Console(
        file=sys.stderr if STDOUT in (arguments.json, arguments.svg) else sys.stdout, highlight=False, markup=False,
        emoji=False,
    ))  # fmt: skip
    try:
        target.start()
        if dialect.can.tcp and target.endpoint.tcp is None:
            raise CommandError(f"dialect {dialect.name} needs TCP, and the endpoint has none: -t HOST:TCP:UDP")
        return Load(target, dialect, plan, min(count, plan.rooms), screen, arguments.idle_timeout, paths).run(
            search=arguments.search
        )
    except Unreachable as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    finally:
        target.stop()


def _plan(arguments: argparse.Namespace, dialect: Dialect) -> Plan:
    for name, least in (("rooms", 1), ("members", 2), ("processes", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise CommandError(f"--{name} is {value}: a whole number, at least {least}")
    for name in ("rate", "seconds", "idle_timeout"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < MOST_SECONDS:
            raise CommandError(f"--{name.replace('_', '-')} is {value:g}: more than 0, less than a million")
    rooms = dialect_rooms(dialect, arguments.rooms)
    plan = Plan(rooms, arguments.members, arguments.rate, arguments.seconds, dialect.policy.echo)
    plan.check()
    return plan


def _paths(arguments: argparse.Namespace) -> dict[str, str]:
    """Where the report and the chart go: to the folder unless named; STDOUT is allowed once."""
    folder = Path(arguments.report_dir)
    if arguments.json == arguments.svg == STDOUT:
        raise CommandError("--json - and --svg -: only one of them can be stdout")
    paths = {"json": arguments.json or str(folder / "load.json"), "svg": arguments.svg or str(folder / "load.svg")}
    for kind, path in paths.items():
        if path == STDOUT:
            continue
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with Path(path).open("a"):  # before a minute of work
                pass
        except OSError as error:
            raise CommandError(f"--{kind} {path!r}: {error.strerror}") from None
    return paths


class Load:
    """One call of the command."""

    def __init__(
        self, target: Target, dialect: Dialect, plan: Plan, count: int, screen: "Progress", idle: float | None,
        paths: dict[str, str],
    ) -> None:  # fmt: skip
        self.target, self.dialect, self.plan, self.screen, self.idle = target, dialect, plan, screen, idle
        self.paths = paths
        self.crew = Crew(target, dialect, plan, count, self._watch)
        self.died: str | None = None
        self.interrupted = False
        self.notes: list[str] = []
        self._doing = self._entering

    def run(self, *, search: bool) -> Exit:
        """Everybody in, one run or many, everybody out."""
        plan = self.plan
        where = str(self.target.endpoint)
        self.screen.say(page.header(where, self.dialect.name, plan.rooms, plan.members, plan.rate, plan.seconds))
        with self._interruptible(), contextlib.closing(self.crew):
            settled = self._enter()
            self.screen.say(f"{plan.everybody:,} members are in ({self.screen.seconds:.1f} s).")
            if settled.deaf:
                self.notes.append(f"{settled.deaf:,} members never heard anything, before the run began.")
            if not settled.understood:
                self.notes.append(f"What came is no chat as dialect {self.dialect.name} reads it.")
            figures, plan, found = self._search() if search else (self._measure(plan), plan, None)
        return self._tell(figures, plan, found)

    def _enter(self) -> Settled:
        settled: Settled | None = None
        with self.screen.live():
            try:
                self.crew.enter(self.idle)
                settled = self.crew.settle()
            except CommandError:
                if self.died is None and not self.interrupted:
                    raise
        if self.died is not None:
            raise CommandError(f"the server died while members came in: {self.died}", Exit.DIED)
        if self.interrupted or settled is None:
            raise CommandError(NOTHING_MEASURED, Exit.INTERRUPTED)
        return settled

    def _measure(self, plan: Plan) -> Figures:
        self._doing = lambda: self._running(plan)
        with self.screen.live():
            return self.crew.measure(plan)

    def _search(self) -> tuple[Figures, Plan, Search]:
        """Short runs, and then one as long as asked for at the rate that was held; if it is not, a little lower."""
        last = Figures(), self.plan

        def try_at(rate: float, seconds: float = min(STEP_SECONDS, self.plan.seconds)) -> Step | None:
            nonlocal last
            plan = self.plan.at(rate, seconds)
            plan.check()
            figures = self._measure(plan)
            if self.crew.stopped:
                return None
            last = figures, plan
            step = judge(figures, plan)
            self.screen.say(f"{plan.total_rate:>12,.0f} messages/s  {told(step, figures)}")
            return step

        found = search(try_at, self.plan.rate)
        if self.interrupted and not found.steps:
            raise CommandError(NOTHING_MEASURED, Exit.INTERRUPTED)
        rate = found.held
        while rate is not None and (step := try_at(rate, self.plan.seconds)) is not None:
            found.steps.append(step)
            if step.held:
                break
            rate = None if found.held is None else max(found.held, LOWER * rate)
        return (*last, found)

    def _tell(self, figures: Figures, plan: Plan, found: Search | None) -> Exit:
        if figures.refused and not self.died and isinstance(self.target, AddressTarget):
            self.died = f"{figures.refused:,} times nothing listened on UDP port {self.target.endpoint.udp}"
        code = outcome.exit_code(figures, plan, interrupted=self.interrupted, died=self.died is not None)
        if found is not None and code in (Exit.CONFORMS, Exit.FAILED, Exit.SUITE_FAULT):
            code = Exit.FAILED if found.held is None else Exit.CONFORMS
        if self.died is not None:
            self.notes.append(f"The server died: {self.died}.")
        if self.interrupted:
            self.notes.append("Interrupted: these are the figures until then.")
        report = outcome.report(
            target=str(self.target.endpoint), dialect=self.dialect.name, plan=plan, figures=figures, code=code,
            notes=self.notes, found=found,
        )  # fmt: skip
        self.screen.say("")
        for line in page.lines(report):
            self.screen.say(line)
        texts = {"json": json.dumps(report, indent=1) + "\n", "svg": chart.svg(report)}
        for kind, path in self.paths.items():
            if path == STDOUT:
                sys.stdout.write(texts[kind])
            else:
                Path(path).write_text(texts[kind], encoding="utf-8")
        written = [path for path in self.paths.values() if path != STDOUT]
        if written:
            self.screen.say(f"Written: {', '.join(written)}")
        return code

    # While it goes on

    def _watch(self, crew: Crew) -> None:
        if self.died is None and (how := self.target.ended()) is not None:
            self.died = how
            crew.stop()
        self.screen.show(self._doing())

    def _entering(self) -> str:
        return f"entering: {self.crew.number(ENTERED):,} of {self.plan.everybody:,} members"

    def _running(self, plan: Plan) -> str:
        sent, delivered = self.crew.number(SENT), self.crew.number(DELIVERED)
        open_ = sent * plan.listeners - delivered
        return (
            f"sent {sent:,} of {plan.everybody * plan.messages:,} at {plan.total_rate:,.0f}/s, "
            f"delivered {delivered:,}, open {open_:,}"
        )

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C ends the run with what there is; the second ends it at once."""

        def on_interrupt(number: int, frame: FrameType | None) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True
            self.crew.stop()

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def judge(figures: Figures, plan: Plan) -> Step:
    """Whether a run held its rate: nothing lost, and nothing left behind."""
    limits = outcome.strain(figures, plan)
    faults = outcome.faults(figures)
    if not faults and figures.behind > KEEPS_UP:
        faults = [f"{figures.behind:.1f} s behind"]
    if faults:
        return Step(plan.rate, ", ".join(faults), bool(limits))
    if figures.lost or outcome.sent_rate(figures, plan) < outcome.REACHED * plan.total_rate:
        return Step(plan.rate, "; ".join(limits), True)
    return Step(plan.rate)


def told(step: Step, figures: Figures) -> str:
    """A step of a search in one line."""
    p99 = figures.latencies.ms(0.99)
    tail = "" if p99 is None else f"p99 {p99:,.1f} ms, generator {max(figures.shares, default=0.0):.0%} of a core"
    what = "held" if step.held else f"not held: {step.why}"
    return f"{what}; {tail}" + (" (the generator was the limit)" if step.ours else "")


class Progress:
    """What is printed: lines, and while something goes on one live line at a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        if not console.is_terminal:
            console.width = WIDTH * 2
        self.console = console
        self._live: Live | None = None
        self._begun = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the last live part began."""
        return time.monotonic() - self._begun

    def say(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        self._begun = self._told = time.monotonic()
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield
            return
        with Live(Text(), console=self.console, transient=True, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, line: str) -> None:
        """How far it is."""
        if self._live is not None:
            self._live.update(Text(f"{line}  {self.seconds:.0f} s", no_wrap=True, overflow="ellipsis"), refresh=True)
        elif time.monotonic() - self._told >= PLAIN_SECONDS:
            self._told = time.monotonic()
            self.say(f"{self.seconds:4.0f} s  {line}")
