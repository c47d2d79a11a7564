"""What becomes of a run: report.json, and the same for a CI server (JUnit XML), for reading (HTML), for a comment
(Markdown). Each is a function of the report alone, whose form report.schema.json describes.
"""

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from conformance.report.model import Report
from conformance.trace.text import as_json_text, as_utf8

KINDS = ("json", "junit", "html", "md")
USUAL = ("json",)
FILES = {"json": "report.json", "junit": "report.xml", "html": "report.html", "md": "report.md"}


def kinds_of(text: str | None) -> tuple[str, ...]:
    """The kinds in a text such as `json,html`; USUAL for None. ValueError in one line for one that there is not."""
    kinds = USUAL if text is None else tuple(text.split(","))
    _check(kinds)
    return kinds


def remove_earlier(folder: Path) -> None:
    """Remove the reports of an earlier run: none of them may stand beside a new one. OSError if that cannot be done."""
    for name in FILES.values():
        (folder / name).unlink(missing_ok=True)


def write(report: Report, folder: Path, kinds: Collection[str]) -> list[Path]:
    """Write report.json and whatever else of KINDS is asked for into the folder, which is made if need be.

    A file is whole or not there. OSError in one line if the folder cannot be written; ValueError for an unknown kind.
    """
    _check(kinds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_put(folder / FILES[kind], _content(kind, report)) for kind in KINDS if kind in {"json", *kinds}]
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise OSError(f"the report cannot be written to {folder}: {why}; name another folder") from error


def _check(kinds: Collection[str]) -> None:
    if odd := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"there is no report {odd[0]!r}: choose from {', '.join(KINDS)}")


def as_json(report: Report) -> bytes:
    """The report as report.json."""
    return as_utf8(as_json_text(report))


def _content(kind: str, report: Report) -> bytes:
    """Each writer is loaded only when it is asked for: a run without HTML needs no template engine."""
    match kind:
        case "junit":
            from conformance.report.formats import junit

            return junit.render(report, datetime.now().astimezone())
        case "html":
            from conformance.report.formats import html

            return html.render(report).encode()
        case "md":
            from conformance.report.formats import markdown

            return markdown.render(report).encode()
        case _:
            return as_json(report)


def _put(path: Path, content: bytes) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
