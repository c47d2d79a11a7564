"""TCP: segments, ends of streams, limits, passwords."""

import socket
import struct

import pytest

from tests.reference_server import wire
from tests.reference_server.server_process import ServerProcess, StartServer

JSON = '{"username": "a", "password": "p"}'


def test_create_and_join(server: ServerProcess) -> None:
    first, second = server.create(), server.join()
    assert first != second


@pytest.mark.parametrize(
    ("operation", "room", "payload", "status"),
    [
        (1, "r", "x", 1),
        (2, "q", "x", 2),
        (2, "locked", "x", 3),
        (2, "locked", '{"username":"x","password":"P"}', 3),
        (2, "locked", '{"username":"x","password":"pp"}', 3),
        (1, "q", '{"username":7}', 4),
        (1, "q", "", 4),
        (7, "q", "x", 4),
    ],
)
def test_refusals(server: ServerProcess, operation: int, room: str, payload: str, status: int) -> None:
    """TCRP-3.4d, TCRP-3.4e, TCRP-3.5b, TCRP-3.7, TCRP-3.10a"""
    server.create("r")
    wire.token(server.ask(wire.request(1, "locked", JSON)), 1, "locked")
    assert server.ask(wire.request(operation, room, payload)) == wire.refusal(operation, room, status)
    wire.token(server.ask(wire.request(2, "locked", '{"username":"x","password":"p"}')), 2, "locked")


def test_a_request_may_come_byte_by_byte(server: ServerProcess) -> None:
    """TCRP-2.5a"""
    sock = server.connect()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in wire.request(1, "部屋", JSON):
        sock.send(bytes([byte]))
    wire.token(wire.everything(sock), 1, "部屋")


@pytest.mark.parametrize("cut", [1, 31, 32, 33, 36])
def test_a_request_may_come_in_two_parts(server: ServerProcess, cut: int) -> None:
    data = wire.request(1, "room", "a")
    sock = server.connect()
    sock.sendall(data[:cut])
    server.create("fence")  # the first part has been read meanwhile
    sock.sendall(data[cut:])
    wire.token(wire.everything(sock), 1, "room")


def test_a_client_that_half_closes_is_answered(server: ServerProcess) -> None:
    """TCRP-2.6c, also while its password is hashed"""
    for room, payload in (("open", "a"), ("locked", JSON)):
        sock = server.connect()
        sock.sendall(wire.request(1, room, payload))
        sock.shutdown(socket.SHUT_WR)
        wire.token(wire.everything(sock), 1, room)


@pytest.mark.parametrize("payload", ["a", JSON])
def test_what_follows_the_request_is_drained_and_no_reset_overtakes_the_answer(
    server: ServerProcess, payload: str
) -> None:
    """TCRP-2.6a, TCRP-2.6b"""
    sock = server.connect()
    sock.sendall(wire.request(1, "r", payload) + wire.request(1, "other", "a") + bytes(2_000_000))
    wire.token(wire.everything(sock), 1, "r")
    sock.sendall(b"still read")
    server.create("fence")  # a reset would have come by now, and the next send would fail
    sock.sendall(b"still read")
    assert server.ask(wire.request(2, "other", "a")) == wire.refusal(2, "other", 2)


@pytest.mark.parametrize("payload", ["a", JSON])
def test_the_room_of_a_creator_that_vanished_stands(server: ServerProcess, payload: str) -> None:
    """TCRP-3.11"""
    sock = server.connect()
    sock.sendall(wire.request(1, "r", payload))
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)
    sock.close()
    assert server.ask(wire.request(1, "r", "b")) == wire.refusal(1, "r", 1)


@pytest.mark.parametrize(
    "sent", [b"", b"\x01", b"\x01\x01\x00" + bytes(28) + b"\x05r", b"\xff" * 32, bytes(range(100))]
)
@pytest.mark.parametrize("reset", [False, True])
def test_no_early_end_ends_the_service(server: ServerProcess, sent: bytes, reset: bool) -> None:
    """TCRP-6.1a, TCRP-6.1c, TCRP-6.1d, TCRP-6.2b"""
    sock = server.connect()
    sock.sendall(sent)
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    server.create()
    assert "Traceback" not in server.stop()


def test_stalled_peers_block_nobody(server: ServerProcess) -> None:
    """TCRP-6.1b"""
    for _ in range(8):
        server.connect().send(b"\x01\x01")
    server.create()


