"""TCRP-5.5: the server tells the others in a room who joins and who leaves."""

import socket

import pytest

from reference_server.announcements import announcing
from tcrp import dialects
from tests.reference_server import wire
from tests.reference_server.server_process import ServerProcess, StartServer


def enter(server: ServerProcess, token: bytes) -> socket.socket:
    """A registered member of room r."""
    member = server.datagrams()
    member.send(wire.packet("r", token))
    return member


def test_joins_and_leaves_are_told_to_the_others(start: StartServer) -> None:
    server = start()
    host_token = server.create("r", "host")
    host = enter(server, host_token)
    host.send(wire.packet("r", host_token, b"alone"))
    alice_token = server.join("r", "alice")
    assert host.recv(5000) == b"\x05joined: alice"
    alice = enter(server, alice_token)
    bob_token = server.join("r", "bob")
    for member in (host, alice):
        assert member.recv(5000) == b"\x05joined: bob"
    bob = enter(server, bob_token)
    alice.send(wire.packet("r", alice_token, b"exit"))
    for member in (host, bob):
        assert member.recv(5000) == b"\x05left: alice"
    host.send(wire.packet("r", host_token, b"exit"))
    assert bob.recv(5000) == b"\x04the host left: the room is closed"  # and nothing of who left


def test_idle_members_are_told_to_the_others(start: StartServer) -> None:
    server = start("--idle-timeout", "0.5")
    host_token = server.create("r", "host")
    host = enter(server, host_token)
    alice = enter(server, server.join("r", "alice"))
    assert host.recv(5000) == b"\x05joined: alice"
    host.settimeout(0.1)
    while True:
        host.send(wire.packet("r", host_token))
        try:
            notice = host.recv(5000)
        except TimeoutError:
            continue
        break
    assert notice == b"\x05left, idle for too long: alice"
    assert alice.recv(5000).startswith(b"\x04you were idle")


def test_a_user_that_is_there_twice_is_told_once(start: StartServer) -> None:
    server = start()
    host_token = server.create("r", "host")
    host = enter(server, host_token)
    first = server.join("r", "alice")
    assert host.recv(5000) == b"\x05joined: alice"
    alice = enter(server, first)
    second = server.join("r", "alice")
    again = enter(server, second)
    alice.send(wire.packet("r", first, b"exit"))
    again.send(wire.packet("r", second, b"exit"))
    assert host.recv(5000) == b"\x05left: alice"
    server.join("r", "bob")
    assert host.recv(5000) == b"\x05joined: bob"


def test_nobody_is_told_without_announcements(start: StartServer) -> None:
    server = start("--no-announce")
    host_token = server.create("r", "host")
    host = enter(server, host_token)
    alice_token = server.join("r", "alice")
    alice = enter(server, alice_token)
    alice.send(wire.packet("r", alice_token, b"hello"))
    alice.send(wire.packet("r", alice_token, b"exit"))
    bob_token = server.join("r", "bob")
    bob = enter(server, bob_token)
    bob.send(wire.packet("r", bob_token, b"hello"))
    assert [host.recv(5000) for _ in range(2)] == [b"alice: hello", b"bob: hello"]


@pytest.mark.parametrize("name", [name for name in dialects.names() if name != "tcrp"])
def test_a_dialect_that_cannot_say_it_or_says_itself_who_is_told_stays_as_it_is(name: str) -> None:
    dialect = dialects.get(name)
    assert announcing(dialect) is dialect
