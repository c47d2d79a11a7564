"""The shipped JSON schema fits the code."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tcrp
from tcrp.dialects.file import DialectFileError, loads
from tcrp.dialects.schema import json_schema, keys_of, table_of
from tcrp.dialects.settings import Settings

HERE = Path(__file__).parent
SHIPPED = Path(tcrp.__file__).parent / "dialects" / "dialect.schema.json"
FILES = [*sorted((HERE / "odd").glob("*.toml")), *sorted(SHIPPED.parent.glob("*.toml"))]


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """To update it: python -m tcrp.dialects.schema > tcrp/dialects/dialect.schema.json"""
    assert json.loads(SHIPPED.read_text("utf-8")) == json_schema()
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_that_load_are_valid(path: Path) -> None:
    jsonschema.validate(tomllib.loads(path.read_text("utf-8")), json_schema())


@pytest.mark.parametrize(
    "text",
    [
        "nam = 'x'", "[request]\npayload = 'jason'", "[ports]\ntcp = true", "[ports]\ntcp = 70000",
        "[up]\nlayout = ['tken']", "[notices]\nleft = { to = 'me' }", "[idle]\nseconds = 0",
        "[request]\nextra = { a = [] }",
        "[status]\nok = 1.5", "[reply]\nsteps = 3",
    ],
)  # fmt: skip
def test_both_refuse_the_same(text: str) -> None:
    with pytest.raises(DialectFileError):
        loads(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), json_schema())


def described(schema: dict[str, Any], path: str = "") -> list[str]:
    """The keys without a description."""
    missing = [] if schema.get("description") else [path]
    for name, inner in schema.get("properties", {}).items():
        missing += described(inner, f"{path}.{name}")
    return missing


def test_every_key_is_explained() -> None:
    assert described(json_schema()) == []


def test_every_key_has_a_default_that_it_takes() -> None:
    for name, table_key in keys_of(Settings).items():
        table = table_of(table_key)
        for key in keys_of(table).values() if table else ():
            if key.default is not None and table_of(key) is None:
                value: Any = list(key.default) if isinstance(key.default, tuple) else key.default
                if not isinstance(value, bool | int | float | str | list):
                    value = dict(value)
                jsonschema.validate({name: {key.key: value}}, json_schema())
