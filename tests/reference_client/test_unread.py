"""Output that nobody reads stops neither keep-alives nor signals."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.reference_client.odd_server import WELCOME, OddServer, StartOdd, answering
from tests.reference_client.processes import PATIENCE, StartClient, StartMember
from tests.reference_client.terminals import PLAIN, PROMPT, StartTerminal

LINE = b"bob: " + b"x" * 4000
LINES = 1000
"""Lines that are more than pipe, terminal and client hold together."""


@pytest.fixture
def unread() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, which is not read unless the test does."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def flood(server: OddServer) -> tuple[str, int]:
    """Send lines to the member, and read a keep-alive between them. Returns the member's address."""
    packet, source = server.packet()
    for number in range(LINES):
        server.udp.sendto(LINE, source)
        if number % 10 == 0:
            packet, source = server.packet()
            assert packet.message == b""
    return source


def read_leave(server: OddServer) -> None:
    """Read until the member has left."""
    while server.packet()[0].message != b"exit":
        pass


def test_a_pipe(odd: StartOdd, member: StartMember, unread: tuple[int, int]) -> None:
    server = odd(answering(WELCOME))
    alice = member(server.endpoint, "join", "r", "alice", "--keepalive", "0.01", stdout=unread[1])
    flood(server)
    alice.popen.send_signal(signal.SIGTERM)
    assert alice.wait() == 2
    read_leave(server)


def test_both_outputs_in_one_pipe(odd: StartOdd, client: StartClient, unread: tuple[int, int]) -> None:
    server = odd(answering(WELCOME))
    alice = client(server.endpoint, "join", "r", "--keepalive", "0.01", stdout=unread[1], stderr=unread[1])
    flood(server)
    alice.popen.send_signal(signal.SIGINT)
    assert alice.wait() == 2
    read_leave(server)


@pytest.mark.parametrize("command", [PROMPT, PLAIN, (*PROMPT, "--tui")], ids=["prompt", "plain", "full-screen"])
def test_a_terminal(odd: StartOdd, terminal: StartTerminal, command: tuple[str, ...]) -> None:
    server = odd(answering(WELCOME))
    alice = terminal(*command, "join", "r", "--keepalive", "0.01", "--server", str(server.endpoint))
    flood(server)
    alice.popen.send_signal(signal.SIGTERM)
    assert alice.popen.wait(PATIENCE) == 2
    read_leave(server)


def test_what_was_not_shown_is_told(odd: StartOdd, member: StartMember, unread: tuple[int, int]) -> None:
    server = odd(answering(WELCOME))
    alice = member(server.endpoint, "join", "r", "alice", "--keepalive", "0.01", stdout=unread[1])
    source = flood(server)
    shown, sent = b"", LINES
    while not shown.endswith(b"bob: last\n"):
        shown += os.read(unread[0], 1 << 16)
        server.udp.sendto(b"bob: last", source)
        sent += 1
    told = alice.err.next() or ""
    count = int(told.removeprefix("not shown: ").partition(" ")[0])
    assert told == f"not shown: {count} messages, because stdout was not read"
    assert shown.count(b"\n") + count <= sent
