"""What the tests of the dialects share: captured bytes, and conversations that are fed in any segmentation."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import tcrp
from tcrp import Conversation, Event
from tcrp.dialects.framed import Framed

HERE = Path(__file__).parent


class Capture(NamedTuple):
    """A segment or a datagram. `source`: the dialect that an implementation speaks, or its letter."""

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
    """What a conversation made of some bytes."""

    events: list[Event]
    sent: bytes
    closing: bool


def _captured(source: str, step: str, path: str) -> list[bytes]:
    found = [capture for capture in CAPTURES if (capture.source, capture.step) == (source, step)]
    assert found, f"nothing was captured of {step!r} from {source}"
    return [capture.data for capture in found if capture.path == path]


def _hear(conversation: Conversation, pieces: Iterable[bytes], now: float = 0.0) -> Heard:
    events = [event for piece in pieces for event in conversation.receive_data(piece, now)]
    return Heard(events, conversation.data_to_send(), conversation.closing)


@pytest.fixture(scope="session")
def captured() -> Callable[[str, str, str], list[bytes]]:
    """captured(source, step, path): the segments or datagrams; none where a close was the answer."""
    return _captured


@pytest.fixture(scope="session")
def hear() -> Callable[..., Heard]:
    """hear(conversation, pieces): its events, what it sends, and whether it is over."""
    return _hear


@pytest.fixture(scope="session")
def everything_captured() -> tuple[Capture, ...]:
    """Every capture, of whatever dialect."""
    return CAPTURES


@pytest.fixture(scope="session")
def swallow(check_error: Callable[[tcrp.ProtocolError, int | None], None]) -> Callable[..., None]:
    """swallow(dialect, data): as a datagram either way and, cut anywhere, as what either side of TCP hears, these bytes
    raise nothing but RemoteProtocolError.
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
def odd() -> Callable[[str], Framed]:
    """The dialect that a file in odd/ says."""
    return lambda name: Framed.load(HERE / "odd" / f"{name}.toml")
