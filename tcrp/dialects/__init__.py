"""The dialects by name. To add a dialect, add a module or a TOML file to this folder and a line to `_DIALECTS`.

A TOML file is read when its dialect is first used. A Python file is run when it is named.
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
PYTHON_ENDING: Final = ".py"


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


def _from_python(path: str) -> Dialect:
    from tcrp.dialects.python_file import PythonFileError, load

    full = str(Path(path).absolute())
    try:
        dialect = load(Path(path))
    except PythonFileError as error:
        raise UnknownDialect(str(error)) from None
    _PYTHON_FILES[id(dialect)] = (dialect, full)
    return dialect


_PYTHON_FILES: dict[int, tuple[Dialect, str]] = {}
"""The dialects that were loaded from Python files, and the files."""


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
    """The built-in dialect of this name, or the dialect of a file, if the name ends in `.toml` or `.py` or holds a `/`.

    A Python file is run. Raises UnknownDialect.
    """
    if name in _DIALECTS:
        return _built_in(name)
    if name.endswith(PYTHON_ENDING):
        return _from_python(name)
    if name.endswith(FILE_ENDING) or "/" in name:
        return _from_file(name)
    raise UnknownDialect(
        f"there is no dialect {name!r}: choose from {', '.join(_DIALECTS)}, or name a .toml or .py file"
    )


def to_text(dialect: Dialect) -> str:
    """The dialect as a text that `of_text` reads: the name of a built-in dialect, the text of a TOML file, or the path
    of a Python file.

    The text of a TOML file stays valid if the file moves. Raises UnknownDialect for a dialect that is none of these.
    """
    loaded, path = _PYTHON_FILES.get(id(dialect), (None, ""))
    if loaded is dialect:
        return path
    if dialect.name in _DIALECTS and get(dialect.name) is dialect:
        return dialect.name
    from tcrp.dialects.file import dumps
    from tcrp.dialects.framed import Framed

    if not isinstance(dialect, Framed):
        raise UnknownDialect(f"dialect {dialect.name} is neither built in nor said by a file")
    return dumps(dialect.settings)


def of_text(text: str, *, runs_python: bool = False) -> Dialect:
    """The dialect of a text from `to_text`, or of anything that `get` accepts. Raises UnknownDialect.

    `runs_python`: run a Python file that the text names. A text of somebody else must not decide that.
    """
    if text.endswith(PYTHON_ENDING) and not runs_python:
        raise UnknownDialect(f"the dialect is the Python file {text!r}, which runs only if --dialect names it")
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
