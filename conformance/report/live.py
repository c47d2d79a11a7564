"""What a run prints while it goes on: at a terminal one live line, elsewhere plain lines."""

import time
from collections import Counter

import pytest
from rich.console import RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from conformance.engine.pytest_stash import use
from conformance.engine.session import Session
from conformance.outcome.deviations import listed_for
from conformance.outcome.findings import COMPARED, PLAIN_CONVERSATION, Outcome
from conformance.outcome.verdicts import FOUND, Judgement, Verdict, in_a_line
from conformance.report.collector import Collector
from conformance.report.screen import STYLES, Screen, hung, short
from conformance.spec.clauses import clause
from conformance.trace.text import safe

LOUD = FOUND - {Verdict.KNOWN}
"""What is told at once."""
_TOLD_WHY = (Verdict.UNSUPPORTED, Verdict.INFO, Verdict.KNOWN)
_VERDICT = 12
_LATE = "after the others"


class Progress(Collector):
    """Collects the outcomes and tells of each clause as soon as its tests are done. `verbosity`: -1, 0 or 1."""

    def __init__(self, session: Session, verbosity: int = 0) -> None:
        super().__init__(session.options.deviations)
        self.session = session
        self.chosen = session.chosen  # which becomes shorter once the dialect is known
        self.verbosity = verbosity
        self.screen = Screen()
        self._live: Live | None = None
        self._clauses: dict[str, tuple[str, ...]] = {}  # by test
        self._left: Counter[str] = Counter()  # tests to come, by clause
        self._late: set[str] = set()
        self._judging = ""
        self._told: dict[str, Verdict] = {}
        self._section: str | None = None
        self._headed: str | None = None
        self._passed: list[str] = []
        self._compared: list[str] = []
        self._unsupported: dict[str, list[str]] = {}
        self._blocked: Counter[str] = Counter()
        self.fault: str | None = None
        """What went wrong in the suite itself, outside of a test, in a line."""

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """Keep pytest from printing a traceback."""
        self.fault = in_a_line(excinfo.value)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        use(config, self.session)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            mark = item.get_closest_marker("clause")
            if mark is None:
                continue
            self._clauses[item.nodeid] = mark.args
            if len(mark.args) == 1:  # a test of many clauses keeps none of them waiting
                self._left.update(mark.args)
                if item.get_closest_marker("late"):
                    self._late.update(mark.args)
        if self.verbosity >= 0 and self.screen.is_live:
            self._live = Live(
                get_renderable=self._line, console=self.screen, transient=True, refresh_per_second=4,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._judging = " ".join(self._clauses.get(nodeid, ())[:1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        super().pytest_runtest_logreport(report)
        clauses = self._clauses.get(report.nodeid, ())
        if report.when != "teardown":
            return
        if len(clauses) == 1:
            self._left.subtract(clauses)
        for done in clauses:
            if not self._left[done] and done in self.outcomes:
                late = done in self._late or len(clauses) > 1
                self._tell(done, _LATE if late else clause(done).section)

    def add(self, outcome: Outcome) -> None:
        super().add(outcome)
        if outcome.test == PLAIN_CONVERSATION:
            self._tell(outcome.clause, PLAIN_CONVERSATION)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        for clause_id in [one for one in self.outcomes if one not in self._told]:
            self._tell(clause_id, clause(clause_id).section)  # interrupted before its last test
        self._end_section()
        for reason, count in self._blocked.items():
            self._print("unsupported", f"{count} clause{'s' * (count != 1)} ({reason})")

    def _tell(self, clause_id: str, section: str) -> None:
        judged = self.judged(clause(clause_id))
        if self._told.get(clause_id) is judged.verdict:
            return
        self._told[clause_id] = judged.verdict
        if self.verbosity < 0:
            return
        if section != self._section:
            self._end_section()
            self._section = section
        if self.verbosity > 0:
            self._print_clause(judged)
            self._print_tests(judged)
        elif judged.verdict in LOUD:
            self._print_clause(judged)
        elif self._live is None:
            self._note(judged)

    def _note(self, judged: Judgement) -> None:
        """What passes, and what is not supported, waits for the end of its section; the rest is told at once."""
        reason = judged.message or "no reason given"
        if judged.verdict is Verdict.PASS and judged.outcome is not None and judged.outcome.how == COMPARED:
            self._compared.append(short(judged.clause.id))
        elif judged.verdict is Verdict.PASS:
            self._passed.append(short(judged.clause.id))
        elif judged.verdict is not Verdict.UNSUPPORTED:
            self._print_clause(judged)
        elif reason.startswith("blocked by "):
            self._blocked[reason] += 1
        else:
            self._unsupported.setdefault(reason, []).append(short(judged.clause.id))

    def _end_section(self) -> None:
        if self._passed:
            self._head()
            self._print("pass", " ".join(self._passed))
        if self._compared:
            self._head()
            self._print("pass", f"{' '.join(self._compared)} (judged by comparing the server with itself)")
        for reason, clauses in self._unsupported.items():
            self._head()
            self._print("unsupported", f"{' '.join(clauses)} ({reason})")
        self._passed, self._compared, self._unsupported = [], [], {}

    def _head(self) -> None:
        """The section's name, before its first line."""
        if self._section != self._headed and (self._live is None or self.verbosity > 0):
            self._headed = self._section
            self.screen.print()
            self.screen.print(Text(self._section or ""))

    def _print(self, verdict: str, text: str) -> None:
        hung(
            self.screen, Text.assemble("  ", (f"{verdict:<{_VERDICT}}", STYLES[verdict])), Text(safe(text, limit=4096))
        )

    def _print_clause(self, judged: Judgement) -> None:
        self._head()
        listed = listed_for(judged.clause.id, self.deviations)
        reason = listed.reason if judged.verdict is Verdict.KNOWN and listed is not None else judged.message
        why = f" ({reason})" if judged.verdict in _TOLD_WHY and reason else ""
        self._print(str(judged.verdict), f"{short(judged.clause.id):<5} {judged.clause.title}{why}")

    def _print_tests(self, judged: Judgement) -> None:
        for outcome in judged.outcomes:
            tries = f", {outcome.examples} example{'s' * (outcome.examples != 1)}" if outcome.examples else ""
            name = outcome.test.rpartition("::")[2]
            line = f"{name}: {outcome.result}, {outcome.seconds:.2f} s{tries}"
            hung(self.screen, Text(" " * (_VERDICT + 2)), Text(safe(line), "dim"))

    def _line(self) -> RenderableType:
        """The live line: how far, how long, what was found, what is being judged."""
        total = len(self._left)
        done = total - sum(map(bool, list(self._left.values())))
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        text = Text(f"{done}/{total}  {minutes}:{seconds:02}")
        found = Counter(list(self._told.values()))
        for verdict in Verdict:
            if found[verdict]:
                text.append(f"  {found[verdict]} ").append(str(verdict), STYLES[verdict])
        text.append(f"  {short(self._judging)}", "dim")
        text.no_wrap, text.overflow = True, "ellipsis"
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(total=total or 1, completed=done, width=min(24, self.screen.width // 4)), text)
        return line
