"""The arrows: construct <- tcrp <- relay <- reference_server; tcrp <- reference_client; tcrp <- conformance. And those
between the packages of conformance.
"""

import ast
import inspect
import subprocess
import sys
import types
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import tcrp

ROOT = Path(__file__).parents[1]

RANDOM = frozenset({"os", "random", "secrets", "uuid"})
IMPURE = RANDOM | {"socket", "socketserver", "ssl", "select", "selectors", "asyncio", "threading", "time"}


class Rule(NamedTuple):
    """What a package may import besides itself and the standard library, and what of the latter it may not."""

    may: frozenset[str]
    never: frozenset[str] = frozenset()


RULES = {
    "tcrp": Rule(frozenset({"construct", "bcrypt"}), IMPURE),
    "relay": Rule(frozenset({"tcrp"}), IMPURE),
    "reference_server": Rule(frozenset({"tcrp", "relay", "prometheus_client"})),
    "reference_client": Rule(frozenset({"tcrp", "prompt_toolkit", "rich", "textual"})),
    "conformance": Rule(frozenset({"tcrp", "pytest", "hypothesis", "rich", "jinja2"})),
}

TUPLE_METHODS = frozenset(
    {"_replace", "_asdict", "_fields", "_make"}
)  # of a NamedTuple, public in spite of their names


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    """(line, module, name or "") of every import; `package` holds the module, for relative imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from ((node.lineno, alias.name, "") for alias in names)
            case ast.ImportFrom(module, names, level):
                base = package[: len(package) - (level - 1)] if level else ()
                full = ".".join((*base, *([module] if module else [])))
                yield from ((node.lineno, full, alias.name) for alias in names)
            case ast.Call(ast.Name("__import__") | ast.Attribute(attr="import_module"), [ast.Constant(str(name)), *_]):
                yield node.lineno, name, ""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in TUPLE_METHODS


def violations(source: str, package: tuple[str, ...]) -> list[str]:
    """What is wrong with the imports of a module in `package`, which begins with one of RULES."""
    tree = ast.parse(source)
    own, rule = package[0], RULES[package[0]]
    found: list[tuple[int, str]] = []
    foreign: set[str] = set()
    for line, module, name in imports(tree, package):
        top = module.partition(".")[0]
        if top == own:
            continue
        if top in rule.never:
            found.append((line, f"{own} never imports {top}"))
        elif top not in rule.may and top not in sys.stdlib_module_names:
            found.append((line, f"{own} does not import {top or module or 'beyond its top'}"))
        found += [(line, f"{part} of {top} is private") for part in (*module.split("."), name) if is_private(part)]
        if top not in sys.stdlib_module_names:
            foreign.add(name or top)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name(name), attr) if name in foreign and is_private(attr):
                found.append((node.lineno, f"{attr} of {name} is private"))
    return [f"line {line}: {what}" for line, what in sorted(found)]


def modules() -> list[Path]:
    return sorted(path for package in RULES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_arrows_hold(path: Path) -> None:
    package = path.relative_to(ROOT).parent.parts
    assert violations(path.read_text(encoding="utf-8"), package) == []


def test_every_package_was_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in modules()} == set(RULES)


@pytest.mark.parametrize(
    ("package", "source", "found"),
    [
        ("tcrp", "import socket", "tcrp never imports socket"),
        ("tcrp", "import os.path", "tcrp never imports os"),
        ("tcrp", "from asyncio import run", "tcrp never imports asyncio"),
        ("tcrp", "def f():\n    import time", "tcrp never imports time"),
        ("tcrp", "from relay import rooms", "tcrp does not import relay"),
        ("tcrp", "import hypothesis", "tcrp does not import hypothesis"),
        ("tcrp", "import importlib\nimportlib.import_module('relay.rooms')", "tcrp does not import relay"),
        ("tcrp", "__import__('secrets')", "tcrp never imports secrets"),
        ("tcrp.dialects", "import uuid", "tcrp never imports uuid"),
        ("tcrp", "from os import urandom", "tcrp never imports os"),
        ("relay", "import os", "relay never imports os"),
        ("relay", "from uuid import uuid4", "relay never imports uuid"),
        ("relay", "import secrets", "relay never imports secrets"),
        ("tcrp.dialects", "from ...relay import rooms", "tcrp does not import relay"),
        ("relay", "import construct", "relay does not import construct"),
        ("relay", "from random import choice", "relay never imports random"),
        ("relay", "from tcrp.wire import _parse", "_parse of tcrp is private"),
        ("relay", "from tcrp import wire\nwire._parse(b'')", "_parse of wire is private"),
        ("relay", "import tcrp._hidden", "_hidden of tcrp is private"),
        ("reference_server", "from conformance import suite", "reference_server does not import conformance"),
        ("reference_server", "import tests.faults", "reference_server does not import tests"),
        ("reference_client", "import relay", "reference_client does not import relay"),
        ("conformance", "if TYPE_CHECKING:\n    import relay", "conformance does not import relay"),
        ("conformance", "import reference_server.cli", "conformance does not import reference_server"),
        ("conformance", "import reference_client", "conformance does not import reference_client"),
    ],
)
def test_a_wrong_import_is_found(package: str, source: str, found: str) -> None:
    (violation,) = violations(source, tuple(package.split(".")))
    assert violation.partition(": ")[2] == found


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("tcrp", "import construct, re\nfrom tcrp.wire import _parse\nfrom .wire import _parse\nfrom . import wire"),
        ("tcrp.dialects", "from ..wire import check_room\nfrom .base import Ports\nfrom __future__ import annotations"),
        ("relay", "import re\nfrom tcrp import Frame\nFrame._fields\nself._x\nfrom tcrp import __version__"),
        ("reference_server", "import asyncio, socket, relay.rooms, tcrp"),
        ("conformance", "import pytest, hypothesis.strategies, rich.table, jinja2, tcrp.wire"),
    ],
)
def test_a_right_import_passes(package: str, source: str) -> None:
    assert violations(source, tuple(package.split("."))) == []


ALONE = """
import sys
from importlib import import_module
from pkgutil import walk_packages

