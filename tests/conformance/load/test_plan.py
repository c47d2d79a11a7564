"""Who speaks when, which process has which rooms, and what is refused before anything begins."""

import resource
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.plan import Plan, RoomShare, allow_open_files, processes_needed, rooms_in, share_rooms
from conformance.outcome.verdicts import CommandError, Exit
from tcrp import dialects


def test_the_plain_plan_is_what_the_course_asks_for() -> None:
    plan = Plan()
    assert (plan.total_rate, plan.delivery_rate) == (10_000, 90_000)
    assert plan.all_members * plan.messages == 100_000
    assert Plan(echo=True).delivery_rate == 100_000


@given(st.integers(1, 30), st.integers(2, 12))
def test_messages_are_evenly_spread_over_an_interval(rooms: int, members: int) -> None:
    plan = Plan(rooms, members, rate=2.0)
    phases = sorted(plan.phase(room, place) for room in range(rooms) for place in range(members))
    assert phases == pytest.approx([float(Fraction(n, 2 * rooms * members)) for n in range(rooms * members)])


@given(st.integers(1, 600), st.integers(1, 16))
def test_every_room_is_in_one_process(rooms: int, count: int) -> None:
    given_out = list(share_rooms(rooms, count))
    assert [room for share in given_out for room in range(share.first, share.end)] == list(range(rooms))
    assert len(given_out) == min(rooms, count)
    assert max(map(len, given_out)) - min(map(len, given_out)) <= 1


def test_a_slow_rate_still_says_something() -> None:
    plan = Plan(1, 2, rate=0.1, seconds=1.0)
    assert plan.messages == 1
    assert plan.length == pytest.approx(10.0)
    assert plan.points * plan.point_seconds >= plan.length


@pytest.mark.parametrize(("seconds", "most"), [(0.5, 10), (10.0, 120), (3600.0, 121)])
def test_the_chart_has_not_too_many_points(seconds: float, most: int) -> None:
    assert 1 <= Plan(seconds=seconds).points <= most


def test_processes_are_as_many_as_the_rate_needs() -> None:
    assert processes_needed(Plan(5, 10, 2.0), search=False, cores=8) == 1
    assert processes_needed(Plan(), search=False, cores=8) == 2
    assert processes_needed(Plan(rate=20.0), search=False, cores=2) == 2
    assert processes_needed(Plan(1, 1000), search=True, cores=8) == 1
    assert processes_needed(Plan(), search=True, cores=8) == 8


def test_what_cannot_be_taken_down_is_refused() -> None:
    with pytest.raises(CommandError, match=r"^1,000,010 members: at most 1,000,000; lower --rooms or --members$"):
        Plan(100_001, 10).check()
    with pytest.raises(CommandError, match=r"deliveries to take down: at most .*; lower --seconds or --members"):
        Plan(seconds=100_000.0).check()


def test_too_many_open_files_are_refused_in_one_line() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        with pytest.raises(CommandError) as refused:
            allow_open_files(Plan(100_000, 10), 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if hard == resource.RLIM_INFINITY:
        pytest.fail("the limit of open files is not limited here")
    assert f"the limit is {hard:,} (ulimit -Hn)" in str(refused.value)
    assert "--rooms" in str(refused.value)
    assert refused.value.code is Exit.USAGE


def test_the_soft_limit_is_raised_as_far_as_needed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        allow_open_files(Plan(20, 10), 1)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_dialect_without_rooms_has_one() -> None:
    assert rooms_in(dialects.get(), None) == 500
    assert rooms_in(dialects.get("stage1"), None) == 1
    assert rooms_in(dialects.get("stage1"), 1) == 1
    with pytest.raises(CommandError, match="--rooms 2: dialect stage1 has one room"):
        rooms_in(dialects.get("stage1"), 2)


def test_a_share_knows_its_size() -> None:
    assert len(RoomShare(3, 10)) == 7
