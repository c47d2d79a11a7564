"""What a benchmark has to say: a table, in the terminal and in RESULTS.md."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Section:
    """One benchmark's outcome. `rows`: cells as text, as many as `columns`; `notes`: how it was measured."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=())


def as_markdown(section: Section) -> str:
    lines = [f"## {section.title}", ""]
    lines += ["| " + " | ".join(section.columns) + " |", "|" + "---|" * len(section.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in section.rows]
    lines += [line for note in section.notes for line in ("", note)]
    return "\n".join(lines)


def as_text(section: Section) -> str:
    table = [section.columns, *section.rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(section.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([f"== {section.title}", *lines, *section.notes, ""])


def machine() -> str:
    """What the figures were measured on, in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    python = platform.python_version()
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}, Python {python}"


def document(sections: Sequence[Section]) -> str:
    """RESULTS.md."""
    today = datetime.now(UTC).date()
    head = [
        "# Results",
        "",
        f"Written by `make bench` on {today}: {machine()}.",
        "What is compared ran in turns, in one run; figures are medians.",
    ]
    return "\n\n".join(["\n".join(head), *map(as_markdown, sections)]) + "\n"


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)
