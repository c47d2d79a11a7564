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
"""Hex digits of the time, of the member's number and of the message's number."""
NUMBER_BITS = 4 * NUMBER_DIGITS
NUMBER_MASK = (1 << NUMBER_BITS) - 1
TIME_END = MARK_SIZE + TIME_DIGITS
SIZE = TIME_END + WHO_DIGITS + NUMBER_DIGITS
"""Bytes of a message."""

DatagramWriter = Callable[[int, int], bytes]
"""Writes a member's datagram, given the time in nanoseconds and the message's number."""


def new_mark() -> bytes:
    """A mark that no other run has, of MARK_SIZE bytes."""
    return PREFIX + os.urandom(3).hex().encode()


def write_message(mark: bytes, sent: int, who: int, number: int) -> bytes:
    """A message. `sent`: nanoseconds of time.monotonic_ns(); `who`: the member's number in the run."""
    return b"%b%016x%05x%06x" % (mark, sent, who, number)


class MarkedMessage(NamedTuple):
    """A message of a run, read. `sent`, `who` and `number` as in `write_message`."""

    sent: int
    who: int
    number: int


def find_message(data: bytes, mark: bytes) -> MarkedMessage | None:
    """The message in a datagram, wherever it stands in it. None: it holds none of the run with this mark.

    Raises ValueError for a message that was changed. The generator's loop does the same by hand.
    """
    at = data.find(mark)
    if at < 0:
        return None
    sent, rest = int(data[at + MARK_SIZE : at + TIME_END], 16), int(data[at + TIME_END : at + SIZE], 16)
    return MarkedMessage(sent, rest >> NUMBER_BITS, rest & NUMBER_MASK)


def datagram_writer(dialect: Dialect, membership: Membership, mark: bytes, who: int) -> DatagramWriter:
    """The function that writes a member's messages. It fills in a datagram that was written once, where that gives the
    same bytes as writing each datagram anew.
    """

    def written(sent: int, number: int) -> bytes:
        data = dialect.write_up(membership, UpKind.CHAT, write_message(mark, sent, who, number))
        assert data is not None
        return data

    head, found, tail = written(0, 0).partition(write_message(mark, 0, who, 0))
    name = b"%05x" % who

    def filled(sent: int, number: int) -> bytes:
        return b"%b%016x%b%06x%b" % (begin, sent, name, number, tail)

    begin = head + mark
    probes = ((0x0123456789ABCDEF, 0xABCDEF), (1 << 63, NUMBER_MASK))
    if found and all(filled(*probe) == written(*probe) for probe in probes):
        return filled
    return written
