"""What is asked for: rooms, members, rate and length; which process of the generator has which rooms; and whether this
machine can do it.
"""

import math
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from conformance.outcome.verdicts import CommandError
from tcrp import Dialect

ROOMS, MEMBERS, RATE, SECONDS = 500, 10, 2.0, 10.0
"""The usual load, which the course asks for: 10,000 messages and 90,000 deliveries a second."""
MAX_MEMBERS, MAX_MESSAGES = 1_000_000, 1 << 24
"""Upper bounds of all members and of the messages of one, for which the numbers in a message have room."""
MOST_FLAGS = 1 << 29
"""Upper bound of the bytes for taking down who has heard what."""
SPARE_FILES = 100
"""Open files of a process beside its members' sockets."""
MOST_POINTS = 120
"""About how many points the timeline may have."""
LEAST_POINT_SECONDS = 0.1
SEND_COST, HEAR_COST = 12e-6, 5e-6
"""Seconds of a core for sending and hearing one datagram, roughly, to choose the number of processes."""
FULL_CORE = 0.4
"""The share of a core that a process is given to do."""


@dataclass(frozen=True)
class Plan:
    """One run. `members`: of each room; `rate`: messages a second of each member; `seconds`: of sending; `echo`: the
    sender of a message hears it too.
    """

    rooms: int = ROOMS
    members: int = MEMBERS
    rate: float = RATE
    seconds: float = SECONDS
    echo: bool = False

    def at(self, rate: float, seconds: float) -> "Plan":
        """The plan with the same members, at another rate and for another time."""
        return replace(self, rate=rate, seconds=seconds)

    @property
    def all_members(self) -> int:
        """The members of all rooms."""
        return self.rooms * self.members

    @property
    def listeners(self) -> int:
        """How many members hear a message."""
        return self.members if self.echo else self.members - 1

    @property
    def messages(self) -> int:
        """Messages of each member, at least 1."""
        return max(1, round(self.rate * self.seconds))

    @property
    def interval(self) -> float:
        """Seconds between two messages of a member."""
        return 1 / self.rate

    @property
    def length(self) -> float:
        """Seconds from the first message to where the next one would be due after the last."""
        return self.messages * self.interval

    @property
    def point_seconds(self) -> float:
        """Seconds of one point of the timeline."""
        return max(LEAST_POINT_SECONDS, self.length / MOST_POINTS)

    @property
    def points(self) -> int:
        """Points of the timeline, at least 1."""
        return math.ceil(self.length / self.point_seconds - 1e-9) or 1

    @property
    def total_rate(self) -> float:
        """Messages a second of all members."""
        return self.all_members * self.rate

    @property
    def delivery_rate(self) -> float:
        """Deliveries a second of all messages."""
        return self.total_rate * self.listeners

    def phase(self, room: int, place: int) -> float:
        """Seconds from the beginning to this member's first message. The members of a room do not speak at once."""
        return (place * self.rooms + room) / self.all_members * self.interval

    def check(self) -> None:
        """Raise CommandError for more members, messages or deliveries than can be taken down."""
        if self.all_members > MAX_MEMBERS:
            raise CommandError(f"{self.all_members:,} members: at most {MAX_MEMBERS:,}; lower --rooms or --members")
        if self.messages > MAX_MESSAGES:
            raise CommandError(f"{self.messages:,} messages of each member: at most {MAX_MESSAGES:,}; lower --seconds")
        if (flags := self.all_members * self.members * self.messages) > MOST_FLAGS:
            raise CommandError(
                f"{flags:,} deliveries to take down: at most {MOST_FLAGS:,}; lower --seconds or --members"
            )


class RoomShare(NamedTuple):
    """The rooms of one process: the numbers from `first` to before `end`."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


def processes_needed(plan: Plan, *, search: bool, cores: int | None = None) -> int:
    """How many processes the generator needs. `search`: the rate will rise; `cores`: of this machine."""
    cores = cores or len(os.sched_getaffinity(0))
    if search:
        return min(cores, plan.rooms)
    work = plan.total_rate * SEND_COST + plan.delivery_rate * HEAR_COST
    return max(1, min(cores, plan.rooms, math.ceil(work / FULL_CORE)))


def share_rooms(rooms: int, count: int) -> Iterator[RoomShare]:
    """Spread the rooms evenly over at most `count` processes. No process is without a room."""
    for number in range(count := min(count, rooms)):
        yield RoomShare(rooms * number // count, rooms * (number + 1) // count)


def allow_open_files(plan: Plan, count: int) -> None:
    """Raise this process's limit of open files as far as one of `count` processes needs it. Its children inherit it.

    Raises CommandError where the system does not grant so many.
    """
    wanted = math.ceil(plan.rooms / count) * plan.members + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard) and wanted > hard:
        raise CommandError(
            f"{plan.all_members:,} members in {count} process{'es' * (count != 1)} need {wanted:,} open files each, "
            f"and the limit is {hard:,} (ulimit -Hn): raise it, or lower --rooms or --members"
            + (", or raise --processes" if plan.rooms > count else "")
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def rooms_in(dialect: Dialect, rooms: int | None) -> int:
    """How many rooms to make: as many as are asked for, or the usual number; one where the dialect has no rooms.

    Raises CommandError if more are asked for there.
    """
    if dialect.can.rooms:
        return ROOMS if rooms is None else rooms
    if rooms not in (None, 1):
        raise CommandError(f"--rooms {rooms}: dialect {dialect.name} has one room; give --rooms 1 and --members N")
    return 1
