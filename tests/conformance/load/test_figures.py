"""Counts and latencies, summed up."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.figures import (
    STEP_COUNT,
    Figures,
    Latencies,
    TimelinePoint,
    counts_of,
    middle_of,
    percentile,
    step_of,
    total,
)


@given(st.integers(0, (1 << 48) - 1))
def test_the_middle_of_a_step_is_within_two_percent(ns: int) -> None:
    assert 0 <= step_of(ns) < STEP_COUNT
    assert abs(middle_of(step_of(ns)) - ns) <= max(0, ns / 2 / 32)


@given(st.integers(0, (1 << 48) - 2))
def test_a_longer_latency_is_in_no_lower_step(ns: int) -> None:
    assert step_of(ns + 1) - step_of(ns) in (0, 1)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_the_step_of_the_exact_one(values: list[int], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]
    found = percentile(Counter(map(step_of, values)), share)
    assert found == middle_of(step_of(exact))


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile(Counter(), 0.5) is None
    assert Latencies().summary() == {"p50": None, "p90": None, "p99": None, "max": None}


def test_the_longest_is_exact_and_no_percentile_is_beyond_it() -> None:
    found = Latencies(Counter({step_of(1_000_001): 1}), 1_000_001)
    assert found.summary() == {"p50": 1.0, "p90": 1.0, "p99": 1.0, "max": 1.0}
    assert found.ms(0.5) == 1.000001


COUNTS = (
    "sent", "expected", "delivered", "duplicated", "foreign", "garbled", "disconnected", "refused", "overrun",
)  # fmt: skip


def part(seed: int) -> Figures:
    """The figures of one process, drawn at random."""
    drawn = random.Random(seed)
    steps = [drawn.randrange(3) for _ in range(STEP_COUNT)]
    latencies = Latencies(counts_of(steps), drawn.randrange(10**9))
    timeline = [TimelinePoint(5, 45, 44, latencies)] * drawn.randrange(1, 4)
    figures = Figures(latencies=latencies, timeline=timeline, cores=[0.5])
    for name in COUNTS:
        setattr(figures, name, drawn.randrange(100))
    figures.first, figures.last_sent, figures.last_heard = (drawn.randrange(1, 10**9) for _ in range(3))
    return figures


def test_the_figures_of_processes_are_added() -> None:
    parts = [part(seed) for seed in range(3)]
    summed = total(part(seed) for seed in range(3))
    for name in (*COUNTS, "lost"):
        assert getattr(summed, name) == sum(getattr(one, name) for one in parts)
    assert summed.latencies.counts.total() == sum(one.latencies.counts.total() for one in parts)
    assert summed.latencies.longest == max(one.latencies.longest for one in parts)
    assert len(summed.timeline) == max(len(one.timeline) for one in parts)
    assert sum(one.lost for one in summed.timeline) == sum(len(one.timeline) for one in parts)
    assert summed.cores == [0.5] * 3
    assert summed.first == min(one.first for one in parts)
    assert summed.last_heard == max(one.last_heard for one in parts)


@pytest.mark.parametrize(("overrun", "by_generator"), [(0, 0), (3, 3), (50, 10)])
def test_what_was_dropped_on_our_side_explains_no_more_than_was_lost(overrun: int, by_generator: int) -> None:
    assert Figures(expected=100, delivered=90, overrun=overrun).lost_by_generator == by_generator
