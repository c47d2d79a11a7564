"""Section 7: stage 1, the older form, where there is no TCP, no room and no token: whoever sends is known."""

import time

from hypothesis import strategies as st

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile, late
from conformance.suite.properties import for_all
from conformance.trace.names import nonce
from conformance.trace.text import shown
from tcrp import Membership

USERS = ("alicia", "bob", "charles")
FAILURES = 12
"""Messages to a client whose port is closed."""


def _known(bench: Bench, *users: str) -> list[Peer]:
    """Clients of these names, each of whom hears the others."""
    clients = [bench.rooms.peer(Membership("", user, b"", False)) for user in users or USERS]
    for client in clients:
        bench.udp.say(client, nonce())
    bench.fences.settle(*clients)
    return clients


@clause("TCRP-7.1")
@for_all(
    cases=[{"user": "0", "rest": b""}, {"user": "太郎: \u0085", "rest": b"\n"}, {"user": "u" * 255, "rest": b"\xff"}],
    user=strategies.users(),
    rest=strategies.messages(),
    scale=4.0,
)
def test_a_datagram_goes_unchanged_to_everybody_its_sender_included(bench: Bench, user: str, rest: bytes) -> None:
    alicia, bob, charles = _known(bench)
    speaker = bench.rooms.peer(Membership("", user, b"", False))
    mark = nonce()
    data = bench.udp.chat_datagram(speaker, mark + rest)
    bench.udp.send(speaker, data)
    for listener in (alicia, bob, charles, speaker):
        heard = bench.hearing.must_hear(listener, mark, f"a message of {user!r}", data=data)
        if heard.data != data:
            raise Mismatch("the datagram as it was sent", shown(heard.data), data=data)
    bench.fences.fence(alicia, bob, charles, speaker, after="a message")
    for listener in (alicia, speaker):
        if (times := bench.hearing.count(listener, mark)) > 1:
            raise Mismatch(f"{listener} to receive a message once", f"{times} times", data=data)


@clause("TCRP-7.1")
def test_who_has_sent_nothing_hears_nothing(bench: Bench) -> None:
    alicia, bob, _ = _known(bench)
    silent = bench.rooms.peer()
    bench.fences.fence(alicia, bob, after="a socket was opened that has sent nothing")
    bench.udp.pump(0.0)
    if silent.inbox:
        raise Mismatch("nothing to a client that has sent nothing", shown(silent.inbox[0].data))


@clause("TCRP-7.1")
def test_who_sends_from_another_port_is_another_client(bench: Bench) -> None:
    alicia, bob, _ = _known(bench)
    left = bench.rooms.move(bob)
    bench.fences.settle(alicia, bob)
    mark = nonce()
    bench.udp.say(alicia, mark)
    for listener in (bob, left):
        bench.hearing.must_hear(listener, mark, "a message, at each port from which it has sent")


@hostile
@clause("TCRP-7.1")
@for_all(
    cases=[{"data": data} for data in (b"", b"\0", b"\x05bob", b"\xff", b"\xff" * 200, b"\x02\xc3\x28x")],
    data=st.binary(max_size=600),
    scale=4.0,
)
def test_any_datagram_leaves_chat_going(bench: Bench, data: bytes) -> None:
    alicia, bob, _ = _known(bench)
    bench.udp.send(bench.rooms.peer(), data)
    bench.fences.fence(alicia, bob, after=f"a datagram of {len(data)} bytes: {data[:16]!r}", data=data)


@clause("TCRP-7.1")
def test_a_client_whose_port_is_closed_is_in_nobody_s_way(bench: Bench) -> None:
    alicia, bob, charles = _known(bench)
    charles.close()
    bench.rooms.remove(charles)
    for _ in range(FAILURES):
        bench.fences.fence_by(alicia, bob, after="a client's port has been closed")


@late
@clause("TCRP-7.1")
def test_a_client_that_is_idle_is_forgotten(bench: Bench) -> None:
    if bench.context.idle_timeout is None:
        return  # the clause is judged without it as well
    alicia, bob, charles = _known(bench)
    charles.kept = False
    ends = time.monotonic() + 2 * bench.context.idle_timeout + 1
    early = nonce()
    said = False
    while (left := ends - time.monotonic()) > 0:
        if not said and left < 1.3 * bench.context.idle_timeout + 1:  # 0.7 of the idle time has passed
            said = True
            bench.udp.say(alicia, early)
        bench.udp.pump(min(left, bench.context.idle_timeout / 4))
    if bench.hearing.heard(charles, early) is None:
        raise Mismatch(
            f"a client to be known for {bench.context.idle_timeout:g} s after it sent", "it was forgotten before"
        )
    mark = nonce()
    bench.udp.say(alicia, mark)
    bench.fences.fence(alicia, bob, after="a client was idle")
    bench.hearing.must_not_hear(
        charles, mark, f"a message after it was silent for {2 * bench.context.idle_timeout + 1:g} s"
    )
