"""The 32 bytes of a header in each form, byte for byte, and a stream that is split into frames."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp import FrameReader, Header, RemoteProtocolError, Status
from tcrp.dialects.framed_frames import FrameCodec, RawFrame, RawFrameReader
from tcrp.dialects.settings import HeaderSettings

FORMS = [HeaderSettings(size, counts) for size in ("binary", "digits", "digits-nul") for counts in ("payload", "body")]
ROOM = "部屋".encode()


@pytest.mark.parametrize(
    ("form", "size"),
    [
        (HeaderSettings(), bytes(28) + b"\x05"),
        (HeaderSettings(counts="body"), bytes(28) + b"\x0b"),
        (HeaderSettings("digits"), b"0" * 28 + b"5"),
        (HeaderSettings("digits", "body"), b"0" * 27 + b"11"),
        (HeaderSettings("digits-nul"), b"5" + bytes(28)),
        (HeaderSettings("digits-nul", "body"), b"11" + bytes(27)),
    ],
)
def test_golden(form: HeaderSettings, size: bytes) -> None:
    data = b"\x06\x02\x01" + size + ROOM + b"alice"
    codec = FrameCodec(form)
    assert codec.write(ROOM, 2, 1, b"alice", 6) == data
    reader = RawFrameReader(codec, lambda header: header.room_size)
    reader.feed(data)
    header = reader.next_header()
    assert header is not None
    assert reader.next_frame() == RawFrame(header, ROOM, b"alice")
    assert header._replace(payload_size=0) == Header(6, 2, 1, 0)


@pytest.mark.parametrize("size", [b"5".rjust(29, b"\0"), b"5".ljust(29), b"5".rjust(29, b"0"), b"5".ljust(29, b"\0")])
@pytest.mark.parametrize("form", ["digits", "digits-nul"])
def test_digits_are_read_whatever_is_around_them(form: Literal["digits", "digits-nul"], size: bytes) -> None:
    assert FrameCodec(HeaderSettings(form)).read_header(b"\x01\x01\x00" + size).payload_size == 5


@pytest.mark.parametrize("size", [bytes(29), b"-5".ljust(29, b"\0"), b"5 5".ljust(29, b"\0"), b"\xff" * 29])
def test_what_are_no_digits(size: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="digits are due"):
        FrameCodec(HeaderSettings("digits")).read_header(b"\x01\x01\x00" + size)


@given(
    form=st.sampled_from(FORMS),
    frames=st.lists(st.tuples(st.binary(max_size=255), st.binary(max_size=300)), max_size=4),
    there=st.booleans(),
    cut=st.integers(1, 50),
)
def test_frames_come_out_however_they_are_cut(
    form: HeaderSettings, frames: list[tuple[bytes, bytes]], there: bool, cut: int
) -> None:
    codec = FrameCodec(form)
    data = b"".join(codec.write(room if there else b"", 1, 2, payload, len(room)) for room, payload in frames)
    reader = RawFrameReader(codec, lambda header: header.room_size if there else 0)
    found = []
    for at in range(0, len(data), cut):
        reader.feed(data[at : at + cut])
        while (frame := reader.next_frame()) is not None:
            found.append((frame.room, frame.payload))
    assert found == [(room if there else b"", payload) for room, payload in frames]
    assert not reader.started


@given(data=st.binary(max_size=100))
def test_the_canonical_form_is_that_of_the_canonical_reader(data: bytes) -> None:
    ours, canonical = RawFrameReader(FrameCodec(HeaderSettings()), lambda header: header.room_size), FrameReader()
    found: list[object] = []
    for reader in (ours, canonical):
        reader.feed(b"\x02\x01\x00" + bytes(28) + b"\x05" + data)
        try:
            frame = reader.next_frame()
        except RemoteProtocolError:
            found.append("room name" if isinstance(reader, FrameReader) else None)
            continue
        found.append(frame.payload if frame else None)
    assert found[0] == found[1] or found[1] == "room name"


def test_a_size_that_is_too_large_is_refused_at_once() -> None:
    reader = RawFrameReader(FrameCodec(HeaderSettings("digits")), lambda header: header.room_size, 1024)
    reader.feed(b"\x00\x01\x00" + b"1025".rjust(29, b"0"))
    with pytest.raises(RemoteProtocolError) as caught:
        reader.next_header()
    assert caught.value.status is Status.LIMIT_REACHED


def test_a_body_shorter_than_its_room() -> None:
    reader = RawFrameReader(FrameCodec(HeaderSettings(counts="body")), lambda header: header.room_size)
    reader.feed(b"\x05\x01\x00" + bytes(28) + b"\x04")
    with pytest.raises(RemoteProtocolError, match="room name alone"):
        reader.next_header()
