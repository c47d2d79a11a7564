"""Section 6: no bytes end or block the service of others: chat goes on in the shared rooms, a new room can be had."""

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.dialect.forge import canonical_frame
from conformance.net.connection import Connection
from conformance.outcome.findings import Mismatch, TargetLost, unsupported
from conformance.suite.marks import clause, hostile, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import ask_until, seconds_to_answer
from conformance.trace.names import fresh
from tcrp import HEADER_SIZE, Create, Join, Membership, Status

STALLED = 8


def _goes_on(bench: Bench, after: str, data: bytes | None = None) -> None:
    """Chat and control are still served, whatever was sent before. `data`: the bytes of that."""
    bench.still_serves(after, data)
    if bench.context.chat_works:
        here, _ = bench.shared.settled()
        bench.fences.fence(*here, after=after, data=data)


@clause("TCRP-6.1a")
@for_all(
    cases=[{"keeps": [0]}, {"keeps": [10]}, {"keeps": [1, 31, 32, 40]}],
    keeps=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    scale=0.25,
)
def test_an_early_close_ends_nobody_s_service(bench: Bench, keeps: list[int]) -> None:
    for keep in keeps:
        connection = bench.tcp.connect()
        connection.send(bench.tcp.request(Create(fresh(), "alicia"))[:keep])
        bench.tcp.drop(connection)
    _goes_on(bench, f"connections were closed after {' and '.join(map(str, keeps))} bytes of a request")


@clause("TCRP-6.1b")
def test_stalled_connections_block_nobody(bench: Bench) -> None:
    room = bench.rooms.stay(bench.rooms.create()).member.room
    request = bench.tcp.request(Join(room, "alicia"))
    keeps = [0, 0, 1, 16, 31, 32, 40, len(request) - 1]
    if bench.context.chat_works:
        bench.shared.settled()
    usual = max(seconds_to_answer(bench.tcp.ask(want)) for want in (Join(room, "charles"), Join(fresh(), "charles")))
    allowed = bench.waits.prompt + usual  # and what comes after the first answer may take longer
    served = f"a JOIN to be answered within {allowed:.1f} s while {STALLED} connections stall"
    stalled: list[Connection] = []
    for attempt in (1, 2):  # a machine may hiccup once
        for connection in stalled:  # others in their place: the server may have given these up
            bench.tcp.drop(connection)
        stalled = []
        for keep in keeps[:STALLED]:
            stalled.append(bench.tcp.connect())
            if keep:
                stalled[-1].send(request[:keep])
        try:
            stalled.append(bench.tcp.connect())  # who is answered does not close either
            first = bench.tcp.ask_on(stalled[-1], Join(fresh(), "bob"))
            answer = bench.tcp.ask(Join(room, "bob"))
        except TargetLost as lost:
            raise Mismatch(served, str(lost), certain=True) from None
        took = max(seconds_to_answer(first), seconds_to_answer(answer))
        if answer.token is not None and took <= allowed:
            break
        if attempt == 2:
            raise Mismatch(served, f"{answer}" if answer.token is None else f"it took {took:.1f} s", certain=True)
    if bench.context.chat_works:
        bench.fences.fence(*bench.shared.settled()[0], after=f"{STALLED} connections stall")


@clause("TCRP-6.1b")
def test_half_open_connections_block_nobody(bench: Bench) -> None:
    for keep in (0, 10, 36):
        connection = bench.tcp.connect()
        connection.send(bench.tcp.request(Create(fresh(), "alicia"))[:keep])
        connection.half_close()
    _goes_on(bench, "connections were half-closed before their request was whole")


