"""Text of others is shown on one line and cannot move the cursor."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_client.text import visible


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