def test_a_request_that_takes_too_long_is_cut_off_and_a_silent_connection_is_not(start: StartServer) -> None:
    server = start("--handshake-timeout", "0.2", "--log-level", "debug")
    silent, stalled = server.connect(), server.connect()
    stalled.send(b"\x01")
    assert wire.everything(stalled) == b""
    silent.sendall(wire.request(1, "r", "a"))
    wire.token(wire.everything(silent), 1, "r")
    assert "said too little in 0.2 s" in server.stop()


def test_a_connection_that_says_nothing_has_the_idle_time(start: StartServer) -> None:
    server = start("--idle-timeout", "0.2")
    assert wire.everything(server.connect()) == b""


def test_the_payload_limit_is_told_before_the_body_comes(start: StartServer) -> None:
    """TCRP-2.4d"""
    server = start("--payload-limit", "1024")
    sock = server.connect()
    sock.sendall(wire.request(1, "r", "", size=1025))
    assert wire.everything(sock)[-1] == 6
    assert wire.token(server.ask(wire.request(1, "r", '{"username":"a"}'.ljust(1024))), 1, "r")


def test_beyond_the_connections_a_request_is_told_so_and_beyond_those_it_is_closed(start: StartServer) -> None:
    """TCRP-6.3a"""
    server = start("--max-connections", "16", "--log-level", "debug")
    waiting = [server.connect() for _ in range(16)]
    assert server.ask(wire.request(1, "r", "a")) == wire.refusal(1, "r", 6)
    waiting[7].sendall(wire.request(1, "r", "a"))
    wire.token(wire.everything(waiting[7]), 1, "r")
    assert server.ask(wire.request(1, "r", "a")) == wire.refusal(
        1, "r", 6
    )  # the answered connection counts until it closes

    for _ in range(500):  # until the server has seen the close
        waiting[7].close()
        answer = server.ask(wire.request(1, "s", "a"))
        if answer != wire.refusal(1, "s", 6):
            break
    wire.token(answer, 1, "s")


def test_beyond_the_connections_a_silent_one_is_soon_closed(start: StartServer) -> None:
    server = start("--max-connections", "16", "--log-level", "debug")
    waiting = [server.connect() for _ in range(16)]
    assert wire.everything(server.connect()) == b""
    waiting[0].sendall(wire.request(1, "r", "a"))
    wire.token(wire.everything(waiting[0]), 1, "r")
    assert server.stop().count("said too little in 1 s") == 1


def test_far_beyond_the_connections_it_is_closed_unheard(start: StartServer) -> None:
    server = start("--max-connections", "16")
    for _ in range(16 + 64):
        server.connect()
    sock = server.connect()
    try:
        sock.sendall(wire.request(1, "r", "a"))
        answer = wire.everything(sock)
    except OSError:
        answer = b""
    assert answer == b""


def test_rooms_and_members_are_limited(start: StartServer) -> None:
    """TCRP-6.3b, TCRP-6.3c: 16 of each are served, and no more than the options say"""
    server = start("--max-rooms", "16", "--max-members", "16")
    for number in range(16):
        server.create(f"r{number}")
    assert server.ask(wire.request(1, "r16", "a")) == wire.refusal(1, "r16", 6)
    for number in range(15):
        server.join("r0", f"m{number}")
    assert server.ask(wire.request(2, "r0", "a")) == wire.refusal(2, "r0", 6)
    server.join("r1", "a")


def test_one_of_many_creates_gets_the_room(server: ServerProcess) -> None:
    """TCRP-3.9, with passwords, so that the hash is computed after the name is taken and before COMPLETE"""
    socks = [server.connect() for _ in range(20)]
    for sock in socks:
        sock.sendall(wire.request(1, "r", JSON))
    answers = [wire.everything(sock) for sock in socks]
    good = [answer for answer in answers if answer != wire.refusal(1, "r", 1)]
    assert len(good) == 1
    wire.token(good[0], 1, "r")


def test_more_passwords_than_can_be_hashed_are_refused_and_none_is_left_waiting(server: ServerProcess) -> None:
    socks = [server.connect() for _ in range(150)]
    for number, sock in enumerate(socks):
        sock.sendall(wire.request(1, f"r{number:03}", JSON))
    refused = 0
    for number, sock in enumerate(socks):
        answer = wire.everything(sock)
        if answer == wire.refusal(1, f"r{number:03}", 6):
            refused += 1
        else:
            wire.token(answer, 1, f"r{number:03}")
    assert 0 < refused <= 150 - 64
    server.create()
