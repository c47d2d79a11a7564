"""Section 6 where it was not learnt how this server's members talk: no datagram ends its service."""

import time

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch, TargetLost, unsupported
from conformance.suite.marks import clause, hostile
from conformance.suite.steps import FOREIGN_TOKEN, only_without_chat, packet
from conformance.trace.names import fresh

DEAF_SECONDS = 10.0
"""Upper bound of the time in which a server that still reads takes what waits for it."""
POLL_SECONDS = 0.05
JUNK = (b"", b"\0", b"\xff", b"\xff\xff", b"\x02\x02", b"{", b"\xff" * 512, b"\0" * 4096, b"x" * 9000)
"""Datagrams that no server may die of."""


def _leaves_the_port_open(bench: Bench, datagrams: tuple[bytes, ...], what: str) -> None:
    """Lost service alone is a finding: the port is closed or not read any more, or TCP does not answer any more."""
    only_without_chat(bench)
    if bench.udp.is_refused(b""):
        unsupported("nothing listens on the UDP port")
    stranger = bench.rooms.peer()
    for data in datagrams:
        try:
            bench.udp.send(stranger, data)
            bench.still_serves(f"{what} of {len(data)} bytes", data)
            closed = bench.udp.is_refused(data)
        except TargetLost:
            closed = True
        if closed:
            raise Mismatch(f"the UDP port to stay open after {what} of {len(data)} bytes", "it is closed", data=data)
        if _is_deaf(bench):
            actual = "it reads none any more, while its process lives"
            raise Mismatch(f"the server to read datagrams after {what} of {len(data)} bytes", actual, data=data)


def _is_deaf(bench: Bench) -> bool:
    """Whether what was sent last is not read for longer than a busy machine would let it lie."""
    bench.udp.watch()
    deadline = time.monotonic() + DEAF_SECONDS
    while bench.udp.is_waiting() and time.monotonic() < deadline:
        if bench.udp.is_deaf():
            return True
        bench.udp.pump(POLL_SECONDS)
    return False


@hostile
@clause("TCRP-6.1f")
def test_any_datagram_leaves_the_port_open(bench: Bench) -> None:
    _leaves_the_port_open(bench, JUNK, "a datagram")


@hostile
@clause("TCRP-6.1g")
def test_forged_tokens_leave_the_port_open(bench: Bench) -> None:
    only_without_chat(bench)
    room = bench.rooms.create().member.room
    tokens = (b"", b"\xff", FOREIGN_TOKEN, b"\xff" * 255)
    forged = tuple(packet(name, token, b"forged") for name in (room, fresh()) for token in tokens)
    _leaves_the_port_open(bench, forged, "a datagram with a forged token")
