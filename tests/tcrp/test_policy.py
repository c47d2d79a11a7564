"""New tokens: their form, and that the random bytes alone decide them."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp import TokenAlphabet, TokenForm

PATTERNS = {
    TokenAlphabet.HEX: rb"[0-9a-f]+",
    TokenAlphabet.BASE64URL: rb"[A-Za-z0-9_-]+",
    TokenAlphabet.BASE64URL_PADDED: rb"[A-Za-z0-9_-]+=",
    TokenAlphabet.DECIMAL: rb"[0-9]+",
    TokenAlphabet.BYTES: rb"(?s:.+)",
}


@st.composite
def forms(draw: st.DrawFn) -> TokenForm:
    alphabet = draw(st.sampled_from(TokenAlphabet))
    if alphabet is TokenAlphabet.UUID:
        return TokenForm()
    size = draw(st.integers(1, 63)) * 4 if alphabet is TokenAlphabet.BASE64URL_PADDED else draw(st.integers(1, 255))
    return TokenForm(alphabet, size)


@given(form=forms(), data=st.data())
def test_a_token_has_its_size_and_characters_and_comes_from_the_random_bytes(
    form: TokenForm, data: st.DataObject
) -> None:
    random = data.draw(st.binary(min_size=form.random_size, max_size=form.random_size))
    token = form.make(random)
    assert len(token) == form.size
    assert form.make(random) == token
    if form.alphabet is TokenAlphabet.UUID:
        assert token == str(uuid.UUID(bytes=random, version=4)).encode()
    else:
        assert re.fullmatch(PATTERNS[form.alphabet], token)


@pytest.mark.parametrize("form", [TokenForm(), TokenForm(TokenAlphabet.HEX, 64), TokenForm(TokenAlphabet.BYTES, 3)])
@pytest.mark.parametrize("difference", [-1, 1])
def test_another_number_of_random_bytes_is_an_error(form: TokenForm, difference: int) -> None:
    with pytest.raises(ValueError, match=f"takes {form.random_size} random bytes"):
        form.make(bytes(form.random_size + difference))


def test_the_padded_form_is_172_characters_of_128_random_bytes() -> None:
    form = TokenForm(TokenAlphabet.BASE64URL_PADDED, 172)
    assert form.random_size == 128
    assert form.make(bytes(128)) == b"A" * 171 + b"="
