"""On a wildcard address answers come from the address that was asked: the clients' sockets are connected to it."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from reference_server import Server
from reference_server.asked import AskedAddresses, asked_at, has_asked
from reference_server.chat import ChatSocket
from reference_server.fanout import find_sendmmsg
from reference_server.limits import FANOUT_MIN_MEMBERS
from reference_server.sockets import open_sockets
from relay import Hearers, Notice, Relay, Relayed
from tcrp import dialects
from tcrp.policy import Bind, Policy, Register
from tests.reference_server import wire
from tests.reference_server.lines import LinesClient, LinesDialect
from tests.reference_server.server_process import PATIENCE, ServerProcess, StartServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which address was asked")


def member(server: ServerProcess, user: str, host: str, source: str = "127.0.0.1") -> tuple[bytes, socket.socket]:
    """Join room r at one of the machine's addresses. The token, and a socket that hears only that address."""
    token = server.join("r", user, host=host)
    return token, server.datagrams(source, host)


@pytest.fixture
def wildcard(start: StartServer) -> ServerProcess:
    return start("--host", "0.0.0.0", "--no-announce")


@pytest.mark.parametrize("guests", [1, FANOUT_MIN_MEMBERS + 2])
def test_each_member_is_answered_from_the_address_that_it_asked(wildcard: ServerProcess, guests: int) -> None:
    """TCRP-4.6d"""
    host_token = wildcard.create("r", "host", host="127.0.0.3")
    host = wildcard.datagrams("127.0.0.1", "127.0.0.3")
    host.send(wire.packet("r", host_token))
    for number in range(guests):
        token, sock = member(wildcard, f"guest{number}", f"127.0.0.{4 + number % 3}")
        sock.send(wire.packet("r", token, b"here"))
        assert host.recv(5000) == b"guest%d: here" % number
        host.send(wire.packet("r", host_token, b"hello"))
        assert sock.recv(5000) == b"host: hello"


def test_a_member_that_asks_another_address_is_answered_from_there(wildcard: ServerProcess) -> None:
    host_token = wildcard.create("r", "host", host="127.0.0.3")
    host = wildcard.datagrams("127.0.0.1", "127.0.0.3")
    host.send(wire.packet("r", host_token))
    token, sock = member(wildcard, "guest", "127.0.0.4")
    for address in ("127.0.0.4", "127.0.0.5", "127.0.0.4"):
        sock.connect((address, wildcard.udp[1]))  # the same port of the same member
        sock.send(wire.packet("r", token, address.encode()))
        assert host.recv(5000) == f"guest: {address}".encode()
        host.send(wire.packet("r", host_token, b"hello"))
        assert sock.recv(5000) == b"host: hello"


