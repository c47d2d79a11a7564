"""Showing hostile or long text: nothing that is shown moves a cursor, hides itself, or fills a screen."""

import json
import re
from typing import Any

LONG = 400
"""Characters of a text on the screen, unless its caller says otherwise."""
LONG_BYTES = 60

# What XML 1.0 cannot hold, what a page or a terminal would act on instead of showing it, and what reorders a line.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text on one line. Whatever cannot be printed is escaped, line feeds and tabs too."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe(text: str, limit: int = LONG) -> str:
    """The printable text, cut to `limit` characters."""
    return printable(clip(text, limit))


def visible(text: str) -> str:
    r"""The text with every control character but line feed and tab, and every lone surrogate, as `\x00` or `\ud800`."""
    return _HIDDEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str, limit: int = 300) -> str:
    """The visible text on one line, white space as single spaces, cut to `limit` characters."""
    return clip(" ".join(visible(text).split()), limit)


def as_json_text(value: Any) -> str:
    """The value as JSON that a terminal shows as it stands: what is hidden in a text is written as JSON's escape."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_utf8(text: str) -> bytes:
    """The text for a file. A lone surrogate, which UTF-8 cannot hold, is escaped."""
    return text.encode("utf-8", "backslashreplace")


def clip(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with a word about how many there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def shown(data: bytes, limit: int = 48) -> str:
    """Bytes as Python writes them, cut to `limit` bytes with a word about how many there were."""
    cut = data[:limit]
    return f"{cut!r}" if len(data) <= limit else f"{cut!r}... ({len(data)} bytes)"
