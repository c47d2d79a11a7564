"""The report as one HTML file that loads nothing and runs nothing."""

from functools import cache
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template

from conformance.report.formats.phrases import (
    by_section,
    conclusion,
    counts,
    dump,
    duration,
    findings_by_clause,
    plural,
    remarks,
    replay_command,
)
from conformance.report.model import FieldRow, Report
from conformance.trace.text import clip, one_line, visible

_WHOLE = 96  # bytes of a field that are shown in full; of a longer one its ends, and what is around the wrong byte
_HEAD, _TAIL, _AROUND = 32, 16, 8


def render(report: Report) -> str:
    """The report as an HTML document, for a file in UTF-8 beside the files that it refers to."""
    return _template().render(
        report=report,
        style=(resources.files(__package__) / "report.css").read_text(encoding="utf-8"),
        conclusion=conclusion(report),
        remarks="; ".join(remarks(report)),
        counts=counts(report),
        sections=by_section(report["clauses"]),
        finding_of=findings_by_clause(report),
        deviation_of={one["clause"]: one for one in report["deviations"]},
    )


def hex_parts(data: bytes, wrong: int | None) -> list[tuple[str, bool]]:
    """A field byte by byte, each with whether it is the wrong one, which may be just behind it. Long ones are cut."""
    size = len(data)
    keep = set(range(size))
    if size > _WHOLE:
        keep = {*range(_HEAD), *range(size - _TAIL, size)}
        if wrong is not None:
            keep |= set(range(max(0, wrong - _AROUND), min(size, wrong + _AROUND)))
    parts: list[tuple[str, bool]] = []
    last = -1
    for at in sorted(keep):
        if at != last + 1:
            parts.append(("…", False))
        parts.append((f"{data[at]:02x}", at == wrong))
        last = at
    if wrong is not None and wrong >= size:
        parts.append(("··", True))
    return parts if size <= _WHOLE else [*parts, (f"({size} bytes)", False)]


def _row_parts(row: FieldRow) -> list[tuple[str, bool]]:
    wrong = None if row["at"] is None else row["at"] - row["offset"]
    return hex_parts(bytes.fromhex(row["bytes"]), wrong)


def _path(path: str) -> str:
    """A path relative to the report as a URL, which no scheme can be read into."""
    return quote(visible(path), safe="/")


def _is_web(link: str | None) -> bool:
    return link is not None and link.startswith(("http://", "https://"))


def _shown(value: object) -> object:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters.update(
        bare=lambda name: name.removeprefix("TCRP-"), clip=clip, dump=dump, duration=duration, one_line=one_line,
        parts=_row_parts, path=_path,
    )  # fmt: skip
    environment.globals.update(plural=plural, replay_command=replay_command)
    environment.tests["web"] = _is_web
    return environment.from_string((resources.files(__package__) / "report.html.jinja").read_text(encoding="utf-8"))
