"""A server and clients on an IPv6 link-local address, which means nothing without its interface."""

import socket
from pathlib import Path

import pytest

from tcrp.endpoint import Endpoint
from tests.reference_client.processes import Serve, StartClient, StartMember


@pytest.fixture
def link_local() -> str:
    """A link-local address of this machine, with its interface."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        digits, _, _, scope, flags, interface = line.split()
        if scope == "20" and not int(flags, 16) & 0x48:  # link-local, neither tentative nor failed
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))}%{interface}"
    pytest.skip("this machine has no IPv6 link-local address")


@pytest.mark.parametrize("host", ["", "::"], ids=["that address", "all addresses"])
def test_people_chat_there(serve: Serve, member: StartMember, link_local: str, host: str) -> None:
    server = serve("tcrp", "--host", host or link_local)
    endpoint = server.endpoint._replace(host=link_local)
    assert host or server.endpoint == endpoint
    alice = member(endpoint, "create", "r", "alice")
    bob = member(endpoint, "join", "r", "bob")
    bob.type("hello")
    assert alice.out.next() == "bob: hello"
    alice.type("hi")
    assert bob.out.next() == "alice: hi"


def test_without_an_interface_the_line_says_so(client: StartClient) -> None:
    line = "tcrp-client: unreachable: fe80::1 is a link-local address: write its interface too, as fe80::1%eth0"
    assert client(Endpoint("fe80::1", 1, 2), "join", "r").failure() == (6, line)
