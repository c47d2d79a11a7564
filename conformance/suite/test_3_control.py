"""Section 3: control operations, but for the payload of a request and the token, which have modules of their own."""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from conformance.client.assertions import create_of, must_be_refused, must_be_served, must_have_status, takes
from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile, late  # fmt: skip
from conformance.suite.properties import for_all
from conformance.suite.steps import Exchange, ask_until, exchanges, refuse_join
from conformance.trace.names import fresh, names
from tcrp import MAX_PAYLOAD_SIZE, MAX_ROOM_SIZE, Create, Join, Status, Want

RACERS = 5
NOTICEABLE = 0.1
"""Seconds; an ACK that comes sooner did not wait for slow work."""


@clause("TCRP-3.1a")
def test_operation_1_creates_and_operation_2_joins(bench: Bench) -> None:
    room = fresh()
    for operation, status in ((2, Status.ROOM_NOT_FOUND), (1, Status.OK), (1, Status.ROOM_EXISTS), (2, Status.OK)):
        want = Create(room, "alicia") if operation == 1 else Join(room, "bob")
        data = bench.tcp.frame(room.encode(), user=want.user, join=operation == 2)
        stands = "stands" if status in (Status.ROOM_EXISTS, Status.OK) and operation != 1 else "does not stand yet"
        must_have_status(
            bench, bench.tcp.ask(want, data=data), status, f"operation {operation} where the room {stands}", data
        )


@clause("TCRP-3.1b")
def test_the_ack_has_state_1_and_the_complete_state_2(bench: Bench) -> None:
    for _, status, answer in exchanges(bench):
        wrong = [problem for problem in answer.problems if problem.field == "State"]
        if status is Status.OK and answer.says(status) and wrong:
            raise Mismatch("two replies, each of its state", str(wrong[0]), data=answer.data)


def _no_deviation(answer: Answer, clause_id: str) -> None:
    for problem in answer.problems:
        if problem.clause == clause_id:
            raise Mismatch("operation and room name echoed, and the right state", str(problem), data=answer.data)


@clause("TCRP-3.4a")
def test_an_ack_echoes_operation_and_room_and_carries_one_byte(bench: Bench) -> None:
    for held in exchanges(bench):
        if held.answer.unlearnt(held.status) is not None:
            continue
        if held.answer.status not in {held.answer.means(status).status for status in Status}:
            raise Mismatch("an ACK whose payload is a status of one byte", str(held.answer), data=held.answer.data)
        _no_deviation(held.answer, "TCRP-3.4a")


@clause("TCRP-3.4a")
def test_an_ack_echoes_any_room_name_byte_for_byte(bench: Bench) -> None:
    _no_deviation(bench.once(_telling_name), "TCRP-3.4a")


@clause("TCRP-3.5a")
def test_a_complete_echoes_any_room_name_byte_for_byte(bench: Bench) -> None:
    _no_deviation(bench.once(_telling_name), "TCRP-3.5a")


def _telling_name(bench: Bench) -> Answer:
    """A CREATE of a room of 255 bytes; whether such a name is taken at all is for TCRP-2.3b."""
    if names.longest is not None:
        unsupported("this dialect has little room for a room name")
    room = f" {fresh()}-É e\u0301\0 "
    return bench.tcp.ask(Create(room + "x" * (MAX_ROOM_SIZE - 1 - len(room.encode())) + " ", "alicia"))


@clause("TCRP-3.4b")
def test_the_ack_of_a_create_does_not_wait_for_slow_work(bench: Bench) -> None:
    """A refusal shows how quick this server can be; a CREATE needs no more before its ACK."""
    refused = _quickest(bench, lambda: Join(fresh(), "bob"))
    joins = [bench.tcp.ask(Join(bench.rooms.create().member.room, "bob"))]
    while len(joins) < 3 and (joins[-1].acked or 0) - (refused.acked or 0) > 0.1:
        joins.append(bench.tcp.ask(Join(bench.rooms.create().member.room, "bob")))
    late_by = min(answer.acked or 0 for answer in joins) - (refused.acked or 0)
    if late_by > 0.1 and all(answer.seconds - (answer.acked or 0) < late_by / 4 for answer in joins):
        raise Mismatch(
            "the ACK of a JOIN without a password as soon as that of a refusal",
            f"it came {late_by * 1000:.0f} ms later, with its COMPLETE",
        )
    for what, password in (("", None), (" with a password", "Secret-2")):
        if password is not None and not bench.dialect.can.passwords:
            continue
        created = _quickest(bench, lambda password=password: Create(fresh(), "alicia", password))  # type: ignore[misc]
        extra = (created.acked or 0) - (refused.acked or 0)
        gap = created.seconds - (created.acked or 0)
        if extra > NOTICEABLE and gap < extra / 4 and (created.acked or 0) > NOTICEABLE + _slowest_refusal(bench):
            raise Mismatch(
                f"the ACK of a CREATE{what} as soon as that of a refusal",
                f"it came {extra * 1000:.0f} ms later, and the COMPLETE {gap * 1000:.0f} ms after it",
            )


