"""Dialect files: their settings, the errors in them with their lines, and the text that is written."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp.dialects.file import DialectFileError, dumps, load, loads
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import (
    IdleSettings,
    NoticeSettings,
    NoticesSettings,
    PortSettings,
    RequestSettings,
    Settings,
)

ODD = sorted((Path(__file__).parent / "odd").glob("*.toml"))
SHIPPED = sorted(Path(tcrp.__file__).with_name("dialects").glob("*.toml"))


def test_an_empty_file_is_the_canonical_dialect_without_notices() -> None:
    assert loads("", "empty.toml") == Settings(name="empty")


def test_a_file_says_only_what_differs() -> None:
    text = """
name = "mine"
[ports]
tcp = 8000
[request]
user-key = "user_name"
extra = { type = "JOIN", version = 2, new = true }
[notices]
joined = { to = "others", text = "{user} joined" }
[idle]
seconds = 10
"""
    settings = loads(text)
    assert settings.ports == PortSettings(tcp=8000)
    assert settings.request == RequestSettings(user_key="user_name", extra={"type": "JOIN", "version": 2, "new": True})
    assert settings.notices == NoticesSettings(joined=NoticeSettings("others", "{user} joined"))
    assert settings.idle == IdleSettings(seconds=10.0)
    assert dumps(settings).split() == text.split()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nam = 'x'", 1, "nam is no key: a dialect file has name, ports, "),
        ("nam = 'x'", 1, "; did you mean name?"),
        ("\n\n[prots]\ntcp = 1", 3, "prots is no key"),
        ("[request]\n\nusr-key = 'u'", 3, "request.usr-key is no key: the table [request] has payload, user-key"),
        ("[request]\n\nusr-key = 'u'", 3, "did you mean user-key?"),
        ('[request]\npayload = "jason"', 2, 'request.payload is "jason": "json-or-raw", "json", "raw"'),
        ('[request]\npayload = "jason"', 2, "did you mean json?"),
        ("[request]\nany-state = 1", 2, "request.any-state is 1: true or false"),
        ("[request]\nextra = { a = 1.5 }", 2, "request.extra.a is 1.5: true or false or a whole number or a text"),
        ("[request]\nextra = 1", 2, "request.extra is 1: a table"),
        ("[ports]\ntcp = 65536", 2, "ports.tcp is 65536: a whole number from 0 to 65535 or false"),
        ("[ports]\ntcp = true", 2, "ports.tcp is true: "),
        ("[ports]\nudp = 9002.0", 2, "ports.udp is 9002: a whole number from 0 to 65535"),
        ("ports.udp = -1", 1, "ports.udp is -1"),
        ("ports = 3", 1, "ports is 3: it is a table, [ports]"),
        ("[notices]\nleft = 'bye'", 2, 'notices.left is "bye": it is a table'),
        ("[notices.left]\nto = 'everyone'", 2, 'notices.left.to is "everyone": "nobody", "member", "others", "all"'),
        ("[notices]\nleft = { to = 'al', text = 'x' }", 2, "did you mean all?"),
        ("[up]\nlayout = [\n  'room',\n  'tken',\n]", 2, 'up.layout is "tken": "type", '),
        ("[up]\nlayout = 'room'", 2, 'up.layout is "room": a list'),
        ("[idle]\nseconds = inf", 2, "idle.seconds is inf: a number from 0.001 to 1e+09 or false"),
        ("[idle]\nseconds = 0", 2, "idle.seconds is 0: a number from 0.001 to 1e+09 or false"),
        ("[reply]\nsteps = 3", 2, "reply.steps is 3: 1, 2"),
        ("[reply]\noperation = 'same'", 2, 'reply.operation is "same": a whole number from 0 to 255 or "echoed"'),
        ("[status]\nok = [0]", 2, "status.ok is a list: true or false or a whole number or a text"),
        ("[status]\nok = 123456789012345678901234567890", 2, "status.ok is "),
        ("a = 1\na = 2", 2, "not TOML: "),
        ("name = 'x", 1, "not TOML: "),
        ("[ports\n", 1, "not TOML: "),
        ("name = 'a b'", 1, 'name is "a b": letters, digits'),
        ("\n[token]\nsize = 20", 3, 'token.size is 20: where token.alphabet is "uuid" it is 36'),
        ("[chat]\necho = true\n[down]\ntemplate = '{token}: {message}'", 4, "down.template has {token}"),
        ('name = """\nx = 1\n"""\nx = 2', 4, "x is no key"),
        ("\n[ports]\ntcp = " + "9" * 5000, 3, "the line has 5006 characters: 1000 at most"),
        ("[up]\nlayout = [\n[" + " " * 3000 + "\n]]\n", 3, "the line has 3001 characters"),
        (".".join("a" * 2000) + " = 1", 1, "the line has 4003 characters"),
        ("[" + " " * 990 + "up\n", 1, "not TOML: "),
        ("[idle]\nseconds = 0x" + "f" * 900, 2, "idle.seconds is a number beyond 2^64: a number from 0.001"),
        ("a" * 900 + " = 1", 1, f"{'a' * 60}... is no key"),
        ('"a\\nb\\u001b" = 1', 1, r'"a\nb\u001b" is no key'),
        ('[request]\nextra = { "a\\nb" = 1.5 }', 2, r'"request.extra.a\nb" is 1.5: '),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(text: str, line: int, said: str) -> None:
    with pytest.raises(DialectFileError) as caught:
        loads(text, "some/where.toml")
    message = str(caught.value)
    assert message.startswith(f"some/where.toml:{line}: ")
    assert said in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"name = '\xff'", "not UTF-8 at byte 8"), (b"x = " + b"[\n" * 5000, "not TOML: nested")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "d.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DialectFileError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    with pytest.raises(tcrp.dialects.UnknownDialect, match=r"d\.toml"):
        tcrp.dialects.get(str(path))


@pytest.mark.parametrize("content", [b"\xe3\x81\x82" * 30_000, b"#" * 999 + b"\n" + b"\n" * 70_000])
def test_a_file_that_is_too_long_is_not_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.toml"
    path.write_bytes(content)
    with pytest.raises(DialectFileError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: the file is too long for a dialect: 65536 bytes at most"


def test_a_table_is_found_whatever_the_spaces() -> None:
    with pytest.raises(DialectFileError, match=r"some:2: ports\.tcp is 65536"):
        loads(f"[{' ' * 400}ports{' ' * 400}]\ntcp = 65536", "some")


def test_an_integer_that_python_does_not_read() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(DialectFileError, match="not TOML: an integer has too many digits"):
            loads("x = " + "9" * 700)
    finally:
        sys.set_int_max_str_digits(limit)


def test_a_name_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("[ports]\ntcp = 8000\n")
    (tmp_path / "other").write_text('name = "x"')
    assert tcrp.dialects.get(str(tmp_path / "mine.toml")).ports == (8000, 9002)
    monkeypatch.chdir(tmp_path)
    assert tcrp.dialects.get("mine.toml").name == "mine"
    assert tcrp.dialects.get("./other").name == "x"
    with pytest.raises(tcrp.dialects.UnknownDialect, match="no dialect 'other'"):
        tcrp.dialects.get("other")


@pytest.mark.parametrize("path", [*ODD, *SHIPPED], ids=lambda path: path.name)
def test_files_come_back(path: Path) -> None:
    settings = load(path)
    assert loads(dumps(settings)) == settings


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_file_is_the_built_in_dialect_of_its_name(path: Path) -> None:
    name = path.stem.replace("_", "-")
    dialect = tcrp.dialects.get(name)
    assert isinstance(dialect, Framed)
    assert dialect.settings == load(path)
    assert dialect.name == name
    assert path.read_text("utf-8").startswith(f"# {name}: ")


def test_the_built_in_dialects_of_this_form_are_shipped() -> None:
    built_in = {name for name in tcrp.dialects.names() if isinstance(tcrp.dialects.get(name), Framed)}
    assert built_in == {path.stem.replace("_", "-") for path in SHIPPED}
    assert {"model-answer", "json-status"} <= built_in


def test_comments_stand_above_their_keys() -> None:
    settings = replace(Settings("x"), notices=NoticesSettings(left=NoticeSettings("all", "bye")))
    text = dumps(settings, {
        "": "about the server\n\nsecond line",
        "ports": "as it printed them",
        "ports.tcp": "it listens there",
        "notices.left": "heard",
        "notices.left.to": "by two of two",
    })  # fmt: skip
    assert (
        text
        == """\
# about the server
#
# second line
name = "x"

# as it printed them
[ports]
# it listens there
tcp = 9001

[notices]
# heard
# by two of two
left = { to = "all", text = "bye" }
"""
    )
    assert loads(text) == settings


@given(
    text=st.text(st.characters(codec="utf-8")),
    size=st.integers(1, 255),
    key=st.text(st.characters(codec="utf-8")),
    seconds=st.floats(0.001, 1e9) | st.just(False),
)
def test_whatever_can_be_said_comes_back(text: str, size: int, key: str, seconds: float) -> None:
    settings = Settings(
        "x",
        request=RequestSettings(extra={key: text}) if key not in ("username", "password") else RequestSettings(),
        idle=IdleSettings(seconds=seconds),
        chat=replace(Settings().chat, leave=text or False),
        token=replace(Settings().token, alphabet="hex", size=size),
    )
    assert loads(dumps(settings)) == settings


@given(text=st.text())
def test_no_text_does_more_than_be_refused(text: str) -> None:
    said = []
    try:
        loads(text)
    except DialectFileError as error:
        said = str(error).splitlines()
    assert len(said) <= 1
