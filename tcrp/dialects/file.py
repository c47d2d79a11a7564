"""Dialect files: TOML to `Settings` and back.

An error in a file gives one line that names the file, the line, the key, the value, and the values that are allowed.
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

from tcrp.dialects.contradictions import WrongSetting, check
from tcrp.dialects.framed_text import printable
from tcrp.dialects.schema import Key, alternatives, keys_of, table_of
from tcrp.dialects.settings import Range, Settings

_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_TABLE: Final = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")  # `_plain` strips: `\s*` on both sides would be cubic
_WIDTH: Final = 120
_SHOWN: Final = 60
MAX_FILE_SIZE: Final = 64 * 1024
"""Bytes of a dialect file. The longest one that comes with the package has less than 4 KiB."""
MAX_LINE_SIZE: Final = 1000
"""Characters of a line. A dotted key stands on one line, and the time to read it grows with the square of its parts."""


class DialectFileError(ValueError):
    """A file that does not describe a dialect. The message is one line."""


def load(path: str | Path) -> Settings:
    """Read a dialect file. Raises DialectFileError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
        text = data.decode() if len(data) <= MAX_FILE_SIZE else " " * len(data)  # `loads` refuses it by its length
    except OSError as error:
        raise DialectFileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DialectFileError(f"{path}: not UTF-8 at byte {error.start}") from None
    return loads(text, str(path))


def loads(text: str, source: str = "dialect.toml") -> Settings:
    """Read the text of a dialect file. Raises DialectFileError.

    `source`: the path of the file. Messages name it, and a dialect without a name is called after it.
    """
    if len(text) > MAX_FILE_SIZE:
        raise DialectFileError(f"{source}: the file is too long for a dialect: {MAX_FILE_SIZE} bytes at most")
    for index, content in enumerate(text.splitlines()):
        if (size := len(content)) > MAX_LINE_SIZE:
            raise DialectFileError(f"{source}:{index + 1}: the line has {size} characters: {MAX_LINE_SIZE} at most")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = line[1] if line else str(text.count("\n") + 1)
        raise DialectFileError(f"{source}:{number}: not TOML: {message[:1].lower()}{message[1:]}") from None
    except RecursionError:
        raise DialectFileError(f"{source}: not TOML: nested too deeply") from None
    except ValueError:  # the integer has more digits than PYTHONINTMAXSTRDIGITS allows
        raise DialectFileError(f"{source}: not TOML: an integer has too many digits") from None
    try:
        settings = _read_table(Settings, data, "")
        if not settings.name:
            settings = replace(settings, name=Path(source).stem)
        check(settings)
    except WrongSetting as error:
        raise DialectFileError(f"{source}:{_line_of(error.key, text)}: {error}") from None
    assert isinstance(settings, Settings)
    return settings


def dumps(settings: Settings, comments: Mapping[str, str] | None = None) -> str:
    """The text of a dialect file with these settings. Keys that have their default value are left out.

    `comments`: comments by dotted key (`{"request.user-key": "seen in ..."}`) or by table, and under "" one for the top
    of the file. A comment stands above its key, and a key with a comment is written even if it has its default value.
    """
    notes = comments or {}
    lines = _comment(notes.get(""))
    tables: list[str] = []
    for key in keys_of(Settings).values():
        value = getattr(settings, key.field)
        if isinstance(value, Mapping):
            if value:
                entries = [f"{_toml_key(name)} = {_toml(entry)}" for name, entry in value.items()]
                tables += ["", *_comment(notes.get(key.key)), f"[{key.key}]", *entries]
        elif (table := table_of(key)) is None:
            lines += _line(key, value, key.key, notes)
        elif inner := _table(table, value, key.key, notes):
            tables += ["", *_comment(notes.get(key.key)), f"[{key.key}]", *inner]
    return "\n".join([*lines, *tables]).strip("\n") + "\n"