def _slowest_refusal(bench: Bench) -> float:
    """Seconds. A server that looks at its sockets now and then answers early or late, whatever it is asked."""
    return max(bench.tcp.ask(Join(fresh(), "bob")).acked or 0 for _ in range(3))


def _quickest(bench: Bench, want: Callable[[], Want]) -> Answer:
    answers = []
    for _ in range(3):
        answers.append(bench.tcp.ask(want()))
        if answers[-1].acked is None and answers[-1].closed:
            answers[-1].acked = answers[-1].seconds  # the close is the answer
        if answers[-1].acked is None:
            raise Mismatch("every request to be answered", str(answers[-1]))
        if answers[-1].acked < NOTICEABLE:
            break
    return min(answers, key=lambda answer: answer.acked or 0)


@clause("TCRP-3.4c")
def test_a_good_create_and_a_good_join_have_status_0(bench: Bench) -> None:
    for held in exchanges(bench):
        if held.status is Status.OK:
            must_be_served(bench, held.answer, str(held), bench.tcp.request(held.want))


@clause("TCRP-3.4d")
def test_a_create_of_a_room_that_stands_has_status_1(bench: Bench) -> None:
    rooms: list[tuple[str | None, tuple[str, ...]]] = [(None, ("alicia", "mallory"))]
    if bench.dialect.can.passwords:
        rooms = [(None, ("alicia",)), ("Secret-1", ("alicia", "mallory"))]
    for password, others in rooms:
        room = fresh()
        must_be_served(bench, bench.tcp.ask(Create(room, "alicia", password)), "a CREATE of a new room")
        for want in (Create(room, user, password if user == "alicia" else None) for user in others):
            must_have_status(
                bench,
                bench.tcp.ask(want),
                Status.ROOM_EXISTS,
                "a CREATE of a room that stands",
                bench.tcp.request(want),
            )


@clause("TCRP-3.4e")
@for_all(
    cases=[{"password": None}, {"password": "Secret-1"}],
    password=st.one_of(st.none(), strategies.passwords()),
    scale=0.25,
)
def test_a_join_of_a_room_that_does_not_stand_has_status_2(bench: Bench, password: str | None) -> None:
    if password is not None and bench.rooms.secret is None:
        bench.record.waive("in this dialect there are no passwords")
        return
    want = Join(fresh(), "bob", password)
    for _ in range(1 if password else 2):  # the first must not have made it
        must_have_status(
            bench, bench.tcp.ask(want), Status.ROOM_NOT_FOUND, "a JOIN of no room", bench.tcp.request(want)
        )


@clause("TCRP-3.5a")
def test_a_complete_echoes_operation_and_room_and_carries_the_token(bench: Bench) -> None:
    for held in exchanges(bench):
        if held.status is Status.OK and held.answer.says(held.status):
            must_be_served(bench, held.answer, str(held), bench.tcp.request(held.want))
            _no_deviation(held.answer, "TCRP-3.5a")


@clause("TCRP-3.5b")
def test_a_refusal_is_not_followed_by_a_complete(bench: Bench) -> None:
    held = [*exchanges(bench)]
    if bench.traits.forge.frames:
        malformed = Create(fresh(), "alicia")
        data = bench.tcp.frame(malformed.room.encode(), b"")
        held.append(Exchange(malformed, Status.MALFORMED, bench.tcp.ask(malformed, data=data, to_the_end=True)))
    for want, status, answer in held:
        if status is Status.OK or answer.status in (None, Status.OK):
            continue  # it is no refusal, or should be one, which is a finding of other clauses
        end = bench.traits.replies.end_of_reply(want, answer.data) or len(answer.data)
        if left := len(answer.data) - end:
            raise Mismatch(
                "a refusal and nothing after it", f"{answer}, and {left} bytes more", data=answer.data
            )  # fmt: skip


