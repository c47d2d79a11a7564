"""Server processes, and addresses that not every machine has."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference_server.server_process import PATIENCE, ServerProcess, StartServer
from tests.reference_server.spawned import Spawned


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartServer]:
    """`start("--option", "value", ...)`: a server with these options."""
    started: list[ServerProcess] = []

    def run(*options: str, family: socket.AddressFamily = socket.AF_INET) -> ServerProcess:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(ServerProcess(folder, *options, family=family))
        return started[-1]

    yield run
    for server in started:
        server.close()


@pytest.fixture
def spawned() -> Iterator[list[Spawned]]:
    """Servers that are put into this list are ended after the test."""
    started: list[Spawned] = []
    yield started
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(PATIENCE)


@pytest.fixture
def server(start: StartServer) -> ServerProcess:
    return start("--log-level", "debug")


@pytest.fixture
def second_address() -> str:
    """Another loopback address, if the machine has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.2", 0))
        except OSError:
            pytest.skip("this machine has no 127.0.0.2")
    return "127.0.0.2"


@pytest.fixture
def ipv6() -> str:
    """The IPv6 loopback address, if the machine has one."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    return "::1"
