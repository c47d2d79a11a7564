"""docs/dialects.md: every file in it loads, and every key that it names is one."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

import tcrp
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tcrp.dialects.schema import keys_of, table_of
from tcrp.dialects.settings import Settings

TEXT = (Path(__file__).parent.parent / "docs" / "dialects.md").read_text("utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n", 1)[0] for block in BLOCKS])
def test_every_file_loads_and_says_something(block: str) -> None:
    answers = loads(block)
    assert answers != Settings(answers.name)
    assert tomllib.loads(block)
    assert Framed(answers).name == answers.name


def test_every_table_is_taught() -> None:
    taught = {name for block in BLOCKS for name in tomllib.loads(block)}
    tables = {key.key for key in keys_of(Settings).values() if table_of(key) or isinstance(key.default, Mapping)}
    assert tables == taught - {"name"}


def test_the_built_in_dialects_of_this_form_are_listed() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE))
    files = {name for name in tcrp.dialects.names() if isinstance(tcrp.dialects.get(name), Framed)}
    assert files <= listed <= set(tcrp.dialects.names())


def test_the_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(block, "dialects.md", "exec"), {})
    assert 'user-key = "user_name"' in capsys.readouterr().out
