"""Shared by the tests of the dialects: captured bytes, fixtures that feed a conversation, and their types."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import pytest

import tcrp
from tcrp import Conversation, Event
from tcrp.dialects.framed import Framed
from tests.tcrp.conftest import CheckError

HERE = Path(__file__).parent


class Capture(NamedTuple):
    """A captured segment or datagram. `source`: the dialect of the program that sent it, or the program's letter."""

    source: str
    step: str
    path: str
    data: bytes


def _captures() -> Iterator[Capture]:
    for path in (HERE / "real_frames.toml", HERE / "captures.toml", HERE.parent / "real_frames.toml"):
        for found in tomllib.loads(path.read_text(encoding="utf-8"))["capture"]:
            source, step = found.get("dialect") or found["from"], found.get("step") or found["what"]
            yield Capture(source, step, found["path"], bytes.fromhex(found["hex"]))


CAPTURES = tuple(_captures())


class Heard(NamedTuple):
    """The result of some bytes: the events, the bytes to send, and whether the conversation is complete."""

    events: list[Event]
    sent: bytes
    closing: bool


class Hear(Protocol):
    """The type of the fixture `hear`."""

    def __call__(self, conversation: Conversation, pieces: Iterable[bytes], now: float = 0.0) -> Heard: ...


class Swallow(Protocol):
    """The type of the fixture `swallow`."""

    def __call__(
        self, dialect: tcrp.Dialect, data: bytes, pieces: Iterable[bytes], wants: Iterable[tcrp.Want] = ()
    ) -> None: ...


Captured: TypeAlias = Callable[[str, str, str], list[bytes]]
OddDialect: TypeAlias = Callable[[str], Framed]


def _captured(source: str, step: str, path: str) -> list[bytes]:
    found = [capture for capture in CAPTURES if (capture.source, capture.step) == (source, step)]
    assert found, f"nothing was captured of {step!r} from {source}"
    return [capture.data for capture in found if capture.path == path]


def _hear(conversation: Conversation, pieces: Iterable[bytes], now: float = 0.0) -> Heard:
    events = [event for piece in pieces for event in conversation.receive_data(piece, now)]
    return Heard(events, conversation.data_to_send(), conversation.closing)


@pytest.fixture(scope="session")
def captured() -> Captured:
    """captured(source, step, path): the segments or datagrams of a step. There are none if the answer was a close."""
    return _captured


@pytest.fixture(scope="session")
def hear() -> Hear:
    """hear(conversation, pieces): pass the pieces to the conversation, and return what comes of it."""
    return _hear


@pytest.fixture(scope="session")
def everything_captured() -> tuple[Capture, ...]:
    """All captures, of every dialect."""
    return CAPTURES


@pytest.fixture(scope="session")
def swallow(check_error: CheckError) -> Swallow:
    """swallow(dialect, data, pieces, wants): assert that the bytes raise nothing but RemoteProtocolError.

    `data` is read as a datagram of both sides. `pieces`, the same bytes, go to a server's TCP conversation and to a
    client's for each of `wants`.
    """

    def run(dialect: tcrp.Dialect, data: bytes, pieces: Iterable[bytes], wants: Iterable[tcrp.Want] = ()) -> None:
        try:
            dialect.read_up(data, ("127.0.0.1", 50000))
        except tcrp.RemoteProtocolError as error:
            check_error(error, len(data))
        dialect.read_down(data, tcrp.Membership("r", "u", b"t", False))
        if not dialect.can.tcp:
            return
        pieces = list(pieces)
        for side in (
            dialect.server(("127.0.0.1", 50000), tcrp.Limits(), 0.0),
            *(dialect.client(want, None, 0.0, strict=strict) for want in wants for strict in (True, False)),
        ):
            for piece in pieces:
                side.receive_data(piece, 0.0)
            side.handle_timer(1000.0)
            side.receive_eof(1000.0)
            side.handle_timer(2000.0)
            side.data_to_send()

    return run


@pytest.fixture(scope="session")
def odd() -> OddDialect:
    """odd(name): the dialect of a file in odd/."""
    return lambda name: Framed.load(HERE / "odd" / f"{name}.toml")
