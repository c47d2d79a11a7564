"""Steps that tests of several modules take."""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

from conformance.client.assertions import create_of, must_be_refused, must_be_served
from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.trace.names import another, fresh, names, nonce
from tcrp import HEADER_SIZE, Create, Frame, FrameReader, Join, RemoteProtocolError, Status, Want

OVERHEAD = 2
"""The two sizes at the beginning of a client's datagram."""
FOREIGN_TOKEN = b"0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"
"""A token that nobody has."""


class Exchange(NamedTuple):
    """One request, the status that answers it, and the answer, read until the server closed."""

    want: Create | Join
    status: Status
    answer: Answer

    def __str__(self) -> str:
        return f"{type(self.want).__name__.upper()} of {self.want.room!r} (status {int(self.status)})"


def exchanges(bench: Bench) -> list[Exchange]:
    """A room with a password from before it stands until it is joined: held once, judged by many tests."""
    return bench.once(_exchanged)


def _exchanged(bench: Bench) -> list[Exchange]:
    room = fresh() + ("-MiXed" if names.longest is None else "")
    held: list[Exchange] = []
    asked: tuple[tuple[Create | Join, Status], ...] = (
        (Join(room, "bob", bench.rooms.secret), Status.ROOM_NOT_FOUND),
        (Create(room, "alicia", bench.rooms.secret), Status.OK),
        (Create(room, "alicia", bench.rooms.secret), Status.ROOM_EXISTS),
        (Join(room, "bob", "Wrong-12"), Status.WRONG_PASSWORD),
        (Join(room, "bob", bench.rooms.secret), Status.OK),
    )
    for want, status in asked:
        if status is Status.WRONG_PASSWORD and not bench.dialect.can.passwords:
            continue
        if status is Status.ROOM_EXISTS and not bench.traits.by_name:
            continue
        invited = bench.tcp.invited(want)
        assert isinstance(invited, Create | Join)
        due = bench.traits.replies.answer(invited, status).closed
        # if one was due and did not come, that is known, and need not be waited for again
        known = any(one.answer.means(one.status).closed and not one.answer.closed for one in held)
        held.append(Exchange(invited, status, bench.tcp.ask(invited, to_the_end=due and not known)))
    return held


def frames_of(data: bytes) -> tuple[list[Frame], int]:
    """The whole frames at the beginning of a reply, and how many bytes follow the last."""
    reader, frames, used = FrameReader(), list[Frame](), 0
    reader.feed(data)
    try:
        while (frame := reader.next_frame()) is not None:
            frames.append(frame)
            used += HEADER_SIZE + len(frame.room.encode()) + len(frame.payload)
    except RemoteProtocolError:
        pass
    return frames, len(data) - used


def ask_until(bench: Bench, want: Want, done: Callable[[Answer], bool]) -> Answer:
    """Ask again, for as long as one waits for an answer, until it is what it must become. Returns the last answer."""
    deadline = time.monotonic() + bench.waits.answer
    pause = 0.02
    while not done(answer := bench.tcp.ask(want)) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, 0.25)
    return answer


def create_with(bench: Bench, payload: bytes, what: str, room: str | None = None, *, bare: bool = False) -> str:
    """A CREATE with this payload must be served. Returns the room's name."""
    room = room or fresh()
    data = bench.tcp.frame(room.encode(), payload, bare=bare)
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia"), data=data), f"a CREATE with {what}", data)
    return room


def refuse_create(bench: Bench, payload: bytes, what: str, statuses: tuple[Status, ...] = (Status.MALFORMED,)) -> None:
    room = fresh().encode()
    must_be_refused(bench, create_of(room), bench.tcp.frame(room, payload), f"a CREATE with {what}", statuses)


def refuse_join(
    bench: Bench, payload: bytes | None, what: str, others: tuple[Status, ...] = (), *, state: int | None = None
) -> None:
    """A JOIN of a room that stands must be refused. `payload`: None is the dialect's own. `state`: None is the usual
    one. `others`: statuses beside MALFORMED that apply too.
    """
    room = bench.rooms.standing()
    data = bench.tcp.frame(room.encode(), payload, user="bob", join=True, state=state)
    must_be_refused(bench, Join(room, "bob"), data, f"a JOIN with {what}", (Status.MALFORMED, *others))


def must_be_wrong(bench: Bench, want: Want) -> None:
    """A JOIN with a wrong password; where it is served, nothing of what it leaves behind can be judged."""
    if bench.tcp.ask(want).token is not None:
        unsupported(f"{want} is served, which is a finding of another clause")


def arrive(bench: Bench, alice: Peer, bob: Peer, how: str, message: bytes | None = None) -> None:
    """Send from the new port until alice's words come there; UDP has no order, so once may be too early."""
    word, mark = nonce(), nonce()
    if not bench.traits.chat_moves:
        bench.udp.register(alice)
    for number in range(max(5, bench.context.path.rounds)):
        if how == "empty":
            bench.udp.register(bob)
        else:
            bench.udp.say(bob, message or another(word, number))
        probe = another(mark, number)
        bench.udp.say(alice, probe)
        if bench.hearing.hear(bob, probe, bench.waits.answer / 5):
            return
    raise Mismatch(
        f"bob to receive messages at his new port after {'an empty' if how == 'empty' else 'a'} message from there",
        f"nothing came within {bench.waits.answer:.1f} s",
    )


def seconds_to_answer(answer: Answer) -> float:
    """Seconds until the first bytes came, or else until the end."""
    return answer.seconds if answer.acked is None else answer.acked


def held(conversation: Callable[[Bench], None]) -> Callable[[Bench], Mismatch | None]:
    """A conversation that tests of several clauses judge: what it finds first names its clause."""

    @functools.wraps(conversation)
    def found(bench: Bench) -> Mismatch | None:
        try:
            conversation(bench)
        except Mismatch as mismatch:
            return mismatch
        return None

    return found


def judge(bench: Bench, conversation: Callable[[Bench], Mismatch | None], clause_id: str) -> None:
    """Mismatch if the conversation, held at the first need, breaks this clause. The break of another ends it early."""
    found = bench.once(conversation)
    if found is None:
        return
    if found.clause == clause_id:
        raise found
    unsupported(f"the conversation ended before: {found.clause} is broken ({found})")


def only_without_chat(bench: Bench) -> None:
    """Where chat was learnt, other tests judge the clause."""
    if bench.traits.knowledge.why_no_chat is None:
        unsupported("chat was learnt, and other tests judge this")


def packet(room: str, token: bytes, message: bytes) -> bytes:
    """A client's datagram as TCRP/1 has it."""
    name = room.encode()
    return bytes([len(name), len(token)]) + name + token + message
