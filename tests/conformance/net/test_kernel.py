"""What the kernel tells about bytes that have come and are not read yet, and about open ports."""

import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from conformance.net.connection import Connection
from conformance.net.kernel import is_open, unread
from conformance.trace.recording import Recorder

FAMILIES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


@pytest.fixture(params=FAMILIES, ids=["ipv4", "ipv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family, host = request.param
    if host == "::1":
        request.getfixturevalue("ipv6")
    with socket.create_server((host, 0), family=family) as listening:
        listening.settimeout(10)
        yield listening


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no ::1")


@pytest.fixture
def connection(listener: socket.socket) -> Iterator[Connection]:
    made = Connection(listener.getsockname()[:2], None, 10.0, Recorder())
    yield made
    made.close()


def known(connection: Connection) -> int | None:
    return unread(connection.socket.family, connection.address, (connection.local_host, connection.local_port))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_what_lies_unread_is_counted_before_and_after_accepting(
    listener: socket.socket, connection: Connection
) -> None:
    assert connection.send(b"abc")
    assert known(connection) == 3
    accepted, _ = listener.accept()
    with accepted:
        assert known(connection) == 3
        assert accepted.recv(2) == b"ab"
        assert known(connection) == 1
        assert not connection.wait_until_read(0.01)
        assert accepted.recv(2) == b"c"
        assert known(connection) == 0
        assert connection.wait_until_read(10.0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_next_segment_waits_for_a_late_reader(listener: socket.socket, connection: Connection) -> None:
    read: list[bytes] = []

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted:
            read.extend((accepted.recv(10), accepted.recv(10)))

    assert connection.send(b"first")
    late = threading.Thread(target=serve)
    late.start()
    assert connection.wait_until_read(10.0)
    assert connection.send(b"second")
    late.join(10.0)
    assert read == [b"first", b"second"]


def test_of_a_connection_that_is_nowhere_nothing_is_known() -> None:
    assert unread(socket.AF_INET, ("127.0.0.1", 9), ("127.0.0.1", 9)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def test_who_listens_is_known_and_who_only_has_the_port_is_not_taken_for_one(
    family: socket.AddressFamily, request: pytest.FixtureRequest
) -> None:
    if family == socket.AF_INET6:
        request.getfixturevalue("ipv6")
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.bind((host, 0))
        udp.bind((host, 0))
        assert is_open(socket.SOCK_DGRAM, udp.getsockname()[1])
        assert not is_open(socket.SOCK_STREAM, tcp.getsockname()[1])
        tcp.listen()
        assert is_open(socket.SOCK_STREAM, tcp.getsockname()[1])
        with socket.create_connection(tcp.getsockname()[:2]) as client:
            assert is_open(socket.SOCK_STREAM, client.getsockname()[1]) is False
