"""Requests that overlap. While a part of one has come another is served, and each gets its own.

The conversations are held once, and judged by a test of every clause that they may break.
"""

import time
from typing import NamedTuple

from conformance.client.assertions import blaming
from conformance.client.bench import Bench
from conformance.net.connection import Answer, Connection
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, needs_chat
from conformance.suite.steps import ask_until, held, judge
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import HEADER_SIZE, Create, Join, Status

PASSWORD, OTHER, WRONG = "Secret-1", "Other-12", "Wrong-12"
PATIENT_SECONDS = 0.5
"""After so long, at the earliest, a server may give up a request that does not go on."""
_BROKEN = {
    (Create, Status.OK): "TCRP-3.4c",
    (Join, Status.OK): "TCRP-3.4c",
    (Create, Status.ROOM_EXISTS): "TCRP-3.4d",
    (Join, Status.ROOM_NOT_FOUND): "TCRP-3.4e",
    (Join, Status.WRONG_PASSWORD): "TCRP-3.10a",
}


class Part(NamedTuple):
    """A request of which a part has been sent. `began`: seconds of time.monotonic()."""

    want: Create | Join
    connection: Connection
    rest: bytes
    began: float


def _needs_frames(bench: Bench) -> None:
    if not bench.traits.forge.frames or bench.traits.binds_first or not bench.dialect.can.passwords:
        unsupported("in this dialect a request is no frame that can come in parts")


def _begin(bench: Bench, want: Create | Join, cut: int, source: str | None = None) -> Part:
    """Send the first `cut` bytes of a request, or all but the last -`cut`."""
    request, began = bench.tcp.request(want), time.monotonic()
    part = Part(want, bench.tcp.connect(source), request, began)
    return _go_on(bench, part, cut if cut > 0 else len(request) + cut)


def _go_on(bench: Bench, part: Part, size: int) -> Part:
    """Send `size` more bytes, which the server reads apart from the next."""
    part.connection.send(part.rest[:size])
    bench.tcp.keep_apart(part.connection)
    return part._replace(rest=part.rest[size:])


def _end(bench: Bench, part: Part) -> Answer:
    """Send the rest. A server that gave the request up in the meantime is asked again."""
    answer = bench.tcp.ask_on(part.connection, part.want, data=part.rest)
    if answer.closed and not answer.data and time.monotonic() - part.began > PATIENT_SECONDS:
        return bench.tcp.ask(part.want)
    return answer


def _must_be(answer: Answer, want: Create | Join, status: Status, what: str) -> None:
    """The answer to this request with this status, and to no other. None at all breaks 2.5a."""
    named = f"a {type(want).__name__.upper()} {what}"
    for problem in answer.problems:
        if problem.clause in ("TCRP-3.4a", "TCRP-3.5a"):
            expected = f"{named} to be answered with its own operation and room"
            raise Mismatch(expected, str(problem), data=answer.data, clause=problem.clause)
    if not answer.says(status) or (status is Status.OK and answer.token is None):
        expected = f"{named} to be answered with status {int(status)} ({status.name})"
        broken = "TCRP-2.5a" if answer.status is None else _BROKEN[type(want), status]
        raise Mismatch(expected, str(answer), data=answer.data, clause=broken)


def _carry_their_names(bench: Bench, members: list[Peer], what: str) -> None:
    """Each of the members of a room is heard by another, and under its own name."""
    if not bench.context.chat_works:
        return
    with blaming("TCRP-4.5a"):
        bench.fences.settle(*members)
    for speaker in members:
        listener = members[0] if speaker is not members[0] else members[1]
        mark = nonce()
        bench.udp.say(speaker, mark)
        with blaming("TCRP-4.5a"):
            heard = bench.hearing.must_hear(listener, mark, f"a message of {speaker}, {what}")
        if not bench.datagrams.names(heard, speaker.member.user):
            expected = f"a message of {speaker}, {what}, to carry that name"
            raise Mismatch(expected, shown(heard.data), data=heard.data, clause="TCRP-3.8d")


