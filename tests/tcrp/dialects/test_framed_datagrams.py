"""Datagrams in each form, byte for byte, and datagrams that cannot be written or read."""

import pytest

from tcrp import Down, DownKind, LocalProtocolError, Membership, RemoteProtocolError, Up, UpKind
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed

PEER = ("127.0.0.1", 40000)
TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"
MEMBER = Membership("部屋", "alice", TOKEN, True)
TYPED = """
[up]
layout = ["type", "room-size", "room", "token", "message"]
chat-type = 1
register-type = 0
leave-type = 2
"""
JSON = '[up]\nform = "json"\ntype-key = "type"\nregister-type = "INITIAL"\nchat-type = "CHAT"\nleave-type = "LEAVE"\n'
TEXT = '[up]\nform = "text"\ntemplate = "{token}:{user}:{message}"\n'


def said(text: str) -> Framed:
    return Framed(loads(text))


@pytest.mark.parametrize(
    ("text", "kind", "body", "data"),
    [
        ("", UpKind.CHAT, b"hi", b"\x06\x24" + "部屋".encode() + TOKEN + b"hi"),
        ("", UpKind.REGISTER, b"", b"\x06\x24" + "部屋".encode() + TOKEN),
        (TYPED, UpKind.CHAT, b"hi", b"\x01\x06" + "部屋".encode() + TOKEN + b"hi"),
        (TYPED, UpKind.REGISTER, b"", b"\x00\x06" + "部屋".encode() + TOKEN),
        (TYPED, UpKind.LEAVE, b"", b"\x02\x06" + "部屋".encode() + TOKEN),
        (JSON, UpKind.REGISTER, b"", '{"type": "INITIAL", "room": "部屋", "token": "TOKEN", "message": ""}'.encode()),
        (JSON, UpKind.CHAT, b"hi", '{"type": "CHAT", "room": "部屋", "token": "TOKEN", "message": "hi"}'.encode()),
        (JSON, UpKind.LEAVE, b"", '{"type": "LEAVE", "room": "部屋", "token": "TOKEN", "message": ""}'.encode()),
        (TEXT, UpKind.CHAT, b"a: b", TOKEN + b":alice:a: b"),
        (TEXT, UpKind.LEAVE, b"", TOKEN + b":alice:exit"),
        ('[address]\nlearnt = "message"\nmessage = "@join"', UpKind.REGISTER, b"",
         b"\x06\x24" + "部屋".encode() + TOKEN + b"@join"),
    ],
)  # fmt: skip
def test_up(text: str, kind: UpKind, body: bytes, data: bytes) -> None:
    data = data.replace(b"TOKEN", TOKEN)
    assert said(text).write_up(MEMBER, kind, body) == data
    up = said(text).read_up(data, PEER)
    assert (up.kind, up.token) == (kind, TOKEN)


def test_the_word_that_leaves_leaves_beside_a_type_too() -> None:
    dialect = said(TYPED.replace("leave-type = 2\n", ""))
    assert dialect.write_up(MEMBER, UpKind.LEAVE) == b"\x01\x06" + "部屋".encode() + TOKEN + b"exit"


