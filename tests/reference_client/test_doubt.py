"""When a member doubts that the server still knows it."""

import asyncio

import pytest

from reference_client.doubt import Doubt


@pytest.mark.parametrize(
    ("chat", "heard", "due"),
    [
        (0, 0, 10),
        (0, 1, 11),
        (0, 3, 13),
        (0, 4, 16),  # three times as long as nobody has chatted
        (0, 10, 40),
        (0, 50, 200),
        (0, 60, 220),  # at most 160
        (0, 1000, 1160),
        (1000, 1000, 1010),
        (990, 1000, 1030),
    ],
)
def test_the_longer_nobody_chats_the_later_it_is_due(chat: float, heard: float, due: float) -> None:
    doubt = Doubt(10, 0)
    doubt.heard(chat, chat=True)
    doubt.heard(heard, chat=False)
    assert doubt.due == due


def test_quiet_and_refusals() -> None:
    async def go() -> None:
        now = asyncio.get_running_loop().time
        assert await Doubt(0.01, now()).arises() is False
        doubt = Doubt(1000, now())
        doubt.refused()
        assert await doubt.arises() is True
        assert await doubt.arises() is True
        doubt.heard(now(), chat=False)
        arising = asyncio.create_task(doubt.arises())
        await asyncio.sleep(0)
        assert not arising.done()
        doubt.refused()
        assert await arising is True

    asyncio.run(go())


def test_what_is_heard_meanwhile_puts_it_off() -> None:
    async def go() -> None:
        now = asyncio.get_running_loop().time
        doubt = Doubt(0.05, now())
        arising = asyncio.create_task(doubt.arises())
        await asyncio.sleep(0)
        doubt.heard(later := now() + 0.2, chat=True)
        assert await arising is False
        assert now() >= later + 0.05

    asyncio.run(go())
