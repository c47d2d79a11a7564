"""No second has more connections than a server must serve (TCRP-6.3d), however they came before."""

import time
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from conformance.net.pacing import REQUESTS_A_SECOND, WINDOW, Pace

FLOOR = 50


def most_in_a_second(starts: Sequence[float]) -> int:
    return max(sum(start <= other < start + 1.0 for other in starts) for start in starts)


def paced(gaps: list[float]) -> tuple[Pace, list[float]]:
    """A pace after connections with these gaps in seconds, or longer ones where the pace asks for it. And the times of
    the connections, the last of which is now.
    """
    starts: list[float] = []
    for gap in gaps:
        at = (starts[-1] if starts else 0.0) + gap
        if len(starts) >= REQUESTS_A_SECOND:
            at = max(at, starts[-REQUESTS_A_SECOND] + WINDOW)
        starts.append(at)
    now = time.monotonic()
    starts = [now + start - starts[-1] for start in starts]
    pace = Pace()
    pace._starts.extend(starts)
    return pace, starts


GAPS = st.lists(st.floats(0.0, 0.2), min_size=1, max_size=150)


@given(gaps=GAPS)
def test_one_after_another_they_stay_below_it(gaps: list[float]) -> None:
    pace, starts = paced(gaps)
    assert most_in_a_second([*starts, time.monotonic() + pace.left()]) <= REQUESTS_A_SECOND


@given(gaps=GAPS, seconds=st.floats(1.02, 2.0))
def test_a_stream_of_them_fits_in_with_those_before(gaps: list[float], seconds: float) -> None:
    pace, starts = paced(gaps)
    begins = time.monotonic() + pace.left_for_a_stream(FLOOR, seconds)
    assert most_in_a_second([*starts, *(begins + number * seconds / FLOOR for number in range(FLOOR))]) <= FLOOR


def test_after_an_even_pace_a_stream_need_not_wait() -> None:
    pace, _ = paced([1 / REQUESTS_A_SECOND] * 100)
    assert pace.left_for_a_stream(FLOOR, 1.04) < 0.2


@given(gaps=GAPS, count=st.integers(1, 16))
def test_several_at_once_fit_in(gaps: list[float], count: int) -> None:
    pace, starts = paced(gaps)
    assert most_in_a_second([*starts, *[time.monotonic() + pace.left(count)] * count]) <= REQUESTS_A_SECOND
