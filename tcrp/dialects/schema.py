"""The keys of a dialect file as `answers` declares them: their types, their texts, and the JSON schema made of both.

The schema is shipped as `dialect.schema.json`. Print it: `python -m tcrp.dialects.schema`.
"""

import ast
import inspect
import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from tcrp.dialects import answers
from tcrp.dialects.answers import Answers, Range

NAME_PATTERN = "[A-Za-z0-9._-]+"


class Key(NamedTuple):
    """One key of a table: as a file has it, the field's name, its type, and what it is if left out."""

    key: str
    field: str
    type: Any
    default: object


@cache
def keys_of(table: type) -> Mapping[str, Key]:
    """The keys of a table of `answers`, by their names in a file."""
    hints = get_type_hints(table, include_extras=True)
    default = table()
    found = (_key(item, hints[item.name], getattr(default, item.name)) for item in fields(table))
    return {key.key: key for key in found}


def _key(item: "Field[Any]", hint: Any, default: object) -> Key:
    return Key(item.name.replace("_", "-"), item.name, hint, default)


def table_of(key: Key) -> type | None:
    """The table that stands under this key, if it is one."""
    return key.type if inspect.isclass(key.type) and is_dataclass(key.type) else None


def alternatives(hint: Any) -> Iterator[tuple[Any, Range | None]]:
    """The types that a key's value may have, one after another, a Literal being one; None stands for left out."""
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
    """The schema of a dialect file, read as JSON."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A TCRP dialect",
        **_table(Answers),
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
        schema["default"] = _plain(key.default)
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


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


@cache
def _sources() -> Mapping[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(answers))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts(table: type) -> dict[str, str]:
    """What stands below each field, by its name, and under "" what the table is about."""
    node = _sources()[table.__name__]
    texts = {"": inspect.cleandoc(ast.get_docstring(node) or "").replace("\n", " ").replace("  ", " ")}
    for before, after in zip(node.body, node.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                texts[name] = " ".join(text.split())
    return texts


def main() -> None:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
