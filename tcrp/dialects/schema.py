"""The keys of a dialect file, with types and texts from `tcrp.dialects.settings`, and the JSON schema of such a file.

The schema is shipped as `dialect.schema.json`. `python -m tcrp.dialects.schema` prints it.
"""

import ast
import inspect
import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from tcrp.dialects import settings
from tcrp.dialects.settings import Range, Settings

NAME_PATTERN = "[A-Za-z0-9._-]+"
"""A regular expression for the name of a dialect."""


class Key(NamedTuple):
    """One key of a table: its name in a file, the name of its field, its type, and its default."""

    key: str
    field: str
    type: Any
    default: object


@cache
def keys_of(table: type) -> Mapping[str, Key]:
    """The keys of a table, one of the classes in `settings`, by their names in a file."""
    hints = get_type_hints(table, include_extras=True)
    default = table()
    names = {field.name.replace("_", "-"): field.name for field in fields(table)}
    return {key: Key(key, name, hints[name], getattr(default, name)) for key, name in names.items()}


def table_of(key: Key) -> type | None:
    """The class of the table under this key, or None if the key is not a table."""
    return key.type if inspect.isclass(key.type) and is_dataclass(key.type) else None


def alternatives(hint: Any) -> Iterator[tuple[Any, Range | None]]:
    """The types that a key's value may have, each with its range or None. NoneType: the key may be left out."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = next((extra for extra in arguments[1:] if isinstance(extra, Range)), None)
        yield from ((inner, limits or inner_limits) for inner, inner_limits in alternatives(arguments[0]))
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from alternatives(argument)
    else:
        yield hint, None


def json_schema() -> dict[str, Any]:
    """The JSON schema of a dialect file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A TCRP dialect",
        **_table(Settings),
    }


def _table(within: type, about: str | None = None) -> dict[str, Any]:
    texts = _texts(within)
    return {
        "type": "object",
        "description": about or texts[""],
        "additionalProperties": False,
        "properties": {
            key.key: _table(table, texts.get(key.field))
            if (table := table_of(key))
            else _property(key, texts.get(key.field))
            for key in keys_of(within).values()
        },
    }


def _property(key: Key, text: str | None) -> dict[str, Any]:
    kinds = [_kind(hint, limits) for hint, limits in alternatives(key.type) if hint is not type(None)]
    schema: dict[str, Any] = {"description": text} if text else {}
    schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if key.default is not None:
        schema["default"] = _json_value(key.default)
    return schema


def _kind(hint: Any, limits: Range | None) -> dict[str, Any]:
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _kind(get_args(hint)[0], None)}
    if inspect.isclass(get_origin(hint)) and issubclass(get_origin(hint), Mapping):
        values = [_kind(kind, None) for kind, _ in alternatives(get_args(hint)[1])]
        return {"type": "object", "additionalProperties": {"anyOf": values}}
    name = {bool: "boolean", int: "integer", float: "number", str: "string"}[hint]
    return {"type": name} | ({"minimum": limits.least, "maximum": limits.most} if limits else {})


def _json_value(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


@cache
def _class_definitions() -> Mapping[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(settings))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(table: type) -> dict[str, str]:
    """The text below each field, by the name of the field, and the docstring of the class, under ""."""
    node = _class_definitions()[table.__name__]
    texts = {"": inspect.cleandoc(ast.get_docstring(node) or "").replace("\n", " ").replace("  ", " ")}
    for before, after in zip(node.body, node.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                texts[name] = " ".join(text.split())
    return texts


def main() -> None:
    """Print the JSON schema."""
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