class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"tcrp", "construct"} | sys.stdlib_module_names:
            raise ModuleNotFoundError(name + " is not installed here")

sys.meta_path.insert(0, Only())
try:
    import pytest
except ModuleNotFoundError:
    import tcrp
    for module in walk_packages(tcrp.__path__, "tcrp."):
        import_module(module.name)
        print(module.name)
"""


def test_tcrp_needs_construct_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"tcrp.wire", "tcrp.cli", "tcrp.dialects.tcrp", "tcrp.__main__"} <= set(done.stdout.split())


def is_constant(value: object) -> bool:
    return isinstance(value, int | str | types.UnionType)  # a union is the name of a type, explained where it stands


@pytest.mark.parametrize("name", tcrp.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    value = getattr(tcrp, name)
    if is_constant(value):
        return
    own = value.__doc__ if inspect.ismodule(value) or inspect.isfunction(value) else vars(value).get("__doc__")
    assert own
    assert own.strip()
    assert not own.startswith(f"{name}(")  # what NamedTuple and dataclass write by themselves


def test_the_public_names_are_all_there_and_sorted() -> None:
    assert sorted(set(tcrp.__all__), key=lambda n: (not n.isupper(), not n[0].isupper(), n)) == list(tcrp.__all__)
    public = {name for name, value in vars(tcrp).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public <= set(tcrp.__all__)


# The packages of conformance. What each may import stands in ARCHITECTURE.md.


def units() -> dict[str, frozenset[str]]:
    """Each package of conformance, or part of one, and what it may import of the others, as ARCHITECTURE.md says."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("| package of `conformance/` |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    return {
        unit.strip("`"): frozenset(word for word in may.split(", ") if word)
        for unit, _, may in rows
        if unit.startswith("`")
    }


UNITS = units()


def unit_of(module: str) -> str:
    """The most special unit that holds the module, `top` if none does."""
    path = module.removeprefix("conformance").lstrip(".").replace(".", "/")
    holding = [unit for unit in UNITS if path == unit or path.startswith(f"{unit}/")]
    return max(holding, key=len, default="top")


def conformance_imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of whatever a module of conformance imports from conformance, also inside of functions."""
    package = path.relative_to(ROOT).parent.parts
    for line, module, name in imports(ast.parse(path.read_text(encoding="utf-8")), package):
        if module.partition(".")[0] == "conformance":
            inner = ROOT.joinpath(*module.split("."), name)
            is_module = bool(name) and (inner.with_suffix(".py").exists() or (inner / "__init__.py").exists())
            yield line, f"{module}.{name}" if is_module else module


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


CONFORMANCE = [path for path in modules() if path.relative_to(ROOT).parts[0] == "conformance"]


@pytest.mark.parametrize("path", CONFORMANCE, ids=name_of)
def test_a_package_of_conformance_imports_what_the_table_says(path: Path) -> None:
    own = unit_of(name_of(path))
    if own == "top":
        return
    wrong = [
        f"line {line}: {own} imports {module}"
        for line, module in conformance_imports(path)
        if (other := unit_of(module)) != own and other not in UNITS[own]
    ]
    assert wrong == []


def test_the_table_names_every_package_of_conformance() -> None:
    packages = {path.name for path in (ROOT / "conformance").iterdir() if (path / "__init__.py").exists()}
    assert {unit.partition("/")[0] for unit in UNITS} == packages


def ordered(graph: dict[str, frozenset[str]]) -> list[str]:
    """The nodes, each after all that it points to. CycleError if there is a circle."""
    return list(TopologicalSorter(graph).static_order())


def test_there_is_no_circle_in_the_table() -> None:
    assert set(ordered(UNITS)) == set(UNITS)


def test_there_is_no_circle_of_modules() -> None:
    graph = {
        name_of(path): frozenset(module for _, module in conformance_imports(path) if module != name_of(path))
        for path in CONFORMANCE
    }
    assert len(ordered(graph)) >= len(CONFORMANCE)


def test_a_circle_is_found() -> None:
    with pytest.raises(CycleError):
        ordered({"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"})})
