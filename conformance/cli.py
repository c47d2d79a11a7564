"""`tcrp-conformance`: run the suite, list the clauses, explain one."""

import argparse
import os
import random
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from conformance import clauses, index
from conformance.clauses import Clause, Level, UnknownClause
from conformance.home import stranger
from conformance.verdicts import Exit, exit_code

REPORTS = ("json",)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and exits with 4."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (try {self.prog} --help)")


def fail(message: str, code: Exit = Exit.USAGE) -> NoReturn:
    """One line on stderr, and the exit code."""
    print(f"tcrp-conformance: {message}", file=sys.stderr)
    raise SystemExit(int(code))


def main(argv: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code; see conformance.verdicts.Exit."""
    if (problem := stranger()) is not None:
        fail(problem)
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except UnknownClause as unknown:
        fail(str(unknown))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> Parser:
    parser = Parser(prog="tcrp-conformance", description="Tells what is wrong with a TCRP server, clause by clause.")
    parser.add_argument("--version", action="version", version=f"tcrp-conformance {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser(
        "run",
        help="test a server",
        description="Test a server. Exit codes: 0 conforms, 1 a MUST failed, 2 interrupted, 3 the suite's own fault, "
        "4 usage, 5 nothing judged, 6 unreachable, 7 the target died.",
    )
    run.add_argument("clauses", nargs="*", metavar="CLAUSE", help="clauses (4.3a), groups (4.3) or sections (4)")
    run.add_argument("-t", "--target", metavar="HOST[:TCP[:UDP]]", help="the server; no TCP is '-'; IPv6 in brackets")
    run.add_argument("--exec", metavar="CMD", help="start the server; {tcp} and {udp} in it become free ports")
    run.add_argument("--dialect", metavar="NAME", help="the dialect it speaks (default: tcrp)")
    run.add_argument("-k", metavar="EXPR", help="only tests whose names match, as pytest's -k")
    run.add_argument("--skip", metavar="CLAUSE", action="append", default=[], help="not this clause, group or section")
    run.add_argument(
        "--level", choices=[level.lower() for level in Level], default="must", help="what counts for exit 1"
    )
    run.add_argument("--examples", metavar="N", type=int, help="examples a property (default: 4)")
    run.add_argument("--seed", metavar="N", type=int, help="draw the same examples as a run with this seed")
    run.add_argument(
        "--idle-timeout", metavar="S", type=float, help="the server's idle time: judge the idle clauses too"
    )
    run.add_argument("--timeout", metavar="auto|S", type=_timeout, help="seconds to wait for an answer (default: auto)")
    run.add_argument("--max-time", metavar="S", type=float, help="judge nothing more after this many seconds")
    run.add_argument("--ready-timeout", metavar="S", type=float, default=10.0, help="seconds for --exec (default: 10)")
    run.add_argument("--report-dir", metavar="DIR", default="tcrp-report", help="default: tcrp-report")
    run.add_argument("--report", metavar="KIND", type=_reports, default=("json",), help="comma-separated: json")
    loudness = run.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="each test too")
    loudness.add_argument("-q", "--quiet", action="store_true", help="findings and the sum only")
    run.set_defaults(command=_run)

    listing = commands.add_parser("list", help="list the clauses", description="List the clauses and their tests.")
    listing.add_argument("clauses", nargs="*", metavar="CLAUSE", help="clauses, groups or sections (default: all)")
    listing.set_defaults(command=_list)

    explain = commands.add_parser("explain", help="explain a clause", description="Say what a clause is about.")
    explain.add_argument("clauses", nargs="+", metavar="CLAUSE", help="clauses, groups or sections")
    explain.set_defaults(command=_explain)
    return parser


def _timeout(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor a number of seconds") from None


def _reports(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    for kind in kinds:
        if kind not in REPORTS:
            raise argparse.ArgumentTypeError(f"there is no report {kind!r}: choose from {', '.join(REPORTS)}")
    return kinds


def _run(arguments: argparse.Namespace) -> int:
    if arguments.target is None and arguments.exec is None:
        fail("no server to test: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    try:
        import pytest

        from conformance.session import Session, UsageProblem
        from conformance.terminal import Progress
    except ModuleNotFoundError as error:
        fail(f"the suite needs {error.name}: pip install 'tcrp[conformance]'")
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    options = argparse.Namespace(
        tcrp_target=arguments.target, tcrp_exec=arguments.exec, tcrp_dialect=arguments.dialect,
        tcrp_clause=arguments.clauses, tcrp_skip=arguments.skip, tcrp_examples=arguments.examples, tcrp_seed=seed,
        tcrp_idle_timeout=arguments.idle_timeout, tcrp_timeout=arguments.timeout, tcrp_max_time=arguments.max_time,
        tcrp_ready_timeout=arguments.ready_timeout,
    )  # fmt: skip
    try:
        session = Session.of_options(options)
    except UsageProblem as problem:
        fail(str(problem).replace("--tcrp-", "--"))
    if not session.chosen:
        fail(_why_nothing(arguments.clauses), Exit.NOTHING)
    progress = Progress(session, arguments.verbose - arguments.quiet)
    if not arguments.quiet:
        print(f"tcrp-conformance {_version()}  target {arguments.exec or session.target.endpoint}  "
              f"dialect {session.bench.dialect.name}  seed {seed}")  # fmt: skip
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    words = [
        str(index.SUITE),
        "-c",
        str(index.SUITE / "pytest.ini"),
        "--rootdir",
        str(index.SUITE),
        "-p",
        "conformance.plugin",
    ]
    if arguments.k is not None:
        words += ["-k", arguments.k]
    ended = pytest.main(words, plugins=[progress])
    if arguments.k is not None:
        progress.chosen = []
    judgements = progress.judgements()
    code = exit_code(
        judgements, Level(arguments.level.upper()),
        interrupted=ended == pytest.ExitCode.INTERRUPTED, died=session.died,
    )  # fmt: skip
    if session.unreachable is not None:
        code = Exit.UNREACHABLE
    elif ended == pytest.ExitCode.INTERNAL_ERROR:
        code = Exit.SUITE_FAULT
    progress.print_findings()
    report = progress.report(
        target=str(session.target.endpoint), dialect=session.bench.dialect.name, seed=seed, exit_code=code
    )
    path = progress.write(Path(arguments.report_dir), report)
    if session.unreachable is not None:
        print(f"tcrp-conformance: unreachable: {session.unreachable}", file=sys.stderr)
    progress.print_end(code, report["seconds"], str(path))
    return int(code)


def _why_nothing(words: Sequence[str]) -> str:
    reasons = {one.untested.reason for one in clauses.select(words) if one.untested} if words else set()
    return f"nothing is selected{': ' + '; '.join(sorted(reasons)) if reasons else ''}"


def _list(arguments: argparse.Namespace) -> int:
    tests = index.tests_by_clause()
    section = None
    for one in _named(arguments.clauses):
        if one.section != section:
            section = one.section
            print(f"\n{section}" if section else section)
        count = len(tests.get(one.id, ()))
        shown = f"not tested: {one.untested.kind}" if one.untested else f"{count} test{'s' * (count != 1)}"
        print(f"  {one.id:<12} {one.level:<6} {one.role:<6}  {one.title} [{shown}]")
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    width = min(100, shutil.get_terminal_size().columns)
    for one in _named(arguments.clauses):
        print(f"{one.id} ({one.level}, {one.role}; {one.source}): {one.title}\n")
        _paragraph(one.quote, width)
        _paragraph(f"Why: {one.why}", width)
        if one.right:
            _paragraph(f"Right: {one.right}", width)
        for mistake in one.mistakes:
            print(textwrap.fill(mistake, width, initial_indent="  usual mistake: ", subsequent_indent=" " * 17))
        if one.mistakes:
            print()
        if one.untested:
            _paragraph(f"Not tested ({one.untested.kind}): {one.untested.reason}", width)
        for test in index.tests_by_clause().get(one.id, ()):
            print(f"  test: {test.removeprefix('test_').replace('_', ' ')}")
        print()
    return 0


def _named(words: Sequence[str]) -> Sequence[Clause]:
    return clauses.select(words) if words else clauses.all_clauses()


def _paragraph(text: str, width: int) -> None:
    print(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ") + "\n")


def _version() -> str:
    from tcrp import __version__

    return __version__


if __name__ == "__main__":
    sys.exit(main())
