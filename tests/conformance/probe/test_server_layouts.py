"""Datagrams of a server, explained by the message that they carry."""

import json

import pytest

from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.server_layouts import Delivery, explain

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"
MEMBER = ProbedMember("room-x", "alicia", TOKEN, True, {})


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
    layout = explain(Delivery(MEMBER, b"hello-x", b"sent", data))
    assert layout is not None
    assert layout.settings["form"] == form
    assert layout.settings[key] == value


@pytest.mark.parametrize("data", [b"\xff\xfehello-x\x00", b"hello-x hello-x", TOKEN + b"hello-x", b"[1, 2]"])
def test_a_datagram_that_nothing_explains_is_none(data: bytes) -> None:
    assert explain(Delivery(MEMBER, b"hello-x", b"sent", data)) is None
