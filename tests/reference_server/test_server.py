"""The server embedded in another program."""

import asyncio
import socket

import pytest

import reference_server
from reference_server import BindError, Server, ServerLimits


def test_what_the_package_exports_exists():
    assert all(hasattr(reference_server, name) for name in reference_server.__all__)


def test_it_runs_between_the_ends_of_a_with_statement(wire):
    async def conversation():
        async with Server(tcp_port=0, udp_port=0) as server:
            assert server.tcp_address[0] == server.udp_address[0] == "127.0.0.1"
            reader, writer = await asyncio.open_connection(*server.tcp_address)
            writer.write(wire.request(1, "r", "a"))
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        assert server.tcp_address is server.udp_address is None
        return answer

    wire.token(asyncio.run(conversation()), 1, "r")


def test_its_ports_are_free_again_afterwards_and_it_starts_anew():
    async def twice():
        async with Server(tcp_port=0, udp_port=0) as first:
            tcp, udp = first.tcp_address[1], first.udp_address[1]
        async with Server(tcp_port=tcp, udp_port=udp) as second:
            assert (second.tcp_address[1], second.udp_address[1]) == (tcp, udp)
        await second.stop()

    asyncio.run(twice())


def test_limits_and_the_idle_time_are_arguments(wire):
    async def conversation():
        limits = ServerLimits(rooms=1)
        async with Server(tcp_port=0, udp_port=0, limits=limits, idle_seconds=0.2) as server:
            answers = []
            for room in ("r", "s"):
                reader, writer = await asyncio.open_connection(*server.tcp_address)
                writer.write(wire.request(1, room, "a"))
                answers.append(await reader.read())
                writer.close()
                await writer.wait_closed()
            reader, writer = await asyncio.open_connection(*server.tcp_address)
            answers.append(await reader.read())  # nothing said: closed after the idle time
            writer.close()
            await writer.wait_closed()
            return answers

    first, second, silent = asyncio.run(conversation())
    wire.token(first, 1, "r")
    assert second == wire.refusal(1, "s", 6)
    assert silent == b""


def test_a_port_in_use_is_told_and_leaves_nothing_open():
    async def attempt():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            async with Server(tcp_port=0, udp_port=taken.getsockname()[1]):
                pass

    with pytest.raises(BindError, match=r"UDP port \d+ on 127\.0\.0\.1 is in use"):
        asyncio.run(attempt())
