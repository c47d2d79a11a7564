"""Steps that tests of several modules take."""

import time
from collections.abc import Callable
from typing import NamedTuple

from conformance.client.assertions import must_be_refused
from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.trace.names import another, fresh, names, nonce
from tcrp import HEADER_SIZE, Create, Frame, FrameReader, Join, RemoteProtocolError, Status, Want

OVERHEAD = 2
"""The two sizes at the beginning of a client's datagram."""


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


def refuse_join(bench: Bench, payload: bytes, what: str, others: tuple[Status, ...] = (), *, state: int = 0) -> None:
    """A JOIN of a room that stands must be refused. `others`: statuses beside MALFORMED that apply too."""
    room = bench.rooms.standing()
    data = bench.tcp.frame(room.encode(), payload, join=True, state=state)
    must_be_refused(bench, Join(room, "bob"), data, f"a JOIN with {what}", (Status.MALFORMED, *others))


def arrive(bench: Bench, alice: Peer, bob: Peer, how: str, message: bytes | None = None) -> None:
    """Send from the new port until alice's words come there; UDP has no order, so once may be too early."""
    word, mark = nonce(), nonce()
    if not bench.traits.chat_moves:
        bench.udp.register(alice)
    for number in range(5):
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
        f"nothing in {bench.waits.answer:.1f} s",
    )


def seconds_to_answer(answer: Answer) -> float:
    """Seconds until the first bytes came, or else until the end."""
    return answer.seconds if answer.acked is None else answer.acked
