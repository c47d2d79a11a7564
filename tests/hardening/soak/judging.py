"""What a soak measured, and what is wrong with it. Nothing here depends on how long anything took."""

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from tests.hardening.soak.chat import ChatFigures
from tests.hardening.soak.churn import ChurnFigures
from tests.hardening.soak.path import Taken

MAX_GROWTH: Final = 4 << 20
"""Bytes by which the server's memory may grow from the second third of a soak to the last one."""
MAX_MORE_FILES: Final = 8
"""Descriptors more in the last third than in the second. Connections are open at any moment, but not more and more."""
MOST_IN_A_ROOM: Final = 3
"""Members of a room that comes and goes."""


class Sample(NamedTuple):
    """The server between two steps: bytes of memory, open descriptors, and whether /healthz said ok."""

    memory: int
    files: int
    healthy: bool


class Left(NamedTuple):
    """What the server still has after everybody has gone: descriptors, rooms, members. `files_before`: descriptors
    before anybody came. `code`: its exit code. `traceback`: whether one is in its log.
    """

    files_before: int
    files: int
    rooms: int
    members: int
    code: int
    traceback: bool


def growth(values: Sequence[int]) -> int:
    """From the median of the second third to that of the last one; 0 if there are fewer than three values.

    The first third is left out: caches fill, and rooms whose members have vanished pile up until the first are idle. A
    median does not see a moment in which a password is hashed, which takes 32 MiB.
    """
    third = len(values) // 3
    return round(median(values[-third:]) - median(values[third : len(values) - third])) if third else 0


def most_rooms(churn: ChurnFigures, taken: Taken) -> int:
    """Rooms that the server may have after everybody has gone: nobody closed them, or the way took who closed them."""
    return churn.left_behind + taken.up


def problems(samples: Sequence[Sample], chat: ChatFigures, churn: ChurnFigures, taken: Taken, left: Left) -> list[str]:
    """What is wrong, a sentence each."""
    return [
        *_of_the_process(samples, left),
        *_of_what_is_left(churn, taken, left),
        *_of_the_chat(chat, taken),
        *_of_the_churn(churn, taken),
    ]


def _of_the_process(samples: Sequence[Sample], left: Left) -> list[str]:
    found = []
    if (more := growth([sample.memory for sample in samples])) > MAX_GROWTH:
        found.append(f"the memory grew by {more / (1 << 20):.1f} MiB")
    if (more := growth([sample.files for sample in samples])) > MAX_MORE_FILES:
        found.append(f"{more} descriptors more were open")
    if left.files > left.files_before:
        found.append(f"{left.files - left.files_before} descriptors stayed open after everybody had gone")
    if ill := sum(not sample.healthy for sample in samples):
        found.append(f"/healthz did not answer {ill} times")
    if left.code != 0:
        found.append(f"the server ended with {left.code}")
    if left.traceback:
        found.append("a traceback is in the log")
    return found


def _of_what_is_left(churn: ChurnFigures, taken: Taken, left: Left) -> list[str]:
    most = most_rooms(churn, taken)
    found = []
    if left.rooms > most:
        found.append(f"{left.rooms} rooms are left, and only {most} were left behind")
    if left.members > most * MOST_IN_A_ROOM:
        found.append(f"{left.members} members are left of {most} rooms")
    return found


def _of_the_chat(chat: ChatFigures, taken: Taken) -> list[str]:
    """A message that nobody heard was lost before the server or, if all buffers were full, after it."""
    found = []
    if chat.unheard > (most := taken.up + taken.down + chat.spare):
        found.append(f"{chat.unheard} messages were heard by nobody, and the way took at most {most}")
    if chat.missing > taken.down:
        found.append(f"{chat.missing} deliveries are missing, and the way took {taken.down}")
    if chat.doubled > taken.doubled:
        found.append(f"{chat.doubled} deliveries came twice, and the way doubled {taken.doubled}")
    if chat.foreign:
        found.append(f"{chat.foreign} deliveries came to a wrong room")
    if chat.closed:
        found.append(f"{chat.closed} members were removed")
    if chat.deaf:
        found.append(f"{chat.deaf} members hear nothing any more")
    return found


def _of_the_churn(churn: ChurnFigures, taken: Taken) -> list[str]:
    found = [f"a visitor: {trouble}" for trouble in churn.troubles]
    if churn.unheard > (most := taken.up + taken.down):
        found.append(f"{churn.unheard} messages of visitors were not heard by all, and the way took at most {most}")
    if churn.doubled > taken.doubled:
        found.append(f"{churn.doubled} deliveries to visitors came twice, and the way doubled {taken.doubled}")
    return found
