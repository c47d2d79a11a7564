"""The dialects by name. A new one is a file beside this one and a line in `_DIALECTS`."""

from typing import Final

from tcrp.dialects.base import Can, Dialect, Passwords, Ports
from tcrp.dialects.tcrp import Tcrp

_DIALECTS: Final[dict[str, Dialect]] = {dialect.name: dialect for dialect in (Tcrp(),)}

DEFAULT: Final = "tcrp"


class UnknownDialect(ValueError):
    """No dialect has this name; the message names those there are."""


def names() -> tuple[str, ...]:
    """The names that `get` takes."""
    return tuple(_DIALECTS)


def get(name: str = DEFAULT) -> Dialect:
    """The dialect of this name."""
    try:
        return _DIALECTS[name]
    except KeyError:
        raise UnknownDialect(f"there is no dialect {name!r}: choose from {', '.join(_DIALECTS)}") from None


__all__ = ["DEFAULT", "Can", "Dialect", "Passwords", "Ports", "UnknownDialect", "get", "names"]