@hostile
@clause("TCRP-3.6a")
def test_the_server_closes_after_its_last_reply(bench: Bench) -> None:
    for held in exchanges(bench):
        if held.answer.means(held.status).closed and not held.answer.closed:
            raise Mismatch(f"the connection to be closed after the {held}", str(held.answer), data=held.answer.data)
    if not bench.traits.forge.frames:
        return
    for what, claimed in (("a malformed request", 0), ("a claim of too many bytes", 2 * MAX_PAYLOAD_SIZE)):
        data = bench.tcp.frame(fresh().encode(), b"", payload_size=claimed)
        answer = bench.tcp.ask(Create(fresh(), "alicia"), data=data, to_the_end=True, may_be_limited=True)
        if answer.data and not answer.closed:  # where no status came, that is a finding of other clauses
            raise Mismatch(f"the connection to be closed after the status of {what}", str(answer), data=data)


@hostile
@clause("TCRP-3.7a")
@for_all(
    cases=[{"operation": n} for n in (0, 3, 0x31, 129, 255)], operation=st.sampled_from([0, *range(3, 256)]), scale=0.25
)
def test_an_unknown_operation_is_refused(bench: Bench, operation: int) -> None:
    room = fresh().encode()
    data = bench.tcp.frame(room, operation=operation)
    must_be_refused(bench, create_of(room), data, f"operation {operation}")


@hostile
@clause("TCRP-3.7b")
@for_all(cases=[{"state": 1}, {"state": 2}, {"state": 128}], state=st.integers(1, 255), scale=0.25)
def test_a_request_whose_state_is_not_0_is_refused(bench: Bench, state: int) -> None:
    room = fresh().encode()
    data = bench.tcp.frame(room, state=state)
    must_be_refused(bench, create_of(room), data, f"a CREATE with state {state}")
    if state == 1:
        refuse_join(bench, None, "state 1", state=1)


@hostile
@clause("TCRP-3.7c")
@for_all(
    cases=[
        {"bad": b"\xed\xa0\x80", "where": "room"},
        {"bad": b"\xc0\x80", "where": "room"},
        {"bad": b"\xe9\x83", "where": "room"},
        {"bad": b"\xf4\x90\x80\x80", "where": "room"},
        {"bad": b"\xff", "where": "user"},
        {"bad": b"\xc3\x28", "where": "user"},
        {"bad": b"\xe9\x83", "where": "user"},
        {"bad": b"\xed\xa0\x80", "where": "json"},
        {"bad": "é".encode("latin-1"), "where": "json"},
        {"bad": b"\xc0\xaf", "where": "json"},
        {"bad": b"\xed\xa0\x80", "where": "user"},
    ],
    bad=strategies.not_utf8(),
    where=st.sampled_from(["room", "user", "json"]),
    scale=0.25,
)
def test_what_is_not_utf8_is_refused(bench: Bench, bad: bytes, where: str) -> None:
    room, user = fresh().encode(), b"alicia"
    right = {"room": None, "user": user, "json": b'{"username": "alicia"}'}[where]
    if not takes(bench, right):
        return  # with nothing wrong in it, it would be refused too
    if where == "room":
        room += bad
    else:
        user += bad
    escaped = user.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    payload = b'{"username": "' + escaped + b'"}' if where == "json" else user
    data = bench.tcp.frame(room, None if where == "room" else payload)
    must_be_refused(bench, create_of(room), data, f"bytes that are not UTF-8 in the {where}")
    if bad == b"\xff" or (bad == b"\xc0\xaf" and where == "json"):
        refuse_join(bench, payload, f"bytes that are not UTF-8 in the {where}")


@hostile
@clause("TCRP-3.7d")
def test_an_empty_room_name_is_refused(bench: Bench) -> None:
    what = "RoomNameSize 0, so no room name,"
    must_be_refused(bench, Create("r", "alicia"), bench.tcp.frame(b""), what)
    # of a JOIN it is true as well that there is no such room
    join = bench.tcp.frame(b"", join=True)
    must_be_refused(bench, Join("r", "alicia"), join, what, (Status.MALFORMED, Status.ROOM_NOT_FOUND))


@hostile
@clause("TCRP-3.7e")
def test_an_empty_payload_is_refused(bench: Bench) -> None:
    room = fresh().encode()
    must_be_refused(bench, create_of(room), bench.tcp.frame(room, b""), "OperationPayloadSize 0, so no user name,")
    refuse_join(bench, b"", "OperationPayloadSize 0, so no user name,")


