"""What is asked for: rooms, members, rate and length, who of the generator's processes has which rooms, and whether
this machine can do it.
"""

import math
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from conformance.verdicts import CommandError
from tcrp import Dialect

ROOMS, MEMBERS, RATE, SECONDS = 500, 10, 2.0, 10.0
"""What the course asks for: 10,000 packets a second, 90,000 deliveries."""
MAX_MEMBERS, MAX_MESSAGES = 1_000_000, 1 << 24
"""In all, and of one member: what the figures in a message have room for."""
MOST_FLAGS = 1 << 29
"""Bytes for taking down who has heard what."""
SPARE_FILES = 100
"""Open files of a process beside its members' sockets."""
BUCKETS, LEAST_BUCKET = 120, 0.1
"""Of the chart: how many at most, about, and seconds of one at the least."""
SEND_COST, HEAR_COST = 12e-6, 5e-6
"""Seconds of a core for one datagram, roughly: only for how many processes there shall be."""
FULL_CORE = 0.4


@dataclass(frozen=True)
class Plan:
    """One run. `rate`: messages a second of each member; `echo`: each is heard by its sender too."""

    rooms: int = ROOMS
    members: int = MEMBERS
    rate: float = RATE
    seconds: float = SECONDS
    echo: bool = False

    def at(self, rate: float, seconds: float) -> "Plan":
        """The same members at another rate."""
        return replace(self, rate=rate, seconds=seconds)

    @property
    def everybody(self) -> int:
        return self.rooms * self.members

    @property
    def listeners(self) -> int:
        """How many hear a message."""
        return self.members if self.echo else self.members - 1

    @property
    def messages(self) -> int:
        """Of each member."""
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
    def bucket(self) -> float:
        """Seconds of one point of the chart."""
        return max(LEAST_BUCKET, self.length / BUCKETS)

    @property
    def buckets(self) -> int:
        return math.ceil(self.length / self.bucket - 1e-9) or 1

    @property
    def total_rate(self) -> float:
        """Messages a second, of all."""
        return self.everybody * self.rate

    @property
    def delivery_rate(self) -> float:
        return self.total_rate * self.listeners

    def phase(self, room: int, place: int) -> float:
        """Seconds from the beginning to this member's first message: those of a room do not speak at once."""
        return (place * self.rooms + room) / self.everybody * self.interval

    def check(self) -> None:
        """Raise CommandError for what cannot be taken down."""
        if self.everybody > MAX_MEMBERS:
            raise CommandError(f"{self.everybody:,} members: at most {MAX_MEMBERS:,}; lower --rooms or --members")
        if self.messages > MAX_MESSAGES:
            raise CommandError(f"{self.messages:,} messages of each member: at most {MAX_MESSAGES:,}; lower --seconds")
        if (flags := self.everybody * self.members * self.messages) > MOST_FLAGS:
            raise CommandError(
                f"{flags:,} deliveries to take down: at most {MOST_FLAGS:,}; lower --seconds or --members"
            )


class Share(NamedTuple):
    """The rooms of one process, `first` up to but without `end`."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


def processes(plan: Plan, *, search: bool, cores: int | None = None) -> int:
    """How many processes the generator needs. A search goes beyond the rate it begins with."""
    cores = cores or len(os.sched_getaffinity(0))
    if search:
        return min(cores, plan.rooms)
    work = plan.total_rate * SEND_COST + plan.delivery_rate * HEAR_COST
    return max(1, min(cores, plan.rooms, math.ceil(work / FULL_CORE)))


def shares(rooms: int, count: int) -> Iterator[Share]:
    """The rooms as evenly spread as whole rooms can be. No process is without one."""
    for number in range(count := min(count, rooms)):
        yield Share(rooms * number // count, rooms * (number + 1) // count)


def allow_files(plan: Plan, count: int) -> None:
    """Raise this process's limit of open files, which its children inherit, as far as one of `count` needs it.

    Raises CommandError where the system does not grant so many.
    """
    wanted = math.ceil(plan.rooms / count) * plan.members + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY not in (soft, hard) and wanted > hard:
        raise CommandError(
            f"{plan.everybody:,} members in {count} process{'es' * (count != 1)} need {wanted:,} open files each, and "
            f"the limit is {hard:,} (ulimit -Hn): raise it, or lower --rooms or --members"
            + (", or raise --processes" if plan.rooms > count else "")
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def dialect_rooms(dialect: Dialect, rooms: int | None) -> int:
    """The rooms to be made; a dialect without rooms has one."""
    if dialect.can.rooms:
        return ROOMS if rooms is None else rooms
    if rooms not in (None, 1):
        raise CommandError(f"--rooms {rooms}: dialect {dialect.name} has one room; give --rooms 1 and --members N")
    return 1
