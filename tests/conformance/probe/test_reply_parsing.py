"""Replies of every form, taken apart without knowing the form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.probe.reply_parsing import FrameForm, find_tokens, parse_reply
from tcrp import Frame, encode_frame

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


def header(room_size: int, state: int, size: bytes) -> bytes:
    return bytes([room_size, 1, state]) + size


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (header(2, 2, (36).to_bytes(29, "big")) + b"r1" + TOKEN, FrameForm()),
        (header(2, 2, (36).to_bytes(29, "big")) + TOKEN, FrameForm(room="announced")),
        (header(2, 2, (38).to_bytes(29, "big")) + b"r1" + TOKEN, FrameForm(counts="body")),
        (header(2, 2, b"%029d" % 36) + b"r1" + TOKEN, FrameForm(size="digits")),
        (header(2, 2, b"36".ljust(29, b"\0")) + b"r1" + TOKEN, FrameForm(size="digits-nul")),
    ],
)
def test_a_frame_is_read_however_its_sizes_are_written(data: bytes, form: FrameForm) -> None:
    reply = parse_reply(data, "r1")
    assert reply.form == form
    assert reply.last.payload == TOKEN
    assert [token.value for token in find_tokens(reply)] == [TOKEN]


def test_a_room_size_in_characters_is_told_from_one_in_bytes() -> None:
    name = "部屋"
    counted = header(2, 2, (36).to_bytes(29, "big")) + name.encode() + TOKEN
    assert parse_reply(counted, name).form == FrameForm(characters=True)
    assert parse_reply(encode_frame(Frame(name, 1, 2, TOKEN)), name).form == FrameForm()


@pytest.mark.parametrize(
    ("data", "value", "key"),
    [
        (b'{"status": 1}{"status": 2, "token": "abc"}', b"abc", "token"),
        (b'{"message": "welcome-to-room-1", "session_id": 12345}', b"12345", "session_id"),
        (b"\0" + TOKEN, TOKEN, ""),
        (TOKEN, TOKEN, ""),
        (bytes(range(200, 232)), bytes(range(200, 232)), ""),
    ],
)
def test_a_token_is_found_in_an_unframed_answer(data: bytes, value: bytes, key: str) -> None:
    found = find_tokens(parse_reply(data, "r1"))[0]
    assert (found.value, found.key) == (value, key)


@pytest.mark.parametrize(
    "data",
    [b"", b"Room does not exist", b'{"error": "no such room"}', b"HTTP/1.1 400 Bad Request\r\n\r\n",
     b"\x15\x03\x01" * 4, encode_frame(Frame("r1", 1, 1, b"\1"))],
)  # fmt: skip
def test_what_refuses_holds_no_token(data: bytes) -> None:
    assert find_tokens(parse_reply(data, "r1")) == []


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_to_be_read(data: bytes) -> None:
    reply = parse_reply(data, "r1")
    find_tokens(reply)
    assert b"".join(part.payload for part in reply.parts) in data or reply.framed
