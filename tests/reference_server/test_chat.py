"""UDP: relaying over real sockets, what must not stop it, and what it logs."""

import re
import socket
import sys
from typing import NamedTuple

import pytest

from tests.reference_server import wire
from tests.reference_server.server_process import ServerProcess, StartServer

HOST_LEFT = b"\x04the host left: the room is closed"


class Pair(NamedTuple):
    """Host a and guest b of room r, both registered: their tokens and sockets."""

    server: ServerProcess
    a: bytes
    b: bytes
    hears_a: socket.socket
    hears_b: socket.socket


@pytest.fixture
def pair(server: ServerProcess) -> Pair:
    pair = Pair(server, server.create("r", "a"), server.join("r", "b"), server.datagrams(), server.datagrams())
    pair.hears_b.send(wire.packet("r", pair.b))
    pair.hears_a.send(wire.packet("r", pair.a, b"first"))
    assert pair.hears_b.recv(5000) == b"a: first"
    return pair


def test_messages_are_relayed_from_the_chat_port_and_not_echoed(pair: Pair) -> None:
    """TCRP-4.5a, TCRP-4.5d, TCRP-4.6a, TCRP-4.6d: a connected socket receives only from its peer"""
    pair.hears_b.send(wire.packet("r", pair.b, b"\xff\x00"))
    assert pair.hears_a.recv(5000) == b"b: \xff\x00"
    pair.hears_a.send(wire.packet("r", pair.a, b"second"))
    assert pair.hears_b.recv(5000) == b"a: second"


def test_a_datagram_of_4097_bytes_is_dropped_and_one_of_4096_is_too_long_to_relay(pair: Pair) -> None:
    """TCRP-4.2a, TCRP-4.7b"""
    longest = 4096 - 2 - 1 - len(pair.a)
    pair.hears_a.send(wire.packet("r", pair.a, b"x" * (longest + 1)))
    pair.hears_a.send(wire.packet("r", pair.a, b"fence"))
    assert pair.hears_b.recv(5000) == b"a: fence"
    pair.hears_a.send(wire.packet("r", pair.a, b"y" * longest))
    assert pair.hears_b.recv(5000) == b"a: " + b"y" * longest
    name = "n" * 255
    long = pair.server.join("r", name)
    assert pair.hears_a.recv(5000) == b"\x05joined: " + name.encode()
    pair.hears_a.send(wire.packet("r", long, b"z" * longest))
    assert pair.hears_a.recv(5000) == b"\x05your last message is too long to be relayed"


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\xff" * 3, b"\x01\x24r", b"\xff" * 4000, b"x" * 65_507])
def test_junk_stops_nothing(pair: Pair, junk: bytes) -> None:
    """TCRP-6.1f"""
    for _ in range(3):
        pair.hears_b.send(junk)
    pair.hears_a.send(wire.packet("r", pair.a, b"after"))
    assert pair.hears_b.recv(70_000) == b"a: after"


def test_a_token_from_another_ip_address_has_no_effect(pair: Pair, second_address: str) -> None:
    """TCRP-4.2e"""
    thief = pair.server.datagrams(second_address)
    for message in (b"", b"stolen", b"exit"):
        thief.send(wire.packet("r", pair.b, message))
    pair.hears_a.send(wire.packet("r", pair.a, b"fence"))
    assert pair.hears_b.recv(5000) == b"a: fence"
    pair.hears_b.send(wire.packet("r", pair.b, b"still here"))
    assert pair.hears_a.recv(5000) == b"b: still here"


def test_a_host_that_leaves_closes_the_room(pair: Pair) -> None:
    pair.hears_a.send(wire.packet("r", pair.a, b"exit"))
    assert pair.hears_b.recv(5000) == HOST_LEFT
    pair.server.create("r")


def test_the_idle_are_told_and_removed(start: StartServer) -> None:
    """TCRP-5.3a, TCRP-5.3c, TCRP-5.3d"""
    server = start("--idle-timeout", "0.3")
    member = server.datagrams()
    member.send(wire.packet("r", server.create()))
    assert member.recv(5000).startswith(b"\x04")
    server.create("r")
    assert "closed room='r' members=1 why='the host was idle for too long'" in server.stop()


def test_chat_over_ipv6(start: StartServer, ipv6: str) -> None:
    server = start("--host", ipv6, family=socket.AF_INET6)
    a, b = server.create("r", "a"), server.join("r", "b")
    hears_a, hears_b = server.datagrams(), server.datagrams()
    hears_b.send(wire.packet("r", b))
    hears_a.send(wire.packet("r", a, b"six"))
    assert hears_b.recv(5000) == b"a: six"


