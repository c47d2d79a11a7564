"""The server, embedded in another program."""

import asyncio
import socket

import pytest

import reference_server
from reference_server import BindError, Server, ServerLimits
from tcrp.messages import Address
from tests.reference_server import wire


def port(address: Address | None) -> int:
    assert address
    return address[1]


async def ask(server: Server, data: bytes) -> bytes:
    """Send bytes on a new connection; every byte that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(server.tcp_address))
    writer.write(data)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_what_the_package_exports_exists() -> None:
    assert all(hasattr(reference_server, name) for name in reference_server.__all__)


def test_it_runs_between_the_ends_of_a_with_statement() -> None:
    async def conversation() -> bytes:
        async with Server(tcp_port=0, udp_port=0) as server:
            assert [address and address[0] for address in (server.tcp_address, server.udp_address)] == ["127.0.0.1"] * 2
            answer = await ask(server, wire.request(1, "r", "a"))
        assert [server.tcp_address, server.udp_address] == [None, None]
        return answer

    wire.token(asyncio.run(conversation()), 1, "r")


def test_its_ports_are_free_again_afterwards_and_it_starts_anew() -> None:
    async def twice() -> None:
        async with Server(tcp_port=0, udp_port=0) as first:
            tcp, udp = port(first.tcp_address), port(first.udp_address)
        async with Server(tcp_port=tcp, udp_port=udp) as second:
            assert (port(second.tcp_address), port(second.udp_address)) == (tcp, udp)
        await second.stop()

    asyncio.run(twice())


def test_limits_and_the_idle_time_are_arguments() -> None:
    async def conversation() -> list[bytes]:
        limits = ServerLimits(rooms=1)
        async with Server(tcp_port=0, udp_port=0, limits=limits, idle_seconds=0.2) as server:
            return [
                await ask(server, wire.request(1, "r", "a")),
                await ask(server, wire.request(1, "s", "a")),
                await ask(server, b""),  # closed after the idle time
            ]

    first, second, silent = asyncio.run(conversation())
    wire.token(first, 1, "r")
    assert second == wire.refusal(1, "s", 6)
    assert silent == b""


def test_answers_are_sent_at_once() -> None:
    """Without TCP_NODELAY a small answer waits until the one before is acknowledged, which takes 40 ms."""

    async def option() -> int:
        async with Server(tcp_port=0, udp_port=0) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port(server.tcp_address))
            writer.write(b"\x01")
            assert server._control
            while not server._control.open:
                await asyncio.sleep(0)
            (connection,) = server._control.open
            sock = connection._transport.get_extra_info("socket")
            writer.close()
            found: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            return found

    assert asyncio.run(option()) == 1


def test_a_port_in_use_is_told_and_leaves_nothing_open() -> None:
    async def attempt() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            async with Server(tcp_port=0, udp_port=taken.getsockname()[1]):
                pass

    with pytest.raises(BindError, match=r"UDP port \d+ on 127\.0\.0\.1 is in use"):
        asyncio.run(attempt())
