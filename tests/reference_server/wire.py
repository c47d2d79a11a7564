"""The canonical dialect's bytes, made and taken apart by hand."""

import socket

CREATE, JOIN = 1, 2
ACK, COMPLETE = 1, 2


def request(
    operation: int, room: str | bytes, payload: str | bytes, *, state: int = 0, size: int | None = None
) -> bytes:
    """A frame. `size`: what its header says of the payload, if not the truth."""
    room = room if isinstance(room, bytes) else room.encode()
    payload = payload if isinstance(payload, bytes) else payload.encode()
    size = len(payload) if size is None else size
    return bytes([len(room), operation, state]) + size.to_bytes(29, "big") + room + payload


def refusal(operation: int, room: str, status: int) -> bytes:
    """The ACK with this status."""
    return request(operation, room, bytes([status]), state=ACK)


def token(data: bytes, operation: int, room: str) -> bytes:
    """The token of an answer, every byte of which is checked: ACK with status 0, then COMPLETE."""
    ack = refusal(operation, room, 0)
    assert data[: len(ack)] == ack, data
    complete = data[len(ack) :]
    found = complete[32 + len(room.encode()) :]
    assert found, data
    assert complete == request(operation, room, found, state=COMPLETE), data
    return found


def packet(room: str, token: bytes, message: bytes = b"") -> bytes:
    """A datagram of a client."""
    return bytes([len(room.encode()), len(token)]) + room.encode() + token + message


def everything(sock: socket.socket) -> bytes:
    """Every byte that comes until the peer closes."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)
