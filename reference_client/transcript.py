"""What was shown in the full screen, to be wrapped again at another width and shown again after joining again."""

from enum import Enum, auto
from typing import Final, NamedTuple

MAX_ENTRIES: Final = 5_000
"""Entries that are kept."""
DROPPED_AT_ONCE: Final = 500
"""The oldest entries that make room when there are more."""


class Kind(Enum):
    """Who says it."""

    CHAT = auto()  # another member
    OWN = auto()  # the user
    NOTICE = auto()  # the server, about the room
    ERROR = auto()  # the client, about what the user wanted


class Entry(NamedTuple):
    """One line of chat or one notice, with nothing that is unsafe to show.

    `name`: how many characters at its beginning are the name of who speaks.
    """

    kind: Kind
    text: str
    name: int = 0


class Transcript(list[Entry]):
    """Entries, the oldest first."""

    def add(self, entry: Entry) -> int:
        """Add an entry, and return how many of the oldest were dropped for it."""
        self.append(entry)
        if len(self) <= MAX_ENTRIES:
            return 0
        del self[:DROPPED_AT_ONCE]
        return DROPPED_AT_ONCE
