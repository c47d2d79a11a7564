"""Templates and strict JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp import RemoteProtocolError
from tcrp.dialects.framed_text import (
    fill_template,
    json_end,
    match_template,
    read_json,
    read_object,
    split_template,
    write_json,
)

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


def test_only_the_places_are_filled() -> None:
    assert fill_template("{user} {other} {} {room}", user="{room}", room="r") == "{room} {other} {} r"
    assert fill_template("{token}") == ""
    assert split_template("a{user}b{message}") == ["a", "user", "b", "message", ""]


@pytest.mark.parametrize(
    ("template", "text", "known", "parts"),
    [
        ("{user} left {room}", "bob left r1", {}, {"user": "bob", "room": "r1"}),
        ("{user} left {room}", "bob left r1", {"room": "r1"}, {"user": "bob", "room": "r1"}),
        ("{user} left {room}", "bob left r1", {"room": "r2"}, None),
        ("{user} left.", "bob left!", {}, None),
        ("{user}\n{user}", "bob\nbob", {}, {"user": "bob"}),
        ("{user}\n{user}", "bob\nrob", {}, None),
        ("{user} left {room}", "a left b left c", {"room": "b left c"}, {"user": "a", "room": "b left c"}),
        ("closed", "closed", {"room": "r"}, {"room": "r"}),
        ("closed", "closed\n", {}, None),
        ("", "", {}, {}),
    ],
)
def test_what_a_template_may_have_made(template: str, text: str, known: dict[str, str], parts: object) -> None:
    assert match_template(template, text, **known) == parts


@given(user=texts, room=texts)
def test_what_was_filled_matches(user: str, room: str) -> None:
    assert (
        match_template("{user} in {room}", fill_template("{user} in {room}", user=user, room=room), room=room)
        is not None
    )


@given(value=values, escapes=st.booleans())
def test_json_comes_back(value: object, escapes: bool) -> None:
    data = write_json(value, escapes=escapes)
    assert read_json(data) == value
    assert data.isascii() or not escapes


@given(value=values.filter(lambda value: isinstance(value, dict | list | str)), rest=st.binary(max_size=20))
def test_json_is_found_as_soon_as_it_is_whole(value: object, rest: bytes) -> None:
    data = b" \n" + write_json(value, escapes=False)
    assert json_end(data + rest) == len(data)
    assert read_json(data) == value
    for size in range(len(data)):
        assert json_end(data[:size]) is None


@pytest.mark.parametrize("data", [b"12", b"tru", b"-"])
def test_only_the_end_of_the_stream_ends_a_number_or_a_word(data: bytes) -> None:
    assert json_end(data) is None


def test_json_that_is_complete_and_wrong_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        json_end(b'{"a": tru}')


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b'"\\ud800"', b'{"\\udc00": 1}', b'["\\ud800x"]', b"NaN", b"[Infinity]", b"1" * 19, b"{} x",
     '{"a": 1}'.encode("utf-16"), b"[" * 100_000, b"}", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_not_json(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_json(data)
    assert caught.value.clause == "TCRP-3.2g"


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"x"'])
def test_what_is_no_object(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_object(data)
    assert read_object(b'{"a": [1]}') == json.loads('{"a": [1]}')
