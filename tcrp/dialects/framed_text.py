"""Templates and JSON, strictly: what a file's texts say, and the JSON that payloads and datagrams hold."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from tcrp.errors import RemoteProtocolError

_PLACE = re.compile(r"\{(user|room|token|message)\}")
_LONE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 18
_QUOTE, _BACKSLASH = b'"\\'


def fill(template: str, **parts: str) -> str:
    """The template with its places filled; braces around anything else stay."""
    return _PLACE.sub(lambda place: parts.get(place[1], ""), template)


def match(template: str, text: str, **known: str) -> dict[str, str] | None:
    """What stands in the places of a text that a template may have made, or None. A place in `known` is its value."""
    found = _pattern(template, tuple(known.items())).fullmatch(text)
    return None if found is None else {**known, **found.groupdict()}


def pieces(template: str) -> list[str]:
    """The template in pieces: a literal, a place's name, a literal and so on; it begins and ends with a literal."""
    return _PLACE.split(template)


@lru_cache(maxsize=256)
def _pattern(template: str, known: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    values = dict(known)
    seen = set()
    pattern = ""
    for index, piece in enumerate(pieces(template)):
        if index % 2 == 0:
            pattern += re.escape(piece)
        elif piece in values:
            pattern += re.escape(values[piece])
        elif piece in seen:
            pattern += f"(?P={piece})"
        else:
            seen.add(piece)
            pattern += f"(?P<{piece}>.*)"
    return re.compile(pattern, re.DOTALL)


class Found(NamedTuple):
    """A JSON value at the start of some bytes, and where it ends, in bytes."""

    value: Any
    end: int


def write_json(value: object, *, escapes: bool) -> bytes:
    """The value as UTF-8."""
    return json.dumps(value, ensure_ascii=escapes).encode()


def read_json(data: bytes) -> Any:
    """The value that the bytes hold and nothing besides. RemoteProtocolError for what RFC 8259 forbids."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"the JSON is not UTF-8: byte 0x{data[error.start]:02x}", error.start) from None
    try:
        value = json.loads(text, parse_int=_number, parse_constant=_no_constant)
    except RecursionError:
        raise _malformed("the JSON is nested too deeply", 0) from None
    except json.JSONDecodeError as error:
        at = len(text[: error.pos].encode())
        raise _malformed(f"not JSON: {error.msg} at character {error.pos}", at) from None
    if "\\u" in text and _holds_lone_surrogate(value):
        raise _malformed("the JSON holds a lone surrogate", 0)
    return value


def read_object(data: bytes) -> Mapping[str, Any]:
    """The JSON object that the bytes hold."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise _malformed("the JSON is no object", 0)
    return value


def find_json(data: bytes, *, final: bool) -> Found | None:
    """The first JSON value of a stream, or None if it is not whole yet. Nothing delimits a number but the stream's end,
    which `final` says has come.
    """
    end = _end_of_json(data)
    if end is None:
        if not final:
            return None
        end = len(data)
    return Found(read_json(data[:end]), end)


def _end_of_json(data: bytes) -> int | None:
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
                if _LONE.search(text):
                    return True
            case dict(items):
                waiting += [*items, *items.values()]
            case list(items):
                waiting += items
    return False


def _number(digits: str) -> int:
    if len(digits.lstrip("-")) > _MOST_DIGITS:
        raise _malformed(f"a number in the JSON has {len(digits)} digits: at most {_MOST_DIGITS}", 0)
    return int(digits)


def _no_constant(name: str) -> None:
    raise _malformed(f"{name} is not JSON", 0)


def _malformed(message: str, offset: int) -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.2g", field="JSON", offset=offset)
