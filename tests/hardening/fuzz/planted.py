"""Bugs to plant, of the kinds that a fuzzer must find: `--plant NAME` breaks the code before it is fuzzed."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from reference_client import ChatClient
from relay import Decision, Relay
from tcrp.dialects.tcrp import Tcrp, TcrpServer
from tcrp.events import Event
from tcrp.messages import Address, Down, Up


def _decoder() -> None:
    """A size that is believed: a long room name in a datagram that ends before it."""
    right = Tcrp.read_up

    def wrong(self: Tcrp, data: bytes, source: Address) -> Up:
        if data and data[0] > 200:
            data[1 + data[0]]  # IndexError
        return right(self, data, source)

    Tcrp.read_up = wrong  # type: ignore[method-assign]


def _conversation() -> None:
    """A byte that is lost where a segment ends with the header."""
    right = TcrpServer.receive_data

    def wrong(self: Any, data: bytes, now: float) -> list[Event]:
        return right(self, data[:-1] if len(data) == 32 else data, now)

    TcrpServer.receive_data = wrong  # type: ignore[method-assign]


def _server() -> None:
    """An exception in the event loop of the server, for one kind of datagram."""
    right = Relay.receive_datagram

    def wrong(self: Relay, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        if len(data) == 1:
            raise KeyError(data)
        return right(self, data, source, now)

    Relay.receive_datagram = wrong  # type: ignore[method-assign]


def _client() -> None:
    """Text that is believed to be UTF-8."""
    right = ChatClient.__anext__

    async def wrong(self: ChatClient) -> Down:
        down = await right(self)
        down.body.decode()
        return down

    ChatClient.__anext__ = wrong  # type: ignore[method-assign]


PLANTS: Final = MappingProxyType(
    {
        "decoder": (_decoder, "up"),
        "conversation": (_conversation, "server-conversation"),
        "server": (_server, "server"),
        "client": (_client, "client"),
    }
)
"""By name: what breaks the code, and the target that must find it."""


def plant(name: str) -> None:
    """Break the code of this process."""
    breaking: Callable[[], None] = PLANTS[name][0]
    breaking()
