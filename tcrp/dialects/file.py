"""Dialect files: TOML to `Answers` and back.

Whatever is wrong with a file is told in one line that names the file, the line, the key, the value and what would do.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_origin

from tcrp.dialects.answers import Answers, Range
from tcrp.dialects.contradictions import WrongAnswer, check
from tcrp.dialects.schema import Key, alternatives, keys_of, table_of

_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_TABLE: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_WIDTH: Final = 120


class DialectFileError(ValueError):
    """A file that says no dialect; the message is one line."""


def load(path: str | Path) -> Answers:
    """Read a dialect file. Raises DialectFileError."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise DialectFileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DialectFileError(f"{path}: not UTF-8 at byte {error.start}") from None
    return loads(text, str(path))


def loads(text: str, source: str = "dialect.toml") -> Answers:
    """Read the text of a dialect file; `source` is its path, for messages and for a name. Raises DialectFileError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = line[1] if line else str(text.count("\n") + 1)
        raise DialectFileError(f"{source}:{number}: not TOML: {message[:1].lower()}{message[1:]}") from None
    except RecursionError:
        raise DialectFileError(f"{source}: not TOML: nested too deeply") from None
    try:
        answers = _read_table(Answers, data, "")
        if not answers.name:
            answers = replace(answers, name=Path(source).stem)
        check(answers)
    except WrongAnswer as error:
        raise DialectFileError(f"{source}:{_line_of(error.key, text)}: {error}") from None
    assert isinstance(answers, Answers)
    return answers


def dumps(answers: Answers, comments: Mapping[str, str] | None = None) -> str:
    """The text of a dialect file that says these answers: what is as in the canonical dialect is left out.

    `comments`: what to say of a key, `{"request.user-key": "seen in ..."}`, of a table, or, under "", at the top; a
    key that has one is written even where it is as in the canonical dialect. What is said of a key stands above it.
    """
    notes = comments or {}
    lines = _comment(notes.get(""))
    tables: list[str] = []
    for key in keys_of(Answers).values():
        value = getattr(answers, key.field)
        if (table := table_of(key)) is None:
            lines += _line(key, value, key.key, notes)
        elif inner := _table(table, value, key.key, notes):
            tables += ["", *_comment(notes.get(key.key)), f"[{key.key}]", *inner]
    return "\n".join([*lines, *tables]).strip("\n") + "\n"


def _table(table: type, answers: object, path: str, notes: Mapping[str, str]) -> list[str]:
    """The lines of a table; tables within it stand on a line each."""
    lines = []
    for key in keys_of(table).values():
        value, dotted = getattr(answers, key.field), f"{path}.{key.key}"
        if (inner := table_of(key)) is None:
            lines += _line(key, value, dotted, notes)
            continue
        inside = [(item, getattr(value, item.field), f"{dotted}.{item.key}") for item in keys_of(inner).values()]
        given = {item.key: said for item, said, where in inside if said != item.default or where in notes}
        if given or dotted in notes:
            for note in (dotted, *(where for _, _, where in inside)):
                lines += _comment(notes.get(note))
            lines.append(f"{key.key} = {_toml(given)}")
    return lines


def _line(key: Key, value: object, dotted: str, notes: Mapping[str, str]) -> list[str]:
    if value is None or (value == key.default and dotted not in notes):
        return []
    return [*_comment(notes.get(dotted)), _assignment(key.key, value)]


def _comment(text: str | None) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()] if text else []


def _assignment(key: str, value: object) -> str:
    line = f"{key} = {_toml(value)}"
    if isinstance(value, tuple) and len(line) > _WIDTH:
        return "\n".join([f"{key} = [", *(f"  {_toml(item)}," for item in value), "]"])
    return line


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return repr(int(value))
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            inside = ", ".join(f"{_toml_key(key)} = {_toml(item)}" for key, item in value.items())
            return f"{{ {inside} }}" if inside else "{}"
    raise TypeError(f"{type(value).__name__} is no answer")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


# ------------------------------------------------------------------------------------------------------------ reading


def _read_table(table: type, data: Mapping[str, object], path: str) -> Any:
    keys = keys_of(table)
    given = {}
    for name, value in data.items():
        dotted = f"{path}.{name}" if path else name
        if name not in keys:
            what = f"the table [{path}]" if path else "a dialect file"
            raise WrongAnswer(dotted, f"{dotted} is no key: {what} has {', '.join(keys)}{_near(name, list(keys))}")
        key = keys[name]
        if (inner := table_of(key)) is None:
            given[key.field] = _read_value(key.type, value, dotted)
        elif isinstance(value, dict):
            given[key.field] = _read_table(inner, value, dotted)
        else:
            raise WrongAnswer(dotted, f"{dotted} is {_shown(value)}: it is a table, [{dotted}]")
    return table(**given)


def _read_value(hint: Any, value: object, path: str) -> object:
    choices: list[object] = []
    kinds: list[str] = []
    for kind, limits in alternatives(hint):
        if get_origin(kind) is Literal:
            for choice in get_args(kind):
                if type(choice) is type(value) and choice == value:
                    return choice
                choices.append(choice)
        elif kind is not type(None):
            found, value_as = _as_kind(kind, limits, value, path)
            if found:
                return value_as
            kinds.append(_in_words(kind, limits))
    what = " or ".join([*dict.fromkeys(kinds), *([", ".join(map(_toml, choices))] if choices else [])])
    near = _near(value, [choice for choice in choices if isinstance(choice, str)]) if isinstance(value, str) else ""
    raise WrongAnswer(path, f"{path} is {_shown(value)}: {what}{near}")


def _as_kind(kind: Any, limits: Range | None, value: object, path: str) -> tuple[bool, object]:
    """Whether the value is of the kind, and what it is then."""
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            return False, None
        return True, tuple(_read_value(get_args(kind)[0], item, path) for item in value)
    if kind not in (bool, int, float, str):  # a table of scalars
        if not isinstance(value, dict):
            return False, None
        items = {key: _read_value(get_args(kind)[1], item, f"{path}.{key}") for key, item in value.items()}
        return True, MappingProxyType(items)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        return False, None
    inside = limits is None or (isinstance(value, int | float) and limits.least <= value <= limits.most)
    return inside, value


def _in_words(kind: Any, limits: Range | None) -> str:
    if get_origin(kind) is tuple:
        return "a list"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if kind not in words:
        return "a table"
    return f"{words[kind]} from {limits.least:g} to {limits.most:g}" if limits else words[kind]


def _shown(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case str() if len(value) > 60:
            return f"{_toml(value[:60])}..."
        case bool() | float() | str():
            return _toml(value)
        case int():
            return str(value) if abs(value) < 1 << 64 else "a number beyond 2^64"
    return str(value)


def _near(name: str, names: list[str]) -> str:
    found = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _line_of(key: str, text: str) -> int:
    """The line where a key stands, or else its table's, or else the first."""
    lines: dict[str, int] = {}
    for dotted, number in _keys_by_line(text):
        lines.setdefault(dotted, number)
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return 1


def _keys_by_line(text: str) -> Iterator[tuple[str, int]]:
    """Every table and key that begins a line, as dotted names. Lines within texts of several lines are left out."""
    table, until = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if until in line else until
            continue
        if found := _TABLE.match(line):
            table = _plain(found[1])
            yield table, number
        elif found := _KEY.match(line):
            name = _plain(found[1])
            yield f"{table}.{name}" if table else name, number
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                until = quotes


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))
