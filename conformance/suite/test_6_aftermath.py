"""Section 6, continued: what refusals, early closes and stalled requests leave behind: no pause, no count, no name."""

import time
from collections.abc import Callable

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.net.connection import Connection
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, hostile, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import ask_until, must_be_wrong, seconds_to_answer
from conformance.trace.names import fresh
from tcrp import HEADER_SIZE, Create, Join, Status

MANY = 8
"""With those of the other tests more than 16, the least that a server must bear at once: what counts them is found."""
STUCK_SECONDS = 0.7
"""How long a request is stuck before it is looked whether chat goes on."""
ATTEMPTS = 3
"""A machine may hiccup now and then."""


# pauses and counts --------------------------------------------------------------------------------


def _usual(bench: Bench) -> float:
    """Seconds to the answer to a JOIN of no room."""
    return seconds_to_answer(bench.tcp.ask(Join(fresh(), "bob")))


def _goes_on_at_once(bench: Bench, provoke: Callable[[], None], after: str) -> None:
    """A JOIN of no room is answered, and chat goes on, as soon as usual."""
    want = Join(fresh(), "bob")
    allowed = bench.waits.prompt + bench.once(_usual)
    here = bench.shared.settled()[0] if bench.context.chat_works else []
    for attempt in range(1, ATTEMPTS + 1):
        provoke()
        answer = bench.tcp.ask(want)
        must_have_status(bench, answer, Status.ROOM_NOT_FOUND, f"a JOIN after {after}")
        began = time.monotonic()
        if here:
            bench.fences.fence_by(here[0], *here[1:], after=after)
        chat = time.monotonic() - began
        took = max(seconds_to_answer(answer), chat)
        if took <= allowed:
            return
        if attempt == ATTEMPTS:
            expected = f"control and chat to go on within {allowed:.1f} s after {after}"
            raise Mismatch(expected, f"{'chat' if chat == took else 'an answer'} took {took:.1f} s")


def _end_early(bench: Bench, keep: int, *, reset: bool) -> None:
    connection = bench.tcp.connect()
    connection.send(bench.tcp.request(Create(fresh(), "alicia"))[:keep])
    if reset:
        connection.reset()
    bench.tcp.drop(connection)


def _still_creates(bench: Bench, after: str) -> None:
    must_be_served(bench, bench.tcp.ask(Create(fresh(), "alicia"), may_be_limited=True), f"a CREATE after {after}")


def _early_ends_leave_nothing(bench: Bench, how: str, *, reset: bool) -> None:
    _goes_on_at_once(bench, lambda: _end_early(bench, HEADER_SIZE + 2, reset=reset), f"a connection was {how}")
    for number in range(MANY):
        _end_early(bench, (1, HEADER_SIZE, HEADER_SIZE + 4)[number % 3], reset=reset)
    _still_creates(bench, f"connections were {how}")


@clause("TCRP-6.1a")
def test_early_closes_leave_no_pause_and_no_count(bench: Bench) -> None:
    _early_ends_leave_nothing(bench, "closed early", reset=False)


@clause("TCRP-6.1c")
def test_resets_leave_no_pause_and_no_count(bench: Bench) -> None:
    _early_ends_leave_nothing(bench, "reset", reset=True)


@clause("TCRP-6.1e")
def test_a_malformed_request_leaves_no_pause(bench: Bench) -> None:
    data = bench.tcp.frame(fresh().encode(), b'{"username":')
    _goes_on_at_once(bench, lambda: _malformed(bench, data), "a malformed request")


def _malformed(bench: Bench, data: bytes) -> None:
    bench.tcp.provoke(fresh(), data)


@clause("TCRP-6.2a")
def test_a_refused_request_leaves_no_pause(bench: Bench) -> None:
    if not bench.traits.by_name or not bench.dialect.can.passwords:
        unsupported("in this dialect no JOIN of a room that stands is refused")
    want = Join(bench.rooms.create(password="Secret-1").member.room, "bob", "Wrong-12")
    _goes_on_at_once(bench, lambda: must_be_wrong(bench, want), "a wrong password")


# what never came whole ----------------------------------------------------------------------------

_ENDS = ("close", "reset", "half-close", "stall")


