"""What was measured: counts, and latencies in a histogram whose steps are 3 % wide, summed up over processes."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

STEPS = 32
"""Of an octave."""
SIZE = (48 - 5) * STEPS + STEPS
"""Latencies of up to 2^48 ns, three days."""

Counts = Counter[int]
"""How many latencies fell into which step."""


def step_of(ns: int) -> int:
    """The step of a latency of 0 to 2^48 - 1 nanoseconds. The generator's loop does the same by hand."""
    bits = ns.bit_length()
    return ns if bits < 7 else (bits - 6) * STEPS + (ns >> (bits - 6))


def middle_of(step: int) -> float:
    """Nanoseconds, of the middle of a step."""
    if step < 2 * STEPS:
        return float(step)
    shift, base = step // STEPS - 1, step % STEPS + STEPS
    return (base + 0.5) * (1 << shift)


def counts_of(steps: list[int]) -> Counts:
    """What a list of counts by step holds."""
    return Counter({step: count for step, count in enumerate(steps) if count})


def percentile(counts: Counts, share: float) -> float | None:
    """Nanoseconds that this share of the latencies, 0 to 1, do not exceed; None if there are none."""
    if not (total := counts.total()):
        return None
    wanted = max(1, math.ceil(share * total - 1e-9))
    for step in sorted(counts):
        wanted -= counts[step]
        if wanted <= 0:
            return middle_of(step)
    raise AssertionError("the share is above 1")


@dataclass
class Latencies:
    """Many latencies. `most`: nanoseconds, the longest of them, exactly."""

    counts: Counts = field(default_factory=Counter)
    most: int = 0

    def add(self, other: "Latencies") -> None:
        self.counts.update(other.counts)
        self.most = max(self.most, other.most)

    def ms(self, share: float) -> float | None:
        """A percentile in milliseconds."""
        found = percentile(self.counts, share)
        return None if found is None else min(found, self.most) / 1e6

    def summary(self) -> dict[str, float | None]:
        """p50, p90, p99 and max in milliseconds, None where nothing was measured."""
        most = self.most / 1e6 if self.counts else None
        found = {"p50": self.ms(0.5), "p90": self.ms(0.9), "p99": self.ms(0.99), "max": most}
        return {name: None if value is None else round(value, 3) for name, value in found.items()}


@dataclass
class Moment:
    """One point of the chart: of the messages that were sent in it."""

    sent: int = 0
    expected: int = 0
    delivered: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def lost(self) -> int:
        return self.expected - self.delivered

    def add(self, other: "Moment") -> None:
        self.sent += other.sent
        self.expected += other.expected
        self.delivered += other.delivered
        self.latencies.add(other.latencies)


@dataclass
class Figures:
    """What one process measured, or all of them.

    `expected`: deliveries of the messages that were sent. `foreign`: heard by somebody who should not; `garbled`: of
    this run and unreadable. `notices`: members that the server says are members no longer. `refused`: sends or
    receives that failed because nothing listens there. `overrun`: datagrams that the system dropped at our sockets, for
    we did not read them in time. `late`: how much later than planned a message was sent; `own`: latencies of datagrams
    from the generator to itself. `shares`: of a core, by process. `first`, `last_sent` and
    `last_heard`: nanoseconds of time.monotonic_ns().
    """

    sent: int = 0
    expected: int = 0
    delivered: int = 0
    duplicated: int = 0
    foreign: int = 0
    garbled: int = 0
    notices: int = 0
    refused: int = 0
    overrun: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    late: Latencies = field(default_factory=Latencies)
    own: Latencies = field(default_factory=Latencies)
    moments: list[Moment] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    first: int = 0
    last_sent: int = 0
    last_heard: int = 0

    @property
    def lost(self) -> int:
        return self.expected - self.delivered

    @property
    def lost_by_us(self) -> int:
        """Of the lost: what the server may have sent, and our sockets dropped."""
        return min(self.lost, self.overrun)

    @property
    def behind(self) -> float:
        """Seconds for which messages went on arriving after the last was sent."""
        return max(0, self.last_heard - self.last_sent) / 1e9

    def add(self, other: "Figures") -> None:
        for name in (
            "sent",
            "expected",
            "delivered",
            "duplicated",
            "foreign",
            "garbled",
            "notices",
            "refused",
            "overrun",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, others in (
            (self.latencies, other.latencies), (self.late, other.late), (self.own, other.own),
        ):  # fmt: skip
            mine.add(others)
        self.moments.extend(Moment() for _ in range(len(other.moments) - len(self.moments)))
        for moment, another in zip(self.moments, other.moments, strict=False):
            moment.add(another)
        self.shares += other.shares
        self.first = min(self.first, other.first) if self.first else other.first
        self.last_sent = max(self.last_sent, other.last_sent)
        self.last_heard = max(self.last_heard, other.last_heard)


def total(parts: Iterable[Figures]) -> Figures:
    """The figures of all processes as one."""
    summed = Figures()
    for part in parts:
        summed.add(part)
    return summed
