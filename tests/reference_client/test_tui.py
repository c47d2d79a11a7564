"""The full-screen interface, driven by textual's pilot, in a room of the reference server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from reference_client import ChatClient
from reference_client.errors import ExitStatus, Unreachable
from tcrp import Create, Join
from tcrp.endpoint import Endpoint
from tests.reference_client.odd_server import WELCOME, StartOdd, answering
from tests.reference_client.processes import PATIENCE, DialectServer

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import Input

from reference_client.tui import ChatApp, ChatLog


@asynccontextmanager
async def screen(endpoint: Endpoint) -> AsyncIterator[tuple[ChatApp, "Pilot[int]", ChatClient]]:
    """Alice at her screen in bob's room."""
    async with (
        asyncio.timeout(PATIENCE),
        await ChatClient.connect(endpoint, Create("r", "bob")) as bob,
        await ChatClient.connect(endpoint, Join("r", "alice")) as alice,
    ):
        app = ChatApp(alice)
        async with app.run_test() as pilot:
            yield app, pilot, bob


def shown(app: ChatApp) -> list[str]:
    """What was said, without the mark before it."""
    return [row.text[2:] for row in app.query_one(ChatLog).rows]


async def until(pilot: "Pilot[int]", condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause()


def test_says_and_shows(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server.endpoint) as (app, pilot, bob):
            assert (app.title, app.sub_title) == ("r", "alice")
            await pilot.press(*"hello", "enter", "enter")
            down = await anext(bob)
            assert (down.user, down.body) == ("alice", b"hello")
            assert app.query_one(Input).value == ""
            await bob.send("[bold]not markup[/] \x1b[2J")
            await until(pilot, lambda: len(shown(app)) == 2)
            assert shown(app) == ["alice: hello", r"bob: [bold]not markup[/] \x1b[2J"]

    asyncio.run(go())


def test_notices_and_errors_look_different(server: DialectServer) -> None:
    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("r", "a" * 255)) as chat,
        ):
            app = ChatApp(chat)
            async with app.run_test() as pilot:
                for size in (4000, 5000):
                    app.query_one(Input).value = "x" * size
                    await pilot.press("enter")
                log = app.query_one(ChatLog)
                await until(pilot, lambda: any("info: " in line for line in shown(app)))
                await until(pilot, lambda: any("not sent: the message has 5000 bytes" in line for line in shown(app)))
                styles = {
                    row.text[2:].partition(" ")[0]: {segment.style for segment in row if segment.text.strip()}
                    for row in log.rows
                    if row.text[2:].startswith(("info:", "not sent:"))
                }
                assert styles["info:"] != styles["not"]
                assert all(style for found in styles.values() for style in found)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("keys", "status"),
    [((*"exit", "enter"), ExitStatus.LEFT), (("ctrl+d",), ExitStatus.LEFT), (("ctrl+c",), ExitStatus.INTERRUPTED)],
)
def test_leaving(server: DialectServer, keys: tuple[str, ...], status: ExitStatus) -> None:
    async def go() -> None:
        async with screen(server.endpoint) as (app, pilot, _):
            await pilot.press(*keys)
            await until(pilot, lambda: app.return_value is not None)
            assert app.return_value == status

    asyncio.run(go())


def test_the_room_closes(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server.endpoint) as (app, pilot, bob):
            await bob.leave()
            await until(pilot, lambda: app.return_value is not None)
            assert app.return_value == ExitStatus.CLOSED

    asyncio.run(go())


def test_the_chat_port_closes(odd: StartOdd) -> None:
    async def go() -> None:
        server = odd(answering(WELCOME))
        server.udp.close()
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Join("r", "alice"), keepalive=0.01) as chat,
        ):
            app = ChatApp(chat)
            async with app.run_test() as pilot:
                await until(pilot, lambda: app.return_value is not None)
            assert app.return_value == ExitStatus.UNREACHABLE
            assert isinstance(app.failure, Unreachable)

    asyncio.run(go())
