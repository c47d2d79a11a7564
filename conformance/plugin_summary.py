"""What a run of the suite from pytest adds to pytest's own words: the verdict of each test, and at the end what was
found, the counts, the reports, and an exit code that is never 0 where that of the command is not.
"""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conformance.conclusion import conclude, write
from conformance.engine.options import RunOptions
from conformance.engine.outcomes import in_words
from conformance.engine.session import Session
from conformance.outcome.deviations import excused
from conformance.outcome.findings import VERDICT, Outcome
from conformance.outcome.verdicts import Exit, Verdict, counted_verdicts, counts_as_failure, judge
from conformance.plugin_workers import take_over
from conformance.report.collector import Collector
from conformance.report.formats.phrases import ending
from conformance.report.model import Report
from conformance.report.repro.files import FindingFiles, no_files, remove_earlier
from conformance.spec.clauses import clause
from conformance.trace.text import one_line

USUAL_FOLDER = "tcrp-report"
"""Of the reports, if kinds of them are named and no folder."""


def tell(report: pytest.TestReport, outcomes: list[Outcome], options: RunOptions) -> None:
    """Make pytest's report of a test say the verdict. A test whose clause is weak or known passes, under that name."""
    own = [one for one in outcomes if one.test == report.nodeid]
    if any(one.result == "error" for one in own):
        return  # the suite's own fault: pytest shows where
    judged = [excused(judge(clause(one.clause), [one]), options.deviations, date.today()) for one in own]
    for one in judged:
        if one.outcome is not None and (one.verdict is Verdict.CRASH or counts_as_failure(one, options.level)):
            report.outcome, report.longrepr = "failed", in_words(one.outcome, redact=options.redact)
            return
    told = [str(one.verdict) for one in judged if one.outcome is not None and one.outcome.result in ("fail", "crash")]
    if told:
        report.outcome, report.longrepr = "passed", None
        setattr(report, VERDICT, told[0])
    elif own and all(one.result == "unsupported" for one in own):
        path, line, _ = report.location
        report.outcome, report.longrepr = "skipped", (path, line or 0, f"Skipped: {own[0].message}")


class Summary(Collector):
    """Collects the outcomes and tells of them at the end."""

    def __init__(self, session: Session, kinds: tuple[str, ...] | None) -> None:
        """`kinds`: of the reports to be written; None for none."""
        super().__init__(session.options.deviations)
        self.session = session
        self.kinds = kinds
        self.folder = Path(session.options.report_dir or USUAL_FOLDER)
        self._lines: list[str] = []

    def add(self, outcome: Outcome) -> None:
        if not self.outcomes and self.kinds is not None:
            remove_earlier(self.folder, probed=self.session.options.automatic)
        super().add(outcome)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist has done."""
        take_over(self.session, getattr(node, "workeroutput", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A run that pytest would call a success is none if the server does not conform, or if nothing was judged."""
        if not self.outcomes and self.session.unreachable is None:
            return
        try:
            report = self._report(exitstatus)
        except OSError as error:
            self._lines.append(error.strerror or str(error))
            session.exitstatus = int(Exit.SUITE_FAULT)
            return
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = report["exit_code"] or exitstatus

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._lines:
            terminalreporter.section("TCRP conformance")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _report(self, exitstatus: int) -> Report:
        """The report of the run, written if it is wanted."""
        session = self.session
        writer = FindingFiles(session, self.folder).writer if self.kinds is not None else no_files
        report = conclude(self, session, ended=exitstatus, said=session.options.said, write_files=writer)
        self._say(report)
        if self.kinds is not None:
            self._lines += [f"report: {path}" for path in write(report, session, self.folder, self.kinds)]
        return report

    def _say(self, report: Report) -> None:
        if self.session.unreachable is not None:
            self._lines.append(f"unreachable: {one_line(self.session.unreachable)}")
        for one in report["findings"]:
            self._lines.append(f"{one['verdict']:<6} {one['clause']:<11} {one_line(one['summary'])}")
        for row in report["deviations"]:
            if row["state"] != "known":
                self._lines.append(f"listed deviation {row['clause']} ({row['state']}): {one_line(row['reason'])}")
        self._lines.append(f"{report['target']}: {counted_verdicts(report['summary'])}: {ending(report)}")
