"""Payloads of requests in each form, byte for byte, and malformed payloads."""

import pytest

from tcrp import Create, Join, LocalProtocolError, RemoteProtocolError
from tcrp.dialects.file import loads
from tcrp.dialects.framed_requests import RequestCodec, RequestFields

UDP = ("127.0.0.1", 50000)


def requests(text: str) -> RequestCodec:
    return RequestCodec(loads(text))


@pytest.mark.parametrize(
    ("text", "want", "payload", "fields"),
    [
        ("", Create("r", "部屋"), '{"username": "部屋"}'.encode(), RequestFields("部屋", None, None)),
        ("", Join("r", "a", "pw"), b'{"username": "a", "password": "pw"}', RequestFields("a", "pw", None)),
        ('[request]\nno-password = "null"', Join("r", "a"), b'{"username": "a", "password": null}',
         RequestFields("a", None, None)),
        ('[request]\nno-password = "empty"', Join("r", "a"), b'{"username": "a", "password": ""}',
         RequestFields("a", None, None)),
        ('[request]\npassword-key = false\nuser-key = "n"', Join("r", "a"), b'{"n": "a"}',
         RequestFields("a", None, None)),
        ("[request]\nextra = { t = true, n = 1 }", Join("r", "a"), b'{"username": "a", "t": true, "n": 1}',
         RequestFields("a", None, None)),
        ("[json]\nescapes = true", Join("r", "部"), b'{"username": "\\u90e8"}', RequestFields("部", None, None)),
        ('[request]\npayload = "raw"', Join("r", "部屋"), "部屋".encode(), RequestFields("部屋", None, None)),
        ('[request]\npayload = "json-string"', Join("r", "部屋"), '"部屋"'.encode(), RequestFields("部屋", None, None)),
        ('[request]\npayload = "length-prefixed"', Join("r", "部屋"), "\x06部屋".encode(),
         RequestFields("部屋", None, None)),
        ('[request]\naddress = "pair"\n[address]\nlearnt = "request"', Join("r", "a"),
         b'{"username": "a", "address": ["127.0.0.1", 50000]}', RequestFields("a", None, UDP)),
        ('[request]\naddress = "ip-and-port"\nport-key = "udp"\n[address]\nlearnt = "request"', Join("r", "a"),
         b'{"username": "a", "ip": "127.0.0.1", "udp": 50000}', RequestFields("a", None, UDP)),
    ],
)  # fmt: skip
def test_both_ways(text: str, want: Create | Join, payload: bytes, fields: RequestFields) -> None:
    assert requests(text).write(want, UDP) == payload
    assert requests(text).read(payload) == fields


@pytest.mark.parametrize(
    ("payload", "fields"),
    [(b"alice", RequestFields("alice", None, None)), (b'{"username": "a"} ', RequestFields("a", None, None))],
)
def test_a_server_may_take_both_forms(payload: bytes, fields: RequestFields) -> None:
    assert requests("").read(payload) == fields


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("", b""),
        ("", b"\xff"),
        ("", b"a\x00"),
        ("", b'{"username": "a", "password": 1}'),
        ("", b'{"username": "a", "password": "' + b"x" * 1025 + b'"}'),
        ("", b'{"username": ["a"]}'),
        ("", b'{"password": "a"}'),
        ("", b'{"username": "\\ud800"}'),
        ('[request]\npayload = "json"', b"alice"),
        ('[request]\npayload = "json"', b'"alice"'),
        ('[request]\npayload = "json-string"', b"alice"),
        ('[request]\npayload = "json-string"', b'{"username": "a"}'),
        ('[request]\npayload = "json-string"', b'""'),
        ('[request]\npayload = "length-prefixed"', b""),
        ('[request]\npayload = "length-prefixed"', b"\x05abc"),
        ('[request]\npayload = "length-prefixed"', b"\x03abcd"),
    ],
)
def test_what_does_not_parse(text: str, payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        requests(text).read(payload)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", Join("r", "")),
        ("", Join("r", "a\n")),
        ("", Join("r", "u" * 256)),
        ("", Join("r", "\ud800")),
        ("", Join("r", "a", "\ud800")),
        ("", Join("r", "a", "p" * 1025)),
        ("[request]\npassword-key = false", Join("r", "a", "pw")),
        ('[request]\npayload = "raw"', Join("r", "a", "pw")),
        ('[request]\npayload = "length-prefixed"\nnames = "any"', Join("r", "u" * 256)),
    ],
)
def test_what_cannot_be_said(text: str, want: Join) -> None:
    with pytest.raises(LocalProtocolError):
        requests(text).write(want, UDP)


def test_an_address_must_be_given_where_it_is_declared() -> None:
    with pytest.raises(LocalProtocolError, match="none is given"):
        requests('[request]\naddress = "pair"').write(Join("r", "a"), None)
