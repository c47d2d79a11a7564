"""The wrong and the odd servers of all dialects, each a class that is put before the right server of a dialect."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from tests.spoken.base import Spoken

RIGHT = {
    "model-answer": "framed.ModelAnswer",
    "json-status": "framed.JsonStatus",
    "json-envelope": "envelope.Envelope",
    "fixed-fields": "fixed.FixedFields",
    "fixed-width": "fixed.FixedWidth",
    "stage1": "stage1.Stage1",
}
C = TypeVar("C", bound=type[Spoken])


class Variant(NamedTuple):
    """`clauses`: for each dialect those under one of which it must be reported, the best first; of an odd one none."""

    name: str
    note: str
    clauses: Mapping[str, tuple[str, ...]]
    change: type[Spoken]


WRONG: dict[str, Variant] = {}
ODD: dict[str, Variant] = {}


def wrong(name: str, note: str, clauses: Mapping[str, str]) -> Callable[[C], C]:
    """Registers a change that is wrong. A key of `clauses` is one or more dialects, a value one or more clauses."""

    def register(change: C) -> C:
        each = {one: tuple(ids.split()) for dialects, ids in clauses.items() for one in dialects.split()}
        WRONG[name] = Variant(name, note, each, change)
        return change

    return register


def odd(name: str, note: str, dialects: str) -> Callable[[C], C]:
    """Registers a change after which a server of these dialects is as right as before."""

    def register(change: C) -> C:
        ODD[name] = Variant(name, note, dict.fromkeys(dialects.split(), ()), change)
        return change

    return register


def rows(table: Mapping[str, Variant]) -> Iterator[tuple[str, str]]:
    """Dialect and name of each variant, once for each of its dialects."""
    return ((dialect, one.name) for one in table.values() for dialect in one.clauses)


def server(dialect: str, variant: Variant | None) -> type[Spoken]:
    """The right server of a dialect, or what a variant makes of it."""
    module, _, name = RIGHT[dialect].partition(".")
    right: Any = getattr(import_module(f"tests.spoken.{module}"), name)
    return right if variant is None else type("Server", (variant.change, right), {})
