"""What a server is known to do wrong: a file of deviations, each with its reason, and what becomes of them in a run.

[[deviation]]
clause = "3.10a"
reason = "passwords are compared without case until the accounts are moved"
link = "https://example.org/issues/12"    # optional
until = 2026-12-31                        # optional: the last day on which it may fail
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from conformance.outcome.verdicts import BROKEN, KEPT, Judgement, Verdict
from conformance.spec.clauses import clause

KEYS = ("clause", "reason", "link", "until")


class Deviation(NamedTuple):
    """A clause that a server is known to break. `clause`: its id; `until`: the last day on which it may."""

    clause: str
    reason: str
    link: str | None = None
    until: date | None = None


def read(path: Path) -> list[Deviation]:
    """The deviations of a TOML file, in its order. ValueError, one line, for whatever is not as it should be."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8, which TOML is written in") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not TOML: {' '.join(str(error).split())}") from None
    if odd := [key for key in tables if key != "deviation"]:
        raise ValueError(f"{path}: unknown key {odd[0]!r}: the file holds [[deviation]] tables and nothing else")
    rows = tables.get("deviation", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: deviation is not a list of tables: begin each with [[deviation]]")
    if not rows:
        raise ValueError(f"{path}: no deviation in it: begin one with [[deviation]], or leave the file out")
    found: dict[str, int] = {}
    deviations = []
    for number, row in enumerate(rows, 1):
        one = _read(f"{path}: deviation {number}", row)
        if one.clause in found:
            raise ValueError(
                f"{path}: deviation {number}: clause = {row['clause']!r}: deviation {found[one.clause]} is about it "
                "already: make one of the two"
            )
        found[one.clause] = number
        deviations.append(one)
    return deviations


State = Literal["known", "passing", "expired", "unjudged"]


def state(deviation: Deviation, verdict: str | None, today: date) -> State:
    """What a run says of it: known, passing, expired or unjudged. `verdict`: the clause's, None if it has none.

    What the suite could not judge, its own faults included, is unjudged.
    """
    if verdict in KEPT:
        return "passing"
    if verdict not in BROKEN:
        return "unjudged"
    return "expired" if deviation.until is not None and today > deviation.until else "known"


def excused(judgement: Judgement, deviations: Sequence[Deviation], today: date) -> Judgement:
    """The judgement, with the verdict `known` if its clause is listed and may fail today."""
    listed = listed_for(judgement.clause.id, deviations)
    if listed is not None and state(listed, judgement.verdict, today) == "known":
        judgement.verdict = Verdict.KNOWN
    return judgement


def listed_for(clause_id: str, deviations: Sequence[Deviation]) -> Deviation | None:
    """The deviation that is listed for a clause."""
    return next((one for one in deviations if one.clause == clause_id), None)


def _read(where: str, row: Mapping[str, Any]) -> Deviation:
    if odd := [key for key in row if key not in KEYS]:
        raise ValueError(
            f"{where}: unknown key {odd[0]!r}, value {_shown(row[odd[0]])}: the keys are {', '.join(KEYS)}"
        )

    def text(key: str, example: str) -> str:
        if key not in row:
            raise ValueError(f"{where}: {key} is missing: add {key} = {example}")
        if not isinstance(row[key], str) or not row[key].strip():
            raise ValueError(f"{where}: {key} = {_shown(row[key])}: it must be text, as in {key} = {example}")
        return " ".join(row[key].split())

    name = text("clause", '"2.5a"')
    try:
        known = clause(name).id
    except KeyError as error:
        raise ValueError(f"{where}: clause = {name!r}: {error.args[0]}") from None
    reason = text("reason", '"why it is so"')
    link = text("link", '"https://example.org/issues/1"') if "link" in row else None
    if link is not None and not _is_link(link):
        raise ValueError(f"{where}: link = {link!r}: it must be an http or https URL, as https://example.org/issues/1")
    until = row.get("until")
    if until is not None and (not isinstance(until, date) or isinstance(until, datetime)):
        raise ValueError(f"{where}: until = {_shown(until)}: it must be a date without quotes, as until = 2026-12-31")
    return Deviation(known, reason, link, until)


def _is_link(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and link.isprintable() and " " not in link


def _shown(value: object) -> str:
    return str(value) if isinstance(value, date) else repr(value)
