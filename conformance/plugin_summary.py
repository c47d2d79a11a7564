"""What a run of the suite from pytest adds to pytest's own words: the verdicts in one line, and report.json."""

from pathlib import Path

import pytest

from conformance.engine.session import Session
from conformance.outcome.causes import causes
from conformance.outcome.verdicts import Exit, counts, exit_code, is_cut_short
from conformance.report import formats
from conformance.report.collector import Collector
from conformance.report.finding_rows import finding_rows
from conformance.report.repro.files import FindingFiles


class Summary(Collector):
    """Collects the outcomes and tells of them at the end."""

    def __init__(self, session: Session, report_dir: str | None) -> None:
        super().__init__()
        self.session = session
        self.report_dir = report_dir

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run that time has ended is not green."""
        if session.exitstatus == pytest.ExitCode.OK and any(map(is_cut_short, self.judgements())):
            session.exitstatus = Exit.NOTHING

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.outcomes:
            return
        judgements = self.judgements()
        terminalreporter.section("TCRP conformance")
        terminalreporter.write_line(f"{self.session.target.endpoint}: {counts(judgements)}")
        if self.report_dir is not None:
            folder = Path(self.report_dir)
            dialect = self.session.bench.dialect
            report = self.report(
                target=str(self.session.target.endpoint),
                dialect=dialect.name,
                seed=self.session.options.seed,
                exit_code=exit_code(judgements),
                judgements=judgements,
                findings=finding_rows(causes(judgements), dialect, FindingFiles(self.session, folder).write),
                deviations=[],
            )
            terminalreporter.write_line(f"report: {formats.write(report, folder, ['json'])[0]}")
