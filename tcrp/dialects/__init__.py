"""The dialects by name. To add a dialect, add a module or a TOML file to this folder and a line to `_DIALECTS`.

A TOML file is read when its dialect is first used.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from tcrp.dialects.base import Capabilities, Dialect, Layouts, Passwords, Ports
from tcrp.dialects.fixed_fields import FixedFields
from tcrp.dialects.fixed_width import FixedWidth
from tcrp.dialects.json_envelope import JsonEnvelope
from tcrp.dialects.stage1 import Stage1
from tcrp.dialects.tcrp import Tcrp

DEFAULT: Final = "tcrp"
FILE_ENDING: Final = ".toml"


class UnknownDialect(ValueError):
    """There is no dialect of this name, or the file does not describe one. The message is one line."""


def _from_file(path: str | Path) -> Dialect:
    from tcrp.dialects.contradictions import WrongSetting
    from tcrp.dialects.file import DialectFileError
    from tcrp.dialects.framed import Framed

    try:
        return Framed.load(path)
    except (DialectFileError, WrongSetting) as error:
        raise UnknownDialect(str(error)) from None


def _shipped_file(name: str) -> Callable[[], Dialect]:
    return lambda: _from_file(Path(__file__).with_name(name))


_DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "tcrp": Tcrp,
    "stage1": Stage1,
    "model-answer": _shipped_file("model_answer.toml"),
    "json-status": _shipped_file("json_status.toml"),
    "json-envelope": JsonEnvelope,
    "fixed-fields": FixedFields,
    "fixed-width": FixedWidth,
}


def names() -> tuple[str, ...]:
    """The names of the built-in dialects."""
    return tuple(_DIALECTS)


def get(name: str = DEFAULT) -> Dialect:
    """The built-in dialect of this name, or the dialect of a file, if the name ends in `.toml` or holds a `/`.

    Raises UnknownDialect.
    """
    if name in _DIALECTS:
        return _built_in(name)
    if name.endswith(FILE_ENDING) or "/" in name:
        return _from_file(name)
    raise UnknownDialect(f"there is no dialect {name!r}: choose from {', '.join(_DIALECTS)}, or name a .toml file")


def to_text(dialect: Dialect) -> str:
    """The dialect as a text that `of_text` reads: the name of a built-in dialect, or the text of a dialect file.

    The text stays valid if the file moves. Raises UnknownDialect for a dialect that is neither.
    """
    if dialect.name in _DIALECTS and get(dialect.name) is dialect:
        return dialect.name
    from tcrp.dialects.file import dumps
    from tcrp.dialects.framed import Framed

    if not isinstance(dialect, Framed):
        raise UnknownDialect(f"dialect {dialect.name} is neither built in nor said by a file")
    return dumps(dialect.settings)


def of_text(text: str) -> Dialect:
    """The dialect of a text from `to_text`, or of anything that `get` accepts. Raises UnknownDialect."""
    if "\n" not in text:
        return get(text)
    from tcrp.dialects.contradictions import WrongSetting
    from tcrp.dialects.file import DialectFileError, loads
    from tcrp.dialects.framed import Framed

    try:
        return Framed(loads(text), checked=True)
    except (DialectFileError, WrongSetting) as error:
        raise UnknownDialect(str(error)) from None


@cache
def _built_in(name: str) -> Dialect:
    return _DIALECTS[name]()


__all__ = [
    "DEFAULT",
    "Capabilities",
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
