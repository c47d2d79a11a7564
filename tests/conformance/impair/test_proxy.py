"""The proxy between real sockets: what it carries, what it drops, and whose address the server sees."""

import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest

from conformance.impair import datagrams
from conformance.impair.impairment import Impairment
from conformance.impair.proxy import Proxy
from tcrp.endpoint import Endpoint

PATIENCE = 10.0


class Server:
    """Sockets of a server, and a proxy that leads to them."""

    def __init__(self, impairment: Impairment) -> None:
        self.udp = udp_at("127.0.0.1")
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.tcp.settimeout(PATIENCE)
        self.proxy = Proxy(impairment)
        self.proxy.aim(Endpoint("127.0.0.1", self.tcp.getsockname()[1], self.udp.getsockname()[1]))
        self.udp_address = (self.proxy.endpoint.host, self.proxy.endpoint.udp)
        self.tcp_address = (self.proxy.endpoint.host, self.proxy.endpoint.tcp)

    def connect(self, source: str = "") -> tuple[socket.socket, socket.socket, tuple[str, int]]:
        """A client's connection, the server's end of it, and who the server sees."""
        client = socket.create_connection(self.tcp_address, PATIENCE, (source, 0) if source else None)
        server, address = self.tcp.accept()
        server.settimeout(PATIENCE)
        return client, server, address

    def close(self) -> None:
        self.proxy.close()
        self.udp.close()
        self.tcp.close()


def udp_at(host: str, *, shared: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.settimeout(PATIENCE)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def all_that_comes(sock: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    """Datagrams until none has come for half a second."""
    sock.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        while True:
            yield sock.recvfrom(100)


Make = Callable[..., Server]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Server] = []

    def server(**impairment: float | int | str) -> Server:
        made.append(Server(Impairment(**impairment)))  # type: ignore[arg-type]
        return made[-1]

    yield server
    for one in made:
        one.close()


def test_the_server_sees_the_client_s_own_address_and_port(make: Make) -> None:
    server = make()
    for host in ("127.0.0.1", "127.0.0.2"):
        with udp_at(host, shared=True) as client:
            client.sendto(b"hello", server.udp_address)
            data, source = server.udp.recvfrom(100)
            assert (data, source) == (b"hello", client.getsockname())
            server.udp.sendto(b"welcome", source)
            assert client.recvfrom(100) == (b"welcome", server.udp_address)


def test_a_client_whose_port_is_not_shared_keeps_its_ip_address(make: Make) -> None:
    server = make()
    with udp_at("127.0.0.2") as client:
        client.sendto(b"hello", server.udp_address)
        source = server.udp.recvfrom(100)[1]
        assert source[0] == "127.0.0.2"
        assert source != client.getsockname()


@pytest.mark.parametrize(("nat", "seen"), [("both", "127.0.0.1"), ("udp", "127.0.0.2"), ("", "127.0.0.2")])
def test_behind_nat_all_clients_have_one_address(make: Make, nat: str, seen: str) -> None:
    server = make(nat=nat)
    with udp_at("127.0.0.2", shared=True) as client:
        client.sendto(b"hello", server.udp_address)
        data, source = server.udp.recvfrom(100)
        assert (source[0] == "127.0.0.1") == bool(nat)
        server.udp.sendto(data, source)
        assert client.recv(100) == b"hello"
    connection, end, address = server.connect("127.0.0.2")
    assert address[0] == seen
    connection.close()
    end.close()


def test_both_directions_lose_what_the_seed_says_and_count_it(make: Make) -> None:
    server = make(loss=0.2, seed=3)
    with udp_at("127.0.0.1", shared=True) as client:
        came = set()
        for number in range(200):
            client.sendto(b"%d" % number, server.udp_address)
        for data, source in all_that_comes(server.udp):
            came.add(data)
            server.udp.sendto(data, source)
        returned = {data for data, _ in all_that_comes(client)}
    counts = server.proxy.counts()
    assert counts["up"]["lost"] == 200 - len(came)
    assert counts["down"]["lost"] == len(came) - len(returned)
    assert 0 < counts["down"]["lost"] < counts["up"]["sent"] == 200


def test_everything_is_doubled_where_that_is_asked_for(make: Make) -> None:
    server = make(dup=0.9, seed=1)
    with udp_at("127.0.0.1", shared=True) as client:
        for number in range(100):
            client.sendto(b"%d" % number, server.udp_address)
        came = [data for data, _ in all_that_comes(server.udp)]
    assert len(set(came)) == 100
    assert len(came) == 100 + server.proxy.counts()["up"]["doubled"] > 150


def test_tcp_carries_every_byte_both_ways_and_each_side_s_end(make: Make) -> None:
    server = make(loss=0.9, delay=0.001)
    client, end, _ = server.connect()
    text = bytes(range(256)) * 8000
    client.sendall(text[:10])
    client.sendall(text[10:50_000])
    client.shutdown(socket.SHUT_WR)
    came = b""
    while data := end.recv(65536):
        came += data
    assert came == text[:50_000]
    end.sendall(text)  # more than the proxy holds
    end.close()
    back = b""
    while data := client.recv(65536):
        back += data
    assert back == text
    client.close()


def test_a_reset_is_carried_on(make: Make) -> None:
    server = make()
    client, end, _ = server.connect()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    end.close()
    with pytest.raises(ConnectionResetError):
        client.recv(100)
    client.close()


def test_a_client_learns_whether_the_server_took_its_connection(make: Make) -> None:
    server = make()
    client, end, _ = server.connect()
    server.proxy.reached(client, PATIENCE)
    server.tcp.close()
    end.close()
    with pytest.raises(OSError, match=r"does not take|reset"), socket.create_connection(server.tcp_address) as refused:
        server.proxy.reached(refused, PATIENCE)
    client.close()


def test_flows_are_bounded_and_the_oldest_is_ended(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MOST_FLOWS", 2)
    server = make()
    clients = [udp_at("127.0.0.1", shared=True) for _ in range(4)]
    for client in clients:
        client.sendto(b"x", server.udp_address)
        server.udp.recv(100)
    assert server.proxy.flows_ended == 2
    for client in clients:
        client.close()


def test_another_server_ends_what_was_begun_towards_the_first(make: Make) -> None:
    server = make()
    client, end, _ = server.connect()
    server.proxy.reached(client, PATIENCE)
    with udp_at("127.0.0.1") as second, udp_at("127.0.0.1", shared=True) as member:
        server.proxy.aim(Endpoint("127.0.0.1", None, second.getsockname()[1]))
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        member.sendto(b"hello", server.udp_address)
        assert second.recvfrom(100) == (b"hello", member.getsockname())
    client.close()
    end.close()
