"""What a run of the suite from pytest adds to pytest's own words: the verdicts in one line, and report.json."""

from pathlib import Path

import pytest

from conformance import reports
from conformance.causes import causes
from conformance.presentation import Findings
from conformance.results import Results
from conformance.session import Session
from conformance.terminal import counts
from conformance.verdicts import exit_code


class Summary(Results):
    """Collects the outcomes and tells of them at the end."""

    def __init__(self, session: Session, report_dir: str | None) -> None:
        super().__init__()
        self.session = session
        self.report_dir = report_dir

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.outcomes:
            return
        judgements = self.judgements()
        terminalreporter.section("TCRP conformance")
        terminalreporter.write_line(f"{self.session.target.endpoint}: {counts(judgements)}")
        if self.report_dir is not None:
            folder = Path(self.report_dir)
            findings = Findings(self.session)
            report = self.report(
                target=str(self.session.target.endpoint),
                dialect=self.session.bench.dialect.name,
                seed=self.session.seed,
                exit_code=exit_code(judgements),
                judgements=judgements,
                findings=findings.rows(causes(judgements), folder),
                deviations=[],
            )
            terminalreporter.write_line(f"report: {reports.write(report, folder, ['json'])[0]}")