@clause("TCRP-6.1c")
@for_all(
    cases=[{"keeps": [0]}, {"keeps": [10]}, {"keeps": [1, 32, 36, 1000]}],
    keeps=st.lists(st.integers(0, 120), min_size=1, max_size=3),
    scale=0.25,
)
def test_a_reset_ends_nobody_s_service(bench: Bench, keeps: list[int]) -> None:
    for keep in keeps:
        connection = bench.tcp.connect()
        connection.send(bench.tcp.request(Join(fresh(), "bob"))[:keep])  # whole, it leaves nothing behind
        connection.reset()
        bench.tcp.drop(connection)
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
        connection = bench.tcp.connect()
        data = bench.tcp.frame(fresh().encode(), b"{" * sent, payload_size=claim)
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
        connection = bench.tcp.connect()
        connection.send(sent)
        bench.tcp.drop(connection)
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
        bench.tcp.provoke(room, bench.tcp.frame(room.encode(), payload))
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
    here, _ = bench.shared.settled()
    sender = here[1] if known else bench.rooms.peer()
    bench.udp.send(sender, data)
    who = "a member" if known else "a stranger"
    bench.fences.fence(*here, after=f"a datagram of {len(data)} bytes from {who}: {data[:16]!r}", data=data)


@hostile
@needs_chat
@clause("TCRP-6.1f")
@for_all(message=st.binary(min_size=1, max_size=60).filter(lambda m: m != b"exit"), scale=8.0)
def test_any_message_leaves_chat_going(bench: Bench, message: bytes) -> None:
    here, _ = bench.shared.settled()
    bench.udp.say(here[1], message)
    bench.fences.fence(*here, after=f"the message {message!r}", data=bench.udp.chat_datagram(here[1], message))


@needs_chat
@clause("TCRP-6.1f")
def test_any_datagram_leaves_control_going(bench: Bench) -> None:
    here, _ = bench.shared.settled()
    stranger = bench.rooms.peer()
    for data in (b"", b"\xff", b"\xff\xff\xff", b"\0" * 2000):
        if bench.udp.carries(data):
            bench.udp.send(stranger, data)
    bench.fences.fence(*here, after="malformed datagrams")  # control may be answered before any of them is read
    bench.still_serves("malformed datagrams")


@hostile
@needs_chat
@clause("TCRP-6.1g")
@for_all(token=st.binary(max_size=255), known_room=st.booleans(), scale=4.0)
def test_forged_tokens_leave_chat_going(bench: Bench, token: bytes, known_room: bool) -> None:
    here, _ = bench.shared.settled()
    alice = here[0].member
    forger = bench.rooms.peer(Membership(alice.room if known_room else fresh(), "alicia", token, False))
    bench.udp.register(forger)
    bench.udp.say(forger, b"forged")
    forged = bench.udp.chat_datagram(forger, b"forged")
    bench.fences.fence(*here, after="datagrams with a forged token", data=forged)


@hostile
@needs_chat
@clause("TCRP-6.1g")
def test_foreign_tokens_leave_chat_going(bench: Bench) -> None:
    if not bench.traits.binds:
        unsupported("in this dialect whoever has a token may use it")
    with bench.apart() as source:
        here, there = bench.shared.settled()
        for member in (here[0], there[1]):
            foreigner = bench.rooms.peer(member.member, source)
            bench.udp.register(foreigner)
            bench.udp.say(foreigner, b"from elsewhere")
            bench.udp.send(foreigner, bench.udp.leave_datagram(foreigner))
        for members in (here, there):
            bench.fences.fence(*members, after=f"datagrams with its tokens from {source}")


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
        bench.tcp.provoke(room, bench.tcp.frame(room.encode(), payload, **changes))
    if bench.tcp.ask(Join(room, "bob")).says(Status.ROOM_NOT_FOUND):
        return
    for what, payload, changes in refused:  # which of them was it?
        room = fresh()
        data = bench.tcp.frame(room.encode(), payload, **changes)
        if bench.tcp.provoke(room, data).token is not None:
            continue  # it was not refused, which is a finding of another clause
        must_have_status(
            bench, bench.tcp.ask(Join(room, "bob")), Status.ROOM_NOT_FOUND, f"a JOIN after a CREATE with {what}", data
        )


