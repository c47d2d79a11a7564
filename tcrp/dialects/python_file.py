"""Loads a dialect from a Python file, which holds one `DIALECT` (docs/dialects.md). Loading it runs it."""

import sys
import traceback
from pathlib import Path
from types import ModuleType

from tcrp.dialects.base import Dialect
from tcrp.dialects.scripted import Scripted

VARIABLE = "DIALECT"
MODULE_PREFIX = "tcrp_dialect_"
_MEMBERS = (
    "name", "ports", "policy", "can", "layouts", "passwords", "client", "server", "read_up", "write_up", "read_down",
    "write_down",
)  # fmt: skip


class PythonFileError(ValueError):
    """The file cannot be loaded, or holds no dialect. The message is one line, with the place."""


def load(path: Path) -> Dialect:
    """The dialect of a Python file. Raises PythonFileError."""
    module = ModuleType(f"{MODULE_PREFIX}{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except OSError as error:
        raise PythonFileError(f"{path}: {error.strerror}") from None
    except SyntaxError as error:
        raise PythonFileError(f"{path}:{error.lineno or 1}: {error.msg}") from None
    except Exception as error:
        raise PythonFileError(f"{path}:{_line(error, path)}: {type(error).__name__}: {_words(error)}") from None
    return _checked(module, path)


def _checked(module: ModuleType, path: Path) -> Dialect:
    if not hasattr(module, VARIABLE):
        raise PythonFileError(f"{path}: there is no {VARIABLE}: the file must say {VARIABLE} = MyDialect()")
    found = getattr(module, VARIABLE)
    if isinstance(found, type):
        raise PythonFileError(f"{path}: {VARIABLE} is a class: {VARIABLE} = {found.__name__}() makes a dialect of it")
    if missing := [name for name in _MEMBERS if not hasattr(found, name)]:
        raise PythonFileError(
            f"{path}: {VARIABLE} has no {missing[0]}: a subclass of tcrp.dialects.scripted.Scripted has everything"
        )
    if isinstance(found, Scripted) and not found.name:
        found.name = path.stem
    dialect: Dialect = found
    return dialect


def _line(error: Exception, path: Path) -> int:
    """The last line of the file that was running."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] or 1 if lines else 1


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or "no message"
