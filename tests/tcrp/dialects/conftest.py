"""What the tests of the dialects share: captured bytes, and conversations that are fed in any segmentation."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

import tcrp
from tcrp import Conversation, Event
from tcrp.dialects.framed import Framed

with Path(__file__).with_name("real_frames.toml").open("rb") as _file:
    CAPTURES = tomllib.load(_file)["capture"]


class Heard(NamedTuple):
    """What a conversation made of some bytes."""

    events: list[Event]
    sent: bytes
    closing: bool


def _captured(dialect: str, step: str, path: str) -> list[bytes]:
    found = [bytes.fromhex(c["hex"]) for c in CAPTURES if (c["dialect"], c["step"], c["path"]) == (dialect, step, path)]
    assert found, f"nothing was captured of {step!r}, {path}"
    return found


def _hear(conversation: Conversation, pieces: Iterable[bytes], now: float = 0.0) -> Heard:
    events = [event for piece in pieces for event in conversation.receive_data(piece, now)]
    return Heard(events, conversation.data_to_send(), conversation.closing)


@pytest.fixture(scope="session")
def captured() -> Callable[[str, str, str], list[bytes]]:
    """captured(dialect, step, path): the segments or datagrams."""
    return _captured


@pytest.fixture(scope="session")
def hear() -> Callable[..., Heard]:
    """hear(conversation, pieces): its events, what it sends, and whether it is over."""
    return _hear


@pytest.fixture(scope="session")
def everything_captured() -> list[tuple[str, str, bytes]]:
    """(dialect, path, bytes) of every capture."""
    return [(c["dialect"], c["path"], bytes.fromhex(c["hex"])) for c in CAPTURES]


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


HERE = Path(__file__).parent


def _framed_captures() -> list[dict[str, str]]:
    found = []
    for path in (HERE / "captures.toml", HERE.parent / "real_frames.toml"):
        with path.open("rb") as file:
            found += tomllib.load(file)["capture"]
    return found


@pytest.fixture(scope="session")
def framed_captures() -> Callable[[str, str, str], list[bytes]]:
    """framed_captures(source, what, path): the segments or datagrams."""
    captures = _framed_captures()

    def find(source: str, what: str, path: str) -> list[bytes]:
        return [bytes.fromhex(c["hex"]) for c in captures if (c["from"], c["what"], c["path"]) == (source, what, path)]

    return find


@pytest.fixture(scope="session")
def odd() -> Callable[[str], Framed]:
    """The dialect that a file in odd/ says."""
    return lambda name: Framed.load(HERE / "odd" / f"{name}.toml")
