"""Section 6: no bytes end or block the service of others: chat goes on in the shared rooms, a new room can be had."""

import contextlib
import time

from hypothesis import strategies as st

from conformance import forge
from conformance.bench import Bench, fresh, nonce
from conformance.examples import for_all
from conformance.findings import Mismatch, TargetLost, unsupported
from conformance.forge import canonical_frame
from conformance.marks import clause, hostile, late, must_be_served, must_have_status, needs_chat
from conformance.peers import Answer, Connection
from conformance.suite.steps import ask_until
from tcrp import HEADER_SIZE, Create, Join, Membership, Status

STALLED = 8
CONNECTIONS = 16
ROOMS = 16
MEMBERS = 16
REQUESTS = 50
BURST_SECONDS = 1.04


def _goes_on(bench: Bench, after: str, data: bytes | None = None) -> None:
    """Chat and control are still served, whatever was sent before. `data`: the bytes of that."""
    bench.still_serves(after, data)
    if bench.chat_works:
        here, _ = bench.common()
        bench.fence(*here, after=after, data=data)


@clause("TCRP-6.1a")
@for_all(
    cases=[{"keeps": [0]}, {"keeps": [1, 31, 32, 40]}],
    keeps=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    scale=0.25,
)
def test_an_early_close_ends_nobody_s_service(bench: Bench, keeps: list[int]) -> None:
    for keep in keeps:
        connection = bench.connect()
        connection.send(bench.request(Create(fresh(), "alicia"))[:keep])
        bench.drop(connection)
    _goes_on(bench, f"connections were closed after {' and '.join(map(str, keeps))} bytes of a request")


@clause("TCRP-6.1b")
def test_stalled_connections_block_nobody(bench: Bench) -> None:
    room = bench.stay(bench.create()).member.room
    request = bench.request(Join(room, "alicia"))
    keeps = [0, 0, 1, 16, 31, 32, 40, len(request) - 1]
    if bench.chat_works:
        bench.common()
    usual = max(_answered(bench.ask(want)) for want in (Join(room, "charles"), Join(fresh(), "charles")))
    allowed = bench.waits.prompt + usual  # and what comes after the first answer may take longer
    served = f"a JOIN to be answered within {allowed:.1f} s while {STALLED} connections stall"
    stalled: list[Connection] = []
    for attempt in (1, 2):  # a machine may hiccup once
        for connection in stalled:  # others in their place: the server may have given these up
            bench.drop(connection)
        stalled = []
        for keep in keeps[:STALLED]:
            stalled.append(bench.connect())
            if keep:
                stalled[-1].send(request[:keep])
        try:
            stalled.append(bench.connect())  # who is answered does not close either
            first = bench.ask_on(stalled[-1], Join(fresh(), "bob"))
            answer = bench.ask(Join(room, "bob"))
        except TargetLost as lost:
            raise Mismatch(served, str(lost)) from None
        took = max(_answered(first), _answered(answer))
        if answer.token is not None and took <= allowed:
            break
        if attempt == 2:
            raise Mismatch(served, f"{answer}" if answer.token is None else f"it took {took:.1f} s")
    if bench.chat_works:
        bench.fence(*bench.common()[0], after=f"{STALLED} connections stall")


@clause("TCRP-6.1b")
def test_half_open_connections_block_nobody(bench: Bench) -> None:
    for keep in (0, 10, 36):
        connection = bench.connect()
        connection.send(bench.request(Create(fresh(), "alicia"))[:keep])
        connection.half_close()
    _goes_on(bench, "connections were half-closed before their request was whole")


@clause("TCRP-6.1c")
@for_all(
    cases=[{"keeps": [0]}, {"keeps": [1, 32, 36, 1000]}],
    keeps=st.lists(st.integers(0, 120), min_size=1, max_size=3),
    scale=0.25,
)
def test_a_reset_ends_nobody_s_service(bench: Bench, keeps: list[int]) -> None:
    for keep in keeps:
        connection = bench.connect()
        connection.send(bench.request(Join(fresh(), "bob"))[:keep])  # whole, it leaves nothing behind
        connection.reset()
        bench.drop(connection)
    _goes_on(bench, f"connections were reset after {' and '.join(map(str, keeps))} bytes of a request")


