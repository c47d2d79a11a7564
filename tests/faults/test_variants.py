"""Every fault and every odd server starts, says so, and stops; their lists can be read by a program."""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = {"fault": HERE / "server.py", "odd": HERE.parent / "odd" / "server.py"}
WAIT = 10.0  # seconds; how long anything may take before a test gives up


def listed(option: str) -> list[list[str]]:
    command = [sys.executable, str(SCRIPTS[option]), "--list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT).stdout
    return [line.split("\t") for line in listing.splitlines()]


LISTED = {option: listed(option) for option in SCRIPTS}
BY_CLAUSE = {
    f"{option} {clause}": [(option, row[0]) for row in rows]
    for option, table in LISTED.items()
    for clause, rows in itertools.groupby(table, key=lambda row: row[1])
}


@pytest.mark.parametrize("variants", BY_CLAUSE.values(), ids=BY_CLAUSE)
def test_variants_start_and_stop(
    started: Callable[..., contextlib.AbstractContextManager], variants: list[tuple[str, str]]
) -> None:
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(started(option, name)) for option, name in variants]
        for target in targets:
            target.process.terminate()
        for target in targets:
            assert target.process.wait(WAIT) == 0
            assert target.process.stderr.read() == ""


@pytest.mark.parametrize("option", SCRIPTS)
def test_the_list_can_be_read_by_a_program(option: str) -> None:
    for name, clause, also, note in LISTED[option]:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert all(re.fullmatch(r"TCRP-[2-6]\.\d+[a-i]?", each) for each in (clause, *also.split(",")) if each != "-")
        assert clause not in also.split(",")
        assert note


@pytest.mark.parametrize("option", SCRIPTS)
def test_an_unknown_name_is_one_clear_line(option: str) -> None:
    command = [sys.executable, str(SCRIPTS[option]), f"--{option}", "no-such"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT)
    assert result.returncode == 2
    assert f"--{option} no-such: no such name; --list shows them" in result.stderr


SOURCES = [path for path in [*HERE.glob("*.py"), *HERE.parent.glob("odd/*.py")] if not path.name.startswith("test_")]


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "conftest.py"], ids=lambda path: path.name)
def test_the_servers_import_nothing_of_the_project(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {source.stem for source in SOURCES}
