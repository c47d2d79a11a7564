"""Any bytes and any values: they decode and encode, or the error is the one that is documented."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    ChatMessage,
    ChatPacket,
    Disconnect,
    Frame,
    Header,
    Information,
    LocalProtocolError,
    RemoteProtocolError,
)
from tests.tcrp.conftest import CheckError

DECODERS: dict[str, Callable[[bytes], object]] = {
    "header": tcrp.decode_header,
    "frame": tcrp.decode_frame,
    "packet": tcrp.decode_packet,
    "delivery": tcrp.decode_delivery,
    "status": tcrp.decode_status,
    "token": tcrp.check_token,
    "request": tcrp.decode_request,
}

wires = (
    st.binary(max_size=100)
    | st.binary(min_size=4090, max_size=4100)
    | st.from_type(Frame).map(tcrp.encode_frame)
    | st.from_type(ChatPacket).map(tcrp.encode_packet)
    | st.from_type(ChatMessage).map(tcrp.encode_delivery)
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(wires))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3)):
        if at < len(data):
            data[at] = value
    return bytes(data[: draw(st.none() | st.integers(0, 400))])


@pytest.mark.parametrize("name", DECODERS)
@given(data=damaged())
def test_any_bytes_decode_or_are_the_peers_fault(check_error: CheckError, name: str, data: bytes) -> None:
    try:
        DECODERS[name](data)
    except RemoteProtocolError as error:
        check_error(error, len(data))


REENCODE: dict[str, Callable[[Any], bytes]] = {
    "header": tcrp.encode_header,
    "frame": tcrp.encode_frame,
    "packet": tcrp.encode_packet,
    "delivery": tcrp.encode_delivery,
    "status": tcrp.encode_status,
}


@pytest.mark.parametrize("name", REENCODE)
@given(data=damaged())
def test_what_decodes_encodes_to_the_same_bytes(name: str, data: bytes) -> None:
    try:
        value = DECODERS[name](data)
    except RemoteProtocolError:
        return
    assert REENCODE[name](value) == data


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.sampled_from([2**29, 2**231, 2**232, -(2**231)]),
    st.sampled_from([10**5000, -(10**5000)]).map(lambda n: n),  # str() raises for these
    st.floats(),
    st.text(max_size=300),
    st.text(st.characters(categories=["Cs", "Ll", "Cc"]), max_size=300),
    st.binary(max_size=300),
    st.binary(min_size=4080, max_size=4100),
    st.binary().map(bytearray),
    st.lists(st.just(10**5000), max_size=2),
    st.builds(object),
)

ENCODERS: dict[str, st.SearchStrategy[Callable[[], object]]] = {
    "header": st.tuples(junk, junk, junk, junk).map(lambda v: lambda: tcrp.encode_header(Header(*v))),
    "frame": st.tuples(junk, junk, junk, junk).map(lambda v: lambda: tcrp.encode_frame(Frame(*v))),
    "packet": st.tuples(junk, junk, junk).map(lambda v: lambda: tcrp.encode_packet(ChatPacket(*v))),
    "chat": st.tuples(junk, junk).map(lambda v: lambda: tcrp.encode_delivery(ChatMessage(*v))),
    "disconnect": junk.map(lambda v: lambda: tcrp.encode_delivery(Disconnect(v))),
    "information": junk.map(lambda v: lambda: tcrp.encode_delivery(Information(v))),
    "delivery": junk.map(lambda v: lambda: tcrp.encode_delivery(v)),
    "status": junk.map(lambda v: lambda: tcrp.encode_status(v)),
    "request": st.tuples(junk, junk).map(lambda v: lambda: tcrp.encode_request(tcrp.Request(*v))),
    "raw request": junk.map(lambda v: lambda: tcrp.encode_raw_request(v)),
    "room": junk.map(lambda v: lambda: tcrp.check_room(v)),
    "user": junk.map(lambda v: lambda: tcrp.check_user(v)),
}


@pytest.mark.parametrize("name", ENCODERS)
@given(data=st.data())
def test_any_value_encodes_or_is_the_callers_fault(check_error: CheckError, name: str, data: st.DataObject) -> None:
    encode = data.draw(ENCODERS[name])
    try:
        encoded = encode()
    except LocalProtocolError as error:
        check_error(error, None)
    else:
        assert type(encoded) is bytes


BAD_VALUES: list[tuple[str, Callable[[], object], str]] = [
    ("room of bytes", lambda: tcrp.encode_frame(Frame(b"r", 1, 0, b"")), "room name"),  # type: ignore[arg-type]
    ("room with a lone surrogate", lambda: tcrp.encode_frame(Frame("\ud800", 1, 0, b"")), "room name"),
    ("operation of 256", lambda: tcrp.encode_frame(Frame("r", 256, 0, b"")), "Operation"),
    ("operation of -1", lambda: tcrp.encode_frame(Frame("r", -1, 0, b"")), "Operation"),
    ("state of text", lambda: tcrp.encode_frame(Frame("r", 1, "0", b"")), "State"),  # type: ignore[arg-type]
    ("payload of text", lambda: tcrp.encode_frame(Frame("r", 1, 0, "")), "payload"),  # type: ignore[arg-type]
    ("room size of 256", lambda: tcrp.encode_header(Header(256, 1, 0, 0)), "RoomNameSize"),
    ("payload size of -1", lambda: tcrp.encode_header(Header(1, 1, 0, -1)), "OperationPayloadSize"),
    ("payload size of 2**232", lambda: tcrp.encode_header(Header(1, 1, 0, 2**232)), "OperationPayloadSize"),
    ("payload size with 5000 digits", lambda: tcrp.encode_header(Header(1, 1, 0, 10**5000)), "OperationPayloadSize"),
    ("operation with 5000 digits", lambda: tcrp.encode_header(Header(1, -(10**5000), 0, 0)), "Operation"),
    ("token of text", lambda: tcrp.encode_packet(ChatPacket("r", "t", b"")), "token"),  # type: ignore[arg-type]
    ("message of None", lambda: tcrp.encode_packet(ChatPacket("r", b"t", None)), "message"),  # type: ignore[arg-type]
    ("empty user", lambda: tcrp.encode_delivery(ChatMessage("", b"")), "user name"),
    ("user with a newline", lambda: tcrp.encode_delivery(ChatMessage("a\n", b"")), "user name"),
    ("user with a delete", lambda: tcrp.encode_delivery(ChatMessage("a\x7f", b"")), "user name"),
    ("text of bytes", lambda: tcrp.encode_delivery(Disconnect(b"x")), "text"),  # type: ignore[arg-type]
    ("delivery that is none", lambda: tcrp.encode_delivery(Frame("r", 1, 0, b"")), "datagram"),  # type: ignore[arg-type]
    ("status of 256", lambda: tcrp.encode_status(256), "status"),
    ("empty room", lambda: tcrp.check_room(""), "room name"),
]


@pytest.mark.parametrize(("encode", "field"), [pytest.param(*rest, id=name) for name, *rest in BAD_VALUES])
def test_bad_values(encode: Callable[[], object], field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode()
    assert caught.value.field == field
