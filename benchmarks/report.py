"""The result of a benchmark as a table, for the terminal and for RESULTS.md."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Section:
    """A table of results. `rows`: cells as text, as many in a row as `columns`. `notes`: how they were measured."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())


def as_markdown(section: Section) -> str:
    """The section for RESULTS.md."""
    lines = [f"## {section.title}", ""]
    lines += ["| " + " | ".join(section.columns) + " |", "|" + "---|" * len(section.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in section.rows]
    lines += [line for note in section.notes for line in ("", note)]
    return "\n".join(lines)


def as_text(section: Section) -> str:
    """The section for the terminal."""
    table = [section.columns, *section.rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(section.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([f"== {section.title}", *lines, *section.notes, ""])


def machine() -> str:
    """The machine and the Python version, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    python = platform.python_version()
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}, Python {python}"


def document(sections: Sequence[Section]) -> str:
    """The whole text of RESULTS.md."""
    today = datetime.now(UTC).date()
    head = [
        "# Results",
        "",
        f"Written by `make bench` on {today}: {machine()}.",
        "What is compared ran in turns, in one run; figures are medians.",
    ]
    return "\n\n".join(["\n".join(head), *map(as_markdown, sections)]) + "\n"


def progress(text: str) -> None:
    """Say on stderr what is being measured."""
    print(f"... {text}", file=sys.stderr, flush=True)
