"""Text of others, made safe to show."""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters, C1 included: escape sequences begin with them
    "\u2028\u2029"  # line and paragraph separator
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these change the direction of the text
    "\ud800-\udfff"  # lone surrogates, which no output can encode
    "]"
)


def visible(text: str | bytes) -> str:
    r"""The text on one line. What could move the cursor, or reorder or break the line, is escaped.

    Bytes that are not UTF-8 are shown as `\xff`. A backslash stays as it is.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