def global_ipv6() -> str:
    """An IPv6 address of this machine beside ::1."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        digits, _, _, scope, flags, _ = line.split()
        if scope == "00" and not int(flags, 16) & 0x48:  # global, neither tentative nor failed
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
    pytest.skip("this machine has no IPv6 address beside ::1")


def test_both_families_are_answered_from_the_address_that_they_asked(start: StartServer, ipv6: str) -> None:
    server = start("--host", "::", "--no-announce", family=socket.AF_INET6)
    host_token = server.create("r", "host", host="127.0.0.3")
    host = server.datagrams("127.0.0.1", "127.0.0.3")
    host.send(wire.packet("r", host_token))
    for user, address, source in (("a", "127.0.0.4", "127.0.0.1"), ("b", ipv6, ipv6), ("c", "127.0.0.5", "127.0.0.1")):
        token, sock = member(server, user, address, source)
        sock.send(wire.packet("r", token, b"here"))
        assert host.recv(5000) == f"{user}: here".encode()
        host.send(wire.packet("r", host_token, b"hello"))
        assert sock.recv(5000) == b"host: hello"


def test_ipv6_is_answered_from_the_address_that_was_asked(start: StartServer, ipv6: str) -> None:
    other = global_ipv6()
    server = start("--host", "::", "--no-announce", family=socket.AF_INET6)
    host_token = server.create("r", "host", host=ipv6)
    host = server.datagrams(ipv6, ipv6)
    host.send(wire.packet("r", host_token))
    token = server.join("r", "guest", host=ipv6)  # from ::1, to which its token is bound
    sock = server.datagrams(ipv6, other)
    sock.send(wire.packet("r", token, b"here"))
    assert host.recv(5000) == b"guest: here"
    host.send(wire.packet("r", host_token, b"hello"))
    assert sock.recv(5000) == b"host: hello"


@pytest.mark.parametrize("register", [Register.HANDSHAKE, Register.REQUEST])
def test_whoever_has_sent_no_datagram_is_answered_from_the_address_of_its_connection(register: Register) -> None:
    dialect = LinesDialect(Policy(register=register, bind=Bind.NONE))

    async def scenario() -> None:
        async with Server(dialect, "0.0.0.0") as server, asyncio.timeout(PATIENCE):
            assert server.tcp_address
            assert server.udp_address
            with (
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hears,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaks,
            ):
                tokens = []
                for action, user, sock in (("create", "a", hears), ("join", "b", speaks)):
                    sock.settimeout(PATIENCE)
                    sock.bind(("127.0.0.1", 0))
                    sock.connect(("127.0.0.7", server.udp_address[1]))
                    port = sock.getsockname()[1]
                    client = LinesClient(*await asyncio.open_connection("127.0.0.7", server.tcp_address[1]))
                    user = str(port) if register is Register.REQUEST else user
                    tokens.append((await client.enter(f"{action} r {user} -\n"))[0])
                    if register is Register.HANDSHAKE:
                        await client.ask(f"port {port}\nlist\n")
                    await client.close()
                speaks.send(f"chat r {tokens[1]} - hello".encode())
                assert (await asyncio.to_thread(hears.recv, 5000)).endswith(b" hello")

    asyncio.run(scenario())


def test_an_address_that_the_machine_has_lost_is_replaced_by_the_systems_choice() -> None:
    async def scenario() -> None:
        for portable in (True, False):
            udp = open_sockets("0.0.0.0", None, 0)[1]
            chat = ChatSocket(udp, Relay(dialects.get(), mint=lambda: b"t"), portable=portable)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(PATIENCE)
                sock.bind(("127.0.0.1", 0))
                lost = asked_at(sock.getsockname(), "192.0.2.1")
                chat.perform([Notice(b"one", [lost]), Relayed(b"many", Hearers([lost] * FANOUT_MIN_MEMBERS), 0)])
                assert [sock.recv(10) for _ in range(FANOUT_MIN_MEMBERS)] == [b"one"] + [b"many"] * 4
            chat.close()

    asyncio.run(scenario())


def test_a_socket_on_one_address_needs_nothing() -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        udp = open_sockets(host, None, 0)[1]
        with udp:
            assert (AskedAddresses.on(udp) is None) == (host == "127.0.0.1")


def test_the_addresses_that_are_remembered_are_bounded() -> None:
    udp = open_sockets("0.0.0.0", None, 0)[1]
    with udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        asked = AskedAddresses.on(udp)
        assert asked
        sock.bind(("127.0.0.1", 0))
        for number in range(2500):
            host = f"127.1.{number // 250}.{number % 250 + 1}"
            sock.sendto(b"x", (host, udp.getsockname()[1]))
            size, source = asked.receive_into(bytearray(10))
            assert size == 1
            assert source == asked_at(sock.getsockname(), host)
            asked.send(b"y", source)
            assert sock.recvfrom(10) == (b"y", (host, udp.getsockname()[1]))
        assert len(asked._locals) <= 1024
        assert len(asked._messages) <= 1024


@pytest.mark.skipif(find_sendmmsg() is None, reason="only Linux has sendmmsg")
def test_members_with_and_without_a_local_address_share_a_room() -> None:
    async def scenario() -> None:
        udp = open_sockets("0.0.0.0", None, 0)[1]
        chat = ChatSocket(udp, Relay(dialects.get(), mint=lambda: b"t"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.bind(("127.0.0.1", 0))
            plain = sock.getsockname()
            locals_ = ["", "127.0.0.9", "127.0.0.8", "", "127.0.0.9", "127.0.0.7"]
            hearers = Hearers(asked_at(plain, local) if local else plain for local in locals_)
            chat.perform([Relayed(b"all", hearers, None), Relayed(b"but one", hearers, 1)])
            heard = [(data, source[0]) for data, source in (sock.recvfrom(10) for _ in range(11))]
            sources = [local or "127.0.0.1" for local in locals_]
            assert heard[:6] == [(b"all", source) for source in sources]
            assert heard[6:] == [(b"but one", source) for source in [*sources[2:], sources[0]]]
        chat.close()

    asyncio.run(scenario())


def test_addresses_say_whether_they_have_a_local_one() -> None:
    assert not has_asked(("127.0.0.1", 5))
    assert not has_asked(("::1", 5, 0, 0))
    assert has_asked(asked_at(("127.0.0.1", 5), "127.0.0.2"))
    assert has_asked(asked_at(("::1", 5, 0, 0), "::2"))


def test_the_address_that_was_asked_outlives_the_server(start: StartServer, tmp_path: Path) -> None:
    """Started again on all addresses and then on one: who says nothing is answered where it has asked."""
    options = ("--state", str(tmp_path / "state"))
    server = start("--host", "0.0.0.0", *options)
    ports = ("--tcp-port", str(server.tcp[1]), "--udp-port", str(server.udp[1]))
    tokens = [server.create("r", "host", host="127.0.0.4"), server.join("r", "guest", host="127.0.0.4")]
    hears = [server.datagrams("127.0.0.1", "127.0.0.4") for _ in tokens]
    hears[1].send(wire.packet("r", tokens[1]))
    hears[0].send(wire.packet("r", tokens[0], b"first"))
    assert hears[1].recv(5000) == b"host: first"
    for number, host in enumerate(("0.0.0.0", "127.0.0.4")):
        server.stop()
        server = start("--host", host, *options, *ports)
        message = b"again%d" % number
        hears[number % 2].send(wire.packet("r", tokens[number % 2], message))
        assert hears[1 - number % 2].recv(5000).endswith(b": " + message)
