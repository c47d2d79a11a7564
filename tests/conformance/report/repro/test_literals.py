"""Bytes as Python literals, in which the tokens of a conversation are variables."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.report.repro.literals import Token, call, fields, literal, token_terms
from tcrp.annotate import annotate
from tcrp.layouts import packet_layout


def test_the_size_of_a_token_of_another_length_is_its_own() -> None:
    tokens = [Token("token_1", b"short"), Token("token_2", b"0123456789")]
    rows = annotate(b"\x01\x0ar0123456789hi", packet_layout)
    assert fields(rows, tokens) == [r"b'\x01'", "size(token_2)", "b'r'", "token_2", "b'hi'"]
    cut = annotate(b"\x01\x0ar012345", packet_layout)  # the datagram ends within the token
    assert fields(cut, tokens) == [r"b'\x01'", "size(token_2)", "b'r'", "token_2[:-4]"]
    lying = annotate(b"\x01\xffr0123456789", packet_layout)
    assert fields(lying, tokens) == [r"b'\x01\xff'", "b'r'", "token_2"]
    unknown = annotate(b"\x01\x03rabchi", packet_layout)
    assert fields(unknown, tokens) == [r"b'\x01\x03'", "b'r'", "b'abc'", "b'hi'"]


TOKENS = st.lists(st.binary(min_size=1, max_size=40), unique=True, min_size=1, max_size=3).map(
    lambda found: [Token(f"token_{number}", data) for number, data in enumerate(found)]
)


def evaluated(terms: list[str], tokens: list[Token]) -> bytes:
    names: dict[str, Any] = {token.name: token.data for token in tokens} | {"size": lambda part: bytes([len(part)])}
    return bytes(eval(" + ".join(terms) or "b''", names))


@settings(deadline=None)
@given(tokens=TOKENS, data=st.data())
def test_what_was_made_of_a_token_is_made_of_it_again(tokens: list[Token], data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(tokens)).data
    at = data.draw(st.integers(0, len(token) - 1))
    flipped = token[:at] + bytes([token[at] ^ data.draw(st.integers(1, 255))]) + token[at + 1 :]
    made = data.draw(st.sampled_from([token, token[:-1], token[:1], token + b" ", token.swapcase(), flipped]))
    terms = token_terms(made, tokens)
    assert terms or not made
    assert not terms or evaluated(terms, tokens) == made


@settings(deadline=None)
@given(tokens=TOKENS, data=st.binary(max_size=300) | st.binary(max_size=3).map(lambda part: part * 90))
def test_bytes_are_written_as_they_are(tokens: list[Token], data: bytes) -> None:
    assert evaluated(literal(data), []) == data
    assert evaluated(fields(annotate(data, packet_layout), tokens), tokens) == data
    line = call("bytes", literal(data))
    assert eval(line) == data if data else eval(line) == b""
    assert max(map(len, line.splitlines())) < 300
