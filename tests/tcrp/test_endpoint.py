"""The address of a server as users write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint, format_address, parse_endpoint, parse_port

DEFAULTS = Ports(9001, 9002)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1", Endpoint("127.0.0.1", 9001, 9002)),
        ("localhost:1", Endpoint("localhost", 1, 9002)),
        ("localhost:1:65535", Endpoint("localhost", 1, 65535)),
        ("localhost::7", Endpoint("localhost", 9001, 7)),
        ("127.0.0.1:-:9002", Endpoint("127.0.0.1", None, 9002)),
        ("127.0.0.1:-", Endpoint("127.0.0.1", None, 9002)),
        ("127.0.0.1:9001:-", Endpoint("127.0.0.1", 9001, None)),
        ("127.0.0.1::-", Endpoint("127.0.0.1", 9001, None)),
        ("[::1]", Endpoint("::1", 9001, 9002)),
        ("[::1]:7:8", Endpoint("::1", 7, 8)),
    ],
)
def test_parse(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text, DEFAULTS) == endpoint
    assert parse_endpoint(str(endpoint), DEFAULTS) == endpoint


def test_a_dialect_without_tcp_has_no_tcp_port_unless_told() -> None:
    assert parse_endpoint("h", Ports(None, 9002)) == Endpoint("h", None, 9002)
    assert parse_endpoint("h:1", Ports(None, 9002)) == Endpoint("h", 1, 9002)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":9001",
        "h:x",
        "h:0",
        "h:65536",
        "h:-:-",
        "h:1:2:3",
        "::1",
        "[::1",
        "[::1]9001",
        "a b",
        "h:-1",
        "h:+1",
        "h:٣",
    ],
)
def test_what_is_no_endpoint_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        parse_endpoint(text, DEFAULTS)


@pytest.mark.parametrize("text", ["65536", "0000019999", "0000011234567", "9" * 5000])
def test_a_port_is_at_most_65535_however_it_is_padded(text: str) -> None:
    with pytest.raises(ValueError, match="a number from 1 to 65535"):
        parse_port(text, "TCP")


@given(st.integers(1, 65535))
def test_every_port(port: int) -> None:
    assert parse_port(str(port), "UDP") == port


def test_an_address_in_words() -> None:
    assert format_address("127.0.0.1", 9001) == "127.0.0.1:9001"
    assert format_address("::1", 9001) == "[::1]:9001"