def _table(table: type, settings: object, path: str, notes: Mapping[str, str]) -> list[str]:
    """The lines of a table. A table inside it takes one line."""
    lines = []
    for key in keys_of(table).values():
        value, dotted = getattr(settings, key.field), f"{path}.{key.key}"
        if (inner := table_of(key)) is None:
            lines += _line(key, value, dotted, notes)
            continue
        inside = [(item, getattr(value, item.field), f"{dotted}.{item.key}") for item in keys_of(inner).values()]
        given = {item.key: setting for item, setting, where in inside if setting != item.default or where in notes}
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
            return printable(json.dumps(value, ensure_ascii=False))
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            inside = ", ".join(f"{_toml_key(key)} = {_toml(item)}" for key, item in value.items())
            return f"{{ {inside} }}" if inside else "{}"
    raise TypeError(f"{type(value).__name__} is not the type of a setting")


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
            near = _suggestion(name, list(keys))
            raise WrongSetting(dotted, f"{_shown_key(dotted)} is no key: {what} has {', '.join(keys)}{near}")
        key = keys[name]
        if (inner := table_of(key)) is None:
            given[key.field] = _read_value(key.type, value, dotted)
        elif isinstance(value, dict):
            given[key.field] = _read_table(inner, value, dotted)
        else:
            raise WrongSetting(dotted, f"{dotted} is {_value_text(value)}: it is a table, [{dotted}]")
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
            kinds.append(_kind_text(kind, limits))
    what = " or ".join([*dict.fromkeys(kinds), *([", ".join(map(_toml, choices))] if choices else [])])
    texts = [choice for choice in choices if isinstance(choice, str)]
    near = _suggestion(value, texts) if isinstance(value, str) else ""
    raise WrongSetting(path, f"{_shown_key(path)} is {_value_text(value)}: {what}{near}")


def _as_kind(kind: Any, limits: Range | None, value: object, path: str) -> tuple[bool, object]:
    """Whether the value is of this kind, and the value as the settings hold it."""
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            return False, None
        return True, tuple(_read_value(get_args(kind)[0], item, path) for item in value)
    if kind not in (bool, int, float, str):  # a table of scalars
        if not isinstance(value, dict):
            return False, None
        items = {key: _read_value(get_args(kind)[1], item, f"{path}.{key}") for key, item in value.items()}
        return True, MappingProxyType(items)
    if type(value) is not kind and not (kind is float and type(value) is int):
        return False, None
    inside = limits is None or (isinstance(value, int | float) and limits.least <= value <= limits.most)
    if inside and kind is float and isinstance(value, int):  # only now: no float holds an integer of 400 digits
        return True, float(value)
    return inside, value


def _kind_text(kind: Any, limits: Range | None) -> str:
    if get_origin(kind) is tuple:
        return "a list"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if kind not in words:
        return "a table"
    return f"{words[kind]} from {limits.least:g} to {limits.most:g}" if limits else words[kind]


def _value_text(value: object) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case str() if len(value) > _SHOWN:
            return f"{_toml(value[:_SHOWN])}..."
        case bool() | float() | str():
            return _toml(value)
        case int():
            return str(value) if abs(value) < 1 << 64 else "a number beyond 2^64"
    return str(value)


def _shown_key(dotted: str) -> str:
    """The name of a key in one line: cut if it is long, escaped if it holds what is not printed."""
    cut = f"{dotted[:_SHOWN]}..." if len(dotted) > _SHOWN else dotted
    return cut if cut.isprintable() else json.dumps(cut)


def _suggestion(name: str, names: list[str]) -> str:
    found = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _line_of(key: str, text: str) -> int:
    """The number of the line that holds a key, or else its table, or else 1."""
    lines: dict[str, int] = {}
    for dotted, number in _dotted_keys(text):
        lines.setdefault(dotted, number)
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return 1


def _dotted_keys(text: str) -> Iterator[tuple[str, int]]:
    """Every table and key that begins a line, as dotted key and line number, except inside multi-line texts."""
    table, until = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if until in line else until
            continue
        if found := _TABLE.match(line):
            table = _without_quotes(found[1])
            yield table, number
        elif found := _KEY.match(line):
            name = _without_quotes(found[1])
            yield f"{table}.{name}" if table else name, number
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                until = quotes


def _without_quotes(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))
