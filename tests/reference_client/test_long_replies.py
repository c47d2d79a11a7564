"""A reply that is longer than the protocol needs is refused from its header, whatever follows."""

import contextlib
import socket

import pytest

from tcrp import Frame, encode_frame
from tests.reference_client.odd_server import StartOdd, ack, drain
from tests.reference_client.processes import StartClient

HUGE = 2**29


def header(operation: int, state: int, size: int = HUGE) -> bytes:
    """A header without a room name that claims a payload of this size."""
    return bytes([0, operation, state]) + size.to_bytes(29, "big")


ENVELOPE_OK = encode_frame(Frame("", 10, 1, b'{"error_message": null}'))
JOIN, LIST = ["join", "r"], ["list"]


@pytest.mark.parametrize(
    ("dialect", "arguments", "reply", "says"),
    [
        ("tcrp", JOIN, header(2, 1), f"the status has {HUGE} bytes: at most 1 (TCRP-3.4a)"),
        ("tcrp", JOIN, header(2, 1, 256), "the status has 256 bytes: at most 1 (TCRP-3.4a)"),
        ("tcrp", JOIN, ack(0) + header(2, 2), f"the token has {HUGE} bytes: at most 255 (TCRP-3.8c)"),
        ("tcrp", JOIN, ack(0) + header(2, 2, 256), "the token has 256 bytes: at most 255 (TCRP-3.8c)"),
        ("model-answer", JOIN, header(2, 1), f"OperationPayloadSize is {HUGE}: at most 65536 bytes are taken here"),
        ("json-status", JOIN, header(2, 1), f"OperationPayloadSize is {HUGE}: at most 65536 bytes are taken here"),
        ("json-envelope", JOIN, header(10, 1), f"OperationPayloadSize is {HUGE}: at most 131072 bytes are taken here"),
        ("json-envelope", LIST, ENVELOPE_OK + header(10, 2), f"is {HUGE}: at most 4194304 bytes are taken here"),
    ],
)
def test_it_is_one_line(
    odd: StartOdd, client: StartClient, dialect: str, arguments: list[str], reply: bytes, says: str
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(reply)
        drain(connection)  # the payload never follows, so it is not waited for

    status, line = client(odd(serve).endpoint, *arguments, "--dialect", dialect).failure()
    assert status == 6
    assert line.startswith("tcrp-client: the server breaks the protocol: ")
    assert says in line


@pytest.mark.parametrize("first", [ack(0) + header(2, 2), b"", b"{"])
def test_an_endless_reply_is_not_read_to_its_end(odd: StartOdd, client: StartClient, first: bytes) -> None:
    sent = [0]

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(first)
        with contextlib.suppress(OSError):
            while sent[0] < HUGE:
                sent[0] += connection.send(b"x" * 65536)

    status, line = client(odd(serve).endpoint, "join", "r").failure()
    assert status == 6
    assert line.startswith("tcrp-client: ")
    assert sent[0] < HUGE // 8
