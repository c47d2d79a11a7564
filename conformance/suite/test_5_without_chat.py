"""Section 5 where it was not learnt how this server's members talk: what TCP says of a room whose host is gone."""

import time

from conformance.client.assertions import must_have_status
from conformance.client.bench import Bench
from conformance.outcome.findings import unsupported
from conformance.suite.marks import clause, late
from conformance.suite.steps import ask_until, only_without_chat
from tcrp import Join, Status, UpKind

SLACK = 0.5
"""Seconds granted beyond 2 T + 1 for a loaded machine."""


@clause("TCRP-5.2c")
def test_when_the_host_leaves_the_room_is_gone_on_tcp(bench: Bench) -> None:
    only_without_chat(bench)
    if (why := bench.traits.knowledge.why_not(("up", "chat.leave"))) is not None:
        unsupported(why)
    host = bench.rooms.create()
    if bench.dialect.write_up(host.member, UpKind.LEAVE) is None:
        unsupported("no message leaves")
    bench.udp.leave(host)
    want = Join(host.member.room, "zoe")
    answer = ask_until(bench, want, lambda answer: answer.says(Status.ROOM_NOT_FOUND))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN of a room whose host has left")


@late
@clause("TCRP-5.3d")
def test_the_room_of_a_host_that_never_spoke_is_gone_on_tcp(bench: Bench) -> None:
    only_without_chat(bench)
    if (idle := bench.context.idle_timeout) is None:
        unsupported("needs --idle-timeout, the server's idle time")
    room = bench.rooms.create().member.room
    deadline = time.monotonic() + 2 * idle + 1 + SLACK + bench.waits.round_trip
    while (left := deadline - time.monotonic()) > 0:
        bench.udp.pump(left)
    answer = bench.tcp.ask(Join(room, "zoe"))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN of a room whose host has been silent for 2 T + 1 s")
