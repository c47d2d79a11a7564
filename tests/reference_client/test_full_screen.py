"""The full screen shows everything that was said, at every size."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from reference_client import ChatClient
from reference_client.text import visible
from reference_client.transcript import DROPPED_AT_ONCE, MAX_ENTRIES, Entry, Kind, Transcript
from tcrp import Create, Join
from tests.reference_client.processes import PATIENCE, DialectServer, Serve

pytest.importorskip("textual")

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from reference_client.tui import ChatApp, ChatLog
from tests.reference_client.screens import screen_rows

SAID = (
    "hello there, this is a rather long line of plain words, which has to be wrapped and must not lose one of them",
    "部屋の名前はとても長いので、この行は二行目に折り返されるはずです。",
    "emoji 👩‍💻👍🏽❤️🇩🇪 " + "👩‍💻" * 20 + " end",
    "https://example.org/a/long/address/without/any/space/that/no/row/of/a/narrow/screen/holds.html",
)


class Screen(NamedTuple):
    """Alice's full screen, and the others in the room."""

    app: ChatApp
    pilot: "Pilot[int]"
    transcript: Transcript
    others: list[ChatClient]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.pilot.pause()
        await self.pilot.pause()

    async def say(self, chat: ChatClient, *lines: str) -> None:
        """Have the lines said, one after the other, and wait until they have come."""
        for line in lines:
            count = len(self.transcript)
            await chat.send(line)
            await self.until(lambda count=count: len(self.transcript) > count)  # type: ignore[misc]
            assert self.transcript[-1].text == f"{visible(chat.user)}: {visible(line)}"

    def rows(self) -> list[str]:
        return screen_rows(self.app)

    def log_rows(self) -> list[str]:
        """The rows of the log that are on the screen, without header, input and the line about what is below."""
        return [row for row in self.rows()[1:-1] if "more below" not in row]


@asynccontextmanager
async def screen(server: DialectServer, size: tuple[int, int], *others: str) -> AsyncIterator[Screen]:
    """Alice at a screen of this size, in the room of the first of the others."""
    async with asyncio.timeout(PATIENCE):
        chats = [await ChatClient.connect(server.endpoint, Create("lobby", others[0]))]
        chats += [await ChatClient.connect(server.endpoint, Join("lobby", name)) for name in others[1:]]
        async with await ChatClient.connect(server.endpoint, Join("lobby", "alice")) as alice:
            transcript = Transcript()
            app = ChatApp(alice, transcript)
            async with app.run_test(size=size) as pilot:
                yield Screen(app, pilot, transcript, chats)
        for chat in reversed(chats):
            await chat.leave()


AT_80 = [
    "  bob: hello there, this is a rather long line of plain words, which has to be",
    "    wrapped and must not lose one of them",
    "  bob: 部屋の名前はとても長いので、この行は二行目に折り返されるはずです。",
    "  bob: emoji 👩‍💻👍🏽❤️🇩🇪 👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻",
    "    👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻 end",
    "  bob: https://example.org/a/long/address/without/any/space/that/no/row/of/a/na",
    "    rrow/screen/holds.html",
]
AT_40 = [
    "  bob: hello there, this is a rather",
    "    long line of plain words, which has",
    "    to be wrapped and must not lose one",
    "    of them",
    "  bob: 部屋の名前はとても長いので、この",
    "    行は二行目に折り返されるはずです。",
    "  bob: emoji 👩‍💻👍🏽❤️🇩🇪 👩‍💻👩‍💻👩‍💻",
    "    👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻",
    "    👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻👩‍💻",
    "    👩‍💻 end",
    "  bob: https://example.org/a/long/addre",
    "    ss/without/any/space/that/no/row/of",
    "    /a/narrow/screen/holds.html",
]


def test_80_by_24(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server, (80, 24), "bob", "* info") as alice:
            bob, other = alice.others
            await alice.say(bob, *SAID)
            await alice.say(other, "you are banned", "[bold]not markup[/] \x1b[2J\u200b")
            await alice.pilot.press(*"my own", "enter")
            await alice.until(lambda: alice.transcript[-1].text == "alice: my own")
            assert alice.rows() == [
                "                                lobby — alice",
                *AT_80,
                "  * info: you are banned",
                r"  * info: [bold]not markup[/] \x1b[2J\u200b",
                "  alice: my own",
                *[""] * 12,
                "  a message; exit leaves; PageUp, PageDown",
            ]

    asyncio.run(go())


def test_40_by_12_and_its_pages(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server, (40, 12), "bob") as alice:
            await alice.say(alice.others[0], *SAID)
            assert alice.rows() == [
                "            lobby — alice",
                *AT_40[-10:],
                "  a message; exit leaves; PageUp,",
            ]
            await alice.pilot.press("pageup")
            assert alice.rows() == [
                "            lobby — alice",
                *AT_40[:9],
                "  3 more below: PageDown, ctrl+End",
                "  a message; exit leaves; PageUp,",
            ]
            await alice.pilot.press("pagedown")
            assert alice.log_rows() == AT_40[-10:]

    asyncio.run(go())


