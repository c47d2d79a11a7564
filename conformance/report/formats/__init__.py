"""What becomes of a run: report.json, and the same for a CI server (JUnit XML), for reading (HTML), for a comment
(Markdown). Each is a function of the report alone, whose form report.schema.json describes.
"""

import json
import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from conformance.report.model import Report

KINDS = ("json", "junit", "html", "md")
FILES = {"json": "report.json", "junit": "report.xml", "html": "report.html", "md": "report.md"}


def write(report: Report, folder: Path, kinds: Collection[str]) -> list[Path]:
    """Write report.json and whatever else of KINDS is asked for into the folder, which is made if need be.

    A file is whole or not there. OSError in one line if the folder cannot be written; ValueError for an unknown kind.
    """
    if odd := sorted(set(kinds) - set(KINDS)):
        raise ValueError(f"there is no report {odd[0]!r}: choose from {', '.join(KINDS)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_put(folder / FILES[kind], _content(kind, report)) for kind in KINDS if kind in {"json", *kinds}]
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise OSError(f"the report cannot be written to {folder}: {why}; name another folder") from error


def as_json(report: Report) -> bytes:
    """The report as report.json. A lone surrogate, which UTF-8 cannot hold, is written as JSON's escape of it."""
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


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
