"""No module is longer than 400 lines, and no class has more than 25 public members, inherited ones counted."""

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import is_typeddict

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("tcrp", "relay", "reference_server", "reference_client", "conformance", "benchmarks")
MOST_LINES = 400
MOST_MEMBERS = 25


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def members(cls: type) -> set[str]:
    """The public names of a class and of its instances, but for those that come from outside the project."""
    found: set[str] = set()
    for one in inspect.getmro(cls):
        if one.__module__.partition(".")[0] in PACKAGES:
            found |= set(vars(one)) | set(getattr(one, "__annotations__", {})) | set(assigned(one))
    return {name for name in found if not name.startswith("_")}


def assigned(cls: type) -> Iterator[str]:
    """What `__init__` assigns to self."""
    if not inspect.isfunction(vars(cls).get("__init__")):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(vars(cls)["__init__"])))
    except (OSError, SyntaxError):  # a dataclass makes its own
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            yield node.attr


def classes(path: Path) -> Iterator[type]:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    if name.endswith("__main__") or name == "benchmarks.contestants.start":
        return
    module = sys.modules.get(name) or importlib.import_module(name)
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ == name and not is_typeddict(cls):  # rows of a file are no members
            yield cls


@pytest.mark.parametrize("path", modules(*PACKAGES, "tests"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_long(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES


@pytest.mark.parametrize("path", modules(*PACKAGES[:-1]), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_class_is_wide(path: Path) -> None:
    wide = {cls.__name__: len(members(cls)) for cls in classes(path) if len(members(cls)) > MOST_MEMBERS}
    assert wide == {}


class Wide:
    """What the count must see."""

    __module__ = "conformance.made"
    constant = 1
    declared: int

    def __init__(self) -> None:
        self.attribute = 1
        self._private = 2

    def method(self) -> None:
        pass


class Wider(Wide):
    __module__ = "conformance.made"

    def another(self) -> None:
        pass


def test_members_are_counted_with_the_inherited_ones() -> None:
    assert members(Wider) == {"constant", "declared", "attribute", "method", "another"}
