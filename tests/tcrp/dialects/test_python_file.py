"""Dialects from Python files: what is loaded, what is refused in one line with its place, what never runs unasked."""

from pathlib import Path

import pytest

from tcrp import dialects
from tcrp.dialects import UnknownDialect
from tests.python_dialects.paths import EXAMPLES

BASE = "from tcrp.dialects.scripted import Scripted\n\n\nclass Mine(Scripted):\n    pass\n\n\n"


def test_the_name_is_that_of_the_file_unless_it_says_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{BASE}DIALECT = Mine()\n")
    assert dialects.get(str(path)).name == "mine"
    path.write_text(f"{BASE}Mine.name = 'other'\nDIALECT = Mine()\n")
    assert dialects.get(str(path)).name == "other"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "mine.py: there is no DIALECT: the file must say DIALECT = MyDialect()"),
        (f"{BASE}DIALECT = Mine\n", "mine.py: DIALECT is a class: DIALECT = Mine() makes a dialect of it"),
        ("DIALECT = 5\n", "mine.py: DIALECT has no name: a subclass of tcrp.dialects.scripted.Scripted has everything"),
        ("x = (\n", "mine.py:1: '(' was never closed"),
        ("import tcrp\n\nDIALECT = tcrp.nothing()\n", "mine.py:3: AttributeError: "),
        ("import no_such_module\n", "mine.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('two\\nlines')\n", "mine.py:1: ValueError: two lines"),
    ],
)
def test_an_error_is_one_line_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UnknownDialect) as raised:
        dialects.get(str(path))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownDialect, match="No such file"):
        dialects.get(str(tmp_path / "mine.py"))


def test_a_text_of_somebody_else_runs_nothing(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    path = tmp_path / "mine.py"
    path.write_text(f"{BASE}open({str(ran)!r}, 'w').close()\nDIALECT = Mine()\n")
    with pytest.raises(UnknownDialect, match="runs only if --dialect names it"):
        dialects.of_text(str(path))
    assert not ran.exists()
    text = dialects.to_text(dialects.get(str(path)))
    assert ran.exists()
    assert dialects.of_text(text, runs_python=True).name == "mine"


def test_each_example_is_shorter_than_60_lines() -> None:
    assert len(EXAMPLES) == 3
    for path in EXAMPLES.values():
        assert len(path.read_text().splitlines()) < 60
