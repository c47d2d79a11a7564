"""The command line of the suite, ports where nobody listens, and a report that was recorded once."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcrp.endpoint import Endpoint
from tests.conformance.commands import Commands, faulty


@pytest.fixture
def command(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


@pytest.fixture
def nowhere() -> Iterator[Endpoint]:
    """Ports on which nobody listens. They stay reserved during the test."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        udp.connect(("127.0.0.1", 9))  # so that it takes datagrams of this address alone
        yield Endpoint("127.0.0.1", tcp.getsockname()[1], udp.getsockname()[1])


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's folder of a run that found header-in-one-recv, recorded once."""
    command = Commands(tmp_path_factory.mktemp("recorded"))
    done = command("run", "2.1", "2.5a", "--runs", "1", "--seed", "1", "--exec", faulty("header-in-one-recv"))
    assert done.returncode == 1, done.stdout + done.stderr
    return command.folder / "tcrp-report"
