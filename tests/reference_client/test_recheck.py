"""A member finds out whether the server still knows it, by joining once more."""

import asyncio
import socket
from collections.abc import Iterable

import pytest

from reference_client import ChatClient
from tcrp import Create, DownKind, Frame, Join, Operation, State, encode_frame
from tests.reference_client.odd_server import TOKEN, WELCOME, Handler, OddServer, StartOdd, ack
from tests.reference_client.processes import PATIENCE, DialectServer

CREATED = b"".join(
    encode_frame(Frame("r", Operation.CREATE, state, payload))
    for state, payload in ((State.ACK, b"\0"), (State.COMPLETE, TOKEN))
)


def answering_in_turn(answers: Iterable[bytes], requests: list[bytes]) -> Handler:
    """Answer each connection with the next of the answers, and the further ones with the last."""
    left = list(answers)

    def handle(connection: socket.socket) -> None:
        requests.append(connection.recv(65536))
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])
        connection.close()

    return handle


async def next_packet(server: OddServer) -> tuple[bytes, tuple[str, int]]:
    """The message of the next datagram, and its source."""
    packet, source = await asyncio.to_thread(server.packet)
    return packet.message, source


@pytest.mark.parametrize("keepalive", [0.05, None], ids=["refused", "quiet"])
def test_after_a_restart_a_silent_member_finds_out(server: DialectServer, keepalive: float | None) -> None:
    """With keep-alives by the datagrams that are refused meanwhile, without by the long quiet."""

    async def go() -> None:
        quiet = 1000 if keepalive else 0.2
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("r", "host"), keepalive=keepalive, recheck=quiet) as host,
            await ChatClient.connect(server.endpoint, Join("r", "alice"), keepalive=keepalive, recheck=quiet) as alice,
        ):
            listening = [asyncio.create_task(_all_downs(chat)) for chat in (host, alice)]
            refused = [_refused(chat) for chat in (host, alice)]
            server.process.kill()
            if keepalive:
                await asyncio.gather(*refused)
            server.restart()
            assert await asyncio.gather(*listening) == [[], []]
            for chat in (host, alice):
                assert chat.forgotten
                assert (
                    chat.closed == "the server has forgotten room 'r': it was restarted, or you were away for too long"
                )

    asyncio.run(go())


def _refused(chat: ChatClient) -> asyncio.Future[None]:
    """Done once a datagram of the client was refused."""
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tell = chat._datagrams.on_refusal

    def note() -> None:
        tell()
        refused.set_result(None)

    chat._datagrams.on_refusal = note
    return refused


async def _all_downs(chat: ChatClient) -> list[object]:
    return [down async for down in chat]


def test_a_room_with_another_password_is_another_room(odd: StartOdd) -> None:
    server = odd(answering_in_turn([WELCOME, ack(3)], []))

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Join("r", "alice", "pw"), recheck=0.01) as alice,
        ):
            assert await _all_downs(alice) == []
            assert alice.forgotten

    asyncio.run(go())


def test_a_guest_goes_on_as_the_new_member(odd: StartOdd) -> None:
    requests: list[bytes] = []
    server = odd(answering_in_turn([WELCOME, WELCOME.replace(TOKEN, TOKEN[::-1])], requests))

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Join("r", "alice", "pw"), keepalive=None, recheck=0.3) as alice,
        ):
            first, source = await asyncio.to_thread(server.packet)
            assert (first.token, first.message) == (TOKEN, b"")
            second, new_source = await asyncio.to_thread(server.packet)
            assert (second.token, second.message) == (TOKEN[::-1], b"")
            assert source != new_source
            assert requests[0] == requests[1]
            server.udp.sendto(b"bob: hi", new_source)
            assert (await anext(alice)).body == b"hi"
            await alice.send("hello")
            packet, address = await asyncio.to_thread(server.packet)
            assert (packet.token, packet.message, address) == (TOKEN[::-1], b"hello", new_source)
            assert not alice.forgotten

    asyncio.run(go())


def test_what_had_come_to_the_old_address_is_not_lost(odd: StartOdd) -> None:
    server: OddServer

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        if sources:
            server.udp.sendto(b"bob: late", sources[0])
        connection.sendall(WELCOME)
        connection.close()

    sources: list[tuple[str, int]] = []
    server = odd(handle)

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Join("r", "alice"), keepalive=None, recheck=0.1) as alice,
        ):
            sources.append((await next_packet(server))[1])
            assert await next_packet(server)
            assert (await anext(alice)).body == b"late"

    asyncio.run(go())


def test_a_host_stays_the_host(odd: StartOdd) -> None:
    """As a new member it would be a guest, and its room would end with the old membership."""
    requests: list[bytes] = []
    server = odd(answering_in_turn([CREATED, WELCOME], requests))

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("r", "alice"), keepalive=0.01, recheck=0.05),
        ):
            _, source = await next_packet(server)
            while len(requests) < 3:
                assert await next_packet(server) == (b"", source)
            assert requests[0] == requests[1].replace(b"\x01\x02\0", b"\x01\x01\0")

    asyncio.run(go())


@pytest.mark.parametrize("answer", [ack(4), ack(5), ack(6), b"", b"nonsense" * 5])
def test_an_answer_that_says_nothing_changes_nothing(odd: StartOdd, answer: bytes) -> None:
    requests: list[bytes] = []
    server = odd(answering_in_turn([WELCOME, answer], requests))

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Join("r", "alice"), keepalive=0.01, recheck=0.05) as alice,
        ):
            _, source = await next_packet(server)
            while len(requests) < 2:
                assert await next_packet(server) == (b"", source)
            server.udp.sendto(b"\x05still here", source)
            down = await anext(alice)
            assert (down.kind, down.body) == (DownKind.INFO, b"still here")

    asyncio.run(go())
