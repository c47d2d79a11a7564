"""Layouts from settings: slicing by hand gives what their constructs declare, errors included."""

from collections.abc import Callable
from io import BytesIO

import pytest
from construct import ConstructError
from hypothesis import given
from hypothesis import strategies as st

from tcrp import LocalProtocolError, RemoteProtocolError
from tcrp.dialects.framed_layouts import FIELD_NAMES, BinaryLayout, Fields, Layout, TextLayout

LAYOUTS: dict[str, Layout] = {
    "sizes first": BinaryLayout(("room-size", "token-size", "room", "token", "message"), 0),
    "typed": BinaryLayout(("type", "room-size", "room", "token", "message"), 4),
    "all sized": BinaryLayout(("token-size", "message-size", "token", "message"), 0),
    "colons": TextLayout("{token}:{user}:{message}"),
    "enclosed": TextLayout("<{user}> {message}."),
    "chat": TextLayout("{user}: {message}", ambiguous=True),
}
ENDS = {"colons": {"token": b":", "user": b":"}, "enclosed": {"user": b"> ", "message": b"."}, "chat": {}}

parts = st.lists(st.sampled_from([*b"\0 \1 \2 \4 a bc : < > . \xff".split(b" "), b": ", b"> "]), max_size=14)
texts = parts.map(b"".join)
valid = {
    "sizes first": st.builds(lambda r, t, m: bytes([len(r), len(t)]) + r + t + m, texts, texts, texts),
    "typed": st.builds(lambda k, r, m: bytes([k, len(r)]) + r + b"1234" + m, st.integers(0, 9), texts, texts),
    "all sized": st.builds(lambda t, m: bytes([len(t), len(m)]) + t + m, texts, texts),
    "colons": st.builds(lambda t, u, m: t + b":" + u + b":" + m, texts, texts, texts),
    "enclosed": st.builds(lambda u, m: b"<" + u + b"> " + m + b".", texts, texts),
    "chat": st.builds(lambda u, m: u + b": " + m, texts, texts),
}


def declared(layout: Layout, data: bytes) -> Fields | str:
    """The fields that the construct parses, or the name of the field that does not fit."""
    assert layout.declared
    stream = BytesIO(data)
    try:
        fields = layout.declared.parse_stream(stream)
    except ConstructError as error:
        return FIELD_NAMES.get(str(error.path).rpartition(" -> ")[2].removesuffix("_size"), "datagram")
    if stream.read():
        return "datagram"  # bytes are left over, which the construct does not check
    return {name: value for name, value in fields.items() if name in (*FIELD_NAMES, "type")}


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_read(name: str, data: st.DataObject) -> None:
    sample = data.draw(valid[name] | texts)
    sample = sample[data.draw(st.integers(0, 1)) : data.draw(st.none() | st.integers(0, 20))]
    sample += data.draw(st.just(b"") | texts)
    expected = declared(LAYOUTS[name], sample)
    read: Callable[[bytes | bytearray], Fields] = LAYOUTS[name].read  # type: ignore[assignment]
    for held in (sample, bytearray(sample)):
        if isinstance(expected, str):
            with pytest.raises(RemoteProtocolError) as caught:
                read(held)
            assert caught.value.field == expected
        else:
            found = read(held)
            assert found == expected
            assert all(isinstance(value, bytes | int) for value in found.values())


@pytest.mark.parametrize("name", ENDS)
@given(fields=st.fixed_dictionaries(dict.fromkeys(FIELD_NAMES, texts)))
def test_write(name: str, fields: dict[str, bytes]) -> None:
    """A value may not hold the text that ends it. The canonical form accepts it, and is then read differently."""
    layout = LAYOUTS[name]
    assert layout.declared
    wrong = [FIELD_NAMES[part] for part, end in ENDS[name].items() if end in fields[part]]
    if wrong:
        with pytest.raises(LocalProtocolError) as caught:
            layout.write(fields)
        assert caught.value.field == wrong[0]
    else:
        assert layout.write(fields) == layout.declared.build(fields)


@pytest.mark.parametrize("name", ["sizes first", "typed", "colons", "chat"])
def test_what_is_not_bytes_is_refused_as_the_construct_does(name: str) -> None:
    layout = LAYOUTS[name]
    fields = {"type": 1, "room": b"r", "token": b"1234", "user": b"u", "message": "text"}
    assert layout.declared
    with pytest.raises(ConstructError) as theirs:
        layout.declared.build(fields)
    with pytest.raises(LocalProtocolError) as ours:
        layout.write(fields)
    assert str(theirs.value).splitlines()[-1] in str(ours.value)
    assert ours.value.field == "message"
