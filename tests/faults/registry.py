"""Where variants of the plain server are registered by name, and the command that runs one of them."""

import argparse
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.faults.plain import Server

TESTS = Path(__file__).parent.parent
S = TypeVar("S", bound=type[Server])


class Variant(NamedTuple):
    """`clause` is where a suite must report it (of a right server: the clause that it makes use of).

    `also` holds the clauses that may be reported with it, where they cannot be told apart.
    """

    name: str
    server: type[Server]
    clause: str
    also: tuple[str, ...]
    note: str


FAULTS: dict[str, Variant] = {}
ODD: dict[str, Variant] = {}


def _register(table: dict[str, Variant], variant: Variant) -> None:
    if variant.name in table:
        raise ValueError(f"two variants are named {variant.name}")
    table[variant.name] = variant


def fault(name: str, clause: str, *, also: tuple[str, ...] = (), note: str) -> Callable[[S], S]:
    """Registers a server that is wrong in one way."""

    def register(server: S) -> S:
        _register(FAULTS, Variant(name, server, clause, also, note))
        return server

    return register


def odd(name: str, *clauses: str, note: str) -> Callable[[S], S]:
    """Registers a server that is right but unusual."""

    def register(server: S) -> S:
        _register(ODD, Variant(name, server, clauses[0], clauses[1:], note))
        return server

    return register


def by_clause(variant: Variant) -> tuple[int, int, str]:
    """The key that sorts variants by clause, so that 3.10 comes after 3.9. Raises ValueError for what is no clause."""
    found = re.fullmatch(r"TCRP-(\d+)\.(\d+)([a-z]?)", variant.clause)
    if found is None:
        raise ValueError(f"{variant.name} names no clause: {variant.clause}")
    section, number, letter = found.groups()
    return int(section), int(number), letter


def load(folder: str, name: str | None = None) -> None:
    """Import the modules of tests/faults or tests/odd that register this name, or all of them.

    Hundreds of servers are started, and importing is most of a start.
    """
    for path in sorted((TESTS / folder).glob("clauses_*.py")):
        if name is None or f'"{name}"' in path.read_text(encoding="utf-8"):
            import_module(f"tests.{folder}.{path.stem}")


def main(option: str, table: dict[str, Variant], folder: str | None = None) -> None:
    """The command line of both collections. `option` picks the variant, the modules in `folder` register them.

    Without a folder, `table` holds them already.
    """
    parser = argparse.ArgumentParser(description=f"A TCRP server, right but for what --{option} names.")
    parser.add_argument(f"--{option}", dest="name", default="none", metavar="NAME", help="none: the plain server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--tcp-port", type=int, default=0)
    parser.add_argument("--udp-port", type=int, default=0)
    parser.add_argument("--idle-timeout", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--list", action="store_true", help="name, clause, other clauses, note; tab-separated")
    arguments = parser.parse_args()
    if folder is not None:
        load(folder, None if arguments.list else arguments.name)
    if arguments.list:
        for variant in sorted(table.values(), key=by_clause):
            print(variant.name, variant.clause, ",".join(variant.also) or "-", variant.note, sep="\t")
        return
    if arguments.name != "none" and arguments.name not in table:
        parser.error(f"--{option} {arguments.name}: no such name; --list shows them")
    server = table[arguments.name].server if arguments.name != "none" else Server
    server(arguments.host, arguments.tcp_port, arguments.udp_port, arguments.idle_timeout).run()