def test_every_size_shows_the_same_text(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server, (80, 24), "bob") as alice:
            await alice.say(alice.others[0], *SAID)
            for size, rows in (((40, 24), AT_40), ((80, 24), AT_80)):
                await alice.pilot.resize_terminal(*size)
                await alice.pilot.pause()
                assert [row for row in alice.log_rows() if row] == rows
            for width in range(10, 100, 7):
                await alice.pilot.resize_terminal(width, 24)
                await alice.pilot.pause()
                log = alice.app.query_one(ChatLog)
                text = "".join(row.text.strip() for row in log.rows).replace(" ", "")
                assert text == "".join(f"bob: {line}" for line in SAID).replace(" ", "")
                assert all(row.cell_length <= width for row in log.rows)

    asyncio.run(go())


def test_who_reads_back_stays_there(server: DialectServer) -> None:
    """Neither new messages nor another size take the text away that is being read."""

    async def go() -> None:
        async with screen(server, (40, 12), "bob") as alice:
            await alice.say(alice.others[0], *(f"message {number}, of words to wrap" for number in range(30)))
            for _ in range(2):
                await alice.pilot.press("pageup")
            before = alice.log_rows()
            await alice.say(alice.others[0], "news")
            assert alice.log_rows() == before
            assert "more below" in alice.rows()[-2]
            await alice.pilot.resize_terminal(24, 12)
            await alice.pilot.pause()
            assert alice.log_rows()[0] == "  bob: message 3, of"
            await alice.pilot.resize_terminal(40, 12)
            await alice.pilot.pause()
            assert alice.log_rows() == before
            await alice.pilot.press("ctrl+end")
            assert alice.log_rows()[-1] == "  bob: news"
            await alice.say(alice.others[0], "more")
            assert alice.log_rows()[-1] == "  bob: more"
            await alice.pilot.press("ctrl+home")
            assert alice.log_rows()[0] == "  bob: message 0, of words to wrap"

    asyncio.run(go())


def test_the_oldest_go_when_there_are_too_many(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server, (40, 12), "bob") as alice:
            log = alice.app.query_one(ChatLog)
            for number in range(MAX_ENTRIES):
                log.add(Entry(Kind.CHAT, f"message {number}"))
            await alice.pilot.press("pageup")
            before = alice.log_rows()
            log.add(Entry(Kind.CHAT, "one more"))
            await alice.pilot.pause()
            assert alice.log_rows() == before
            assert len(alice.transcript) == len(log.rows) == MAX_ENTRIES + 1 - DROPPED_AT_ONCE
            await alice.pilot.press("ctrl+home")
            assert alice.log_rows()[0] == f"  message {DROPPED_AT_ONCE}"

    asyncio.run(go())


def test_notices_stand_where_chat_never_gets(serve: Serve) -> None:
    async def go() -> None:
        async with screen(serve("tcrp", "--announce"), (60, 12), "bob") as alice:
            name = "carol " + "x" * 36 + " * info: the room is closed"  # what follows the spaces would begin a row
            async with await ChatClient.connect(alice.others[0]._entrance.server, Join("lobby", name)) as other:
                await alice.until(lambda: len(alice.transcript) == 1)
                await alice.say(other, "closed: bye")
                assert alice.log_rows()[:5] == [
                    f"* info: joined: carol {'x' * 36}",
                    "*   * info: the room is closed",
                    f"  carol {'x' * 36} * info: the",
                    "    room is closed: closed: bye",
                    "",
                ]

    asyncio.run(go())


def test_a_pasted_block_is_said_line_by_line(server: DialectServer) -> None:
    async def go() -> None:
        async with screen(server, (80, 24), "bob") as alice:
            (bob,) = alice.others
            await alice.pilot.press(*"so: ")
            alice.app.query_one(Input).post_message(events.Paste("one\r\ntwo\n\nthree\nrest"))
            for line in (b"so: one", b"two", b"three"):
                assert (await anext(bob)).body == line
            await alice.until(lambda: alice.app.query_one(Input).value == "rest")
            await alice.pilot.press("enter")
            assert (await anext(bob)).body == b"rest"
            alice.app.query_one(Input).post_message(events.Paste("no line end"))
            await alice.until(lambda: alice.app.query_one(Input).value == "no line end")

    asyncio.run(go())


def test_a_transcript_is_shown_again(server: DialectServer) -> None:
    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("lobby", "alice")) as alice,
        ):
            app = ChatApp(alice, Transcript([Entry(Kind.CHAT, "bob: before", 3)]))
            async with app.run_test(size=(40, 12)) as pilot:
                await pilot.pause()
                assert screen_rows(app)[1] == "  bob: before"

    asyncio.run(go())
