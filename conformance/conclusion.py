"""What a run comes to, for the command line and for pytest: its report, and the files that go with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.session import Session
from conformance.outcome.causes import causes
from conformance.outcome.verdicts import Exit, Verdict, exit_code
from conformance.path_section import path_row
from conformance.report import formats
from conformance.report.collector import Collector
from conformance.report.finding_rows import WriteFiles, finding_rows
from conformance.report.model import Report
from conformance.report.redaction import redacted
from conformance.report.repro.files import DIALECT
from conformance.trace.text import as_utf8


def conclude(
    collector: Collector, session: Session, *, ended: int, said: Mapping[str, Any], write_files: WriteFiles
) -> Report:
    """The report of a run. `ended`: pytest's exit code; `said`: the options as they were given; `write_files`: writes
    what repeats a finding.
    """
    options = session.options
    judgements = collector.judgements()
    deviations = collector.deviation_rows(judgements)
    code = exit_code(
        judgements, options.level, interrupted=ended == pytest.ExitCode.INTERRUPTED,
        died=session.died and any(one.verdict is Verdict.CRASH for one in judgements),
        red=any(one["state"] in ("passing", "expired") for one in deviations),
    )  # fmt: skip
    if session.unreachable is not None:
        code = Exit.UNREACHABLE
    elif ended == pytest.ExitCode.INTERNAL_ERROR:
        code = Exit.SUITE_FAULT
    dialect = session.bench.dialect
    report = collector.report(
        options=said, target=str(session.target.server), dialect=dialect.name, seed=options.seed, exit_code=code,
        judgements=judgements, findings=finding_rows(causes(judgements), dialect, write_files), deviations=deviations,
        differences=[{"clause": one.clause, "text": one.text} for one in session.differences],
        path=path_row(session.paths, session.target),
    )  # fmt: skip
    return redacted(report, session.bench.context.identities) if options.redact else report


def write(report: Report, session: Session, folder: Path, kinds: tuple[str, ...]) -> list[Path]:
    """Write the reports of these kinds, and the dialect file that was found. Returns the paths of the reports. OSError
    if that cannot be done.
    """
    written = formats.write(report, folder, kinds)
    if session.dialect_file is not None and not session.options.redact:
        (folder / DIALECT).write_bytes(as_utf8(session.dialect_file))
    return written