def test_both_families_meet_on_the_wildcard(start: StartServer, ipv6: str) -> None:
    """TCRP-4.2f: what comes over IPv4 is seen as an IPv4-mapped address"""
    server = start("--host", "::", family=socket.AF_INET6)
    a, b = server.create("r", "a", host="127.0.0.1"), server.join("r", "b", host=ipv6)
    hears_a = server.datagrams("127.0.0.1", "127.0.0.1")
    hears_b = server.datagrams(ipv6, ipv6)
    hears_b.send(wire.packet("r", b))
    hears_a.send(wire.packet("r", a, b"four"))
    assert hears_b.recv(5000) == b"a: four"
    hears_b.send(wire.packet("r", b, b"six"))
    assert hears_a.recv(5000) == b"b: six"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which peer an ICMP error is about")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_cannot_be_reached_is_removed_and_costs_nobody_a_message(
    start: StartServer, host: str, request: pytest.FixtureRequest
) -> None:
    """TCRP-5.6"""
    if host == "::1":
        request.getfixturevalue("ipv6")
    server = start("--host", host, "--no-announce", family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    a = server.create("r", "a")
    hears_a = server.datagrams()
    hears_a.send(wire.packet("r", a))
    hearers = []
    for name in ("gone1", "c", "gone2", "gone3", "d"):  # in this order, sends to c and d report errors of others
        member = server.datagrams()
        member.send(wire.packet("r", server.join("r", name), b"here"))
        assert hears_a.recv(5000) == f"{name}: here".encode()
        if name.startswith("gone"):
            member.close()
        else:
            hearers.append(member)
    assert hearers[0].recv(5000) == b"gone2: here"
    assert hearers[0].recv(5000) == b"gone3: here"
    assert hearers[0].recv(5000) == b"d: here"
    for number in range(5):
        hears_a.send(wire.packet("r", a, b"%d" % number))
        for hearer in hearers:
            assert hearer.recv(5000) == b"a: %d" % number
    log = server.stop()
    for name in ("gone1", "gone2", "gone3"):
        assert f"left room='r' user='{name}' why='datagrams could not be delivered'" in log
    assert log.count("left ") == 3


def test_a_flood_does_not_starve_tcp(pair: Pair) -> None:
    flood = wire.packet("r", pair.a, b"flood")
    for number in range(50):
        for _ in range(100):
            pair.hears_a.send(flood)
        pair.server.create(f"during{number}")


def test_the_log_has_one_line_a_fact_names_escaped_and_no_token(server: ServerProcess) -> None:
    room, user = "r\n\x1b[31m", "a\u202eb"
    a = server.create(room, user)
    b = server.join(room, "b")
    hears_a, hears_b = server.datagrams(), server.datagrams()
    hears_b.send(wire.packet(room, b))
    hears_a.send(wire.packet(room, a, b"hello"))
    assert hears_b.recv(5000) == f"{user}: hello".encode()
    hears_b.send(wire.packet("other", b, b"hello"))
    hears_b.send(wire.packet(room, b, b"exit"))
    hears_b.send(wire.packet(room, b, b"hello"))
    hears_a.send(wire.packet(room, a, b"x" * 4040))
    hears_a.send(wire.packet(room, a, b"exit"))
    server.ask(wire.request(2, "nowhere", '{"username": "x", "password": "sesame"}'))
    server.create(room)  # fails if the host's exit has not been read yet
    log = server.stop()
    for line in (
        r"created room='r\n\x1b[31m' user='a\u202eb' peer=127.0.0.1",
        r"joined room='r\n\x1b[31m' user='b' peer=127.0.0.1",
        r"left room='r\n\x1b[31m' user='b' why='left' peer=127.0.0.1",
        r"left room='r\n\x1b[31m' user='a\u202eb' why='left' peer=127.0.0.1",
        r"closed room='r\n\x1b[31m' members=1 why='the host left'",
    ):
        assert len(re.findall(rf" INFO +{re.escape(line)}\n", log)) == 1
    assert "DEBUG" in log
    for secret in (a.decode(), b.decode(), "sesame"):
        assert secret not in log
    assert not any(sign in log for sign in ("\x1b", "\u202e"))


def test_at_info_no_message_is_logged(start: StartServer) -> None:
    server = start()
    token = server.create()
    member = server.datagrams()
    member.send(wire.packet("r", token, b"private"))
    member.send(wire.packet("r", token, b"exit"))
    log = server.stop()
    assert "left room='r' user='a' why='left'" in log
    assert "private" not in log
    assert "DEBUG" not in log