@clause("TCRP-6.2b")
@for_all(
    cases=[{"how": how, "more": 0} for how in ("close", "reset", "stall")],
    how=st.sampled_from(_ENDS),
    more=st.integers(0, 20),
    scale=0.1,
)
def test_a_create_of_which_the_room_name_came_does_not_take_it(bench: Bench, how: str, more: int) -> None:
    """`more`: bytes of the payload that come too."""
    want = Create(fresh(), "alicia")
    request = bench.tcp.request(want)
    keep = min(HEADER_SIZE + len(want.room.encode()) + more, len(request) - 1)
    _part(bench, request[:keep], how)
    what = f"a CREATE of the name in a request that ended {len(request) - keep} bytes too early by a {how}"
    answer = ask_until(bench, want, lambda answer: answer.token is not None)
    must_be_served(bench, answer, what, request[:keep])


@clause("TCRP-6.2b")
def test_a_join_of_which_the_room_name_came_bars_nobody(bench: Bench) -> None:
    want = Join(bench.rooms.create().member.room, "bob")
    request = bench.tcp.request(want)
    keep = HEADER_SIZE + len(want.room.encode())
    for how, more in (("reset", 5), ("stall", 0)):
        _part(bench, request[: keep + more], how)
        what = f"a JOIN after one that ended {len(request) - keep - more} bytes too early by a {how}"
        answer = ask_until(bench, want, lambda answer: answer.token is not None)
        must_be_served(bench, answer, what, request[: keep + more])


def _part(bench: Bench, data: bytes, how: str) -> Connection:
    """Send a part of a request, and end it so. One that stalls is ended with the test."""
    if not bench.traits.forge.frames:
        unsupported("in this dialect a request is no frame with a room name in it")
    connection = bench.tcp.connect()
    connection.send(data)
    bench.tcp.keep_apart(connection)
    match how:
        case "half-close":
            connection.half_close()
        case "reset":
            connection.reset()
        case "close":
            bench.tcp.drop(connection)
    return connection


@clause("TCRP-6.2b")
@for_all(
    cases=[{"missing": 1, "join": True}, {"missing": 2, "join": False}, {"missing": 9, "join": False}],
    missing=st.integers(1, 14),
    join=st.booleans(),
    scale=0.1,
)
def test_json_that_a_half_close_cuts_is_not_served(bench: Bench, missing: int, join: bool) -> None:
    room = bench.rooms.standing() if join else fresh()
    want = Join(room, "bob") if join else Create(room, "alicia")
    payload = forge.payload(username=want.user)[:-1] + b',"password":""}'
    data = bench.tcp.frame(room.encode(), payload, join=join)[:-missing]
    answer = bench.tcp.ask(want, data=data, half_close=True)
    if answer.taken:
        bench.record.waive("this dialect takes what the clause is about")
        return
    bench.record.judge()
    if answer.token is not None:
        expected = f"no token for a {type(want).__name__.upper()} that a half-close ends {missing} bytes too early"
        raise Mismatch(expected, str(answer), data=data)
    if not join:
        after = f"a JOIN after a CREATE that a half-close ended {missing} bytes too early"
        must_have_status(bench, bench.tcp.ask(Join(room, "bob")), Status.ROOM_NOT_FOUND, after, data)


# while a request is stuck -------------------------------------------------------------------------


@hostile
@needs_chat
@clause("TCRP-6.1b")
def test_chat_goes_on_while_requests_are_stuck(bench: Bench) -> None:
    """Stuck for a while, at every place; for the room whose chat it is, too."""
    here, there = bench.shared.settled()
    room = here[0].member.room
    joining, creating = bench.tcp.request(bench.tcp.invited(Join(room, "bob"))), bench.tcp.request(Create(fresh(), "x"))
    name = HEADER_SIZE + len(room.encode())
    began = time.monotonic()
    for data in (joining[:20], joining[:name], creating[:-1], b""):
        connection = bench.tcp.connect()
        if data:
            connection.send(data)
    usual = bench.waits.round_trip
    while (left := began + STUCK_SECONDS - time.monotonic()) > 0:
        bench.udp.pump(left)
    allowed = bench.waits.prompt + usual
    after = f"requests were stuck for {STUCK_SECONDS} s"
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        for members in (here, there):
            bench.fences.fence_by(members[1], members[0], *members[2:], after=after)
        if (took := time.monotonic() - began) <= 2 * allowed:
            return
        if attempt == ATTEMPTS:
            raise Mismatch(f"chat to go on within {allowed:.1f} s after {after}", f"it took {took / 2:.1f} s")
