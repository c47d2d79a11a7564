"""The command `tcrp-conformance probe`: it prints what was found out, and writes the dialect file."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from conformance.impair.impairment import parse_impairment
from conformance.net.elsewhere import elsewhere
from conformance.net.target import Unreachable, target_of
from conformance.outcome.verdicts import CommandError, Exit
from conformance.probe.probe import Probed, Tell, probe
from conformance.trace.text import printable
from tcrp.dialects import DEFAULT, get


def run(arguments: argparse.Namespace) -> Exit:
    """What the arguments of the command line ask for. Raises CommandError."""
    output = Path(arguments.output) if arguments.output is not None else None
    try:
        impairment = None if arguments.impair is None else parse_impairment(arguments.impair)
        target = target_of(
            arguments.target, arguments.exec, get(DEFAULT).ports, arguments.ready_timeout, impairment=impairment
        )
        if output is not None:
            _check_writable(output)  # before half a minute of work
        try:
            target.start()
            name = "".join(c if c.isalnum() or c in "._-" else "-" for c in output.stem) if output else ""
            with _progress() as tell:
                found = probe(target, name=name or "probed", tell=tell)
        except Unreachable as unreachable:
            where = elsewhere(target.endpoint)
            raise Unreachable(f"{unreachable}; {where}" if where else str(unreachable)) from None
        finally:
            target.stop()
    except ValueError as error:
        raise CommandError(str(error)) from None
    except Unreachable as unreachable:
        raise CommandError(f"unreachable: {unreachable}", Exit.UNREACHABLE) from None
    print("\n".join(map(printable, found.lines)))
    _publish(found, output)
    print(f"\n{found.seconds:.1f} s")
    return found.code


def _publish(found: Probed, output: Path | None) -> None:
    """Write the dialect file, or print it where no output is named."""
    if found.toml is not None and output is not None:
        try:
            output.write_text(found.toml, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"-o {str(output)!r}: {error.strerror}") from None
        print(f"\nwritten to {output}")
    elif found.toml is not None:
        print(f"\n{found.toml}", end="")
    elif found.name is not None and output is not None:
        print(f"\n{output} is not written, since none is needed: run --dialect {found.name}")


def _check_writable(output: Path) -> None:
    there = output.exists()
    try:
        with output.open("a"):
            pass
    except OSError as error:
        raise CommandError(f"-o {str(output)!r}: {error.strerror}") from None
    if not there:
        output.unlink()


@contextmanager
def _progress() -> Iterator[Tell]:
    """Show what is asked in one live line at a terminal, and nothing elsewhere: the evidence says it too."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not console.is_terminal or console.is_dumb_terminal:
        print("asking ...", file=sys.stderr)
        yield lambda text: None
        return
    with console.status("") as status:
        yield lambda text: status.update(Text(printable(text)[: max(20, console.width - 6)], "dim"))