# one in parts, the other whole --------------------------------------------------------------------


@held
def one_within_another(bench: Bench) -> None:
    """While a request is stuck another is served: of the other operation, for another room, by another user."""
    _needs_frames(bench)
    with blaming("TCRP-3.4c"):
        members = [bench.rooms.stay(bench.rooms.create())]
    room = members[0].member.room
    size = HEADER_SIZE + len(room.encode())
    first, both, second = slice(1), slice(2), slice(1, 2)
    cuts = (
        (10, "within its header", first),
        (HEADER_SIZE, "after its header", both),
        (size, "after its room name", second),
        (-1, "before its last byte", first),
    )
    for number, (cut, where, which) in enumerate(cuts):
        create = Create(f"{fresh()}-{'x' * number}", "alicia", OTHER if number == len(cuts) - 1 else None)
        join, late = Join(room, f"bob-{number}"), Join(room, f"late-{number}")
        pairs: list[tuple[Create | Join, Create | Join, Status, Status]] = [
            (create, join, Status.OK, Status.OK),
            (late, Join(fresh(), "zoe"), Status.OK, Status.ROOM_NOT_FOUND),
        ]
        for outer, inner, outer_status, inner_status in pairs[which]:
            part = _begin(bench, outer, cut)
            between = bench.tcp.ask(inner)
            _must_be(between, inner, inner_status, f"while another request was stuck {where}")
            answer = _end(bench, part)
            _must_be(answer, outer, outer_status, f"that was stuck {where} while another request was served")
            for want, token in ((inner, between), (outer, answer)):
                if isinstance(want, Join) and token.token is not None:
                    members.append(bench.rooms.stay(bench.rooms.enter(want, token)))
    _has_its_password(bench, create, "that was stuck while another request was served")
    _carry_their_names(bench, members, "whose JOIN overlapped with another request")


def _has_its_password(bench: Bench, create: Create, which: str) -> None:
    want = Join(create.room, "zoe")
    _must_be(bench.tcp.ask(want), want, Status.WRONG_PASSWORD, f"without the password of the CREATE {which}")
    want = Join(create.room, "yves", create.password)
    _must_be(bench.tcp.ask(want), want, Status.OK, f"with the password of the CREATE {which}")


@held
def both_in_parts(bench: Bench) -> None:
    """Two requests whose segments come in turns, the one that began first ending last, or first."""
    _needs_frames(bench)
    with blaming("TCRP-3.4c"):
        members = [bench.rooms.stay(bench.rooms.create())]
    room = members[0].member.room
    for number, sizes in enumerate(([5, 27, 3, 20], [HEADER_SIZE, 30, 1])):
        create, join = Create(f"{fresh()}-{'x' * number}", "alicia"), Join(room, f"bob-{number}")
        first, second = _begin(bench, create, sizes[0]), _begin(bench, join, sizes[0])
        for size in sizes[1:]:
            first = _go_on(bench, first, min(size, len(first.rest) - 1))
            second = _go_on(bench, second, min(size, len(second.rest) - 1))
        answers = {}
        for part in (second, first) if number % 2 else (first, second):
            answers[part.want] = _end(bench, part)
            _must_be(answers[part.want], part.want, Status.OK, "whose segments came in turns with another's")
        members.append(bench.rooms.stay(bench.rooms.enter(join, answers[join])))
    _carry_their_names(bench, members, "whose JOIN came in turns with a CREATE")


