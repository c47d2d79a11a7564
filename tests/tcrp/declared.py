"""Codecs by the declared layouts, for comparison with those that slice by hand.

For each function of tcrp a test writes a second one with the tools below. It returns what the declaration holds, or
raises NotDeclared with the field at which it stops. A `rule` stands for what a declaration cannot express.
`assert_same` calls both functions and compares results and errors.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeAlias

import pytest
from construct import ConstructError, Struct
from hypothesis import strategies as st

from tcrp import LocalProtocolError, Membership, ProtocolError, RemoteProtocolError
from tcrp.annotate import annotate

TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
Place: TypeAlias = tuple[str, int | None]
"""Where an error is: the name of the field, and its offset."""


class NotDeclared(Exception):
    """The bytes or the values do not fit the declaration, or break a rule."""

    def __init__(self, field: str, offset: int | None = None) -> None:
        self.place: Place = (field, offset)


def declared(layout: Struct, data: bytes) -> tuple[Any, bytes]:
    """The parsed fields, and the bytes that are left over. Raises NotDeclared."""
    stream = BytesIO(data)
    try:
        return layout.parse_stream(stream), stream.read()
    except ConstructError as error:
        offset = next(row.offset for row in annotate(data, layout) if row.problem)
        raise NotDeclared(field_docs(layout)[stopped_at(error)], offset) from None


def built(layout: Struct, names: dict[str, str] | None = None, **fields: object) -> bytes:
    """The built bytes. `names`: the field that the function names, for a field of the layout. Raises NotDeclared."""
    try:
        return bytes(layout.build(fields))
    except ConstructError as error:
        field = field_docs(layout)[stopped_at(error)]
        raise NotDeclared((names or {}).get(field, field)) from None


def field_docs(layout: Struct) -> dict[str, str]:
    return {field.name: field.docs for field in layout.subcons}


def stopped_at(error: ConstructError) -> str:
    return str(error.path).rpartition(" -> ")[2]


def decode_text(data: bytes, field: str, start: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotDeclared(field, start + error.start) from None


def encode_text(value: str, field: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise NotDeclared(field) from None


def rule(holds: bool, field: str, offset: int | None = None) -> None:
    if not holds:
        raise NotDeclared(field, offset)


def assert_same(ours: Callable[..., object], theirs: Callable[..., object], *args: object) -> None:
    """Call both functions: they return the same, or ours raises a ProtocolError where theirs raises NotDeclared."""
    expected: object = None
    refused: Place | None = None
    try:
        expected = theirs(*args)
    except NotDeclared as refusal:
        refused = refusal.place
    if refused:
        with pytest.raises(ProtocolError) as caught:
            ours(*args)
        assert type(caught.value) is (RemoteProtocolError if isinstance(args[0], bytes) else LocalProtocolError)
        assert (caught.value.field, caught.value.offset) == refused
        return
    found = ours(*args)
    assert (type(found), found) == (type(expected), expected)
    if isinstance(found, tuple) and isinstance(expected, tuple):
        assert [type(part) for part in found] == [type(part) for part in expected]


def is_user(user: str) -> bool:
    return 1 <= len(user.encode()) <= 255 and not any(c < " " or c == "\x7f" for c in user)


def is_utf8(data: bytes) -> bool:
    return data.decode(errors="ignore").encode() == data


byte = st.integers(0, 255)
parts = (
    st.binary(max_size=20)
    | st.text(st.characters(codec="utf-8"), max_size=10).map(str.encode)
    | st.sampled_from(
        [b"", b"r", b"exit", b": ", b"a: b: c", b"\0x", b"x\0", b"a\x7f", b"\xff", "部屋".encode(), b"u" * 255]
    )
)
members = st.builds(Membership, st.just("r"), st.sampled_from(["u", "alice", "部屋"]), st.just(TOKEN), st.just(True))
