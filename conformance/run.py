"""`tcrp-conformance run`: the suite against one endpoint, in this process, and what it comes to."""

import argparse
import os
import random
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from conformance.engine.options import AUTO, UsageProblem, read
from conformance.engine.session import Session
from conformance.installation import cache_folder
from conformance.net.addresses import Unreachable
from conformance.outcome import deviations
from conformance.outcome.causes import causes
from conformance.outcome.deviations import Deviation
from conformance.outcome.verdicts import CommandError, Exit, Verdict, exit_code
from conformance.report import formats as reports
from conformance.report.finding_rows import finding_rows
from conformance.report.live import Progress
from conformance.report.model import deviation_row
from conformance.report.repro.files import FindingFiles
from conformance.report.screen import print_end, print_findings
from conformance.spec import clauses
from conformance.spec import suite_index as index
from conformance.spec.clauses import Level
from tcrp import __version__


def run(arguments: argparse.Namespace) -> Exit:
    """What the arguments of the command line ask for."""
    arguments.seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    listed = _deviations(arguments.deviations)
    session = _session(arguments)
    if not session.chosen:
        raise CommandError(_why_nothing(arguments.clauses), Exit.NOTHING)
    folder = Path(arguments.report_dir)
    _make(folder)  # before a minute of work
    progress = Progress(session, arguments.verbose - arguments.quiet)
    if not arguments.quiet:
        target = arguments.exec or session.target.endpoint
        dialect = AUTO if session.options.automatic else session.bench.dialect.name
        head = f"tcrp-conformance {__version__}  target {target}  dialect {dialect}  seed {session.options.seed}"
        progress.screen.print(head, soft_wrap=True)
        session.told = lambda line: progress.screen.print(line, soft_wrap=True)
    ended = _tests(arguments.k, progress)
    if ended == pytest.ExitCode.USAGE_ERROR and arguments.k is not None:
        raise CommandError(f"-k is {arguments.k!r}: parts of names, joined by and, or, not and parentheses")
    if arguments.k is not None:
        progress.chosen = []
    try:
        return _tell(arguments, session, progress, listed, ended, folder)
    except BrokenPipeError:
        raise  # whoever reads the page has read enough
    except OSError as error:
        raise CommandError(_not_written(folder, error) if error.strerror else str(error), Exit.SUITE_FAULT) from None


def _session(arguments: argparse.Namespace) -> Session:
    try:
        return Session(read(arguments, arguments.clauses))
    except UsageProblem as problem:
        raise CommandError(str(problem)) from None
    except Unreachable as unreachable:
        raise CommandError(f"unreachable: {unreachable}", Exit.UNREACHABLE) from None


def _deviations(path: str | None) -> list[Deviation]:
    try:
        return deviations.read(Path(path)) if path else []
    except (ValueError, OSError) as error:
        raise CommandError(str(error)) from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
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
    arguments: argparse.Namespace, session: Session, progress: Progress, listed: list[Deviation], ended: int,
    folder: Path,
) -> Exit:  # fmt: skip
    judgements = progress.judgements()
    verdicts = {one.clause.id: str(one.verdict) for one in judgements}
    today = date.today()
    told = [deviation_row(one, deviations.state(one, verdicts.get(one.clause), today)) for one in listed]
    known = {one["clause"] for one in told if one["state"] == "known"}
    for one in judgements:
        if one.clause.id in known:
            one.verdict = Verdict.KNOWN
    died = session.died and any(one.verdict is Verdict.CRASH for one in judgements)
    code = exit_code(
        judgements, Level(arguments.level.upper()), interrupted=ended == pytest.ExitCode.INTERRUPTED, died=died,
        red=any(one["state"] in ("passing", "expired") for one in told),
    )  # fmt: skip
    if session.unreachable is not None:
        code = Exit.UNREACHABLE
    elif ended == pytest.ExitCode.INTERNAL_ERROR:
        code = Exit.SUITE_FAULT
    if session.probed is not None and session.probed.toml is not None:
        (folder / "dialect.toml").write_text(session.probed.toml, encoding="utf-8")
    files = FindingFiles(session, folder)
    dialect = session.bench.dialect
    report = progress.report(
        target=str(session.target.endpoint), dialect=dialect.name, seed=session.options.seed, exit_code=code,
        judgements=judgements, findings=finding_rows(causes(judgements), dialect, files.write), deviations=told,
    )  # fmt: skip
    reports.write(report, folder, arguments.report)
    told_to = {"verbosity": progress.verbosity, "folder": arguments.report_dir}
    print_findings(report, progress.screen, **told_to)
    if session.unreachable is not None:
        print(f"tcrp-conformance: unreachable: {session.unreachable}", file=sys.stderr)
    print_end(report, progress.screen, **told_to)
    return code


def _why_nothing(words: list[str]) -> str:
    reasons = {one.untested.reason for one in clauses.select(words) if one.untested} if words else set()
    return f"nothing is selected{': ' + '; '.join(sorted(reasons)) if reasons else ''}"
