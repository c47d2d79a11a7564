"""Which tests judge which clause, read from the suite's source without importing it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SUITE = Path(__file__).parent.parent / "suite"
"""The folder of the tests."""
SUITE_PACKAGE = "conformance.suite"


@cache
def tests_by_clause() -> dict[str, tuple[str, ...]]:
    """Clause id -> names of its tests, in the order of the modules."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(SUITE.glob("test_*.py")):
        for clause, test in _marked(ast.parse(path.read_text(encoding="utf-8"))):
            found[clause] = (*found.get(clause, ()), test)
    return found


def modules_with(test: str) -> Iterator[str]:
    """The names of the modules that hold a test of this name."""
    for path in sorted(SUITE.glob("test_*.py")):
        if f"def {test}(" in path.read_text(encoding="utf-8"):
            yield path.stem


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                match decorator:
                    case ast.Call(func=ast.Name(id="clause"), args=marked):
                        for one in marked:
                            if isinstance(one, ast.Constant):
                                yield str(one.value), node.name
