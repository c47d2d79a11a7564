"""Whether the server's own process has its ports, as far as the kernel shows."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from conformance.net.ownership import owns_its_ports
from tcrp.endpoint import Endpoint

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel is asked")

HOLDER = """
import ctypes, socket, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
held = []
for kind in sys.argv[2:]:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    made.bind(("127.0.0.1", 0))
    if kind == "tcp":
        made.listen()
    held.append(made)
print(*(one.getsockname()[1] for one in held), flush=True)
sys.stdin.read()
"""
Hold = Callable[..., tuple[int, list[int]]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Starts a process of this name that has such ports. Returns its id and the ports."""
    with ExitStack() as stack:

        def started(name: str, *kinds: str) -> tuple[int, list[int]]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDER, name, *kinds],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert process.stdout is not None
            return process.pid, [int(word) for word in process.stdout.readline().split()]

        yield started


def test_a_process_that_has_both_ports_owns_them(hold: Hold) -> None:
    pid, (tcp, udp) = hold("python", "tcp", "udp")
    assert owns_its_ports(Endpoint("127.0.0.1", tcp, udp))
    assert owns_its_ports(Endpoint("127.0.0.1", tcp, udp), [pid])
    assert not owns_its_ports(Endpoint("127.0.0.1", tcp, udp), [os.getpid()])


def test_without_tcp_the_udp_port_is_enough(hold: Hold) -> None:
    _, (udp,) = hold("python", "udp")
    assert owns_its_ports(Endpoint("127.0.0.1", None, udp))


def test_two_processes_that_have_a_port_each_may_only_hand_on_what_comes(hold: Hold) -> None:
    first, (tcp,) = hold("python", "tcp")
    second, (udp,) = hold("python", "udp")
    assert not owns_its_ports(Endpoint("127.0.0.1", tcp, udp))
    assert owns_its_ports(Endpoint("127.0.0.1", tcp, udp), [first, second])  # both are ours


@pytest.mark.parametrize("name", ["docker-proxy", "rootlessport", "com.docker.backend"])
def test_a_program_that_forwards_ports_is_no_server(hold: Hold, name: str) -> None:
    pid, (tcp, udp) = hold(name, "tcp", "udp")
    assert not owns_its_ports(Endpoint("127.0.0.1", tcp, udp))
    assert not owns_its_ports(Endpoint("127.0.0.1", tcp, udp), [pid])


def test_a_port_that_nobody_has_is_owned_by_nobody() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        udp = made.getsockname()[1]
    assert not owns_its_ports(Endpoint("127.0.0.1", None, udp))
