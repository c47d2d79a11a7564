"""Text of others, made safe to show, and the lines that a client shows."""

import re
from enum import Enum
from typing import Final

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters, C1 included: escape sequences begin with them
    "\u2028\u2029"  # line and paragraph separator
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these change the direction of the text
    "\ud800-\udfff"  # lone surrogates, which no output can encode
    # invisible characters, by which two different texts look the same
    "\u00ad\u034f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"  # soft hyphen, zero width, byte order mark
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # fillers and blanks of scripts
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # format characters of scripts
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags
    "]"
)
_JOINER: Final = "\u200d"
_EMOJI_STYLES: Final = "\ufe0e\ufe0f"
_KEYCAP: Final = re.compile("[0-9#*]\ufe0f\u20e3")
_EMOJI: Final = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)


def visible(text: str | bytes) -> str:
    r"""The text on one line. Characters that could move the cursor, reorder or break the line, or that are invisible,
    are escaped. Those inside an emoji stay.

    Bytes that are not UTF-8 are shown as `\xff`. A backslash stays as it is.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == _JOINER or character in _EMOJI_STYLES:
        text, at = match.string, match.start()
        if _in_emoji(text, at, character):
            return character
    return character.encode("unicode_escape").decode()


def _in_emoji(text: str, at: int, character: str) -> bool:
    """Whether the character joins two emoji to one, or chooses how an emoji or a keycap looks."""
    before = at - 1
    if character == _JOINER and before > 0 and text[before] in _EMOJI_STYLES:
        before -= 1
    if before < 0 or not _EMOJI.match(text, before):
        return before >= 0 and bool(_KEYCAP.match(text, before))
    return character != _JOINER or bool(_EMOJI.match(text, at + 1))


class Label(Enum):
    """How a line begins that the client itself shows. No line of chat begins so: see `chat_line`."""

    JOINED = "joined room="
    INVITE = "invite="
    INFO = "info: "
    CLOSED = "closed: "
    UNKNOWN = "unknown: "
    NOT_SENT = "not sent: "
    NOT_SHOWN = "not shown: "
    STDOUT = "stdout: "
    FAILED = "tcrp-client: "


_LABELS: Final = tuple(label.value for label in Label)


def own_line(label: Label, text: str | bytes) -> str:
    """A line that the client itself shows."""
    return label.value + visible(text)


def chat_line(user: str | None, text: str | bytes) -> str:
    r"""A line of chat. `user`: None where the dialect does not say who speaks.

    If it would begin like a line of the client's own, its first character is escaped: user `info` becomes `\x69nfo`.
    """
    line = visible(text) if user is None else f"{visible(user)}: {visible(text)}"
    return f"\\x{ord(line[0]):02x}{line[1:]}" if line.startswith(_LABELS) else line
