"""Section 4 where it was not learnt how this server's members talk: a stranger gets no reply all the same."""

import time

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch
from conformance.suite.marks import clause
from conformance.suite.steps import FOREIGN_TOKEN, only_without_chat, packet
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown


def _gets_no_reply(bench: Bench, data: bytes, what: str) -> None:
    """A stranger sends it. What the server answers has come once it has answered on TCP and some time has passed."""
    only_without_chat(bench)
    stranger = bench.rooms.peer()
    bench.udp.send(stranger, data)
    bench.still_serves(what, data)
    deadline = time.monotonic() + bench.waits.prompt
    while not stranger.inbox and (left := deadline - time.monotonic()) > 0:
        bench.udp.pump(left)
    if stranger.inbox:
        got = stranger.inbox[0].data
        raise Mismatch(f"no reply to {what}", f"its sender received {shown(got)}", data=data)


@clause("TCRP-4.2a")
def test_a_stranger_gets_no_reply_to_a_long_datagram(bench: Bench) -> None:
    _gets_no_reply(bench, b"x" * 5000, "a datagram of 5000 bytes")


@clause("TCRP-4.2b")
def test_a_stranger_gets_no_reply_to_sizes_that_do_not_fit(bench: Bench) -> None:
    for data in (b"\xff\xff" + b"x" * 20, b"\x05\xffhello"):
        _gets_no_reply(bench, data, f"sizes of {data[0]} and {data[1]} in a datagram of {len(data)} bytes")


@clause("TCRP-4.2c")
def test_a_stranger_gets_no_reply_for_a_room_that_does_not_stand(bench: Bench) -> None:
    _gets_no_reply(bench, packet(fresh(), FOREIGN_TOKEN, nonce()), "a datagram for a room that does not stand")


@clause("TCRP-4.2d")
def test_a_stranger_gets_no_reply_with_a_token_of_nobody(bench: Bench) -> None:
    only_without_chat(bench)
    room = bench.rooms.create().member.room
    _gets_no_reply(bench, packet(room, FOREIGN_TOKEN, nonce()), "a datagram with a token that nobody has")
