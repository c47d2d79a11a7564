"""The clauses of TCRP/1: what a finding points at, as data. The words are those of docs/spec.md."""

import difflib
import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from string import ascii_lowercase
from typing import Any

PREFIX = "TCRP-"
IN_DIALECT = "in dialect "
"""How the reason begins for which a clause does not apply where something else than the canonical dialect is spoken."""
SOURCES = ("seed 002", "settled here", "seed 002, settled here")
STAGE_1 = PREFIX + "7.1"
"""Stage 1: judged of a server without rooms, and of no other."""
NEEDS = ("idle", "process", "second-address", "ipv6")
_TEXTS = ("id", "section", "title", "source", "quote", "why")
_REQUIRED = {*_TEXTS, "level", "role", "mistakes"}


class Level(StrEnum):
    """How binding a clause is."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Role(StrEnum):
    """Who keeps a clause."""

    SERVER = "server"
    CLIENT = "client"
    BOTH = "both"


class Untestable(StrEnum):
    """Why no test of a server exists for a clause."""

    DEFINITION = "definition"  # it gives a number or a word its meaning
    PERMISSION = "permission"  # whatever a server does is right
    CLIENT = "client"  # it binds the client
    UNOBSERVABLE = "unobservable"  # no socket shows it
    ELSEWHERE = "elsewhere"  # it belongs to another dialect


class UnknownClause(ValueError):
    """A word that names no clause, group or section. The message is one line and names what is near."""


@dataclass(frozen=True, slots=True)
class Untested:
    """Why a clause has no test: the kind of reason, and the reason in words."""

    kind: Untestable
    reason: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule of the protocol. `needs` is a subset of NEEDS; `right` is None where no example helps; `follows`: the
    ids of clauses whose break shows itself as a break of this one too.
    """

    id: str
    level: Level
    role: Role
    section: str
    title: str
    source: str
    quote: str
    why: str
    right: str | None
    mistakes: tuple[str, ...]
    needs: frozenset[str]
    follows: tuple[str, ...]
    untested: Untested | None

    def names(self) -> tuple[str, str, str]:
        """What selects it: its id without prefix, its group, its section ("4.3a", "4.3", "4")."""
        bare = self.id.removeprefix(PREFIX)
        return bare, bare.rstrip(ascii_lowercase), bare.split(".")[0]


@cache
def all_clauses() -> tuple[Clause, ...]:
    """Every clause, in the order of the document."""
    return parse((resources.files(__package__) / "clauses.toml").read_text(encoding="utf-8"))


@cache
def revision() -> str:
    """Which text of the rules this is: 12 hex digits of a hash of the ids and the words of all clauses."""
    text = "".join(f"{one.id}\n{one.level}\n{one.quote}\n" for one in all_clauses())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def clause(name: str) -> Clause:
    """The clause of that id, prefix or not ("TCRP-2.5a", "2.5a"). KeyError, naming what is near, if none."""
    found = {one.names()[0]: one for one in all_clauses()}
    if _bare(name) not in found:
        raise KeyError(f'no clause has the id "{name}"; {_near(name, found)}')
    return found[_bare(name)]


def select(words: Iterable[str]) -> tuple[Clause, ...]:
    """The clauses that the words name, each once, in the order of the document; no words name none.

    A word is a clause ("TCRP-4.3a", "4.3a"), a group of clauses ("4.3") or a section ("4").
    UnknownClause for the first word that names nothing.
    """
    known = dict.fromkeys(name for one in all_clauses() for name in one.names())
    wanted = {_bare(word): word for word in words}
    if odd := [word for bare, word in wanted.items() if bare not in known]:
        raise UnknownClause(f'no clause, group or section is "{odd[0]}"; {_near(odd[0], known)}')
    return tuple(one for one in all_clauses() if wanted.keys() & one.names())


def choose(words: Sequence[str], skipped: Sequence[str], *, rooms: bool = True) -> list[Clause]:
    """The clauses to judge: those named, or all, less those skipped, and only those that a server can show. `rooms`:
    it is a server with rooms, which the section of stage 1 says nothing about.
    """
    named = select(words) if words else all_clauses()
    dropped = {one.id for one in select(skipped)}
    shown = [one for one in named if one.id not in dropped and one.role is not Role.CLIENT]
    return [one for one in shown if one.untested is None or (one.id == STAGE_1 and not rooms)]


def parse(text: str) -> tuple[Clause, ...]:
    """The clauses of a registry in TOML. ValueError for whatever is not as clauses.toml describes."""
    clauses: dict[str, Clause] = {}
    for number, table in enumerate(tomllib.loads(text).get("clause", []), 1):
        one = _read(table.get("id", f"clause number {number}"), table)
        if one.id in clauses:
            raise ValueError(f"{one.id}: the id is used twice")
        clauses[one.id] = one
    for one in clauses.values():
        if unknown := set(one.follows) - clauses.keys() | {one.id} & set(one.follows):
            raise ValueError(f"{one.id}: follows = {sorted(unknown)}: it must name other clauses")
    return tuple(clauses.values())


def _read(where: str, table: dict[str, Any]) -> Clause:
    if odd := (table.keys() - _REQUIRED - {"right", "needs", "untested", "follows"}) | (_REQUIRED - table.keys()):
        raise ValueError(f"{where}: unknown or missing keys: {', '.join(sorted(odd))}")

    def text(key: str, value: object, words: Iterable[str] = ()) -> str:
        if not isinstance(value, str) or not value.strip() or (words and value not in list(words)):
            raise ValueError(f"{where}: {key} = {value!r}: it must be {' | '.join(words) or 'text'}")
        return " ".join(value.split())

    untested = None
    if "untested" in table:
        kind = Untestable(text("untested kind", table["untested"].get("kind"), Untestable))
        untested = Untested(kind, text("untested reason", table["untested"].get("reason")))
    return Clause(
        **{key: text(key, table[key], SOURCES if key == "source" else ()) for key in _TEXTS},
        level=Level(text("level", table["level"], Level)),
        role=Role(text("role", table["role"], Role)),
        right=text("right", table["right"]) if "right" in table else None,
        mistakes=tuple(text("mistakes", one) for one in table["mistakes"]),
        follows=tuple(text("follows", one) for one in table.get("follows", ())),
        needs=frozenset(text("needs", one, NEEDS) for one in table.get("needs", ())),
        untested=untested,
    )


def _bare(name: str) -> str:
    return name.strip().lower().removeprefix(PREFIX.lower())


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(_bare(name), known, n=4, cutoff=0.5)
    return "near it: " + ", ".join(near) if near else "they look like 4.3a, 4.3 and 4"
