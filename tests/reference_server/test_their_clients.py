"""Our server serves clients that read and write like those of other implementations."""

import json
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import bcrypt
import pytest

from tests.reference_server.server_process import StartServer

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without being told")


Bind = Callable[[str], socket.socket]


@pytest.fixture
def bind() -> Iterator[Bind]:
    """`bind(address)`: a UDP socket at an address that the server assigned."""
    opened: list[socket.socket] = []

    def run(address: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.append(sock)
        sock.settimeout(10)
        sock.bind((address, 8080))
        return sock

    yield run
    for sock in opened:
        sock.close()


def header(capacity: int, operation: int, room: bytes, user: bytes, password: bytes) -> bytes:
    """The header of a fixed-fields request."""
    return bytes([capacity, operation, 0]) + room.ljust(8) + user.ljust(10) + password.ljust(11)


def recv(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    return sock.recv(size, socket.MSG_WAITALL)


@LINUX
def test_fixed_fields_with_every_question_asked_on_one_connection(start: StartServer, bind: Bind) -> None:
    server = start("--dialect", "fixed-fields", "--log-level", "debug")
    alice, bob = server.connect(), server.connect()  # they connect before a person types anything
    bob.sendall(header(0, 3, b"", b"bob", b""))  # an unknown operation gets no answer
    bob.sendall(header(0, 2, b"room1", b"bob", b"Abc123"))
    bob.sendall(b"x" * 36)
    assert recv(bob, 1) == b"1"

    alice.sendall(header(2, 1, b"room1", b"alice", b"Abc123"))
    assert recv(alice, 32) == b"\x02\x01\x01room1   " + b" " * 10 + b"Abc123     "
    assert recv(alice, 32) == b"\x02\x01\x02room1   " + b" " * 10 + b"Abc123     "
    token = recv(alice, 36)
    address = alice.recv(32).decode()
    assert 9 <= len(address) <= 15
    assert alice.recv(32) == b""  # nothing after it
    hears_alice = bind(address)

    bob.sendall(header(0, 2, b"other", b"bob", b"Zzz999") + token)
    assert recv(bob, 1) == b"3"
    bob.sendall(header(0, 2, b"room1", b"bob", b"Abc123"))
    bob.sendall(token)
    assert recv(bob, 1) == b"0"
    hears_bob = bind(bob.recv(32).decode())
    carol = server.connect()
    carol.sendall(header(0, 2, b"room1", b"carol", b"Abc123") + token)
    assert recv(carol, 1) == b"2"

    for name, sock in ((b"alice", hears_alice), (b"bob", hears_bob)):
        sock.sendto(token + b":" + name + b":hi", server.udp)
        assert [who.recv(999) for who in (hears_alice, hears_bob)] == [name + b":hi"] * 2
    hears_alice.sendto(token + b":alice:a:b", server.udp)  # the original server ends at this datagram
    hears_bob.sendto(token + b":bob:exit", server.udp)
    assert hears_alice.recv(999) == b"bob:exit"
    hears_alice.sendto(token + b":alice:", server.udp)
    assert hears_alice.recv(999) == b"alice:"
    hears_alice.sendto(token + b":alice:exit", server.udp)
    while True:  # until the server has read the exit: it checks the token first and the password last
        carol.sendall(header(0, 2, b"room1", b"carol", b"Zzz999") + token)
        if recv(carol, 1) == b"1":
            break
    assert token.decode() not in server.stop()


def frame(operation: int, room: bytes, **fields: Any) -> bytes:
    """A json-envelope request."""
    payload = json.dumps(
        {"error_message": "", "type": "", "token": "", "password": "", "room_list": [], **fields}
    ).encode()
    return bytes([len(room), operation, 0]) + len(payload).to_bytes(29, "big") + room + payload


def reply(sock: socket.socket) -> tuple[int, dict[str, Any]]:
    """The State and the JSON object of one frame."""
    head = recv(sock, 32)
    assert head[:2] == b"\0\x0a"
    return head[2], json.loads(recv(sock, int.from_bytes(head[3:], "big")))


def test_json_envelope_with_every_question_asked_on_one_connection(start: StartServer) -> None:
    server = start("--dialect", "json-envelope", "--log-level", "debug")
    hashed = bcrypt.hashpw(b"pw1", bcrypt.gensalt()).decode()  # with the original client's cost, the default
    sock = server.connect()
    sock.sendall(frame(2, b"", type="GET"))
    assert reply(sock)[1]["error_message"] is None
    assert reply(sock) == (
        2,
        {"error_message": "現在ルームが存在しません。", "type": "", "token": "", "password": "", "room_list": []},
    )
    sock.sendall(frame(1, b"room1", password=hashed))
    assert reply(sock)[0] == 1
    state, created = reply(sock)
    assert (state, len(created["token"])) == (2, 172)
    sock.sendall(frame(1, b"room1", password=hashed))
    assert reply(sock)[1]["error_message"] is None
    assert reply(sock)[1] == {
        "error_message": "ルームは既に存在します。",
        "type": "",
        "token": None,
        "password": "",
        "room_list": [],
    }
    sock.sendall(frame(2, b"", type="GET"))
    assert [reply(sock)[1]["room_list"] for _ in range(2)] == [[], ["room1"]]
    for room, password, words in (
        (b"room1", "pw2", "パスワードに誤りがあります。"),
        (b"gone", "pw1", "ルームが存在しません。"),
    ):
        sock.sendall(frame(2, room, type="JOIN", password=password))
        assert reply(sock) == (1, {"error_message": words, "type": "", "token": "", "password": "", "room_list": []})
    sock.sendall(frame(2, b"room1", type="JOIN", password="pw1"))
    assert reply(sock)[0] == 1
    joined = reply(sock)[1]["token"].encode()

    alice, bob = server.datagrams(), server.datagrams()
    said = b'{"type": "%s", "user_name": "%s", "chat_data": "%s"}'
    for who, token, name in ((alice, created["token"].encode(), b"alice"), (bob, joined, b"bob")):
        who.send(b"\x05\xacroom1" + token + said % (b"INITIAL", name, b""))
    bob.send(b"\x05\xacroom1" + joined + said % (b"CHAT", b"bob", b"hello"))
    assert alice.recv(5000) == b"\0\0" + said % (b"CHAT", b"bob", b"hello")
    alice.send(b"\x05\xacroom1" + created["token"].encode() + said % (b"LEAVE", b"alice", b""))
    for who in (alice, bob):
        assert json.loads(who.recv(5000)[2:])["type"] == "CLOSE"
    sock.sendall(frame(2, b"", type="GET"))
    assert [reply(sock)[1]["room_list"] for _ in range(2)] == [[], []]
    log = server.stop()
    assert joined.decode() not in log
    assert hashed not in log