@clause("TCRP-3.9")
@for_all(cases=[{"password": None}, {"password": "Secret-1"}], password=st.sampled_from([None, "Secret-1"]), scale=0.5)
def test_of_concurrent_creates_of_one_name_exactly_one_succeeds(bench: Bench, password: str | None) -> None:
    want = Create(fresh(), "alicia", password)
    request = bench.tcp.request(want)
    bench.tcp.make_way(RACERS)
    connections = [bench.tcp.connect() for _ in range(RACERS)]
    for connection in connections:
        connection.send(request)
    answers = [bench.tcp.ask_on(connection, want, data=b"") for connection in connections]
    served = [answer for answer in answers if answer.token is not None or answer.says(Status.OK)]
    others = [answer for answer in answers if answer not in served]
    if len(served) != 1:
        raise Mismatch(
            f"exactly one of {RACERS} CREATEs sent at once to succeed", f"{len(served)} succeeded", data=request
        )
    for answer in others:
        if not (answer.says(Status.ROOM_EXISTS) or answer.says(Status.LIMIT_REACHED)):
            raise Mismatch("every other CREATE to be answered with status 1 or 6", str(answer), data=request)


def _enters_only_with(bench: Bench, password: str, wrong: Sequence[str]) -> None:
    room, right = fresh(), _quoted(password)
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia", password)), f"a CREATE with the password {right}")
    again = (password, wrong[0]) if len(wrong) > 3 else ()  # a second try is no better, after the right one too
    for other in (*wrong, *again):
        if other == password:
            must_be_served(bench, bench.tcp.ask(Join(room, "bob", password)), f"a JOIN with the right password {right}")
            continue
        want = Join(room, "alicia", other)  # nor is the name of the host, or of a guest
        what = f"the password {_quoted(other)} where {right} is right"
        must_have_status(bench, bench.tcp.ask(want), Status.WRONG_PASSWORD, what, bench.tcp.request(want))


def _quoted(password: str) -> str:
    size = len(password.encode())
    return repr(password) if size <= 40 else f"{password[:8]!r}...{password[-2:]!r} of {size} bytes"


@clause("TCRP-3.10a")
@for_all(
    cases=[{"password": "Secret-1", "wrong": "Other-12"}],
    password=strategies.passwords(),
    wrong=strategies.passwords(),
    scale=0.25,
)
def test_a_room_with_a_password_is_entered_with_no_other(bench: Bench, password: str, wrong: str) -> None:
    if password != wrong:
        _enters_only_with(bench, password, [wrong])


@clause("TCRP-3.10a")
def test_a_password_is_compared_as_bytes_and_in_full(bench: Bench) -> None:
    _enters_only_with(
        bench,
        "secret-鍵é",
        [
            "Secret-鍵é", "secret-鍵", " secret-鍵é", "secret-鍵é ", "secret-鍵é\n", "secret-鍵é\0", "secret-鍵e\u0301",
            "secret-鍵e", "secret-鍵ü", "secret-部é", "xsecret-鍵é",
        ],
    )  # fmt: skip
    long = " \0" + "p" * 69 + "鍵" + "p" * 868  # byte 72, where some hashes end, is within a character
    for password, wrong in (
        (long + "a ", [long + "b ", long + "a", "p" * 72]),
        ("secret\0x", ["secret"]),
        ("0", ["00"]),
        (" ", ["  ", "0"]),  # which opens another room
    ):
        _enters_only_with(bench, password, wrong)


@clause("TCRP-3.10a")
def test_a_room_with_a_password_is_not_entered_without_one(bench: Bench) -> None:
    room = fresh()
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia", "Secret-1")), "a CREATE with a password")
    payloads = [b'{"username":"bob"}', b'{"username":"bob","password":""}', b"bob"]
    if bench.traits.forge.null_is_none:
        payloads.append(b'{"username":"bob","password":null}')
    for payload in payloads:
        data = bench.tcp.frame(room.encode(), payload, join=True)
        must_have_status(
            bench,
            bench.tcp.ask(Join(room, "bob"), data=data),
            Status.WRONG_PASSWORD,
            "a JOIN without the room's password",
            data,
        )


@late
@hostile
@clause("TCRP-3.11")
def test_a_room_whose_creator_vanished_stands(bench: Bench) -> None:
    want = Create(fresh(), "alicia")
    connection = bench.tcp.connect()
    connection.send(bench.tcp.request(want))
    bench.tcp.drop(connection)
    bench.rooms.vanished += 1
    answer = ask_until(bench, Join(want.room, "bob"), lambda answer: answer.token is not None)
    must_be_served(
        bench, answer, "a JOIN of a room whose creator closed after its request, unanswered", bench.tcp.request(want)
    )
    must_have_status(bench, bench.tcp.ask(Create(want.room, "alicia")), Status.ROOM_EXISTS, "a CREATE of that room")
