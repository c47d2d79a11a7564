"""Text of others is shown on one line and cannot move the cursor."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_client.text import visible

VISIBLE_FORMATS = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that are signs before numbers, and seen."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 部屋 é 👩‍💻", "plain 部屋 é 👩‍💻"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred\x07\x7f", r"\x1b[31mred\x07\x7f"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("user\u202egnp.exe\u2066\u200f\u061c", r"user\u202egnp.exe\u2066\u200f\u061c"),
        ("one\u2028two\u2029", r"one\u2028two\u2029"),
        ("\ud800", r"\ud800"),
        (b"ok \xff\xe9", r"ok \xff\xe9"),
        (r"C:\new", r"C:\new"),
        ("a\u200bd\u00admin\ufeff\u2060", r"a\u200bd\xadmin\ufeff\u2060"),
        ("a\u200db\u200cc\u034f", r"a\u200db\u200cc\u034f"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        ("\u3164\uffa0\u115f\u1160\u2800", r"\u3164\uffa0\u115f\u1160\u2800"),
        ("葛\U000e0100 a\ufe00", r"葛\U000e0100 a\ufe00"),
        ("👩‍💻 👨‍👩‍👧 ❤️ ❤️‍🔥 ☝🏽 1️⃣ ©️ 🇩🇪", "👩‍💻 👨‍👩‍👧 ❤️ ❤️‍🔥 ☝🏽 1️⃣ ©️ 🇩🇪"),
        ("👩\u200d \u200d💻 a\u200d💻", r"👩\u200d \u200d💻 a\u200d💻"),
        ("👩\u200d\u200d💻 ❤️\ufe0f 1\ufe0f \ufe0f", r"👩\u200d\u200d💻 ❤️\ufe0f 1\ufe0f \ufe0f"),
        ("नमस्ते سلام עברית", "नमस्ते سلام עברית"),
    ],
)
def test_shows(text: str | bytes, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)) | st.binary())
@settings(deadline=None)
def test_one_line_without_controls_that_can_be_encoded(text: str | bytes) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "LRI", "RLI", "FSI", "PDI") for c in shown
    )
    shown.encode()
    for at, character in enumerate(shown):
        if unicodedata.category(character) == "Cf" and character not in VISIBLE_FORMATS:
            assert character == "\u200d", "only between two emoji"
            assert shown[at - 1] in "\ufe0e\ufe0f" or unicodedata.category(shown[at - 1]) in (
                "So",
                "Sk",
                "Sm",
                "Po",
                "Pd",
            )
