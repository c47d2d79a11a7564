"""What the messages of a run say: a mark of the run, when it was sent, by whom, and which of its messages it is.

All of it is ASCII letters, digits and hyphens of a fixed size, so that every dialect carries it as it stands and the
listener finds it without reading the datagram, which takes some dialects longer than a message may take.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from tcrp import Dialect, Membership, UpKind

PREFIX = b"tcrp-load-"
MARK_SIZE = len(PREFIX) + 6
TIME_DIGITS, WHO_DIGITS, NUMBER_DIGITS = 16, 5, 6
NUMBER_BITS = 4 * NUMBER_DIGITS
NUMBER_MASK = (1 << NUMBER_BITS) - 1
TIME_END = MARK_SIZE + TIME_DIGITS
SIZE = TIME_END + WHO_DIGITS + NUMBER_DIGITS
"""Bytes of a message."""

Writer = Callable[[int, int], bytes]
"""The member's datagram, of the time in nanoseconds and the message's number."""


def new_mark() -> bytes:
    """A mark that no other run has."""
    return PREFIX + os.urandom(3).hex().encode()


def message(mark: bytes, sent: int, who: int, number: int) -> bytes:
    """`sent`: nanoseconds of time.monotonic_ns(); `who`: the member's number in the run."""
    return b"%b%016x%05x%06x" % (mark, sent, who, number)


class Said(NamedTuple):
    """A message, read."""

    sent: int
    who: int
    number: int


def read(data: bytes, mark: bytes) -> Said | None:
    """The message in a datagram, wherever it stands in it; None if it holds none of this run. The generator's loop does
    the same by hand. ValueError for a message that was changed.
    """
    at = data.find(mark)
    if at < 0:
        return None
    sent, rest = int(data[at + MARK_SIZE : at + TIME_END], 16), int(data[at + TIME_END : at + SIZE], 16)
    return Said(sent, rest >> NUMBER_BITS, rest & NUMBER_MASK)


def writer(dialect: Dialect, membership: Membership, mark: bytes, who: int) -> Writer:
    """How the member writes its messages: by filling in a datagram that was written once, where that gives the same
    bytes as writing each.
    """

    def written(sent: int, number: int) -> bytes:
        data = dialect.write_up(membership, UpKind.CHAT, message(mark, sent, who, number))
        assert data is not None
        return data

    head, found, tail = written(0, 0).partition(message(mark, 0, who, 0))
    name = b"%05x" % who

    def filled(sent: int, number: int) -> bytes:
        return b"%b%016x%b%06x%b" % (begin, sent, name, number, tail)

    begin = head + mark
    probes = ((0x0123456789ABCDEF, 0xABCDEF), (1 << 63, NUMBER_MASK))
    if found and all(filled(*probe) == written(*probe) for probe in probes):
        return filled
    return written