@pytest.mark.parametrize(("empty", "body"), [("registers", b""), ("relayed", None), ("ignored", None)])
def test_without_a_type_of_its_own_registering_is_an_empty_message_or_nothing(empty: str, body: bytes | None) -> None:
    dialect = said(TYPED.replace("register-type = 0\n", "") + f'[chat]\nempty = "{empty}"')
    data = None if body is None else b"\x01\x06" + "部屋".encode() + TOKEN
    assert dialect.write_up(MEMBER, UpKind.REGISTER) == data
    assert dialect.can.keepalive is (data is not None)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("", b"\x01"),
        ("", b"\x05\x24abc"),
        ("", b"\x01\x01\xfft"),
        ("", bytes([1, 1]) + b"r" * 4095),
        (TYPED, b"\x09\x01r" + TOKEN + b"hi"),
        (TYPED, b"\x01\x01r" + TOKEN[:-1]),
        (JSON, b"hi"),
        (JSON, b'{"type": "CHAT", "room": "r", "token": null, "message": "hi"}'),
        (JSON, b'{"type": "NEWS", "room": "r", "token": "t", "message": "hi"}'),
        (JSON, b'{"room": "r", "token": "t", "message": "hi"}'),
        (JSON, b'{"type": true, "room": "r", "token": "t", "message": "hi"}'),
        (TEXT, b"token:user"),
        (TEXT, b"token:\xff:hi"),
        ('[chat]\nempty = "ignored"', b"\x01\x01rt"),
        ("[chat]\nutf8-only = true", b"\x01\x01rt\xff"),
        ('[down]\nform = "json"', b"\x01\x01rt\xff"),
        ('[up]\nlayout = ["token-size", "message-size", "token", "message"]', b"\x01\x01tmx"),
        ('[up]\nform = "text"\ntemplate = "{token}:{message}."', b"t:m"),
        ('[up]\nform = "text"\ntemplate = "{token}:{message}."', b"t:m.x"),
    ],
)
def test_what_is_dropped(text: str, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        said(text).read_up(data, PEER)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "member", "kind", "body"),
    [
        ("", MEMBER, UpKind.CHAT, b""),
        ("", MEMBER, UpKind.CHAT, b"exit"),
        ("", MEMBER, UpKind.CHAT, b"x" * 4096),
        ("", MEMBER, UpKind.CHAT, "text"),
        ("", MEMBER._replace(token=b"x" * 256), UpKind.CHAT, b"hi"),
        (TEXT, MEMBER._replace(user="a:b"), UpKind.CHAT, b"hi"),
        ('[address]\nlearnt = "message"\nmessage = "@join"', MEMBER, UpKind.CHAT, b"@join"),
        (TYPED, MEMBER._replace(token=b"short"), UpKind.CHAT, b"hi"),
        (JSON, MEMBER, UpKind.CHAT, b"\xff"),
        ("[chat]\nutf8-only = true", MEMBER, UpKind.CHAT, b"\xff"),
        ("[up]\nlimit = 64", MEMBER, UpKind.CHAT, b"x" * 21),
    ],
)
def test_what_a_client_cannot_say(text: str, member: Membership, kind: UpKind, body: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        said(text).write_up(member, kind, body)
    assert len(str(caught.value).splitlines()) == 1
    assert TOKEN.decode() not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b"alice: hi"),
        ('[down]\nform = "binary"', b"\x05alicehi"),
        ('[down]\nform = "json"\nroom-key = "room"', b'{"room": "r", "user": "alice", "message": "hi"}'),
        ('[down]\ntemplate = "{user}:{message}"', b"alice:hi"),
    ],
)
def test_down(text: str, data: bytes) -> None:
    assert said(text).write_down(Down(DownKind.CHAT, "alice", b"hi", None, "r", b"-")) == data
    assert said(text).read_down(data, MEMBER) == Down(DownKind.CHAT, "alice", b"hi")


def test_mirrored_and_bare() -> None:
    sent = b"\x01\x01rthi"
    mirrored = said('[down]\nform = "mirrored"')
    assert mirrored.write_down(Down(DownKind.CHAT, "alice", b"hi", None, "r", sent)) == sent
    assert mirrored.read_down(sent, MEMBER) == Down(DownKind.CHAT, None, b"hi")
    assert mirrored.write_down(Down(DownKind.CHAT, "alice", b"hi")) is None
    bare = said('[down]\nform = "message"')
    assert bare.write_down(Down(DownKind.CHAT, "alice", b"hi")) == b"hi"
    assert bare.read_down(b"hi", MEMBER) == Down(DownKind.CHAT, None, b"hi")


@pytest.mark.parametrize(
    ("text", "down"),
    [
        ("", Down(DownKind.CHAT, "a", b"x" * 4092)),
        ('[down]\nform = "binary"', Down(DownKind.CHAT, "u" * 256, b"hi")),
        ('[down]\nform = "json"', Down(DownKind.CHAT, "a", b"\xff")),
        ('[down]\nform = "message"\nlimit = 64', Down(DownKind.CHAT, "a", b"x" * 65)),
    ],
)
def test_what_a_server_cannot_say(text: str, down: Down) -> None:
    with pytest.raises(LocalProtocolError):
        said(text).write_down(down)


def test_a_name_that_holds_what_ends_it_is_sent_on_as_in_the_canonical_dialect() -> None:
    assert said("").write_down(Down(DownKind.CHAT, "a: b", b"hi")) == b"a: b: hi"


def test_what_is_not_to_be_said_is_not() -> None:
    assert said("").write_down(Down(DownKind.UNKNOWN, None, b"x")) is None
    assert said("").write_down(Down(DownKind.INFO, None, b"")) is None
    assert said('[notices]\ninfo-mark = "!"').write_down(Down(DownKind.INFO, None, b"news")) == b"!news"


def test_a_name_with_control_characters_is_no_chat_unless_names_may_be_anything() -> None:
    assert said("").read_down(b"\x01\x02: hi", MEMBER).kind is DownKind.UNKNOWN
    assert said('[request]\nnames = "any"').read_down(b"\x01\x02: hi", MEMBER).kind is DownKind.CHAT


def test_a_token_that_is_a_number_in_json() -> None:
    data = b'{"room": "r", "token": 17, "message": "hi"}'
    assert said('[up]\nform = "json"').read_up(data, PEER) == Up(UpKind.CHAT, "r", b"17", None, b"hi")
