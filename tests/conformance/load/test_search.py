"""The highest rate that is held."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.search import CLOSE_ENOUGH, LEAST, RateSearch, RateStep, search


def server(limit: float, *, generator: bool = False) -> Callable[[float], RateStep]:
    """A server that holds this rate and none above it. `generator`: there it is the generator that fails."""
    return lambda rate: RateStep(rate, "" if rate <= limit else "3 lost", generator and rate > limit)


@given(st.floats(0.2, 10_000.0), st.floats(0.1, 100.0))
def test_the_limit_is_between_what_was_held_and_what_was_not(limit: float, first: float) -> None:
    found = search(server(limit), first)
    assert found.held is not None
    assert found.failed is not None
    assert found.held <= limit < found.failed.rate <= found.held * CLOSE_ENOUGH
    assert len(found.steps) < 32
    assert not found.bounded_by_generator


def test_a_server_that_holds_nothing_ends_it() -> None:
    found = search(server(0.0), 4.0)
    assert found.held is None
    assert found.failed is not None
    assert LEAST <= found.failed.rate < 2 * LEAST


def test_a_bound_of_the_generator_is_told() -> None:
    assert search(server(100.0, generator=True), 2.0).bounded_by_generator


def test_it_ends_when_it_is_to_end() -> None:
    rates = iter([2.0, 4.0])
    found = search(lambda rate: RateStep(rate) if next(rates, None) else None, 2.0)
    assert [step.rate for step in found.steps] == [2.0, 4.0]
    assert (found.held, found.failed) == (4.0, None)


def test_a_rate_above_one_that_failed_is_not_held() -> None:
    assert RateSearch([RateStep(8.0), RateStep(4.0, "1 lost")]).held is None
    assert RateSearch([RateStep(8.0), RateStep(4.0, "1 lost"), RateStep(2.0)]).held == 2.0


@pytest.mark.parametrize("held", [True, False])
def test_a_step_is_held_if_nothing_was_wrong(held: bool) -> None:
    assert RateStep(1.0, "" if held else "1 lost").held is held