@clause("TCRP-6.2a")
def test_a_refused_join_leaves_no_room_behind(bench: Bench) -> None:
    room = fresh()
    must_have_status(
        bench, bench.tcp.ask(Join(room, "bob", bench.rooms.secret)), Status.ROOM_NOT_FOUND, "a JOIN of no room"
    )
    must_be_served(
        bench, bench.tcp.ask(Create(room, "alicia")), "a CREATE of a room that somebody tried to join before"
    )


@clause("TCRP-6.2a")
def test_a_refused_create_changes_nothing_of_the_room_that_stands(bench: Bench) -> None:
    if not bench.traits.by_name:
        unsupported("in this dialect several rooms may have one name")
    room = fresh()
    members = bench.rooms.settled("alicia", "bob", room=room, password="Secret-1") if bench.context.chat_works else []
    if not members:
        must_be_served(bench, bench.tcp.ask(Create(room, "alicia", "Secret-1")), "a CREATE with a password")
    for password in ("Other-12", None):
        must_have_status(bench, bench.tcp.ask(Create(room, "mallory", password)), Status.ROOM_EXISTS, "a second CREATE")
    must_have_status(
        bench, bench.tcp.ask(Join(room, "bob", "Other-12")), Status.WRONG_PASSWORD, "a JOIN with the second's password"
    )
    must_have_status(bench, bench.tcp.ask(Join(room, "bob")), Status.WRONG_PASSWORD, "a JOIN without a password")
    must_be_served(bench, bench.tcp.ask(Join(room, "bob", "Secret-1")), "a JOIN with the first's password")
    if members:
        bench.fences.fence(*members, after="a CREATE and a JOIN of their room were refused")
        bench.udp.leave(members[0])  # who is its host still
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
    request = bench.tcp.request(want)
    for bytes_less in missing:
        connection = bench.tcp.connect()
        connection.send(request[:-bytes_less])
        bench.tcp.drop(connection)
    bench.waits.pause()
    came = {want.room[: max(len(request) - bytes_less - HEADER_SIZE, 1)] for bytes_less in missing}
    for room in {want.room, *came}:  # the whole name, and what came of it
        must_have_status(
            bench, bench.tcp.ask(Join(room, "bob")), Status.ROOM_NOT_FOUND,
            f"a JOIN of {room!r} after a CREATE that was closed {' and '.join(map(str, missing))} bytes too early",
            request,
        )  # fmt: skip


@clause("TCRP-6.2b")
def test_a_raw_request_that_never_came_whole_leaves_nothing_behind(bench: Bench) -> None:
    room = fresh()
    data = bench.tcp.frame(room.encode(), b"alicia-alicia")
    for missing in (1, 12):
        connection = bench.tcp.connect()
        connection.send(data[:-missing])
        if missing > 1:
            connection.reset()
        bench.tcp.drop(connection)
    json_room = fresh()
    request = bench.tcp.frame(json_room.encode(), forge.payload(username="alicia") + b" " * 9)
    connection = bench.tcp.connect()
    connection.send(request[:-9])  # the object is whole, the payload is not
    bench.tcp.drop(connection)
    bench.waits.pause()
    answer = bench.tcp.ask(Join(room, "bob"))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN after CREATEs that lacked 1 and 12 bytes", data)
    answer = bench.tcp.ask(Join(json_room, "bob"))
    must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN after a CREATE that lacked 9 spaces", request)
    want = Join(bench.rooms.create().member.room, "bob-bob")
    data = bench.tcp.frame(want.room.encode(), b"bob-bob", join=True)[:-3]
    answer = bench.tcp.ask(want, data=data, half_close=True)
    if answer.token is not None:
        raise Mismatch("no token for a JOIN that ends 3 bytes too early", str(answer), data=data)
