"""Properties draw what the options of a run ask for, although their modules are imported before any run begins."""

from collections.abc import Iterator

import pytest

from conformance.client.bench import Bench
from conformance.client.drawing import Drawing
from conformance.net.pacing import Waits
from conformance.net.target import Target
from conformance.suite import test_2_frame
from tcrp import dialects
from tests.conformance.suite.benches import bench_at, server

CASES = [40, 256]
"""The named cases of the property below, which come before what is drawn."""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with bench_at(server("faults", "none")) as bench:
        yield bench.target


def drawn(target: Target, *, seed: int, examples: int = 40) -> list[int]:
    """The sizes that a property tries in a run with these options. There is enough time for all of them."""
    drawing = Drawing.of(examples, seed)._replace(seconds=60.0)
    bench = Bench(target, dialects.get(), Waits(None), drawing=drawing)
    test_2_frame.test_a_header_is_understood_and_sent_as_32_bytes_with_a_big_endian_size(bench)
    bench.close()
    bench.release()
    return [example["size"] for example in bench.record.passed]


def test_what_is_drawn_follows_the_seed(target: Target) -> None:
    first, second = drawn(target, seed=1), drawn(target, seed=2)
    assert first[:2] == second[:2] == CASES
    assert first != second
    assert drawn(target, seed=1) == first
    assert drawn(target, seed=2) == second


def test_how_much_is_drawn_follows_the_number_of_examples(target: Target) -> None:
    few, some, many = (drawn(target, seed=1, examples=examples) for examples in (4, 40, 120))
    assert few[:2] == some[:2] == many[:2] == CASES
    assert len(few) < len(some) < len(many)
