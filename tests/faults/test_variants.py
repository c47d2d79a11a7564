"""Every fault and every odd server starts, says so, and stops. Their lists can be read by a program."""

import ast
import contextlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.processes import SCRIPTS, TESTS, WAIT, start

HEADING_OR_NAME = re.compile(r'^# (\d+\.\d+[a-z]?): .* -+$|"([a-z0-9-]+)"', re.MULTILINE)


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
def test_variants_start_and_stop(variants: list[tuple[str, str]]) -> None:
    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(start(option, name)) for option, name in variants]
        for target in targets:
            target.process.terminate()
        for target in targets:
            assert target.process.wait(WAIT) == 0
            assert target.errors() == ""


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


# the order ----------------------------------------------------------------------------------------


def key(clause: str) -> tuple[int, int, str]:
    """What sorts clauses, so that 3.10 comes after 3.9. In the name of a module it is written 3_10."""
    found = re.fullmatch(r"(\d+)[._](\d+)([a-z]?)", clause)
    assert found, clause
    return int(found[1]), int(found[2]), found[3]


def bounds(path: Path) -> tuple[tuple[int, int, str], tuple[int, int, str]]:
    """The first and the last clause that the name of a module says. 2_3 stands for 2.3a, 2.3b and so on."""
    first, _, last = path.stem.removeprefix("clauses_").partition("_to_")
    section, number, letter = key(last or first)
    return key(first), (section, number, letter or "z")


@pytest.mark.parametrize("option", SCRIPTS)
def test_variants_stand_under_the_heading_of_their_clause_in_the_order_of_clauses(option: str) -> None:
    clauses = {name: clause.removeprefix("TCRP-") for name, clause, *_ in LISTED[option]}
    found = []
    for path in sorted(SCRIPTS[option].parent.glob("clauses_*.py")):
        first, last = bounds(path)
        heading = ""
        for match in HEADING_OR_NAME.finditer(path.read_text(encoding="utf-8")):
            heading = match[1] or heading
            if match[2] in clauses:
                assert clauses[match[2]] == heading, match[2]
                assert first <= key(heading) <= last, path.name
                found.append(match[2])
    assert found == [row[0] for row in LISTED[option]]


# what the servers are made of ---------------------------------------------------------------------


def dotted(path: Path) -> str:
    parts = path.relative_to(TESTS.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SERVERS = {
    dotted(path): path
    for script in SCRIPTS.values()
    for path in sorted(script.parent.rglob("*.py"))
    if not path.name.startswith("test_") and path.name != "conftest.py"
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_servers_import_nothing_of_the_project(name: str) -> None:
    tree = ast.parse(SERVERS[name].read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module
            assert not node.level
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    assert {one for one in imported if one.partition(".")[0] not in sys.stdlib_module_names} <= {*SERVERS}
