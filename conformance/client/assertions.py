"""What an answer must be, in the terms of the dialect under test. A Mismatch where it is not."""

import contextlib
from collections.abc import Iterator

from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.outcome.findings import Check, Mismatch
from tcrp import HEADER_SIZE, Create, Status, Want, decode_header

TAKEN, NOT_TAKEN = "this dialect takes what the clause is about", "this dialect has no such request"
ANY_NAME = "in this dialect several rooms may have one name"


def must_be_served(bench: Bench, answer: Answer, what: str, data: bytes | None = None) -> None:
    """Status 0 and a token."""
    if answer.taken is False:
        bench.record.waive(NOT_TAKEN)
        return
    bench.record.judge()
    if answer.token is None:
        raise Mismatch(
            f"{what} to be answered with status 0 and a token", str(answer), data=data or answer.data,
            check=Check("answer", answer.who, statuses=(0,), token=True),
        )  # fmt: skip


def takes(bench: Bench, payload: bytes | None) -> bool:
    """Whether this dialect takes a CREATE with this payload, so that the same with one thing wrong tells something.

    If not, that is taken down. None: the dialect's own payload.
    """
    taken = bench.traits.replies.takes(bench.tcp.frame(b"r", payload))
    if not taken:
        bench.record.waive(NOT_TAKEN)
    return taken


def must_be_refused(
    bench: Bench, want: Want, data: bytes, what: str, statuses: tuple[Status, ...] = (Status.MALFORMED,)
) -> Answer:
    """A malformed request: one of these statuses or a plain close, and never a token (TCRP-3.7)."""
    answer = bench.tcp.ask(want, data=data, may_be_limited=Status.LIMIT_REACHED in statuses)
    if answer.taken:
        bench.record.waive(TAKEN)
        return answer
    bench.record.judge()
    if (why := answer.unlearnt(Status.MALFORMED)) is not None and answer.says(Status.MALFORMED):
        bench.record.rest_on_unlearnt(why)
        return answer
    closed = (
        bench.traits.replies.acknowledges_first and answer.says(Status.OK) and answer.token is None and answer.closed
    )
    if not closed and not is_refusal(answer, *statuses):
        wanted = " or ".join(f"{int(status)} ({status.name})" for status in statuses)
        raise Mismatch(
            f"{what} to be answered with status {wanted} or a plain close", str(answer), data=data,
            check=Check("answer", answer.who, statuses=tuple(map(int, statuses)), close=True),
        )  # fmt: skip
    return answer


def is_refusal(answer: Answer, *statuses: Status) -> bool:
    """One of these statuses, whatever operation and room name come with it, or a plain close; and no token."""
    status = answer.status if answer.status is not None else _bare_status(answer.data)
    said = status in statuses or any(answer.says(one) for one in statuses)
    said = said or (Status.MALFORMED in statuses and status in answer.malformed())
    return answer.token is None and (said or (answer.closed and not answer.data))


def _bare_status(data: bytes) -> int | None:
    """The status in an ACK whose room name no codec would take: it is not judged in a refusal."""
    if len(data) <= HEADER_SIZE:
        return None
    header = decode_header(data[:HEADER_SIZE])
    payload = data[HEADER_SIZE + header.room_size :][: header.payload_size]
    return payload[0] if header.payload_size == len(payload) == 1 else None


def must_have_status(bench: Bench, answer: Answer, status: Status, what: str, data: bytes | None = None) -> None:
    """Exactly this status, and no token unless it is 0."""
    if answer.taken is False and status is not Status.MALFORMED:
        bench.record.waive(NOT_TAKEN)
        return
    if status is Status.ROOM_EXISTS and not bench.traits.by_name:
        bench.record.waive(ANY_NAME)
        return
    bench.record.judge()
    if (why := answer.unlearnt(status)) is not None and answer.says(status):
        bench.record.rest_on_unlearnt(why)
    if not answer.says(status):
        wanted = answer.means(status).status
        raise Mismatch(
            f"{what} to be answered with {in_words(answer, status)}", str(answer), data=data or answer.data,
            check=Check("answer", answer.who, statuses=() if wanted is None else (wanted,), token=status is Status.OK,
                        close=wanted is None),
        )  # fmt: skip


def in_words(answer: Answer, status: Status) -> str:
    """What the status is called, and what stands for it where the dialect has something else."""
    wanted = answer.means(status).status
    if wanted == status:
        return f"status {int(status)} ({status.name})"
    return f"{status.name}, in this dialect {'a close' if wanted is None else f'status {wanted}'}"


def create_of(room: bytes) -> Create:
    """The want by whose conversation the reply to a forged CREATE of this room is read."""
    return Create(room.decode(errors="replace")[:60] or "r", "alicia")


@contextlib.contextmanager
def blaming(clause_id: str) -> Iterator[None]:
    """Whatever is found meanwhile, and names no clause, breaks this one."""
    try:
        yield
    except Mismatch as found:
        found.clause = found.clause or clause_id
        raise
