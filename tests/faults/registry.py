"""Where variants of the plain server are registered by name, and the command that runs one of them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from plain import Server


class Variant(NamedTuple):
    """`clause` is where a suite must report it (for a right server: what it makes use of).

    `also` holds the clauses that may be reported with it, where one cannot tell them apart.
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


def fault(name: str, clause: str, *, also: tuple[str, ...] = (), note: str) -> Callable[[type], type]:
    """Registers a server with one wrong way."""

    def register(server: type[Server]) -> type[Server]:
        _register(FAULTS, Variant(name, server, clause, also, note))
        return server

    return register


def odd(name: str, *clauses: str, note: str) -> Callable[[type], type]:
    """Registers a server that is right, though few would write it so."""

    def register(server: type[Server]) -> type[Server]:
        _register(ODD, Variant(name, server, clauses[0], clauses[1:], note))
        return server

    return register


def by_clause(variant: Variant) -> tuple[int, int, str]:
    section, number, letter = re.fullmatch(r"TCRP-(\d+)\.(\d+)([a-z]?)", variant.clause).groups()
    return int(section), int(number), letter


def _load(modules: Iterable[str], name: str | None) -> None:
    """Import what registers this name, or everything: hundreds of servers are started, and that is most of a start."""
    folder = Path(sys.argv[0]).parent
    for module in modules:
        if name is None or f'"{name}"' in (folder / f"{module}.py").read_text(encoding="utf-8"):
            import_module(module)


def main(option: str, table: dict[str, Variant], modules: Iterable[str] = ()) -> None:
    """The command line of both collections; `option` is the one that picks the variant, `modules` register them."""
    parser = argparse.ArgumentParser(description=f"A TCRP server, right but for what --{option} names.")
    parser.add_argument(f"--{option}", dest="name", default="none", metavar="NAME", help="none: the plain server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--tcp-port", type=int, default=0)
    parser.add_argument("--udp-port", type=int, default=0)
    parser.add_argument("--idle-timeout", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--list", action="store_true", help="name, clause, other clauses, note; tab-separated")
    arguments = parser.parse_args()
    _load(modules, None if arguments.list else arguments.name)
    if arguments.list:
        for variant in sorted(table.values(), key=by_clause):
            print(variant.name, variant.clause, ",".join(variant.also) or "-", variant.note, sep="\t")
        return
    if arguments.name != "none" and arguments.name not in table:
        parser.error(f"--{option} {arguments.name}: no such name; --list shows them")
    server = table[arguments.name].server if arguments.name != "none" else Server
    server(arguments.host, arguments.tcp_port, arguments.udp_port, arguments.idle_timeout).run()
