"""The plain server is right at the central points.

Requests and datagrams are made by hand here, byte by byte, and share nothing with the server or the library.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

WAIT = 10.0  # seconds; how long anything may take before a test gives up
numbers = itertools.count()


class Target(Protocol):
    process: subprocess.Popen[str]
    tcp: tuple[str, int]
    udp: tuple[str, int]


Start = Callable[..., contextlib.AbstractContextManager[Target]]


@pytest.fixture(scope="module")
def plain(started: Start) -> Iterator[Target]:
    with started("fault", "none") as target:
        yield target


def new_room() -> bytes:
    return b"room %d" % next(numbers)


def request(operation: int, room: bytes, payload: bytes, state: int = 0, size: int | None = None) -> bytes:
    size = len(payload) if size is None else size
    return bytes([len(room), operation, state]) + size.to_bytes(29, "big") + room + payload


def connect(target: Target, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(target.tcp, WAIT, (source, 0))


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(target: Target, data: bytes) -> bytes:
    connection = connect(target)
    connection.sendall(data)
    return answer(connection)


def status(target: Target, data: bytes) -> int:
    """The status of a refusal, which is one ACK and nothing more, or 0 for ACK and COMPLETE."""
    replies = ask(target, data)
    room_size, _, state = replies[:3]
    assert state == 1
    assert int.from_bytes(replies[3:32], "big") == 1
    assert len(replies) == 33 + room_size or replies[32 + room_size] == 0
    return replies[32 + room_size]


def enter(target: Target, operation: int, room: bytes, payload: bytes) -> bytes:
    """The token of whoever creates or joins `room`."""
    replies = ask(target, request(operation, room, payload))
    ack = bytes([len(room), operation, 1]) + b"\0" * 28 + b"\1" + room + b"\0"
    assert replies.startswith(ack)
    complete = replies[len(ack) :]
    token_size = int.from_bytes(complete[3:32], "big")
    assert complete[:3] == bytes([len(room), operation, 2])
    assert complete[32:-token_size] == room
    return complete[-token_size:]


class Member:
    """One member with a UDP socket of its own, registered by an empty message."""

    def __init__(self, target: Target, operation: int, room: bytes, payload: bytes, *, register: bool = True) -> None:
        self.target, self.room = target, room
        self.token = enter(target, operation, room, payload)
        self.socket = self.new_socket()
        if register:
            self.say(b"")

    def new_socket(self, ip: str = "127.0.0.1") -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((ip, 0))
        sock.settimeout(WAIT)
        return sock

    def datagram(self, message: bytes) -> bytes:
        return bytes([len(self.room), len(self.token)]) + self.room + self.token + message

    def say(self, message: bytes) -> None:
        self.socket.sendto(self.datagram(message), self.target.udp)

    def hear(self) -> bytes:
        data, source = self.socket.recvfrom(65535)
        assert source == self.target.udp
        return data


@pytest.fixture
def members(plain: Target) -> Iterator[tuple[Member, Member]]:
    """A host, `alice`, and a guest, `bob`. Over loopback the server gets datagrams in the order they were sent."""
    room = new_room()
    alice, bob = Member(plain, 1, room, b"alice"), Member(plain, 2, room, b'{"username":"bob"}')
    with alice.socket, bob.socket:
        yield alice, bob


# control ----------------------------------------------------------------------------------------


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


# chat -------------------------------------------------------------------------------------------


def test_chat_goes_to_the_others_once_and_unchanged(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    silent = Member(plain, 2, alice.room, b"carol", register=False)
    for message in (b"hello", b" a\n\0\xff", b"exit\n", b"EXIT", b"m" * (4096 - len(alice.datagram(b"")))):
        alice.say(message)
        assert bob.hear() == b"alice: " + message
        bob.say(message)
        assert alice.hear() == b"bob: " + message  # and nothing in between: no echo, no copy of its own
    with silent.socket:
        silent.say(b"")
        bob.say(b"now")
        assert silent.hear() == b"bob: now"  # and nothing of what came before it registered


def test_the_address_is_that_of_the_latest_datagram(members: tuple[Member, Member]) -> None:
    alice, bob = members
    with bob.new_socket() as moved:
        moved.sendto(bob.datagram(b""), bob.target.udp)
        alice.say(b"hello")
        assert moved.recv(65535) == b"alice: hello"


def test_what_is_not_valid_is_dropped_in_silence(members: tuple[Member, Member]) -> None:
    alice, bob = members
    sizes = bytes([len(bob.room), len(bob.token)])
    with bob.new_socket() as other:
        for data in (
            b"",
            b"\1",
            b"\xff\xff",
            sizes + bob.room + bob.token[:-1],
            bytes([len(bob.room), len(bob.token) + 1]) + bob.room + bob.token,
            sizes + bob.room + b"x" * len(bob.token) + b"forged",
            sizes + b"?" * len(bob.room) + bob.token + b"no such room",
            bob.datagram(b"").ljust(4097, b"m"),
        ):
            other.sendto(data, bob.target.udp)
        bob.say(b"fence")
        assert alice.hear() == b"bob: fence"
        alice.say(b"fence")
        assert bob.hear() == b"alice: fence"
        other.sendto(bob.datagram(b""), bob.target.udp)
        alice.say(b"moved")
        assert other.recv(65535) == b"alice: moved"  # and nothing before it


def test_a_token_is_good_from_its_ip_address_only(members: tuple[Member, Member]) -> None:
    alice, bob = members
    try:
        thief = bob.new_socket("127.0.0.2")
    except OSError:
        pytest.skip("this machine has no 127.0.0.2")
    with thief:
        thief.sendto(bob.datagram(b"stolen"), bob.target.udp)
        bob.say(b"mine")
        assert alice.hear() == b"bob: mine"
        alice.say(b"hello")
        assert bob.hear() == b"alice: hello"


def test_a_message_that_does_not_fit_is_told_to_its_sender(plain: Target) -> None:
    room = new_room()
    host = Member(plain, 1, room, b"u" * 255)
    guest = Member(plain, 2, room, b"bob")
    with host.socket, guest.socket:
        host.say(b"m" * (4094 - 257))
        assert len(guest.hear()) == 4094
        host.say(b"m" * (4094 - 256))
        assert host.hear()[:1] == b"\5"
        host.say(b"short")
        assert guest.hear() == b"u" * 255 + b": short"


# leaving ----------------------------------------------------------------------------------------


def test_who_leaves_is_gone(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    carol = Member(plain, 2, alice.room, b"carol")
    with carol.socket:
        bob.say(b"exit")
        bob.say(b"still here?")
        carol.say(b"hello")
        assert alice.hear() == b"carol: hello"


def test_a_room_closes_with_its_host(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    alice.say(b"exit")
    assert bob.hear()[:1] == b"\4"
    host = Member(plain, 1, alice.room, b"dave")
    guest = Member(plain, 2, alice.room, b"erin")
    with host.socket, guest.socket:
        bob.say(b"still here?")
        guest.say(b"hello")
        assert host.hear() == b"erin: hello"


def test_who_is_idle_is_told_and_an_idle_host_closes_the_room(started: Start) -> None:
    with started("fault", "none", "--idle-timeout", "0.5") as target:
        alice = Member(target, 1, b"r", b"alice")
        bob = Member(target, 2, b"r", b"bob")
        with alice.socket, bob.socket:
            bob.socket.settimeout(0.1)
            notice = b""
            while not notice:  # bob never falls silent, so what ends him is the host's idling
                with contextlib.suppress(TimeoutError):
                    bob.say(b"")
                    notice = bob.hear()
            assert notice[:1] == b"\4"
            assert alice.hear()[:1] == b"\4"
        assert status(target, request(2, b"r", b"carol")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="IP_RECVERR is Linux's")
def test_who_cannot_be_delivered_to_is_removed(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    carol = Member(plain, 2, alice.room, b"carol")
    bob.socket.close()
    for count in range(6):
        alice.say(b"%d" % count)
    bob.socket = bob.new_socket()
    with bob.socket, carol.socket:
        bob.say(b"still here?")
        carol.say(b"hello")
        assert alice.hear() == b"carol: hello"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_tells_everybody(started: Start, number: int) -> None:
    with started("fault", "none") as target:
        alice = Member(target, 1, b"r", b"alice")
        bob = Member(target, 2, b"r", b"bob")
        with alice.socket, bob.socket:
            bob.say(b"ready")
            assert alice.hear() == b"bob: ready"
            target.process.send_signal(number)
            assert alice.hear()[:1] == b"\4"
            assert bob.hear()[:1] == b"\4"
        assert target.process.wait(WAIT) == 0


# staying up -------------------------------------------------------------------------------------


def test_nothing_ends_or_blocks_it(started: Start) -> None:
    whole = request(1, b"half", b"alice")
    with started("fault", "none") as target, contextlib.ExitStack() as stalled:
        for data in (b"", whole[:1], whole[:31], whole[:34], whole[:-1]) * 5:
            stalled.enter_context(connect(target)).sendall(data)
            connect(target).close()
            with connect(target) as reset:
                reset.sendall(data)
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rubbish = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with rubbish:
            for data in (b"", b"\0", b"\xff" * 60000, b"\1\1\xff\xff\xff"):
                rubbish.sendto(data, target.udp)
        ask(target, b"\xff" * 300)
        host, guest = Member(target, 1, b"r", b"alice"), Member(target, 2, b"r", b"bob")
        with host.socket, guest.socket:
            guest.say(b"hello")
            assert host.hear() == b"bob: hello"
        assert status(target, request(2, b"half", b"a")) == 2
        target.process.terminate()
        assert target.process.wait(WAIT) == 0
        assert target.process.stderr.read() == ""
