"""The plain server is right at the central points of control over TCP."""

import itertools
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.client import answer, ask, connect, enter, new_room, request, status
from tests.faults.processes import Target


def test_the_bytes_of_an_answer(plain: Target) -> None:
    replies = ask(plain, b"\x04\x01\x00" + b"\0" * 28 + b"\x05" + "é-1".encode() + b"alice")
    ack = b"\x04\x01\x01" + b"\0" * 28 + b"\x01" + "é-1".encode() + b"\0"
    complete = b"\x04\x01\x02" + b"\0" * 28 + b"\x20" + "é-1".encode()
    assert replies[:-32] == ack + complete
    assert len(set(replies[-32:])) > 4
    assert ask(plain, request(1, "é-1".encode(), b"alice")) == ack[:-1] + b"\x01"
    assert ask(plain, request(2, b"nowhere", b"alice")) == b"\x07\x02\x01" + b"\0" * 28 + b"\x01nowhere\x02"


@pytest.mark.parametrize("cuts", [[32], [31], [1, 2, 3], list(range(1, 50))], ids=["header", "31", "3", "bytes"])
def test_a_request_in_segments(plain: Target, cuts: list[int]) -> None:
    data = request(1, new_room(), b'{"username":"alice"}')
    connection = connect(plain)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start, end in itertools.pairwise([0, *cuts, len(data)]):
        connection.sendall(data[start:end])
    assert answer(connection)[2] == 1


def test_what_follows_a_request_is_ignored(plain: Target) -> None:
    first, second = new_room(), new_room()
    assert len(ask(plain, request(1, first, b"a") + request(1, second, b"a"))) == 65 + 2 * len(first) + 32
    assert status(plain, request(2, second, b"a")) == 2
    assert status(plain, request(1, new_room(), b"a") + b"x" * 300000) == 0


def test_a_half_closed_client_is_answered(plain: Target) -> None:
    connection = connect(plain)
    connection.sendall(request(1, new_room(), b"a"))
    connection.shutdown(socket.SHUT_WR)
    assert len(answer(connection)) > 64


@pytest.mark.parametrize("size", [65537, 2**29 + 1, 2**32 + 5, 2**64 + 5, 2**232 - 1])
def test_a_large_claim_is_refused_without_its_body(plain: Target, size: int) -> None:
    assert status(plain, request(1, b"r", b"", size=size)) in (4, 6)


@pytest.mark.parametrize(
    "data",
    [
        request(0, b"r", b"a"),
        request(3, b"r", b"a"),
        request(1, b"r", b"a", state=1),
        request(1, b"", b"a"),
        request(1, b"r", b""),
        request(1, b"\xff", b"a"),
        request(1, b"r", b"a\xff"),
    ],
    ids=["operation 0", "operation 3", "state 1", "no room", "no payload", "room not UTF-8", "user not UTF-8"],
)
def test_a_malformed_request(plain: Target, data: bytes) -> None:
    assert status(plain, data) == 4


@pytest.mark.parametrize(
    "payload",
    [
        '{"username":"alice"}',
        '{"username":"alice","password":null}',
        '{"username":"alice","password":""}',
        '{"username":"alice","password":"' + "p" * 900 + '"}',
        '{"username":5,"username":"alice"}',
        '{"username":"alice"} \r\n\t',
        '{"x":{"y":[null,{"z":-1.5e3}]},"username":"alice"}',
        '{"x":' + "[" * 31 + "]" * 31 + ',"username":"alice"}',
        '{"x":123456789012345678,"username":"alice"}',
        r'{"username":"\ud83d\ude00"}',
        '{"username":"\u0080\u009f"}',
        '"alice"',
        "[alice]",
        " {",
        "部屋",
        "u" * 255,
    ],
)
def test_a_good_payload(plain: Target, payload: str) -> None:
    assert status(plain, request(1, new_room(), payload.encode())) == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"{",
        b'{"username":5}',
        b'{"username":""}',
        b'{"username":"a\\n"}',
        b'{"username":"\\u007f"}',
        b'{"username":"' + b"u" * 256 + b'"}',
        b'{"username":"a","password":false}',
        b'{"username":"a","password":"' + b"p" * 1025 + b'"}',
        b'{"username":"a","x":NaN}',
        b'{"username":"a","x":-Infinity}',
        b'{"username":"a","x":01}',
        b'{"username":"a","x":"\n"}',
        b'{"username":"a","x":["\\ud800"]}',
        b'{"username":"\\ud800","username":"a"}',
        b'{"username":"a","\\udc00":1}',
        b'{"username":"a"}x',
        b'{"username":"a"}\0',
        b'{"username":"a",}',
        b'{"username":"a\xff"}',
        '{"username":"a"}'.encode("utf-16-le"),
        b'{"x":' + b"[" * 50000,
        b"u" * 256,
        b"a\x1f",
        "é".encode() * 128,
    ],
)
def test_a_bad_payload_leaves_no_room(plain: Target, payload: bytes) -> None:
    room = new_room()
    assert status(plain, request(1, room, payload)) == 4
    assert status(plain, request(2, room, b"a")) == 2


def test_room_names_are_compared_byte_for_byte(plain: Target) -> None:
    name = new_room()
    for other in (name, name + b" ", name.upper(), name + b"\0", name.ljust(255, b"x"), name.ljust(254, b"x")):
        assert status(plain, request(1, other, b"a")) == 0


def test_passwords_are_compared_in_full(plain: Target) -> None:
    room = new_room()
    enter(plain, 1, room, json.dumps({"username": "a", "password": "p" * 80 + "\0a"}).encode())
    for wrong in ("", "p", "p" * 80, "p" * 80 + "\0b", "P" * 80 + "\0a"):
        assert status(plain, request(2, room, json.dumps({"username": "b", "password": wrong}).encode())) == 3
    enter(plain, 2, room, json.dumps({"username": "b", "password": "p" * 80 + "\0a"}).encode())


def test_of_concurrent_creates_one_wins(plain: Target) -> None:
    data = request(1, new_room(), b"a")
    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(lambda _: status(plain, data), range(16))) == [0] + [1] * 15