@clause("TCRP-6.1d")
@for_all(
    cases=[
        {"claims": [1 << 29], "sent": 0},
        {"claims": [(1 << 29) + 1, 1 << 31, 1 << 63, (1 << 232) - 1], "sent": 2000},
    ],
    claims=st.lists(st.integers(29, 231).map(lambda bit: 1 << bit), min_size=1, max_size=3),
    sent=st.integers(0, 2000),
    scale=0.25,
)
def test_a_huge_size_ends_nobody_s_service(bench: Bench, claims: list[int], sent: int) -> None:
    for claim in claims:
        connection = bench.connect()
        data = bench.frame(fresh().encode(), b"{" * sent, payload_size=claim)
        connection.send(data)
    _goes_on(bench, f"claims of {' and '.join(map(str, claims))} bytes of payload, of which {sent} came", data)


@clause("TCRP-6.1e")
@for_all(
    cases=[
        {"data": [b"\0"]},
        {"data": [b"\xff" * 32, b"\0" * 32, b"\0" * 64]},
        {
            "data": [
                b"\xff\x01\0" + b"\0" * 28 + b"\x08" + b"\xff" * 263,
                b"\x02\x02\0" + b"\0" * 28 + b"\x02\xc3\x28{}",
                b"\x02\x02\0" + b"\0" * 28 + b"\x08r1" + b"[" * 8,
                b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            ]
        },
    ],
    data=st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=300),
            st.builds(
                lambda room, operation, state, payload: canonical_frame(
                    room, payload, operation=operation, state=state
                ),
                st.binary(min_size=1, max_size=12),
                st.sampled_from([0, *range(2, 256)]),  # no CREATE: its room would be left behind
                st.integers(0, 3),
                st.binary(max_size=60),
            ),
        ),
        min_size=1,
        max_size=3,
    ),
    scale=0.25,
)
def test_any_bytes_on_tcp_end_nobody_s_service(bench: Bench, data: list[bytes]) -> None:
    for sent in data:
        connection = bench.connect()
        connection.send(sent)
        bench.drop(connection)
    _goes_on(bench, f"the bytes {' and '.join(repr(sent[:24]) for sent in data)} on TCP", data[-1])


@clause("TCRP-6.1e")
def test_unexpected_json_ends_nobody_s_service(bench: Bench) -> None:
    for payload in (
        b"{}",
        b'{"username":5}',
        b'{"username":' + b"[" * 900,
        b'{"x":' * 150,
        b'{"username":"a","x":' + b"9" * 900 + b"}",
    ):
        room = fresh()
        bench.provoke(room, bench.frame(room.encode(), payload))
    bench.still_serves("payloads of unexpected JSON")


@hostile
@needs_chat
@clause("TCRP-6.1f")
@for_all(
    cases=[
        {"data": data, "known": known}
        for data in (b"", b"\0", b"\x01", b"\xff", b"\0\0", b"\xff\xff", b"\x02\x02", b"\x01\x01\xff\xff",
                     b"\x02\x01\xc3\x28x", b"\xff" * 512, b"\0" * 4096, b"x" * 9000)
        for known in (False, True)
    ],
    data=st.binary(max_size=600),
    known=st.booleans(),
    scale=12.0,
)  # fmt: skip
def test_any_datagram_leaves_chat_going(bench: Bench, data: bytes, known: bool) -> None:
    here, _ = bench.common()
    sender = here[1] if known else bench.peer()
    bench.send(sender, data)
    who = "a member" if known else "a stranger"
    bench.fence(*here, after=f"a datagram of {len(data)} bytes from {who}: {data[:16]!r}", data=data)


@hostile
@needs_chat
@clause("TCRP-6.1f")
@for_all(message=st.binary(min_size=1, max_size=60).filter(lambda m: m != b"exit"), scale=8.0)
def test_any_message_leaves_chat_going(bench: Bench, message: bytes) -> None:
    here, _ = bench.common()
    bench.say(here[1], message)
    bench.fence(*here, after=f"the message {message!r}", data=bench.chat_datagram(here[1], message))


