"""`tcrp-conformance run`: the suite against one endpoint, in this process, and what it comes to."""

import argparse
import os
import random
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from conformance.conclusion import conclude, write
from conformance.engine.options import AUTO, RunOptions, UsageProblem, read
from conformance.engine.session import Session
from conformance.installation import cache_folder
from conformance.net.addresses import Unreachable
from conformance.outcome.verdicts import CommandError, Exit
from conformance.report import formats as reports
from conformance.report.live import Progress
from conformance.report.model import Report
from conformance.report.repro.files import FindingFiles, remove_earlier
from conformance.report.screen import print_end, print_findings
from conformance.spec import clauses
from conformance.spec import suite_index as index
from conformance.trace.text import printable, safe
from tcrp import __version__


def run(arguments: argparse.Namespace) -> Exit:
    """What the arguments of the command line ask for."""
    arguments.seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    session = _session(arguments)
    options = session.options
    if not session.chosen:
        raise CommandError(_why_nothing(arguments.clauses), Exit.NOTHING)
    folder = Path(arguments.report_dir)
    kinds = _kinds(arguments.report)
    _make(folder, options)  # before a minute of work
    progress = Progress(session, arguments.verbose - arguments.quiet)
    if not arguments.quiet:
        target = arguments.exec or session.target.server
        dialect = AUTO if session.options.automatic else session.bench.dialect.name
        head = f"tcrp-conformance {__version__}  target {target}  dialect {dialect}  seed {session.options.seed}"
        session.told = lambda line: progress.screen.print(safe(line, limit=4096), soft_wrap=True)
        session.told(head)
    ended = _tests(arguments.k, progress)
    if ended == pytest.ExitCode.USAGE_ERROR and arguments.k is not None:
        raise CommandError(f"-k is {arguments.k!r}: parts of names, joined by and, or, not and parentheses")
    if arguments.k is not None:
        progress.chosen = []
    code = _tell(arguments, session, progress, kinds, ended, folder)
    if progress.fault is not None:
        raise CommandError(progress.fault, Exit.SUITE_FAULT)
    return code


def _session(arguments: argparse.Namespace) -> Session:
    try:
        return Session(read(arguments, arguments.clauses))
    except UsageProblem as problem:
        raise CommandError(str(problem)) from None
    except Unreachable as unreachable:
        raise CommandError(f"unreachable: {unreachable}", Exit.UNREACHABLE) from None


def _kinds(text: str | None) -> tuple[str, ...]:
    try:
        return reports.kinds_of(text)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _make(folder: Path, options: RunOptions) -> None:
    """Make the folder of the reports, and remove from it what an earlier run has written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        remove_earlier(folder, probed=options.automatic)
    except OSError as error:
        raise CommandError(_not_written(folder, error)) from None


def _not_written(folder: Path, error: OSError) -> str:
    return f"--report-dir {str(folder)!r}: {error.strerror}"


def _tests(expression: str | None, progress: Progress) -> int:
    """Let pytest run the suite, with nothing but our own plugins and configuration. Returns pytest's exit code."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache_folder() / "hypothesis"))
    suite = str(index.SUITE)
    words = [suite, "-c", f"{suite}/pytest.ini", "--rootdir", suite, "-p", "conformance.plugin", "--capture=no"]
    words.append("--tb=no")  # what was found is told in our own words
    if expression is not None:
        words += ["-k", expression]
    return int(pytest.main(words, plugins=[progress]))


def _tell(
    arguments: argparse.Namespace, session: Session, progress: Progress, kinds: tuple[str, ...], ended: int,
    folder: Path,
) -> Exit:  # fmt: skip
    files = FindingFiles(session, folder)
    said = {**session.options.said, "k": arguments.k}
    report = conclude(progress, session, ended=ended, said=said, write_files=files.writer)
    lost = _write(report, session, folder, kinds) or files.lost
    told_to = {"verbosity": progress.verbosity, "folder": arguments.report_dir}
    print_findings(report, progress.screen, **told_to)
    if lost is not None:
        raise CommandError(_not_written(folder, lost) if lost.strerror else str(lost), Exit.SUITE_FAULT)
    if session.unreachable is not None:
        print(f"tcrp-conformance: unreachable: {printable(session.unreachable)}", file=sys.stderr)
    print_end(report, progress.screen, **told_to)
    return Exit(report["exit_code"])


def _write(report: Report, session: Session, folder: Path, kinds: tuple[str, ...]) -> OSError | None:
    """Write the report, and the dialect that was found. The folder may have been deleted meanwhile. Returns why not."""
    try:
        write(report, session, folder, kinds)
    except OSError as error:
        return error
    return None


def _why_nothing(words: list[str]) -> str:
    reasons = {one.untested.reason for one in clauses.select(words) if one.untested} if words else set()
    return f"nothing is selected{': ' + '; '.join(sorted(reasons)) if reasons else ''}"
