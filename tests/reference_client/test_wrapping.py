"""Text is broken into rows of a screen without losing any of it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from reference_client.text import visible
from reference_client.wrapping import cells, wrap

SAMPLES = st.text(
    st.sampled_from("ab cde  fgh")
    | st.sampled_from("部屋の、é한")
    | st.sampled_from("👩💻👍🏽❤🇩🇪\u200d\ufe0f\u0301")
    | st.characters()
).map(visible)


def rows(text: str, first: int, others: int | None = None) -> list[str]:
    return [text[start:end] for start, end in wrap(text, first, first if others is None else others)]


@pytest.mark.parametrize(
    ("text", "first", "others", "expected"),
    [
        ("", 10, 10, [""]),
        ("short", 10, 10, ["short"]),
        ("exactly 10", 10, 10, ["exactly 10"]),
        ("exactly 10 more", 10, 10, ["exactly 10", "more"]),
        ("one two three", 9, 9, ["one two ", "three"]),
        ("one two three", 9, 5, ["one two ", "three"]),
        ("one two three", 9, 3, ["one two t", "hre", "e"]),
        ("a word-that-is-too-long", 10, 10, ["a word-tha", "t-is-too-l", "ong"]),
        ("two  spaces", 4, 4, ["two ", "spac", "es"]),
        ("      x", 3, 3, ["   ", "  x"]),
        ("bob: 部屋の名前", 9, 7, ["bob: 部屋", "の名前"]),
        ("ab部屋", 3, 3, ["ab", "部", "屋"]),
        ("👩‍💻👩‍💻", 4, 4, ["👩‍💻", "👩‍💻"]),  # not every terminal joins them, so 4 cells each
        ("👩‍💻x", 3, 3, ["👩\u200d", "💻x"]),  # no row holds 4 cells, so each character stands for itself
        ("🇩🇪🇯🇵", 3, 3, ["🇩🇪", "🇯🇵"]),
        ("👍🏽👍🏽", 4, 4, ["👍🏽", "👍🏽"]),
        ("❤️❤️❤️", 5, 5, ["❤️❤️", "❤️"]),
        ("e\u0301" * 5, 2, 2, ["e\u0301" * 2, "e\u0301" * 2, "e\u0301"]),
    ],
)
def test_rows(text: str, first: int, others: int, expected: list[str]) -> None:
    assert rows(text, first, others) == expected


@given(SAMPLES, st.integers(2, 30), st.integers(2, 30))
@settings(deadline=None)
def test_rows_hold_all_of_the_text_and_no_row_is_too_wide(text: str, first: int, others: int) -> None:
    spans = wrap(text, first, others)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    for (_, end), (start, _) in pairwise(spans):
        assert text[end:start] in ("", " ")
    for number, (start, end) in enumerate(spans):
        assert cell_len(text[start:end]) <= (others if number else first)
        assert end > start or not text


@given(SAMPLES)
@settings(deadline=None)
def test_a_text_takes_no_more_cells_than_it_is_given(text: str) -> None:
    assert cell_len(text) <= cells(text)
    assert rows(text, cells(text) or 1) == [text]
