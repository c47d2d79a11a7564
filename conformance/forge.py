"""Requests that no codec would write, for dialects whose requests are frames: bytes are put together by hand."""

import json
from typing import Any

from tcrp import Header, Operation, State, encode_header

CREATE = int(Operation.CREATE)
JOIN = int(Operation.JOIN)


def frame(
    room: bytes, payload: bytes, *, operation: int = CREATE, state: int = int(State.REQUEST),
    room_size: int | None = None, payload_size: int | None = None,
) -> bytes:  # fmt: skip
    """A frame that may lie about its sizes."""
    header = Header(
        len(room) if room_size is None else room_size,
        operation,
        state,
        len(payload) if payload_size is None else payload_size,
    )
    return encode_header(header) + room + payload


def payload(**fields: Any) -> bytes:
    """A JSON payload as the canonical dialect has it."""
    return json.dumps(fields, ensure_ascii=False).encode()


def padded(size: int, user: str = "alicia") -> bytes:
    """A well-formed JSON payload of exactly `size` bytes."""
    bare = payload(username=user)
    return bare[:-1] + b" " * (size - len(bare)) + bare[-1:]