@needs_chat
@clause("TCRP-6.1f")
def test_any_datagram_leaves_control_going(bench: Bench) -> None:
    here, _ = bench.common()
    stranger = bench.peer()
    for data in (b"", b"\xff", b"\xff\xff\xff", b"\0" * 2000):
        bench.send(stranger, data)
    bench.fence(*here, after="malformed datagrams")  # control may be answered before any of them is read
    bench.still_serves("malformed datagrams")


@hostile
@needs_chat
@clause("TCRP-6.1g")
@for_all(token=st.binary(max_size=255), known_room=st.booleans(), scale=4.0)
def test_forged_tokens_leave_chat_going(bench: Bench, token: bytes, known_room: bool) -> None:
    here, _ = bench.common()
    alice = here[0].member
    forger = bench.peer(Membership(alice.room if known_room else fresh(), "alicia", token, False))
    bench.register(forger)
    bench.say(forger, b"forged")
    forged = bench.chat_datagram(forger, b"forged")
    bench.fence(*here, after="datagrams with a forged token", data=forged)


@hostile
@needs_chat
@clause("TCRP-6.1g")
def test_foreign_tokens_leave_chat_going(bench: Bench) -> None:
    if not bench.terms.binds:
        unsupported("in this dialect whoever has a token may use it")
    source = bench.second_address()
    here, there = bench.common()
    for member in (here[0], there[1]):
        foreigner = bench.peer(member.member, source)
        bench.register(foreigner)
        bench.say(foreigner, b"from elsewhere")
        bench.send(foreigner, bench.leave_datagram(foreigner))
    for members in (here, there):
        bench.fence(*members, after=f"datagrams with its tokens from {source}")


@clause("TCRP-6.2a")
def test_a_refused_request_leaves_nothing_behind(bench: Bench) -> None:
    refused: tuple[tuple[str, bytes, dict[str, int]], ...] = (
        ("a bad user name", b'{"username":"a\\u0000"}', {}),
        ("bad JSON", b'{"username":"alicia"', {}),
        ("a bad password", b'{"username":"alicia","password":5}', {}),
        ("an unknown operation", b"alicia", {"operation": 9}),
        ("a wrong state", b"alicia", {"state": 1}),
        ("an empty payload", b"", {}),
        ("a payload over 2^29", b"alicia", {"payload_size": (1 << 29) + 1}),
    )
    room = fresh()
    for _, payload, changes in refused:
        bench.provoke(room, bench.frame(room.encode(), payload, **changes))
    if bench.ask(Join(room, "bob")).says(Status.ROOM_NOT_FOUND):
        return
    for what, payload, changes in refused:  # which of them was it?
        room = fresh()
        data = bench.frame(room.encode(), payload, **changes)
        if bench.provoke(room, data).token is not None:
            continue  # it was not refused, which is a finding of another clause
        must_have_status(
            bench, bench.ask(Join(room, "bob")), Status.ROOM_NOT_FOUND, f"a JOIN after a CREATE with {what}", data
        )


@clause("TCRP-6.2a")
def test_a_refused_join_leaves_no_room_behind(bench: Bench) -> None:
    room = fresh()
    must_have_status(bench, bench.ask(Join(room, "bob", bench.secret)), Status.ROOM_NOT_FOUND, "a JOIN of no room")
    must_be_served(bench, bench.ask(Create(room, "alicia")), "a CREATE of a room that somebody tried to join before")


@clause("TCRP-6.2a")
def test_a_refused_create_changes_nothing_of_the_room_that_stands(bench: Bench) -> None:
    if not bench.terms.by_name:
        unsupported("in this dialect several rooms may have one name")
    room = fresh()
    members = bench.room("alicia", "bob", room=room, password="Secret-1") if bench.chat_works else []
    if not members:
        must_be_served(bench, bench.ask(Create(room, "alicia", "Secret-1")), "a CREATE with a password")
    for password in ("Other-12", None):
        must_have_status(bench, bench.ask(Create(room, "mallory", password)), Status.ROOM_EXISTS, "a second CREATE")
    must_have_status(
        bench, bench.ask(Join(room, "bob", "Other-12")), Status.WRONG_PASSWORD, "a JOIN with the second's password"
    )
    must_have_status(bench, bench.ask(Join(room, "bob")), Status.WRONG_PASSWORD, "a JOIN without a password")
    must_be_served(bench, bench.ask(Join(room, "bob", "Secret-1")), "a JOIN with the first's password")
    if members:
        bench.fence(*members, after="a CREATE and a JOIN of their room were refused")
        bench.leave(members[0])  # who is its host still
        answer = ask_until(bench, Join(room, "zoe"), lambda answer: answer.says(Status.ROOM_NOT_FOUND))
        must_have_status(
            bench, answer, Status.ROOM_NOT_FOUND, "a JOIN after the host left, whose room was not taken over"
        )


