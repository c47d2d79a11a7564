"""ChatClient against the reference server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from reference_client import ChatClient, Refused, RoomClosed, Unreachable
from tcrp import Create, DownKind, Join, LocalProtocolError, Status
from tcrp.endpoint import Endpoint
from tests.reference_client.processes import PATIENCE, DialectServer, Serve


@asynccontextmanager
async def room(endpoint: Endpoint, *guests: str) -> AsyncIterator[list[ChatClient]]:
    """A host and guests in room r. The host leaves last."""
    async with asyncio.timeout(PATIENCE):
        chats = [await ChatClient.connect(endpoint, Create("r", "host"))]
        try:
            for guest in guests:
                chats += [await ChatClient.connect(endpoint, Join("r", guest))]
            yield chats
        finally:
            for chat in reversed(chats):
                await chat.leave()


def test_messages_reach_the_others_in_order_and_as_they_are(server: DialectServer) -> None:
    messages = ["hello", "部屋", " spaces ", "a: b", "x" * 3900, "Exit", "exit\n"]

    async def talk() -> None:
        async with room(server.endpoint, "alice", "bob") as (host, alice, bob):
            for message in messages:
                await alice.send(message)
            for listener in (host, bob):
                for message in messages:
                    down = await anext(listener)
                    assert (down.kind, down.user, down.body) == (DownKind.CHAT, "alice", message.encode())
            await bob.send(b"your turn")
            assert (await anext(alice)).user == "bob"

    asyncio.run(talk())


def test_what_a_guest_hears_when_the_host_leaves(server: DialectServer) -> None:
    async def talk() -> None:
        async with room(server.endpoint, "alice") as (host, alice):
            assert alice.closed is None
            await host.leave()
            assert [down async for down in alice] == []
            assert alice.closed
            assert "closed" in alice.closed
            with pytest.raises(RoomClosed):
                await alice.send("too late")
            with pytest.raises(RoomClosed):
                await host.send("too late")

    asyncio.run(talk())


def test_leaving_gives_the_name_free_and_ends_a_waiting_iteration(server: DialectServer) -> None:
    async def talk() -> None:
        async with room(server.endpoint) as (host,):

            async def listen() -> list[object]:
                return [down async for down in host]

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0)
            await host.leave()
            await host.leave()
            assert await listening == []
            assert host.closed is None
            while True:  # a leave has no answer; the name is free once it has been read
                try:
                    second = await ChatClient.connect(server.endpoint, Create("r", "host"))
                except Refused:
                    continue
                break
            await second.leave()

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("want", "status"),
    [
        (Create("r", "alice"), Status.ROOM_EXISTS),
        (Join("nowhere", "alice"), Status.ROOM_NOT_FOUND),
        (Join("locked", "alice", "wrong"), Status.WRONG_PASSWORD),
    ],
)
def test_refusals(server: DialectServer, want: Create | Join, status: Status) -> None:
    async def ask() -> None:
        async with room(server.endpoint), await ChatClient.connect(server.endpoint, Create("locked", "host", "right")):
            with pytest.raises(Refused) as refused:
                await ChatClient.connect(server.endpoint, want)
            assert refused.value.status is status
            async with await ChatClient.connect(server.endpoint, Join("locked", "alice", "right")) as alice:
                assert (alice.room, alice.user, alice.invite) == ("locked", "alice", None)

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("message", "field"),
    [("x" * 4096, "message"), ("", "message"), ("exit", "message"), ("\ud800", "message")],
)
def test_what_cannot_be_sent_is_refused_and_the_chat_goes_on(server: DialectServer, message: str, field: str) -> None:
    async def talk() -> None:
        async with room(server.endpoint, "alice") as (host, alice):
            with pytest.raises(LocalProtocolError) as error:
                await alice.send(message)
            assert error.value.field == field
            await alice.send("still here")
            assert (await anext(host)).body == b"still here"

    asyncio.run(talk())


def test_a_message_that_the_server_cannot_relay_is_told_by_information(server: DialectServer) -> None:
    async def talk() -> None:
        async with room(server.endpoint, "a" * 255) as (_, alice):
            await alice.send("x" * 4000)
            down = await anext(alice)
            assert down.kind is DownKind.INFO
            assert b"too long" in down.body

    asyncio.run(talk())


def test_two_tasks_cannot_iterate_at_once(server: DialectServer) -> None:
    async def talk() -> None:
        async with room(server.endpoint) as (host,):
            first = asyncio.ensure_future(anext(host))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await anext(host)
            first.cancel()

    asyncio.run(talk())


def test_a_long_burst_arrives_whole(server: DialectServer) -> None:
    async def talk() -> None:
        async with room(server.endpoint, "alice") as (host, alice):

            async def burst() -> None:
                for number in range(500):
                    await alice.send(str(number))

            speaking = asyncio.create_task(burst())
            assert [int((await anext(host)).body) for _ in range(500)] == list(range(500))
            await speaking

    asyncio.run(talk())


def test_ipv6(serve: Serve) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    server = serve("tcrp", "--host", "::1")

    async def talk() -> None:
        async with room(server.endpoint, "alice") as (host, alice):
            await alice.send("six")
            assert (await anext(host)).body == b"six"

    asyncio.run(talk())


def test_a_name_whose_first_address_does_not_answer(server: DialectServer) -> None:
    """localhost may be ::1 first, where nothing listens."""

    async def talk() -> None:
        async with room(server.endpoint._replace(host="localhost"), "alice") as (host, alice):
            await alice.send("hello")
            assert (await anext(host)).body == b"hello"

    asyncio.run(talk())


def test_neither_token_nor_password_is_shown(server: DialectServer) -> None:
    async def talk() -> None:
        async with await ChatClient.connect(server.endpoint, Create("r", "host", "sesame")) as chat:
            token = chat._member.token
            for shown in (repr(chat), str(chat), repr(chat._datagrams)):
                assert token.decode() not in shown
                assert "sesame" not in shown
            assert "room='r'" in repr(chat)

    asyncio.run(talk())


@pytest.mark.parametrize("host", ["", "a..b", "x" * 64])
def test_a_host_without_an_address(host: str) -> None:
    with pytest.raises(Unreachable, match="has no address"):
        asyncio.run(ChatClient.connect(Endpoint(host, 1, 2), Join("r", "alice")))
