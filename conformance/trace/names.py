"""Room names and nonces that stand nowhere else: made of the run's marker and a number, so that they can be made again.

One counter a process; a replay sets it to where it stood, and then the same conversation has the same bytes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

MARKER_BYTES = 3
NONCE_SIZE = 12
"""Bytes of a nonce: marker and number in hex."""
NUMBER_SIZE = 6
MARKER_SIZE = NONCE_SIZE - NUMBER_SIZE
"""The marker begins each nonce and stands in each room name."""


class NameState(NamedTuple):
    """Where the names stand. `shared`: where they stood when the shared rooms were made, or -1."""

    marker: str
    number: int
    shared: int = -1


class Names:
    """The marker and the counter."""

    def __init__(self) -> None:
        self.marker = ""
        self.number = 0
        self.shared = -1
        self.longest: int | None = None
        """Bytes of a room name, where the dialect has little room for it."""
        self._again = False
        self.renew()

    def renew(self) -> None:
        """Names that no run has used, of the same size as before: somebody else's rooms are never met."""
        self.marker = os.urandom(MARKER_BYTES).hex()
        self.number = 0
        self.shared = -1
        self._again = False

    def state(self) -> NameState:
        return NameState(self.marker, self.number, self.shared)

    def set(self, state: NameState) -> None:
        """Make the names again that were made from there."""
        self.marker, self.number, self.shared = state
        self._again = self.shared >= 0

    @contextmanager
    def for_shared_rooms(self) -> Iterator[None]:
        """The names of the shared rooms: new ones, or after `set` those that they had then."""
        outer = self.number
        if self._again:
            self.number, self._again = self.shared, False
        else:
            self.shared = outer
        yield
        self.number = max(outer, self.number)

    def next(self) -> int:
        self.number += 1
        return self.number


names = Names()


def fresh(prefix: str = "room") -> str:
    """A room name that no run has used: rooms of other runs and of other people are never met."""
    name = f"{prefix}-{names.marker}-{names.next()}"
    return name if names.longest is None else name[-names.longest :]


def nonce() -> bytes:
    """Bytes that stand in no other message, to tell one message from every other."""
    return f"{names.marker}{names.next():06x}".encode()


def another(mark: bytes, number: int) -> bytes:
    """The nonce for its `number`th repetition. It draws no number: how often something was repeated is the machine's
    affair, and what is drawn later must be the same in a replay.
    """
    return mark[:-NUMBER_SIZE] + f"{min(number, 15):x}".encode() + mark[1 - NUMBER_SIZE :]


def no_matter() -> bytes:
    """What is said only to be heard of: the nonce that is never drawn."""
    return f"{names.marker}{0:06x}".encode()