@clause("TCRP-6.2b")
@for_all(
    cases=[{"missing": [1]}, {"missing": [2, 30]}],
    missing=st.lists(st.integers(1, 60), min_size=1, max_size=3),
    scale=0.25,
)
def test_a_request_that_never_came_whole_leaves_nothing_behind(bench: Bench, missing: list[int]) -> None:
    want = Create(fresh() + "-" * 40, "alicia")
    request = bench.request(want)
    for bytes_less in missing:
        connection = bench.connect()
        connection.send(request[:-bytes_less])
        bench.drop(connection)
    bench.waits.pause()
    came = {want.room[: max(len(request) - bytes_less - HEADER_SIZE, 1)] for bytes_less in missing}
    for room in {want.room, *came}:  # the whole name, and what came of it
        must_have_status(
            bench, bench.ask(Join(room, "bob")), Status.ROOM_NOT_FOUND,
            f"a JOIN of {room!r} after a CREATE that was closed {' and '.join(map(str, missing))} bytes too early",
            request,
        )  # fmt: skip


@clause("TCRP-6.2b")
def test_a_raw_request_that_never_came_whole_leaves_nothing_behind(bench: Bench) -> None:
    room = fresh()
    data = bench.frame(room.encode(), b"alicia-alicia")
    for missing in (1, 12):
        connection = bench.connect()
        connection.send(data[:-missing])
        if missing > 1:
            connection.reset()
        bench.drop(connection)
    json_room = fresh()
    request = bench.frame(json_room.encode(), forge.payload(username="alicia") + b" " * 9)
    connection = bench.connect()
    connection.send(request[:-9])  # the object is whole, the payload is not
    bench.drop(connection)
    bench.waits.pause()
    answer = bench.ask(Join(room, "bob"))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN after CREATEs that lacked 1 and 12 bytes", data)
    answer = bench.ask(Join(json_room, "bob"))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN after a CREATE that lacked 9 spaces", request)
    want = Join(bench.create().member.room, "bob-bob")
    data = bench.frame(want.room.encode(), b"bob-bob", join=True)[:-3]
    answer = bench.ask(want, data=data, half_close=True)
    if answer.token is not None:
        raise Mismatch("no token for a JOIN that ends 3 bytes too early", str(answer), data=data)


ATTEMPTS = 3
"""A server that grants exactly the least may still be counting what is over; one that grants less always refuses."""


def _rooms_to_be_had(bench: Bench) -> tuple[int, int]:
    """How many rooms stand already that tests share, and how many there must be in all."""
    shared = 0
    if bench.chat_works:
        with contextlib.suppress(Mismatch):  # they are rooms, whoever hears whom in them
            shared = len(bench.common())
    return shared, ROOMS - bench.vanished_rooms - (0 if bench.target.owned else 1)  # somebody else may have one


def _all_at_once(bench: Bench) -> bool:
    """Whether 16 connections that are open at once are served, and bring the rooms to 16. If not, each is tried alone,
    to tell which of them it is.
    """
    shared, granted = _rooms_to_be_had(bench)
    bench.make_way(CONNECTIONS)
    try:
        connections = [bench.connect(paced=False) for _ in range(CONNECTIONS)]
    except TargetLost:
        return False
    for number, connection in enumerate(reversed(connections), shared + 1):  # the last while all are open
        creates = number <= granted
        answer = bench.ask_on(connection, Create(fresh(), "alicia") if creates else Join(fresh(), "bob"))
        bench.pace.count()  # a server may count requests as they come, not connections
        if not answer.says(Status.OK if creates else Status.ROOM_NOT_FOUND):
            return False
    return True


