"""The dialects by name. A new one is a file beside this one and a line in `_DIALECTS`.

A built-in dialect that a TOML file can say is such a file, and is read when it is first asked for.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from tcrp.dialects.base import Can, Dialect, Layouts, Passwords, Ports
from tcrp.dialects.fixed_fields import FixedFields
from tcrp.dialects.fixed_width import FixedWidth
from tcrp.dialects.json_envelope import JsonEnvelope
from tcrp.dialects.stage1 import Stage1
from tcrp.dialects.tcrp import Tcrp

DEFAULT: Final = "tcrp"
FILE_ENDING: Final = ".toml"


class UnknownDialect(ValueError):
    """No dialect has this name, and the message names those there are; or it is a file that says none."""


def _from_file(path: str | Path) -> Dialect:
    from tcrp.dialects.contradictions import WrongAnswer
    from tcrp.dialects.file import DialectFileError
    from tcrp.dialects.framed import Framed

    try:
        return Framed.load(path)
    except (DialectFileError, WrongAnswer) as error:
        raise UnknownDialect(str(error)) from None


def _shipped(name: str) -> Callable[[], Dialect]:
    return lambda: _from_file(Path(__file__).with_name(name))


_DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "tcrp": Tcrp,
    "stage1": Stage1,
    "model-answer": _shipped("model_answer.toml"),
    "json-status": _shipped("json_status.toml"),
    "json-envelope": JsonEnvelope,
    "fixed-fields": FixedFields,
    "fixed-width": FixedWidth,
}


def names() -> tuple[str, ...]:
    """The names that `get` takes."""
    return tuple(_DIALECTS)


def get(name: str = DEFAULT) -> Dialect:
    """The dialect of this name, or of this file: what ends in `.toml` or holds a `/`. Raises UnknownDialect."""
    if name in _DIALECTS:
        return _built_in(name)
    if name.endswith(FILE_ENDING) or "/" in name:
        return _from_file(name)
    raise UnknownDialect(f"there is no dialect {name!r}: choose from {', '.join(_DIALECTS)}, or name a .toml file")


def to_text(dialect: Dialect) -> str:
    """What `of_text` makes this dialect of again, wherever its file may be then: its name, or its file's text."""
    if dialect.name in _DIALECTS and get(dialect.name) is dialect:
        return dialect.name
    from tcrp.dialects.file import dumps
    from tcrp.dialects.framed import Framed

    if not isinstance(dialect, Framed):
        raise UnknownDialect(f"dialect {dialect.name} is neither built in nor said by a file")
    return dumps(dialect.answers)


def of_text(text: str) -> Dialect:
    """The dialect of `to_text`, or of anything that `get` takes. Raises UnknownDialect."""
    if "\n" not in text:
        return get(text)
    from tcrp.dialects.contradictions import WrongAnswer
    from tcrp.dialects.file import DialectFileError, loads
    from tcrp.dialects.framed import Framed

    try:
        return Framed(loads(text))
    except (DialectFileError, WrongAnswer) as error:
        raise UnknownDialect(str(error)) from None


@cache
def _built_in(name: str) -> Dialect:
    return _DIALECTS[name]()


__all__ = [
    "DEFAULT",
    "Can",
    "Dialect",
    "Layouts",
    "Passwords",
    "Ports",
    "UnknownDialect",
    "get",
    "names",
    "of_text",
    "to_text",
]
