"""`tcrp-conformance replay`: is a finding still one?"""

import argparse
from pathlib import Path

from conformance.engine.options import RECORDED
from conformance.engine.rerun.attempt import Attempt
from conformance.impair.impairment import parse_impairment
from conformance.net.target import Unreachable, target_of
from conformance.net.tls import tls_of
from conformance.outcome.findings import TargetLost
from conformance.outcome.verdicts import CommandError, Exit
from conformance.report.ladder import ladder
from conformance.report.repro.replay_file import hold, read
from conformance.spec.clauses import clause
from conformance.trace.text import printable, safe
from tcrp import dialects


def replay(arguments: argparse.Namespace) -> Exit:
    """Hold the conversation of the file again and say FIXED or FAILED."""
    if arguments.runs < 1:
        raise CommandError(f"--runs is {arguments.runs}: a whole number, at least 1")
    try:
        repeated = read(Path(arguments.file))
        address, command = arguments.target, arguments.exec
        if command == RECORDED:
            address, command = address or repeated.target, _recorded(repeated.command)
        if address is None and command is None:
            address = repeated.target
            _refuse_to_start(repeated.command)
        dialect = dialects.of_text(repeated.dialect) if arguments.dialect is None else dialects.get(arguments.dialect)
        tls = tls_of(arguments.tls, arguments.tls_ca, address)
        if repeated.tls and tls is None:
            raise ValueError("the server spoke TLS when this was found: give --tls, or --tls-ca FILE")
        impairment = None if arguments.impair is None else parse_impairment(arguments.impair)
        target = target_of(address, command, dialect.ports, arguments.ready_timeout, tls, impairment)
        one = clause(repeated.clause)
    except (ValueError, KeyError) as error:
        raise CommandError(str(error.args[0])) from None
    except Unreachable as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    print(f"{one.id}: {one.title}\n")
    last: list[Attempt] = []
    try:
        target.start()
        attempts = hold(repeated, dialect, target, arguments.runs, last.append)
    except (Unreachable, TargetLost) as error:
        raise CommandError(f"unreachable: {error}", Exit.UNREACHABLE) from None
    except (LookupError, ValueError) as error:
        raise CommandError(f"this version of the suite cannot hold the conversation of the file: {error}") from None
    except Exception as error:
        raise CommandError(
            f"the conversation could not be held: {type(error).__name__}: {error}", Exit.SUITE_FAULT
        ) from None
    finally:
        target.stop()
    return _tell(repeated.expected, repeated.actual, attempts)


def _recorded(command: str | None) -> str:
    """The command of the run, shown before it is started. ValueError if that run started none."""
    if command is None:
        raise ValueError("--exec needs a command here: the run of this file started none")
    print(f"starting: {printable(command)}\n", flush=True)
    return command


def _refuse_to_start(command: str | None) -> None:
    """ValueError where only a command of somebody else would bring a server."""
    if command is not None:
        raise ValueError(
            f"the run of this file started its server with '{command}': give --exec to start it so again, "
            "--exec 'CMD' for another command, or -t HOST[:TCP[:UDP]] for a server that runs"
        )


def _tell(expected: str, actual: str, attempts: list[Attempt]) -> Exit:
    failed = [one for one in attempts if one.failed]
    judged = [one for one in attempts if one.judged]
    if not judged:
        raise CommandError("the conversation could not be held: the clause is not supported here", Exit.NOTHING)
    shown = (failed or judged)[0]
    for line in ladder(shown.steps):
        print(printable(line))
    print(f"\nexpected  {safe(expected)}\nwas       {safe(actual)}")
    if failed:
        print(f"now       {safe(str(getattr(shown.found, 'actual', shown.found)))}")
    count = f"{len(failed)} of {len(judged)} runs failed"
    print(f"\nFAILED ({count})" if failed else f"\nFIXED ({count})")
    return Exit.FAILED if failed else Exit.CONFORMS
