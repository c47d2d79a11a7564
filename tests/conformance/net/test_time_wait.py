"""A server that closes first on a fixed port, and does not set SO_REUSEADDR, gets its port again at once."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.net import kernel, time_wait
from conformance.net.ports import free_ports
from conformance.net.target import ProcessTarget
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint

pytestmark = pytest.mark.skipif(not time_wait.can_free(), reason="only Linux tells what holds a port")

DEFAULTS = Ports(9001, 9002)
CLOSES_FIRST = """
import socket, sys
family, host = (socket.AF_INET6, "::") if sys.argv[3] == "both" else (socket.AF_INET, "127.0.0.1")
tcp = socket.socket(family)
tcp.bind((host, int(sys.argv[1])))  # without SO_REUSEADDR
tcp.listen()
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind((host, int(sys.argv[2])))
kept = []
while True:
    connection, _ = tcp.accept()
    connection.recv(100)
    connection.sendall(b"done")
    match sys.argv[3]:
        case "drains":
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(100):
                pass
            connection.close()
        case "keeps":
            kept.append(connection)
        case _:
            connection.close()
"""
Start = Callable[[str], ProcessTarget]
"""Starts a server on fixed ports, which closes in this way."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    path = tmp_path / "server.py"
    path.write_text(CLOSES_FIRST)
    made: list[ProcessTarget] = []

    def started(how: str) -> ProcessTarget:
        endpoint = Endpoint("127.0.0.1", *free_ports("127.0.0.1"))
        command = f"{sys.executable} {path} {endpoint.tcp} {endpoint.udp} {how}"
        made.append(ProcessTarget(command, endpoint, DEFAULTS))
        made[-1].start()
        return made[-1]

    yield started
    for one in made:
        one.stop()


def ask(target: ProcessTarget) -> socket.socket:
    """One exchange, up to the answer."""
    assert target.endpoint.tcp is not None
    asking = socket.create_connection((target.endpoint.host, target.endpoint.tcp), 10)
    target.reset_at_its_end(asking)
    asking.sendall(b"please")
    assert asking.recv(4) == b"done"
    return asking


def held(target: ProcessTarget) -> int:
    """How many connections of before hold the server's port."""
    assert target.endpoint.tcp is not None
    return len(kernel.closed_ends(target.endpoint.tcp) or ())


@pytest.mark.parametrize("how", ["closes", "drains", "both"])
def test_connections_that_it_closed_first_do_not_hold_its_port(start: Start, how: str) -> None:
    target = start(how)
    endpoint = target.endpoint
    for _ in range(3):
        assert target.renewable
        for _ in range(50):
            with ask(target) as asking:
                assert asking.recv(1) == b""
        assert held(target) > 0
        assert target.restart()
        assert target.endpoint == endpoint
    target.stop()
    assert held(target) == 0


def test_connections_that_are_open_when_it_ends_do_not_hold_its_port(start: Start) -> None:
    target = start("keeps")
    asking = [ask(target) for _ in range(20)]
    assert target.restart()
    assert held(target) == 0
    assert all(one.fileno() == -1 for one in asking)


def test_a_server_of_another_run_that_has_just_ended_is_started_at_once(start: Start) -> None:
    target = start("closes")
    assert target.endpoint.tcp is not None
    with ask(target) as asking:
        assert asking.recv(1) == b""
        target.terminate()
        while target.ended() is None:
            asking.settimeout(0.01)
    assert held(target) > 0
    again = ProcessTarget(target.command, target.endpoint, DEFAULTS)
    try:
        again.start()
    finally:
        again.stop()


def test_a_port_on_which_somebody_listens_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listening.accept()[0].close()
            assert not time_wait.free(port)
            assert kernel.closed_ends(port)
            listening.settimeout(0.1)
            with pytest.raises(TimeoutError):
                listening.accept()
