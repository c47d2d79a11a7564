"""Every server clause has a test or a reason for having none, and every test names a clause."""

import ast

from conformance.spec import suite_index as index
from conformance.spec.clauses import STAGE_1, Role, all_clauses


def test_every_server_clause_has_a_test_or_a_reason() -> None:
    tested = index.tests_by_clause()
    for clause in all_clauses():
        if clause.role is Role.CLIENT:
            assert clause.untested is not None, clause.id
        if clause.id != STAGE_1:  # judged in a dialect of its own
            assert (clause.id in tested) != (clause.untested is not None), clause.id


def test_every_test_names_one_clause_that_there_is() -> None:
    known = {clause.id for clause in all_clauses()}
    assert set(index.tests_by_clause()) <= known
    named = {test for tests in index.tests_by_clause().values() for test in tests}
    for path in index.SUITE.glob("test_*.py"):
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        for function in functions:
            if function.name.startswith("test_"):
                marks = [
                    d for d in function.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "clause"
                ]
                assert len(marks) == 1, f"{path.name}: {function.name}"
                assert function.name in named


def test_every_module_judges_clauses_of_its_section() -> None:
    for path in index.SUITE.glob("test_[0-9]*.py"):  # the model knows no sections
        section = path.name.split("_")[1]
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        ids = {ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "clause"}
        own = {one for one in ids if one.startswith(f"TCRP-{section}.")}
        idle = {"TCRP-4.4c", "TCRP-4.6c", "TCRP-4.6d"}  # judged with the idle clauses, which share one scene
        assert ids - own <= idle, path.name
