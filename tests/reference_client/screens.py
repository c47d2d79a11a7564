"""What a textual app shows, as text."""

import re
from xml.etree import ElementTree

from rich.cells import cell_len
from textual.app import App

_TEXT = "{http://www.w3.org/2000/svg}text"
_CELL = 12.2
"""The width of a cell in the pictures that textual makes."""


def screen_rows(app: App[int]) -> list[str]:
    """The rows of the screen, without the blanks at their ends and without a scrollbar."""
    rows: dict[int, list[tuple[int, str]]] = {}
    for element in ElementTree.fromstring(app.export_screenshot()).iter(_TEXT):
        found = re.search(r"-line-(\d+)\)", element.get("clip-path", ""))
        if found and element.text and element.text != "\n":
            cell = round(float(element.attrib["x"]) / _CELL)
            rows.setdefault(int(found[1]), []).append((cell, element.text.replace("\xa0", " ")))
    return [_row(rows.get(number, [])) for number in range(app.size.height)]


def _row(parts: list[tuple[int, str]]) -> str:
    row = ""
    for cell, text in sorted(parts):
        row += " " * (cell - cell_len(row)) + text
    return row.rstrip(" \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588")
