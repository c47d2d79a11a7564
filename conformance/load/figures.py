"""What was measured: counts, and latencies in a histogram whose steps are 3 % wide, summed up over processes."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.load.model import LatencySummary

STEPS_OF_OCTAVE = 32
STEP_COUNT = (48 - 5) * STEPS_OF_OCTAVE + STEPS_OF_OCTAVE
"""Steps of the histogram, for latencies of up to 2^48 ns, three days."""

StepCounts = Counter[int]
"""How many latencies fell into which step."""


def step_of(ns: int) -> int:
    """The step of a latency of 0 to 2^48 - 1 nanoseconds. The generator's loop does the same by hand."""
    bits = ns.bit_length()
    return ns if bits < 7 else (bits - 6) * STEPS_OF_OCTAVE + (ns >> (bits - 6))


def middle_of(step: int) -> float:
    """The middle of a step, in nanoseconds."""
    if step < 2 * STEPS_OF_OCTAVE:
        return float(step)
    shift, base = step // STEPS_OF_OCTAVE - 1, step % STEPS_OF_OCTAVE + STEPS_OF_OCTAVE
    return (base + 0.5) * (1 << shift)


def counts_of(steps: list[int]) -> StepCounts:
    """The counts in a list, whose index is the step."""
    return Counter({step: count for step, count in enumerate(steps) if count})


def percentile(counts: StepCounts, share: float) -> float | None:
    """Nanoseconds that this share of the latencies, 0 to 1, do not exceed. None: there are no latencies."""
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
    """Many latencies. `longest`: of them, exactly, in nanoseconds."""

    counts: StepCounts = field(default_factory=Counter)
    longest: int = 0

    def add(self, other: "Latencies") -> None:
        """Take in other latencies."""
        self.counts.update(other.counts)
        self.longest = max(self.longest, other.longest)

    def ms(self, share: float) -> float | None:
        """A percentile in milliseconds. None: there are no latencies."""
        found = percentile(self.counts, share)
        return None if found is None else min(found, self.longest) / 1e6

    def summary(self) -> LatencySummary:
        """As load.json holds it: milliseconds, to the microsecond."""
        longest = self.longest / 1e6 if self.counts else None
        p50, p90, p99, most = (
            None if value is None else round(value, 3) for value in (self.ms(0.5), self.ms(0.9), self.ms(0.99), longest)
        )
        return {"p50": p50, "p90": p90, "p99": p99, "max": most}


class LatencyRecorder:
    """Takes down latencies one by one, faster than Latencies does."""

    def __init__(self) -> None:
        self._steps = [0] * STEP_COUNT
        self._longest = 0

    def note(self, ns: int) -> None:
        """One latency, in nanoseconds."""
        self._steps[step_of(ns)] += 1
        self._longest = max(self._longest, ns)

    def latencies(self) -> Latencies:
        """All that were taken down."""
        return Latencies(counts_of(self._steps), self._longest)


@dataclass
class TimelinePoint:
    """What became of the messages that were sent in one stretch of time. `expected`: deliveries of them."""

    sent: int = 0
    expected: int = 0
    delivered: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def lost(self) -> int:
        """Deliveries that did not come."""
        return self.expected - self.delivered

    def add(self, other: "TimelinePoint") -> None:
        """Take in the same point of another process."""
        self.sent += other.sent
        self.expected += other.expected
        self.delivered += other.delivered
        self.latencies.add(other.latencies)


_SUMS = (
    "sent", "expected", "delivered", "duplicated", "foreign", "garbled", "disconnected", "refused", "overrun",
)  # fmt: skip
"""The figures that are added up."""


@dataclass
class Figures:
    """What one process measured, or all of them.

    `expected`: deliveries of the messages that were sent. `foreign`: heard by a member that should not; `garbled`: of
    this run and unreadable. `disconnected`: notices that a member is one no longer. `refused`: sends or receives that
    failed because nothing listens there. `overrun`: datagrams that the system dropped at the generator's sockets, which
    were not read in time. `late`: how much later than planned a message was sent; `own`: latencies of datagrams from
    the generator to itself. `cores`: the share of a core that each process used. `first`, `last_sent` and `last_heard`:
    nanoseconds of time.monotonic_ns().
    """

    sent: int = 0
    expected: int = 0
    delivered: int = 0
    duplicated: int = 0
    foreign: int = 0
    garbled: int = 0
    disconnected: int = 0
    refused: int = 0
    overrun: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    late: Latencies = field(default_factory=Latencies)
    own: Latencies = field(default_factory=Latencies)
    timeline: list[TimelinePoint] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    first: int = 0
    last_sent: int = 0
    last_heard: int = 0

    @property
    def lost(self) -> int:
        """Deliveries that did not come."""
        return self.expected - self.delivered

    @property
    def lost_by_generator(self) -> int:
        """How many of the lost the server may have sent, and the generator's sockets dropped."""
        return min(self.lost, self.overrun)

    @property
    def seconds_behind(self) -> float:
        """Seconds for which messages went on arriving after the last was sent."""
        return max(0, self.last_heard - self.last_sent) / 1e9

    def add(self, other: "Figures") -> None:
        """Take in the figures of another process."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, others in (
            (self.latencies, other.latencies), (self.late, other.late), (self.own, other.own),
        ):  # fmt: skip
            mine.add(others)
        self.timeline.extend(TimelinePoint() for _ in range(len(other.timeline) - len(self.timeline)))
        for point, others_point in zip(self.timeline, other.timeline, strict=False):
            point.add(others_point)
        self.cores += other.cores
        self.first = min(self.first, other.first) if self.first else other.first
        self.last_sent = max(self.last_sent, other.last_sent)
        self.last_heard = max(self.last_heard, other.last_heard)


def total(parts: Iterable[Figures]) -> Figures:
    """The figures of all processes as one."""
    summed = Figures()
    for part in parts:
        summed.add(part)
    return summed
