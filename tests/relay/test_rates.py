"""Token buckets: how much may happen, and what they remember."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay import TokenBuckets


def test_a_burst_is_granted_and_then_the_rate() -> None:
    buckets = TokenBuckets(10.0, 5.0)
    assert [buckets.take("a", 100.0) for _ in range(6)] == [0.0] * 5 + [None]
    assert buckets.take("a", 100.05) is None
    assert buckets.take("a", 100.11) == 0.0
    assert buckets.take("a", 100.11) is None
    assert buckets.take("b", 100.11) == 0.0
    assert [buckets.take("a", 200.0) for _ in range(6)] == [0.0] * 5 + [None]


def test_who_is_patient_is_told_how_long_to_wait_and_waits_its_turn() -> None:
    buckets = TokenBuckets(1.0, 2.0)
    waits = [buckets.take("a", 0.0, 2.5) for _ in range(5)]
    assert waits == [0.0, 0.0, pytest.approx(1.0, abs=0.01), pytest.approx(2.0, abs=0.01), None]
    assert buckets.take("a", 1.0, 2.5) == pytest.approx(2.0, abs=0.01)


def test_what_is_given_back_can_be_taken_again() -> None:
    buckets = TokenBuckets(1.0, 1.0)
    assert buckets.take("a", 0.0) == 0.0
    buckets.give_back("a")
    assert buckets.take("a", 0.0) == 0.0
    assert buckets.take("a", 0.0) is None
    buckets.give_back("nobody")


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = TokenBuckets(10.0, 10.0)
    for number in range(100_000):
        buckets.take(number, number / 100)
    assert len(buckets) < 3000


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=300))
def test_in_no_time_more_than_the_burst_and_the_rate(rate: int, burst: int, steps: list[tuple[int, int]]) -> None:
    buckets, now = TokenBuckets(rate, burst), 0.0
    granted: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for eighths, key in steps:
        now += eighths / 8
        if buckets.take(key, now) is not None:
            granted[key].append(now)
    for times in granted.values():
        for first, start in enumerate(times):
            for count, end in enumerate(times[first:], 1):
                assert count <= burst + (end - start) * rate + 0.01
