"""Two reports side by side: what became worse, what became better. Only what differs is told."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

from conformance.outcome.verdicts import BROKEN, KEPT, Verdict
from conformance.report.formats.phrases import plural
from conformance.report.model import SCHEMA, Report
from conformance.trace.text import one_line

SETTINGS = {"target": str, "dialect": str, "tool": str, "seed": int}
LATER = {"spec": str}
"""Settings that reports of earlier versions do not have."""
UNRECORDED = "not recorded"
NOTES = {
    "seed": "With another seed other examples are drawn: give both runs the same --seed before you trust a difference.",
    "spec": "The rules were not the same: a clause may say something else, or be judged otherwise.",
}
"""What a difference of the circumstances means."""
_WORDS = {str: "text", int: "number"}
_WIDTH = 100


class Change(NamedTuple):
    """A clause whose verdict differs."""

    clause: str
    title: str
    old: str
    new: str


class Difference(NamedTuple):
    """What differs between two reports. `settings`: name, old, new; `same`: how many clauses have the same verdict."""

    worse: tuple[Change, ...]
    better: tuple[Change, ...]
    changed: tuple[Change, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    settings: tuple[tuple[str, str, str], ...]
    same: int


def load(path: Path) -> Report:
    """The report of that file, or of the folder that holds report.json. ValueError, one line, if it is none."""
    path = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: it cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(report, dict) or "schema" not in report:
        raise ValueError(f"{path}: not a report of tcrp-conformance: it has no schema number; give its report.json")
    if report["schema"] is True or report["schema"] != SCHEMA:
        raise ValueError(f"{path}: schema = {_shown(report['schema'])}: only {SCHEMA} can be read here")
    for name, kind in (SETTINGS | {name: kind for name, kind in LATER.items() if name in report}).items():
        if type(report.get(name)) is not kind:  # a bool is an int, and no seed
            raise ValueError(f"{path}: {name} = {_shown(report.get(name))}: a report has a {_WORDS[kind]} there")
    _check_clauses(path, report.get("clauses"))
    return cast(Report, report)


def compare(old: Report, new: Report) -> Difference:
    """What became of each clause. A listed deviation (`known`) failed, like every other failure."""
    before = {row["id"]: row for row in old["clauses"]}
    after = {row["id"]: row for row in new["clauses"]}
    worse, better, changed = [], [], []
    both = [name for name in after if name in before]
    for name in both:
        one = Change(name, after[name]["title"], before[name]["verdict"], after[name]["verdict"])
        if one.old in KEPT and one.new in BROKEN:
            worse.append(one)
        elif one.old in BROKEN and one.new in KEPT:
            better.append(one)
        elif one.old != one.new:
            changed.append(one)
    return Difference(
        worse=tuple(worse),
        better=tuple(better),
        changed=tuple(changed),
        only_old=tuple(name for name in before if name not in after),
        only_new=tuple(name for name in after if name not in before),
        settings=_settings(old, new),
        same=len(both) - len(worse) - len(better) - len(changed),
    )


def _settings(old: Report, new: Report) -> tuple[tuple[str, str, str], ...]:
    before, after = cast(Mapping[str, object], old), cast(Mapping[str, object], new)
    found = ((name, *(str(one.get(name, UNRECORDED)) for one in (before, after))) for name in (*SETTINGS, *LATER))
    return tuple((name, old, new) for name, old, new in found if old != new)


def lines(difference: Difference) -> list[str]:
    """The difference for a terminal."""
    found = [f"{name}: {one_line(old)} -> {one_line(new)}" for name, old, new in difference.settings]
    found += [NOTES[name] for name, _, _ in difference.settings if name in NOTES]
    for heading in ("worse", "better", "changed"):
        changes: tuple[Change, ...] = getattr(difference, heading)
        if changes:
            found.append(f"{heading}:")
            found += [f"  {one.clause:<11} {f'{one.old} -> {one.new}':<22}  {one_line(one.title)}" for one in changes]
    for which, names in (("old", difference.only_old), ("new", difference.only_new)):
        if names:
            text = f"only in the {which} report: {', '.join(names)}"
            found += textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return [*found, f"the same: {plural(difference.same, 'clause')}"]


def _check_clauses(path: Path, rows: object) -> None:
    if not isinstance(rows, list):
        raise ValueError(f"{path}: clauses = {_shown(rows)}: a report has a list there")
    seen = set()
    for number, row in enumerate(rows, 1):
        where = f"{path}: clause number {number}"
        if not isinstance(row, dict):
            raise ValueError(f"{where}: {_shown(row)}: a report has an object there")
        for name in ("id", "title", "verdict"):
            if not isinstance(row.get(name), str):
                raise ValueError(f"{where}: {name} = {_shown(row.get(name))}: a report has a text there")
        if row["verdict"] not in list(Verdict):
            raise ValueError(f"{where}: verdict = {_shown(row['verdict'])}: it must be one of {', '.join(Verdict)}")
        if row["id"] in seen:
            raise ValueError(f"{where}: id = {_shown(row['id'])}: it stands there twice")
        seen.add(row["id"])


def _shown(value: object) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), 60)
