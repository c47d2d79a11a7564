"""The command `tcrp-conformance load`: its options, and what becomes of the result."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from conformance.load import chart, page
from conformance.load.plan import Plan, processes_needed, rooms_in
from conformance.load.progress import LoadProgress
from conformance.load.report import make_report
from conformance.load.session import LoadResult, LoadSession
from conformance.net.addresses import is_of_this_machine
from conformance.net.target import MOST_SECONDS, Target, Unreachable, target_of
from conformance.outcome.verdicts import CommandError, Exit
from tcrp import Dialect
from tcrp.dialects import get

STDOUT = "-"


def run(arguments: argparse.Namespace) -> Exit:
    """What the arguments of the command line ask for. Raises CommandError."""
    try:
        dialect = get(arguments.dialect)
        target = target_of(arguments.target, arguments.exec, dialect.ports, arguments.ready_timeout)
        if not arguments.hostile and not target.owned and not is_of_this_machine(target.endpoint.host):
            raise CommandError(f"{target.endpoint.host} is another machine: give --hostile if it may bear a load")
    except ValueError as error:
        raise CommandError(str(error)) from None
    except Unreachable as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    if target.endpoint.udp is None:
        raise CommandError(f"load is about chat, which needs UDP, and {target.endpoint} has none")
    plan = _plan(arguments, dialect)
    count = arguments.processes or processes_needed(plan, search=arguments.search)
    paths = _paths(arguments)
    progress = LoadProgress(Console(
        file=sys.stderr if STDOUT in paths.values() else sys.stdout, highlight=False, markup=False, emoji=False,
    ))  # fmt: skip
    try:
        target.start()
        if dialect.can.tcp and target.endpoint.tcp is None:
            raise CommandError(f"dialect {dialect.name} needs TCP, and the endpoint has none: -t HOST:TCP:UDP")
        session = LoadSession(target, dialect, plan, min(count, plan.rooms), arguments.idle_timeout, progress)
        result = session.run(search_rate=arguments.search)
        _publish(result, target, dialect, paths, progress)
    except Unreachable as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    finally:
        target.stop()
    return result.code


def _plan(arguments: argparse.Namespace, dialect: Dialect) -> Plan:
    for name, least in (("rooms", 1), ("members", 2), ("processes", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise CommandError(f"--{name} is {value}: a whole number, at least {least}")
    for name in ("rate", "seconds", "idle_timeout"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < MOST_SECONDS:
            raise CommandError(f"--{name.replace('_', '-')} is {value:g}: more than 0, less than a million")
    rooms = rooms_in(dialect, arguments.rooms)
    plan = Plan(rooms, arguments.members, arguments.rate, arguments.seconds, dialect.policy.echo)
    plan.check()
    return plan


def _paths(arguments: argparse.Namespace) -> dict[str, str]:
    """Where the report and the chart go: into the folder, unless they are named. Only one of them may be STDOUT."""
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


def _publish(
    result: LoadResult, target: Target, dialect: Dialect, paths: dict[str, str], progress: LoadProgress
) -> None:
    """Print the page, and write the report and the chart."""
    report = make_report(
        target=str(target.endpoint), dialect=dialect.name, plan=result.plan, figures=result.figures, code=result.code,
        notes=result.notes, found=result.found,
    )  # fmt: skip
    progress.say("")
    for line in page.lines(report):
        progress.say(line)
    texts = {"json": json.dumps(report, indent=1) + "\n", "svg": chart.svg(report)}
    for kind, path in paths.items():
        if path == STDOUT:
            sys.stdout.write(texts[kind])
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)  # it may have been deleted meanwhile
            Path(path).write_text(texts[kind], encoding="utf-8")
    written = [path for path in paths.values() if path != STDOUT]
    if written:
        progress.say(f"Written: {', '.join(written)}")
