"""Values to try a dialect with, in memory."""

from collections.abc import Callable

from tcrp import MAX_PAYLOAD_SIZE, Address, LocalProtocolError, Membership
from tcrp.conversation import Limits

HERE: Address = ("127.0.0.1", 50000)
LIMITS = Limits(payload=MAX_PAYLOAD_SIZE)
TOKEN = b"0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"
MEMBER = Membership("r", "alicia", TOKEN, False)
MAX_DATAGRAM = 65507
"""Bytes of the longest UDP datagram."""


def longest(write: Callable[[int], bytes | None]) -> int:
    """The greatest size that can be written."""
    least, most = 0, MAX_DATAGRAM
    while least < most:
        size = (least + most + 1) // 2
        try:
            fits = write(size) is not None
        except LocalProtocolError:
            fits = False
        least, most = (size, most) if fits else (least, size - 1)
    return least
