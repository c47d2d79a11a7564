"""Section 6.3: how much a server serves at once, at least. Beyond that status 6 is right anywhere."""

import contextlib
import time

from conformance.client.assertions import blaming, must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.net.connection import Answer, Connection
from conformance.outcome.findings import Mismatch, TargetLost
from conformance.suite.marks import clause, late, needs_chat
from conformance.suite.steps import held, judge, must_be_wrong
from conformance.trace.names import fresh, nonce
from tcrp import Create, Join, Status

CONNECTIONS = 16
ROOMS = 16
MEMBERS = 16
REFUSED = 2
"""Who is refused for a wrong password before a room is full."""
REQUESTS = 50
BURST_SECONDS = 1.04
ATTEMPTS = 3
"""A server that grants exactly the least may still be counting what is over; one that grants less always refuses."""


def _rooms_to_be_had(bench: Bench) -> tuple[int, int]:
    """How many rooms stand already that tests share, and how many there must be in all."""
    shared = 0
    if bench.context.chat_works:
        with contextlib.suppress(Mismatch):  # they are rooms, whoever hears whom in them
            shared = len(bench.shared.settled())
    return shared, ROOMS - bench.rooms.vanished - (0 if bench.target.owned else 1)  # somebody else may have one


def _all_at_once(bench: Bench) -> bool:
    """Whether 16 connections that are open at once are served, and bring the rooms to 16. If not, each is tried alone,
    to tell which of them it is.
    """
    shared, granted = _rooms_to_be_had(bench)
    bench.tcp.make_way(CONNECTIONS)
    try:
        connections = [bench.tcp.connect(paced=False) for _ in range(CONNECTIONS)]
    except TargetLost:
        return False
    for number, connection in enumerate(reversed(connections), shared + 1):  # the last while all are open
        creates = number <= granted
        answer = bench.tcp.ask_on(connection, Create(fresh(), "alicia") if creates else Join(fresh(), "bob"))
        bench.tcp.pace.count()  # a server may count requests as they come, not connections
        if not answer.says(Status.OK if creates else Status.ROOM_NOT_FOUND):
            return False
    return True


@clause("TCRP-6.3a")
def test_16_connections_at_once_are_served(bench: Bench) -> None:
    if bench.once(_all_at_once):
        return
    bench.tidy()
    bench.tcp.rest()
    want = Join(fresh(), "bob")
    for attempt in range(1, ATTEMPTS + 1):
        bench.tcp.make_way(CONNECTIONS)
        connections = [bench.tcp.connect(paced=False) for _ in range(CONNECTIONS)]
        while connections:  # the last is served while all are open
            answer = bench.tcp.ask_on(connections[-1], want)
            bench.tcp.pace.count()  # a server may count requests as they come, not connections
            if not answer.says(Status.ROOM_NOT_FOUND):
                break
            bench.tcp.drop(connections.pop())
        if not connections:
            return
        if attempt == ATTEMPTS or not answer.closed:  # one that says nothing does not count
            what = f"connection {len(connections)} of {CONNECTIONS} that are open at once"
            must_have_status(bench, answer, Status.ROOM_NOT_FOUND, what)
        bench.tidy()
        bench.tcp.rest()


@clause("TCRP-6.3b")
def test_16_rooms_are_served(bench: Bench) -> None:
    granted = ROOMS
    if not bench.once(_all_at_once):
        bench.tidy()
        shared, granted = _rooms_to_be_had(bench)
        for number in range(shared + 1, granted + 1):
            answer = bench.tcp.ask(Create(fresh(), "alicia"))
            must_be_served(bench, answer, f"the CREATE of room {number} of {ROOMS} that stand at once")
    bench.tidy()
    must_be_served(bench, bench.tcp.ask(Create(fresh(), "alicia")), f"a CREATE after {granted} rooms have been closed")