@clause("TCRP-6.3a")
def test_16_connections_at_once_are_served(bench: Bench) -> None:
    if bench.once(_all_at_once):
        return
    bench.tidy()
    bench.rest()
    want = Join(fresh(), "bob")
    for attempt in range(1, ATTEMPTS + 1):
        bench.make_way(CONNECTIONS)
        connections = [bench.connect(paced=False) for _ in range(CONNECTIONS)]
        while connections:  # the last is served while all are open
            answer = bench.ask_on(connections[-1], want)
            bench.pace.count()  # a server may count requests as they come, not connections
            if not answer.says(Status.ROOM_NOT_FOUND):
                break
            bench.drop(connections.pop())
        if not connections:
            return
        if attempt == ATTEMPTS:
            what = f"connection {len(connections)} of {CONNECTIONS} that are open at once"
            must_have_status(bench, answer, Status.ROOM_NOT_FOUND, what)
        bench.tidy()
        bench.rest()


@clause("TCRP-6.3b")
def test_16_rooms_are_served(bench: Bench) -> None:
    granted = ROOMS
    if not bench.once(_all_at_once):
        bench.tidy()
        shared, granted = _rooms_to_be_had(bench)
        for number in range(shared + 1, granted + 1):
            answer = bench.ask(Create(fresh(), "alicia"))
            must_be_served(bench, answer, f"the CREATE of room {number} of {ROOMS} that stand at once")
    bench.tidy()
    must_be_served(bench, bench.ask(Create(fresh(), "alicia")), f"a CREATE after {granted} rooms have been closed")


@needs_chat
@clause("TCRP-6.3c")
def test_16_members_of_a_room_are_served(bench: Bench) -> None:
    members = bench.room(*(f"member-{number}" for number in range(1, MEMBERS + 1)))
    for speaker in (members[0], members[-1]):
        mark = nonce()
        bench.say(speaker, mark)
        for listener in members:
            if listener is not speaker:
                bench.must_hear(listener, mark, f"a message in a room of {MEMBERS}")
    if not bench.terms.guests_leave:
        return
    bench.leave(members[-1])
    bench.fence(*members[:-1], after="one of them has left")
    bench.join(members[0].member.room, "another")  # whose place is free


@late
@clause("TCRP-6.3d")
def test_50_requests_a_second_are_served(bench: Bench) -> None:
    want = Join(fresh(), "bob")
    usual = max(bench.waits.round_trip, bench.ask(want).seconds)  # of an answer like these, which may be held back
    for attempt in range(1, ATTEMPTS + 1):
        if attempt == 1:
            bench.make_way_for_a_stream(REQUESTS, BURST_SECONDS)
        else:
            bench.rest()
        answers, took = _burst(bench, want)
        slow = took > 1.0 + bench.waits.answer + usual * REQUESTS * 2 / CONNECTIONS
        if attempt < ATTEMPTS and (slow or any(not answer.says(Status.ROOM_NOT_FOUND) for answer in answers)):
            continue
        for number, answer in enumerate(answers, 1):
            must_have_status(bench, answer, Status.ROOM_NOT_FOUND, f"request {number} of {REQUESTS} in a second")
        if slow:
            raise Mismatch(f"{REQUESTS} requests sent within a second to be answered soon", f"it took {took:.1f} s")
        break


def _answered(answer: Answer) -> float:
    """Seconds until the first bytes came, or else until the end."""
    return answer.seconds if answer.acked is None else answer.acked


def _burst(bench: Bench, want: Join) -> tuple[list[Answer], float]:
    """All answers to a second's requests, and the seconds that it took to get them."""
    started = time.monotonic()
    answers: list[Answer] = []
    waiting: list[Connection] = []
    for number in range(REQUESTS):
        while (left := started + number * BURST_SECONDS / REQUESTS - time.monotonic()) > 0:
            bench.pump(left)
        waiting.append(bench.connect(paced=False))
        waiting[-1].send(bench.request(want))
        if len(waiting) >= CONNECTIONS // 2 or number == REQUESTS - 1:
            for connection in waiting:
                answers.append(bench.ask_on(connection, want, data=b""))
                bench.drop(connection)
            waiting = []
    bench.pace.full()
    return answers, time.monotonic() - started
