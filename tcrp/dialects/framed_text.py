"""Templates of dialect files, and strict JSON for payloads and datagrams."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tcrp.errors import RemoteProtocolError

_PLACEHOLDER = re.compile(r"\{(user|room|token|message)\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_DIGITS = 18
_QUOTE, _BACKSLASH = b'"\\'


def fill_template(template: str, **parts: str) -> str:
    """The template with its placeholders replaced. Braces around any other word stay."""
    return _PLACEHOLDER.sub(lambda found: parts.get(found[1], ""), template)


def match_template(template: str, text: str, **known: str) -> dict[str, str] | None:
    """The values of the placeholders with which the template gives this text, or None if there are none.

    `known`: placeholders whose value is known; the text must have that value.
    """
    found = _pattern(template, tuple(known.items())).fullmatch(text)
    return None if found is None else {**known, **found.groupdict()}


def split_template(template: str) -> list[str]:
    """The template in parts: literal, name of a placeholder, literal and so on. The first and the last are literals."""
    return _PLACEHOLDER.split(template)


@lru_cache(maxsize=256)
def _pattern(template: str, known: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    values = dict(known)
    seen = set()
    pattern = ""
    for index, part in enumerate(split_template(template)):
        if index % 2 == 0:
            pattern += re.escape(part)
        elif part in values:
            pattern += re.escape(values[part])
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.*)"
    return re.compile(pattern, re.DOTALL)


def write_json(value: object, *, escapes: bool) -> bytes:
    """A value as JSON in UTF-8. `escapes`: characters beyond ASCII are written as `\\uXXXX`."""
    return json.dumps(value, ensure_ascii=escapes).encode()


def read_json(data: bytes) -> Any:
    """The value of a JSON text. Raises RemoteProtocolError for bytes that RFC 8259 forbids and for long numbers."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"the JSON is not UTF-8: byte 0x{data[error.start]:02x}", error.start) from None
    try:
        value = json.loads(text, parse_int=_parse_int, parse_constant=_refuse_constant)
    except RecursionError:
        raise _malformed("the JSON is nested too deeply", 0) from None
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode())
        raise _malformed(f"not JSON: {error.msg} at character {error.pos}", at) from None
    if "\\u" in text and _holds_lone_surrogate(value):
        raise _malformed("the JSON holds a lone surrogate", 0)
    return value


def read_object(data: bytes) -> Mapping[str, Any]:
    """The object of a JSON text. Raises RemoteProtocolError, also for any other value."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise _malformed("the JSON is no object", 0)
    return value


def json_end(data: bytes) -> int | None:
    """The size of the object, list or string at the start of a stream, in bytes; None if it is not complete yet.

    A number or a word gives None, because only the end of the stream ends it. Raises RemoteProtocolError if the bytes
    are not valid JSON.
    """
    end = _closing_index(data)
    if end is not None:
        read_json(data[:end])
    return end


def _closing_index(data: bytes) -> int | None:
    depth, quoted, escaped = 0, False, False
    for index, byte in enumerate(data):
        if quoted:
            quoted, escaped = byte != _QUOTE or escaped, byte == _BACKSLASH and not escaped
        elif byte == _QUOTE:
            quoted = True
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
        elif depth == 0 and byte not in b" \t\r\n":
            return None  # a number or a word
        else:
            continue
        if depth <= 0 and not quoted:
            return index + 1
    return None


def _holds_lone_surrogate(value: object) -> bool:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                if _SURROGATE.search(text):
                    return True
            case dict(items):
                waiting += [*items, *items.values()]
            case list(items):
                waiting += items
    return False


def _parse_int(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS:
        raise _malformed(f"a number in the JSON has {len(digits)} digits: at most {_MAX_DIGITS}", 0)
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise _malformed(f"{name} is not JSON", 0)


def _malformed(message: str, offset: int) -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.2g", field="JSON", offset=offset)


def printable(text: str) -> str:
    """The text on one line: what a terminal would act on is escaped, as TOML does it."""
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
