"""Members who move, again and again, back, and to ports that others have left.

One conversation, held once, and judged by a test of every clause that it may break. A move is one datagram: what proves
it is no second one.
"""

import time

from conformance.client.assertions import blaming
from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, needs_chat
from conformance.suite.steps import ask_until, held, judge
from conformance.trace.names import another, nonce
from conformance.trace.text import shown
from tcrp import Join, Status

pytestmark = needs_chat

MOVES = 12
"""In a row. What counts to ten is found out."""
SLOW_SECONDS = 0.05
"""With a round trip longer than this a few moves have to do."""


@held
def members_who_move(bench: Bench) -> None:
    """alicia is host; bob moves often and back; charles takes bob's port, and bob that of charles; alicia moves too."""
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise")
    with blaming("TCRP-4.5a"):
        alice, bob, carol = bench.rooms.settled("alicia", "bob", "charles")
    former = [_moves(bench, bob, alice, number) for number in range(1, _moves_in_a_row(bench) + 1)]
    _heard_once(bench, alice, [bob, carol], former, "bob has moved again and again")
    for back in (former[0], former[-1]):
        _takes(bench, bob, back, alice, "a port at which he was before")
        _heard_once(bench, alice, [bob, carol], former, "bob has moved back")
    _exchange_ports(bench, alice, bob, carol)
    elsewhere = [*former, *(_moves(bench, alice, bob, number) for number in (1, 2))]
    _heard_once(bench, bob, [alice, carol], elsewhere, "the host has moved")
    _leave(bench, alice, bob, carol, elsewhere)


def _moves_in_a_row(bench: Bench) -> int:
    return MOVES if bench.waits.round_trip < SLOW_SECONDS else 3


def _moves(bench: Bench, mover: Peer, witness: Peer, number: int) -> Peer:
    """The mover goes on from a new port. Returns who listens on at the old one."""
    mover.kept = False  # a keep-alive would be a second datagram from there
    left = bench.rooms.move(mover)
    _proves_its_place(bench, mover, witness, f"move {number} of {mover}")
    return left


def _takes(bench: Bench, mover: Peer, left: Peer, witness: Peer, which: str) -> None:
    mover.kept = False
    bench.rooms.take_port(mover, left)
    _proves_its_place(bench, mover, witness, f"a move of {mover} to {which}")


def _proves_its_place(bench: Bench, mover: Peer, witness: Peer, what: str) -> None:
    """One message from the new port, which the witness hears, moves the member: then it hears the witness there."""
    drawn = nonce(), nonce()
    for number, wait in enumerate((bench.waits.answer, bench.waits.prompt)):  # one datagram may be lost
        mark = another(drawn[0], number)
        bench.udp.say(mover, mark)
        if (heard := bench.hearing.hear(witness, mark, wait)) is not None:
            break
    else:
        expected = f"{witness} to receive the message that is {what}"
        raise Mismatch(expected, f"neither of two messages came within {bench.waits.answer:.1f} s", clause="TCRP-4.5a")
    if not bench.datagrams.names(heard, mover.member.user):
        expected = f"the message that is {what} to carry the name {mover.member.user}"
        raise Mismatch(expected, shown(heard.data), data=heard.data, clause="TCRP-3.8d")
    deadline, number = time.monotonic() + bench.waits.answer, 0
    while time.monotonic() < deadline:
        probe = another(drawn[1], number)
        bench.udp.say(witness, probe)
        if bench.hearing.hear(mover, probe, bench.waits.answer / 8):
            mover.kept = True
            return
        number += 1
    expected = f"{mover} to receive messages at the new port after {what}"
    raise Mismatch(expected, f"nothing came within {bench.waits.answer:.1f} s", clause="TCRP-4.3a")


def _heard_once(bench: Bench, speaker: Peer, listeners: list[Peer], former: list[Peer], after: str) -> None:
    """Each listener hears a new message of the speaker, once, and nobody at a port that was left."""
    mark = nonce()
    bench.udp.say(speaker, mark)
    deaf = [listener for listener in listeners if bench.hearing.hear(listener, mark, bench.waits.answer / 2) is None]
    for listener in deaf:  # an older datagram of it, from where it was before, may have been overtaken
        bench.udp.register(listener)
    with blaming("TCRP-4.5a"):
        bench.fences.fence(speaker, *listeners, after=after)
    for listener in listeners:
        if (times := bench.hearing.count(listener, mark)) > 1:
            raise Mismatch(f"{listener} to receive a message once after {after}", f"{times} times", clause="TCRP-4.5c")
    bench.udp.pump(0.0)
    with blaming("TCRP-4.3a"):
        for old in former:
            bench.hearing.must_not_hear(old, mark, f"a message at a port that was left before {after}")


def _exchange_ports(bench: Bench, alice: Peer, bob: Peer, carol: Peer) -> None:
    """bob makes way, charles takes his port, and bob that of charles: never are two members on one port."""
    left = _moves(bench, bob, alice, 1)  # he makes way for charles
    _takes(bench, carol, left, alice, "the port that bob has left")
    _takes(bench, bob, left, alice, "the port that charles has left")
    for speaker, others in ((alice, [bob, carol]), (bob, [alice, carol]), (carol, [alice, bob])):
        _heard_once(bench, speaker, others, [], "bob and charles have exchanged their ports")


def _leave(bench: Bench, host: Peer, guest: Peer, other: Peer, elsewhere: list[Peer]) -> None:
    """A guest that has moved leaves, and then the host that has moved."""
    bench.udp.leave(guest)
    mark = nonce()
    with blaming("TCRP-4.5a"):
        bench.fences.fence(host, other, after="a guest that had moved has left")
    bench.udp.say(host, mark)
    with blaming("TCRP-4.5a"):
        bench.fences.fence(host, other, after="a guest that had moved has left")
    bench.udp.pump(0.0)
    with blaming("TCRP-5.1a"):
        bench.hearing.must_not_hear(guest, mark, "a message, having moved and left")
    since = len(other.inbox)
    bench.udp.leave(host)
    if bench.hearing.await_notice(other, since) is None:
        expected = f"{other} to get a disconnect notice when the host, who had moved, has left"
        raise Mismatch(expected, f"nothing came within {bench.waits.answer:.1f} s", clause="TCRP-5.2a")
    answer = ask_until(bench, Join(host.member.room, "zoe"), lambda answer: answer.says(Status.ROOM_NOT_FOUND))
    if not answer.says(Status.ROOM_NOT_FOUND):
        raise Mismatch("the room to be gone when the host, who had moved, has left", str(answer), clause="TCRP-5.2c")
    bench.udp.pump(0.0)
    if any(bench.hearing.notices(old) for old in elsewhere):
        raise Mismatch("no notice to a port that a member has left", "one", clause="TCRP-5.4b")


@clause("TCRP-4.3a")
def test_one_datagram_moves_a_member_however_often_and_wherever_it_was(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-4.3a")


@clause("TCRP-3.8d")
def test_who_speaks_from_another_s_former_port_keeps_its_name(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-3.8d")


@clause("TCRP-4.5a")
def test_who_moves_is_heard_by_all(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-4.5a")


@clause("TCRP-4.5c")
def test_who_moves_again_and_again_hears_once(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-4.5c")


@clause("TCRP-5.1a")
def test_who_has_moved_leaves_as_others_do(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-5.1a")


@clause("TCRP-5.2a")
def test_the_closing_by_a_host_that_has_moved_is_told(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-5.2a")


@clause("TCRP-5.2c")
def test_a_host_that_has_moved_closes_its_room(bench: Bench) -> None:
    judge(bench, members_who_move, "TCRP-5.2c")