@held
def a_full_room(bench: Bench) -> None:
    """The last of 16 members joins after others were refused for a wrong password, if there is such a thing here."""
    names, password = [f"member-{number}" for number in range(1, MEMBERS + 1)], None
    if bench.traits.by_name and bench.dialect.can.passwords:
        password = "Secret-1"
    with blaming("TCRP-6.3c"):
        members = bench.rooms.settled(*names[:-1], password=password)
        room, refused = members[0].member.room, 0 if password is None else REFUSED
        for _ in range(refused):
            must_be_wrong(bench, Join(room, names[-1], "Wrong-12"))
        want = Join(room, names[-1], password)
        answer = bench.tcp.ask(want)
        if answer.token is None and refused:
            bench.rooms.settled(*names)  # without any that were refused
            expected = f"the JOIN of member {MEMBERS} to be served after {refused} wrong passwords, as it is without"
            raise Mismatch(expected, str(answer), data=answer.data, clause="TCRP-6.2a")
        must_be_served(bench, answer, f"the JOIN of member {MEMBERS} of a room")
        members.append(bench.rooms.stay(bench.rooms.enter(want, answer)))
        bench.fences.settle(*members)
        for speaker in (members[0], members[-1]):
            mark = nonce()
            bench.udp.say(speaker, mark)
            for listener in members:
                if listener is not speaker:
                    bench.hearing.must_hear(listener, mark, f"a message in a room of {MEMBERS}")
        if not bench.traits.guests_leave:
            return
        bench.udp.leave(members[-1])
        bench.fences.fence(*members[:-1], after="one of them has left")
        bench.rooms.join(room, "another", password)  # whose place is free


@needs_chat
@clause("TCRP-6.2a")
def test_refused_requests_take_no_places(bench: Bench) -> None:
    judge(bench, a_full_room, "TCRP-6.2a")


@needs_chat
@clause("TCRP-6.3c")
def test_16_members_of_a_room_are_served(bench: Bench) -> None:
    judge(bench, a_full_room, "TCRP-6.3c")


@late
@clause("TCRP-6.3d")
def test_50_requests_a_second_are_served(bench: Bench) -> None:
    want = Join(fresh(), "bob")
    usual = max(bench.waits.round_trip, bench.tcp.ask(want).seconds)  # of an answer like these, which may be held back
    for attempt in range(1, ATTEMPTS + 1):
        if attempt == 1:
            bench.tcp.make_way_for_a_stream(REQUESTS, BURST_SECONDS)
        else:
            bench.tcp.rest()
        answers, took = _burst(bench, want)
        slow = took > 1.0 + bench.waits.answer + usual * REQUESTS * 2 / CONNECTIONS
        if attempt < ATTEMPTS and (slow or any(not answer.says(Status.ROOM_NOT_FOUND) for answer in answers)):
            continue
        for number, answer in enumerate(answers, 1):
            must_have_status(bench, answer, Status.ROOM_NOT_FOUND, f"request {number} of {REQUESTS} in a second")
        if slow:
            raise Mismatch(f"{REQUESTS} requests sent within a second to be answered soon", f"it took {took:.1f} s")
        break


def _burst(bench: Bench, want: Join) -> tuple[list[Answer], float]:
    """All answers to a second's requests, and the seconds that it took to get them."""
    started = time.monotonic()
    answers: list[Answer] = []
    waiting: list[Connection] = []
    for number in range(REQUESTS):
        while (left := started + number * BURST_SECONDS / REQUESTS - time.monotonic()) > 0:
            bench.udp.pump(left)
        waiting.append(bench.tcp.connect(paced=False))
        waiting[-1].send(bench.tcp.request(want))
        if len(waiting) >= CONNECTIONS // 2 or number == REQUESTS - 1:
            for connection in waiting:
                answers.append(bench.tcp.ask_on(connection, want, data=b""))
                bench.tcp.drop(connection)
            waiting = []
    bench.tcp.pace.full()
    return answers, time.monotonic() - started