@clause("TCRP-2.5a")
def test_a_request_is_reassembled_while_another_is_served(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-2.5a")
    judge(bench, both_in_parts, "TCRP-2.5a")


@clause("TCRP-3.4a")
def test_an_ack_echoes_its_own_request_though_another_came_between(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-3.4a")
    judge(bench, both_in_parts, "TCRP-3.4a")


@clause("TCRP-3.4c")
def test_a_request_is_served_though_another_came_between(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-3.4c")
    judge(bench, both_in_parts, "TCRP-3.4c")


@clause("TCRP-3.4e")
def test_a_join_of_no_room_has_status_2_though_another_request_came_between(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-3.4e")


@clause("TCRP-3.10a")
def test_the_password_of_a_create_is_its_own_though_another_request_came_between(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-3.10a")


@needs_chat
@clause("TCRP-3.8d")
def test_a_token_stands_for_its_own_user_though_another_request_came_between(bench: Bench) -> None:
    judge(bench, one_within_another, "TCRP-3.8d")
    judge(bench, both_in_parts, "TCRP-3.8d")


# many at once -------------------------------------------------------------------------------------


@held
def many_at_once(bench: Bench) -> None:
    """Requests of all kinds are sent at once and answered each for itself."""
    _needs_frames(bench)
    with blaming("TCRP-3.4c"):
        members = [bench.rooms.stay(bench.rooms.create(password=PASSWORD))]
    room, create = members[0].member.room, Create(fresh(), "alicia", OTHER)
    asked: tuple[tuple[Create | Join, Status], ...] = (
        (Join(room, "bob", PASSWORD), Status.OK),
        (create, Status.OK),
        (Join(room, "zoe", WRONG), Status.WRONG_PASSWORD),
        (Join(room, "charles", PASSWORD), Status.OK),
        (Join(fresh(), "zoe", PASSWORD), Status.ROOM_NOT_FOUND),
        (Create(room, "mallory"), Status.ROOM_EXISTS),
        (Join(room, "dora", PASSWORD), Status.OK),
        (Join(room, "zoe"), Status.WRONG_PASSWORD),
    )
    bench.tcp.make_way(len(asked))
    connections = [bench.tcp.connect() for _ in asked]
    for connection, (want, _) in zip(connections, asked, strict=True):
        connection.send(bench.tcp.request(want))
    tokens: set[bytes] = set()
    for connection, (want, status) in zip(connections, asked, strict=True):
        answer = bench.tcp.ask_on(connection, want, data=b"")
        _must_be(answer, want, status, f"that was sent with {len(asked) - 1} others at once")
        if answer.token is None:
            continue
        if answer.token in tokens:
            raise Mismatch("different tokens for requests sent at once", "the same twice", clause="TCRP-3.8a")
        tokens.add(answer.token)
        if isinstance(want, Join):
            members.append(bench.rooms.stay(bench.rooms.enter(want, answer)))
    _has_its_password(bench, create, "that was sent with others at once")
    _carry_their_names(bench, members, "whose JOIN was sent with others at once")


@clause("TCRP-3.4c")
def test_requests_sent_at_once_are_served(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.4c")


@clause("TCRP-3.4a")
def test_acks_of_requests_sent_at_once_echo_each_its_own(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.4a")


@clause("TCRP-3.4d")
def test_a_create_of_a_room_that_stands_has_status_1_among_others(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.4d")


@clause("TCRP-3.4e")
def test_a_join_of_no_room_has_status_2_among_others(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.4e")


@clause("TCRP-3.8a")
def test_requests_sent_at_once_get_different_tokens(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.8a")


@clause("TCRP-3.10a")
def test_passwords_of_requests_sent_at_once_are_each_its_own(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.10a")


@needs_chat
@clause("TCRP-3.8d")
def test_tokens_of_requests_sent_at_once_stand_each_for_its_user(bench: Bench) -> None:
    judge(bench, many_at_once, "TCRP-3.8d")


@needs_chat
@clause("TCRP-4.5a")
def test_who_joined_at_once_with_others_hears_and_is_heard(bench: Bench) -> None:
    for conversation in (one_within_another, both_in_parts, many_at_once):
        judge(bench, conversation, "TCRP-4.5a")


# what changes while a request is stuck ------------------------------------------------------------


@clause("TCRP-3.4e")
def test_a_join_whose_room_closed_before_it_was_whole_has_status_2(bench: Bench) -> None:
    _needs_frames(bench)
    host = bench.rooms.create()
    part = _begin(bench, Join(host.member.room, "bob"), HEADER_SIZE + len(host.member.room.encode()) + 3)
    bench.udp.leave(host)
    gone = ask_until(bench, Join(host.member.room, "zoe"), lambda answer: answer.says(Status.ROOM_NOT_FOUND))
    if not gone.says(Status.ROOM_NOT_FOUND):
        unsupported("the room did not close: TCRP-5.2c")
    _must_be(_end(bench, part), part.want, Status.ROOM_NOT_FOUND, "whose room closed while it was stuck")


@clause("TCRP-3.9")
def test_a_create_whose_name_was_taken_before_it_was_whole_does_not_succeed(bench: Bench) -> None:
    _needs_frames(bench)
    want = Create(fresh(), "alicia")
    part = _begin(bench, want, HEADER_SIZE + len(want.room.encode()) + 3)
    _must_be(bench.tcp.ask(want._replace(user="mallory")), want, Status.OK, "of a name that another is about to take")
    answer = _end(bench, part)
    if not (answer.says(Status.ROOM_EXISTS) or answer.says(Status.LIMIT_REACHED)):
        expected = "a CREATE whose name was taken while it was stuck to be answered with status 1 or 6"
        raise Mismatch(expected, str(answer), data=answer.data)


@needs_chat
@clause("TCRP-3.8e")
def test_a_token_is_bound_to_its_own_connection_s_address_though_another_came_between(bench: Bench) -> None:
    _needs_frames(bench)
    with bench.apart() as other:
        alice, _, carol = bench.shared.settled()[0]
        part = _begin(bench, Join(alice.member.room, "bob"), HEADER_SIZE, other)
        between = bench.tcp.ask(Join(alice.member.room, "dora"))
        answer = _end(bench, part)
        if answer.token is None or between.token is None:
            unsupported("a JOIN was refused while another was stuck: TCRP-3.4c")
        bob, dora = (
            bench.rooms.enter(part.want, answer, other),
            bench.rooms.enter(Join(alice.member.room, "dora"), between),
        )
        for peer, where in ((bob, other), (dora, bench.context.local_host)):
            try:
                bench.fences.settle(alice, peer)
            except Mismatch as found:
                expected = f"a token to be good at {where}, where its JOIN came from while another came from elsewhere"
                raise Mismatch(expected, found.actual) from None
        thief = bench.rooms.peer(bob.member)
        mark = nonce()
        bench.udp.say(thief, mark)
        bench.fences.fence(alice, carol, after="a datagram from another address than the token's")
        bench.hearing.must_not_hear(alice, mark, f"a message with a token of {other} from elsewhere")
        for peer in (bob, dora):
            bench.udp.leave(peer)


@clause("TCRP-6.1a")
def test_an_early_close_ends_no_request_that_is_not_whole_yet(bench: Bench) -> None:
    _beside_one_that_ends(bench, reset=False)


@clause("TCRP-6.1c")
def test_a_reset_ends_no_request_that_is_not_whole_yet(bench: Bench) -> None:
    _beside_one_that_ends(bench, reset=True)


def _beside_one_that_ends(bench: Bench, *, reset: bool) -> None:
    """Requests that began before and after one that ends early are served when they are whole."""
    _needs_frames(bench)
    before = _begin(bench, Create(fresh(), "alicia"), HEADER_SIZE + 2)
    ending = _begin(bench, Create(fresh(), "alicia"), HEADER_SIZE + 2)
    after = _begin(bench, Create(fresh(), "alicia"), HEADER_SIZE + 2)
    if reset:
        ending.connection.reset()
    bench.tcp.drop(ending.connection)
    bench.waits.pause()
    for part, when in ((before, "before"), (after, "after")):
        answer = _end(bench, part)
        if answer.token is None:
            expected = f"a CREATE that began {when} another that ended early to be served"
            raise Mismatch(expected, str(answer), data=answer.data)
