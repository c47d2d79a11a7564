"""Hosts as users name them: what is said of one that is no address, and where the ports are instead."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from conformance.net.addresses import socket_address, zoned
from conformance.net.naming import found_at
from conformance.net.target import target_of
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint

DEFAULTS = Ports(9001, 9002)
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel is asked")


@pytest.fixture
def ipv6_only() -> Iterator[Endpoint]:
    """A server on ::1 alone, named by its IPv4 address."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("::1", 0), family=socket.AF_INET6))
        chat = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        chat.bind(("::1", 0))
        yield Endpoint("127.0.0.1", listener.getsockname()[1], chat.getsockname()[1])


@pytest.mark.parametrize(
    ("named", "right"),
    [
        ("0.0.0.0:9001", "use -t 127.0.0.1:9001:9002"),
        ("[::]:7:8", "use -t [::1]:7:8"),
        ("[fe80::1]", "fe80::1 is on every network: say on which, such as -t [fe80::1%"),
    ],
)
def test_an_address_that_nobody_can_connect_to_is_refused_with_one_that_would_do(named: str, right: str) -> None:
    with pytest.raises(ValueError, match=r"^-t ") as caught:
        target_of(named, None, DEFAULTS, 10.0)
    assert right in str(caught.value)


@linux
def test_a_number_is_taken_as_it_stands(ipv6_only: Endpoint) -> None:
    assert found_at(ipv6_only) == ipv6_only
    assert found_at(ipv6_only._replace(host="::1")).host == "::1"


def test_a_zone_goes_beside_the_address() -> None:
    number, name = socket.if_nameindex()[0]
    assert socket_address(f"fe80::1%{name}", 7) == ("fe80::1", 7, 0, number)
    assert socket_address("127.0.0.1", 7) == ("127.0.0.1", 7)
    assert zoned("fe80::2", f"fe80::1%{name}") == f"fe80::2%{name}"
    assert zoned("::1", f"fe80::1%{name}") == "::1"
