"""What other peers do while, or before, one client says its request as always (TCRP-6.1a to TCRP-6.1e, TCRP-6.3a)."""

from collections.abc import Callable
from typing import NamedTuple

from conformance.engine.comparing.subject import Subject
from conformance.net.connection import Connection

STALLED = 8
CONNECTIONS = 16
LIKELY_HEADER = 32
HUGE = (
    b"\x02\x01\0" + (1 << 31).to_bytes(29, "big") + b"r1{",
    b"\x7f\xff\xff\xff" + b"{" * 60,
    b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 60,
    b"9" * LIKELY_HEADER,
)
"""Sizes that nobody has the memory for, where servers have a size: a TCRP header, 4 bytes in front in either order,
digits.
"""
GARBAGE = (
    b"\0", b"\xff" * 32, b"\0" * 64, b"\xff\x01\0" + b"\0" * 28 + b"\x08" + b"\xff" * 263, b"\x02\x02\xc3\x28{}",
    b"[" * 900, b'{"x":' * 150, b'{"a":null}\n', b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n", b"\x16\x03\x01",
)  # fmt: skip


class Disturbance(NamedTuple):
    """`act` does it, and returns the connections that stay open while the client is served."""

    clause: str
    words: str
    act: Callable[[Subject], list[Connection]]


def _cut(subject: Subject) -> list[int]:
    """Where requests are cut off: before the first byte, in the front, in the middle, and before the last byte."""
    size = len(subject.request)
    return sorted({min(keep, size - 1) for keep in (0, 1, size // 4, size // 2, size - 1)})


def _close_early(subject: Subject) -> list[Connection]:
    for keep in _cut(subject):
        with subject.connected() as connection:
            connection.send(subject.request[:keep])
    return []


def _stall(subject: Subject) -> list[Connection]:
    cuts = _cut(subject)
    stalled = [subject.bench.tcp.connect() for _ in range(STALLED)]
    for number, connection in enumerate(stalled):
        if keep := cuts[number % len(cuts)]:
            connection.send(subject.request[:keep])
    return stalled


def _half_close(subject: Subject) -> list[Connection]:
    open_ = []
    for keep in _cut(subject):
        open_.append(subject.bench.tcp.connect())
        open_[-1].send(subject.request[:keep])
        open_[-1].half_close()
    return open_


def _reset(subject: Subject) -> list[Connection]:
    for keep in (*_cut(subject), len(subject.request)):
        with subject.connected() as connection:
            connection.send(subject.request[:keep])
            connection.reset()
    return []


def _say(*what: bytes) -> Callable[[Subject], list[Connection]]:
    def act(subject: Subject) -> list[Connection]:
        for data in what:
            with subject.connected() as connection:
                connection.send(data)
        return []

    return act


def _say_nothing(subject: Subject) -> list[Connection]:
    for _ in range(3):
        with subject.connected():
            pass
    return []


def _open_many(subject: Subject) -> list[Connection]:
    subject.bench.tcp.make_way(CONNECTIONS)
    return [subject.bench.tcp.connect(paced=False) for _ in range(CONNECTIONS - 1)]


ALL = (
    Disturbance("6.1a", "connections without a byte were opened and closed", _say_nothing),
    Disturbance("6.1a", "connections were closed in the middle of this request", _close_early),
    Disturbance("6.1c", "connections were reset in the middle of this request", _reset),
    Disturbance("6.1e", f"{len(GARBAGE)} connections brought other bytes", _say(*GARBAGE)),
    Disturbance("6.1d", f"{len(HUGE)} connections claimed huge sizes", _say(*HUGE)),
    Disturbance("6.1b", f"{STALLED} connections stall in the middle of this request", _stall),
    Disturbance("6.1b", "connections are half-closed in the middle of this request", _half_close),
    Disturbance("6.3a", f"{CONNECTIONS} connections are open at once", _open_many),
)
"""Those that are likely to end a server stand late."""
