"""`tcrp-conformance`: run the suite, list the clauses, explain one, load a server."""

import argparse
import contextlib
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from conformance import standard_streams
from conformance.engine.options import AUTO, HOSTILE, IMPAIR, RECORDED, REDACT, SERVER, TLS, declare, filled
from conformance.installation import missing, shadowing
from conformance.interrupts import interrupted_by_any_end
from conformance.outcome.verdicts import CommandError, Exit, in_a_line
from conformance.spec import clauses
from conformance.spec import suite_index as index
from conformance.spec.clauses import Clause, UnknownClause
from conformance.trace.text import printable


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and exits with 4."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (try {self.prog} --help)")


def fail(message: str, code: Exit = Exit.USAGE) -> NoReturn:
    """One line on stderr, and the exit code. The message may quote a server."""
    print(f"tcrp-conformance: {printable(message)}", file=sys.stderr)
    raise SystemExit(int(code))


def main(argv: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code; see conformance.outcome.verdicts.Exit."""
    standard_streams.install()
    if (problem := shadowing()) is not None:
        fail(problem)
    try:
        return _obey(argv)
    finally:
        if (why := standard_streams.lost_output()) is not None:
            fail(f"what was to be printed is lost: {why}", Exit.SUITE_FAULT)


def _obey(argv: Sequence[str] | None) -> int:
    """Do what the command line asks for. Returns the exit code; SystemExit once a line says what is wrong."""
    arguments = _parser().parse_args(argv)
    try:
        with interrupted_by_any_end():
            code: int = arguments.command(arguments)
    except UnknownClause as unknown:
        fail(str(unknown))
    except CommandError as refused:
        fail(str(refused), refused.code)
    except KeyboardInterrupt:
        fail("interrupted", Exit.INTERRUPTED)
    except Exception as error:
        fail(in_a_line(error), Exit.SUITE_FAULT)
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
    declare(run.add_argument, dialect=AUTO, report_dir="tcrp-report")
    run.add_argument("-k", metavar="EXPR", help="only tests whose names match, as pytest's -k")
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

    probe = commands.add_parser(
        "probe",
        help="find out how a server talks",
        description="Find out how a running server talks and name its dialect, or write a dialect file with the bytes "
        "that prove every answer. Exit codes: 0 a dialect was found, even in part, 1 none was, 2 interrupted, 4 usage, "
        "6 unreachable, 7 the server died.",
    )
    declare(probe.add_argument, (*SERVER, IMPAIR))
    probe.add_argument("-o", "--output", metavar="FILE", help="where the dialect file goes (default: the screen)")
    probe.set_defaults(command=_probe)

    replay = commands.add_parser(
        "replay",
        help="repeat a finding",
        description="Hold the conversation of a finding again, with exactly its bytes but for the tokens. A command "
        "that the file records is started only where --exec is given. Exit codes: "
        "0 FIXED, 1 FAILED, 2 interrupted, 3 the suite's own fault, 4 usage, 5 nothing judged, 6 unreachable.",
    )
    replay.add_argument("file", metavar="FILE", help="a replay file, such as tcrp-report/findings/2.5a.json")
    declare(replay.add_argument, [one for one in SERVER if one.name != "exec"], tail=" (default: as in the run)")
    replay.add_argument(
        "--exec", metavar="CMD", nargs="?", const=RECORDED, type=filled,
        help="start a server with this command; without CMD, with the one that the file records",
    )  # fmt: skip
    declare(replay.add_argument, (*TLS, IMPAIR))
    replay.add_argument(
        "--dialect", metavar="NAME|FILE",
        help="the dialect it speaks (default: as in the run; a Python file that the run has named runs only if it is "
        "named here)",
    )  # fmt: skip
    replay.add_argument("--runs", metavar="N", type=int, default=3, help="how often (default: 3)")
    replay.set_defaults(command=_replay)

    load = commands.add_parser(
        "load",
        help="find out how much a server bears",
        description="Find out how much a server bears: rooms full of members at addresses of their own, evenly paced. "
        "Exit codes: 0 the rate was held without loss, 1 it was not, 2 interrupted, 3 the generator did not reach it, "
        "4 usage, 5 the server did not take so many, 6 unreachable, 7 the server died. Needs Linux.",
    )
    declare(load.add_argument, SERVER)
    load.add_argument("--dialect", metavar="NAME|FILE", default="tcrp", help="the dialect it speaks (default: tcrp)")
    load.add_argument("--rooms", metavar="N", type=int, help="rooms (default: 500, or 1 where there are no rooms)")
    load.add_argument("--members", metavar="N", type=int, default=10, help="members of a room (default: 10)")
    load.add_argument("--rate", metavar="R", type=float, default=2.0, help="messages a second of each (default: 2)")
    load.add_argument("--seconds", metavar="S", type=float, default=10.0, help="of sending (default: 10)")
    load.add_argument("--search", action="store_true", help="find the highest rate that is held, beginning with --rate")
    load.add_argument("--processes", metavar="N", type=int, help="of the generator (default: as many as it needs)")
    load.add_argument(
        "--idle-timeout", metavar="S", type=float, help="the server's idle time (default: the dialect's usual one)"
    )
    load.add_argument("--json", metavar="FILE|-", help="the figures (default: load.json in --report-dir)")
    load.add_argument("--svg", metavar="FILE|-", help="latency over time (default: load.svg in --report-dir)")
    load.add_argument("--report-dir", metavar="DIR", default="tcrp-report", help="default: tcrp-report")
    declare(load.add_argument, [HOSTILE])
    load.set_defaults(command=_load)

    diff = commands.add_parser(
        "diff",
        help="compare two reports",
        description="Compare two reports. Exit codes: 0 nothing became worse, 1 something did, 4 usage.",
    )
    diff.add_argument("old", metavar="OLD", help="a report.json, or its folder")
    diff.add_argument("new", metavar="NEW", help="the same")
    diff.set_defaults(command=_diff)

    bundle = commands.add_parser(
        "bundle",
        help="pack a report for whoever looks into it",
        description="Pack what a maintainer needs to look into a wrong verdict: the report, the replay files, the "
        "dialect file, the options, versions, and what the server printed. Exit codes: 0 packed, 4 usage.",
    )
    bundle.add_argument(
        "report_dir", nargs="?", metavar="REPORT_DIR", default="tcrp-report", help="default: tcrp-report"
    )
    bundle.add_argument("-o", "--output", metavar="FILE", default="tcrp-bundle.zip", help="default: tcrp-bundle.zip")
    declare(bundle.add_argument, [REDACT])
    bundle.set_defaults(command=_bundle)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    if arguments.target is None and arguments.exec is None:
        fail("no server to test: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    with _needing("the suite"):
        from conformance.run import run
    return int(run(arguments))


def _probe(arguments: argparse.Namespace) -> int:
    if arguments.target is None and arguments.exec is None:
        fail("no server to probe: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    with _needing("probing"):
        from conformance.probe.run import run
    return int(run(arguments))


def _replay(arguments: argparse.Namespace) -> int:
    with _needing("replaying"):
        from conformance.report.repro.replay import replay
    return int(replay(arguments))


def _load(arguments: argparse.Namespace) -> int:
    if arguments.target is None and arguments.exec is None:
        fail("no server to load: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    if not sys.platform.startswith("linux"):
        fail(f"load needs Linux, and this is {sys.platform}: run it there, with -t for a server that is here")
    with _needing("loading"):
        from conformance.load.run import run
    return int(run(arguments))


def _diff(arguments: argparse.Namespace) -> int:
    from conformance.report import compare

    try:
        difference = compare.compare(compare.load(Path(arguments.old)), compare.load(Path(arguments.new)))
    except ValueError as error:
        fail(str(error))
    for line in compare.lines(difference):
        print(printable(line))
    return int(Exit.FAILED if difference.worse else Exit.CONFORMS)


def _bundle(arguments: argparse.Namespace) -> int:
    with _needing("packing"):
        from conformance.report.repro.bundle import bundle
    return int(bundle(arguments))


@contextlib.contextmanager
def _needing(what: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        fail(missing(what, error.name))


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
