"""The 32 bytes of a request of `fixed-fields` and `fixed-width`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp import Ack, Complete, Create, Malformed, RemoteProtocolError, Requested, Status
from tcrp.dialects.fixed_control import FixedHeader, decode_fixed_header, encode_fixed_header
from tests.tcrp.dialects.fixed import ACK_BYTES, ADDRESS, CREATE_BYTES, TOKEN, server


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (CREATE_BYTES, FixedHeader(5, 1, 0, "room1", "alice", "Abc123")),
        (ACK_BYTES, FixedHeader(5, 1, 1, "room1", "", "Abc123")),
        (bytes(3) + b" " * 29, FixedHeader(0, 0, 0, "", "", "")),
        (
            b"\xff\x02\x07" + b"12345678" + b"1234567890" + b"12345678901",
            FixedHeader(255, 2, 7, "12345678", "1234567890", "12345678901"),
        ),
    ],
)
def test_headers(data: bytes, header: FixedHeader) -> None:
    assert (decode_fixed_header(data), encode_fixed_header(header)) == (header, data)


def test_all_spaces_are_deleted_on_reading() -> None:
    header = decode_fixed_header(b"\x05\x01\x00" + b" r o 1  " + b"a l i c e " + b" Abc 123   ")
    assert header == FixedHeader(5, 1, 0, "ro1", "alice", "Abc123")


_numbers = st.integers(0, 255)
_texts = st.text("aé部1", max_size=3)


@given(
    st.builds(
        FixedHeader, _numbers, _numbers, _numbers, _texts.filter(lambda text: len(text.encode()) <= 8), _texts, _texts
    )
)
def test_a_header_comes_back(header: FixedHeader) -> None:
    assert decode_fixed_header(encode_fixed_header(header)) == header


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_header_of_another_size(size: int) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_fixed_header(bytes(size))


odd_texts = st.text("\t\n\0 :é", min_size=29).map(lambda text: text.encode()[:29])


@given(head=st.binary(min_size=1, max_size=1), body=st.binary(min_size=29, max_size=29) | odd_texts)
def test_whatever_header_can_be_read_can_be_repeated(head: bytes, body: bytes) -> None:
    ours = server()
    (event,) = ours.receive_data(head + b"\x01\x00" + body, 0.0)
    if isinstance(event, Malformed):
        assert event.error.limit == "UTF-8"
        return
    assert isinstance(event, Requested)
    assert isinstance(event.want, Create)
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ADDRESS))
    repeated = decode_fixed_header(ours.data_to_send()[:32])
    assert Create(repeated.room, event.want.user, repeated.password or None, repeated.capacity) == event.want
