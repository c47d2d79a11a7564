"""Answers of every form, taken apart without knowing the form."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.probe.layouts import Member, Seen, read_down
from conformance.probe.learning import Notebook, Sure, differences
from conformance.probe.reading import How, read, tokens
from conformance.probe.requests import Shape, candidates
from tcrp import Frame, encode_frame
from tcrp.dialects.answers import Answers
from tcrp.dialects.file import dumps, loads

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


def header(room_size: int, state: int, size: bytes) -> bytes:
    return bytes([room_size, 1, state]) + size


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (header(2, 2, (36).to_bytes(29, "big")) + b"r1" + TOKEN, How()),
        (header(2, 2, (36).to_bytes(29, "big")) + TOKEN, How(room="announced")),
        (header(2, 2, (38).to_bytes(29, "big")) + b"r1" + TOKEN, How(counts="body")),
        (header(2, 2, b"%029d" % 36) + b"r1" + TOKEN, How(size="digits")),
        (header(2, 2, b"36".ljust(29, b"\0")) + b"r1" + TOKEN, How(size="digits-nul")),
    ],
)
def test_a_frame_is_read_however_its_sizes_are_written(data: bytes, how: How) -> None:
    reply = read(data, "r1")
    assert reply.how == how
    assert reply.last.payload == TOKEN
    assert [token.value for token in tokens(reply)] == [TOKEN]


def test_a_room_size_in_characters_is_told_from_one_in_bytes() -> None:
    name = "部屋"
    counted = header(2, 2, (36).to_bytes(29, "big")) + name.encode() + TOKEN
    assert read(counted, name).how == How(characters=True)
    assert read(encode_frame(Frame(name, 1, 2, TOKEN)), name).how == How()


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
    found = tokens(read(data, "r1"))[0]
    assert (found.value, found.key) == (value, key)


@pytest.mark.parametrize(
    "data",
    [b"", b"Room does not exist", b'{"error": "no such room"}', b"HTTP/1.1 400 Bad Request\r\n\r\n",
     b"\x15\x03\x01" * 4, encode_frame(Frame("r1", 1, 1, b"\1"))],
)  # fmt: skip
def test_what_refuses_holds_no_token(data: bytes) -> None:
    assert tokens(read(data, "r1")) == []


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_to_be_read(data: bytes) -> None:
    reply = read(data, "r1")
    tokens(reply)
    assert b"".join(part.payload for part in reply.parts) in data or reply.framed


MEMBER = Member("room-x", "alicia", TOKEN, True, {})


@pytest.mark.parametrize(
    ("data", "form", "key", "value"),
    [
        (b"alicia: hello-x", "text", "template", "{user}: {message}"),
        (b"[room-x] alicia> hello-x\n", "text", "template", "[{room}] {user}> {message}\n"),
        (b"\x06aliciahello-x", "binary", "layout", ("user-size", "user", "message")),
        (b"\x06\x06aliciaroom-xhello-x", "binary", "layout", ("user-size", "room-size", "user", "room", "message")),
        (b"hello-x", "message", "form", "message"),
        (json.dumps({"type": "chat", "from": "alicia", "text": "hello-x"}).encode(), "json", "user-key", "from"),
        (b"sent", "mirrored", "form", "mirrored"),
    ],
)
def test_a_datagram_is_explained_to_its_last_byte(data: bytes, form: str, key: str, value: object) -> None:
    down = read_down(Seen(MEMBER, b"hello-x", b"sent", data))
    assert down is not None
    assert down.answers["form"] == form
    assert down.answers[key] == value


@pytest.mark.parametrize("data", [b"\xff\xfehello-x\x00", b"hello-x hello-x", TOKEN + b"hello-x", b"[1, 2]"])
def test_a_datagram_that_nothing_explains_is_none(data: bytes) -> None:
    assert read_down(Seen(MEMBER, b"hello-x", b"sent", data)) is None


def test_what_was_learnt_comes_back_from_the_file() -> None:
    notes = Notebook()
    notes.hide(TOKEN)
    notes.learn("request.user-key", "user_name", "it got a token", b"name " + TOKEN)
    notes.learn("up.layout", ("token", "message"), "it arrived", sure=Sure.LIKELY)
    notes.learn("notices.closed-mark", "\x04", "it begins so")
    answers = notes.answers("odd", 9001, 9002)
    text = dumps(answers, notes.comments())
    assert loads(text) == answers
    assert "sure: it got a token; seen: name <token of 36 bytes>" in text
    assert TOKEN.decode() not in text


def test_a_difference_is_what_no_reading_of_the_evidence_allows() -> None:
    notes = Notebook()
    notes.learn("request.no-password", "omit", "all three worked", accepts=("empty", "null"))
    notes.learn("status.room-exists", 1, "seen")
    assert differences(notes, Answers(name="other")) == []
    notes.learn("chat.echo", True, "seen")
    assert differences(notes, Answers(name="other")) == ["chat.echo: True, there none"]


def test_likely_requests_come_before_odd_ones() -> None:
    shapes = list(candidates())
    assert [shape.payload for shape in shapes[:2]] == ["json", "raw"]
    assert len({repr(shape) for shape in shapes}) == len(shapes)
    assert all(shape.stages == "whole" for shape in shapes[:20])


def test_a_request_lies_as_its_shape_says() -> None:
    raw = Shape(payload="raw", size="digits", counts="body", state=1)
    assert raw.frame("r1", 1, raw.body("bob")) == b"\x02\x01\x01" + b"%029d" % 5 + b"r1bob"
    declared = Shape(user_keys=("n",), password="omit", pair_keys=("a",), ip_keys=(), port_keys=("p",))
    body = declared.body("bob", udp=("::1", 7), ports={"p": 8})
    assert json.loads(body) == {"n": "bob", "a": ["::1", 7], "p": 8}
