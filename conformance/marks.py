"""How a test says what it judges and what it needs."""

import pytest

from conformance.bench import Bench
from conformance.findings import Check, Mismatch
from conformance.peers import Answer
from tcrp import HEADER_SIZE, Create, Status, Want, decode_header

clause = pytest.mark.clause
needs_chat = pytest.mark.needs("chat")
hostile = pytest.mark.hostile
"""It sends what may hurt: afterwards a well-formed CREATE must still be served."""
late = pytest.mark.late
"""To be run after everything else: it leaves something behind."""
last = pytest.mark.late(2)
"""To be run at the very end: it stops the server."""


def must_be_served(answer: Answer, what: str, data: bytes | None = None) -> None:
    """Status 0 and a token."""
    if answer.token is None:
        raise Mismatch(
            f"{what} to be answered with status 0 and a token", str(answer), data=data or answer.data,
            check=Check("answer", answer.who, statuses=(0,), token=True),
        )  # fmt: skip


def must_be_refused(
    bench: Bench, want: Want, data: bytes, what: str, statuses: tuple[Status, ...] = (Status.MALFORMED,)
) -> Answer:
    """A malformed request: one of these statuses or a plain close, and never a token (TCRP-3.7)."""
    answer = bench.ask(want, data=data, may_be_limited=Status.LIMIT_REACHED in statuses)
    if not is_refusal(answer, *statuses):
        wanted = " or ".join(f"{int(status)} ({status.name})" for status in statuses)
        raise Mismatch(
            f"{what} to be answered with status {wanted} or a plain close", str(answer), data=data,
            check=Check("answer", answer.who, statuses=tuple(map(int, statuses)), close=True),
        )  # fmt: skip
    return answer


def is_refusal(answer: Answer, *statuses: Status) -> bool:
    """One of these statuses, whatever operation and room name come with it, or a plain close; and no token."""
    status = answer.status if answer.status is not None else _bare_status(answer.data)
    return answer.token is None and (status in statuses or (answer.closed and not answer.data))


def _bare_status(data: bytes) -> int | None:
    """The status in an ACK whose room name no codec would take: it is not judged in a refusal."""
    if len(data) <= HEADER_SIZE:
        return None
    header = decode_header(data[:HEADER_SIZE])
    payload = data[HEADER_SIZE + header.room_size :][: header.payload_size]
    return payload[0] if header.payload_size == len(payload) == 1 else None


def must_have_status(answer: Answer, status: Status, what: str, data: bytes | None = None) -> None:
    """Exactly this status, and no token unless it is 0."""
    if answer.status != status or (status is not Status.OK and answer.token is not None):
        raise Mismatch(
            f"{what} to be answered with status {int(status)} ({status.name})", str(answer), data=data or answer.data,
            check=Check("answer", answer.who, statuses=(int(status),), token=status is Status.OK),
        )  # fmt: skip


def create_of(room: bytes) -> Create:
    """The want by whose conversation the reply to a forged CREATE of this room is read."""
    return Create(room.decode(errors="replace")[:60] or "r", "alicia")
