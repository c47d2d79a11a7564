"""Fresh names and nonces: each is unique, and they can be made again."""

from collections.abc import Iterator

import pytest

from conformance.trace.names import NONCE_SIZE, Names, NameState, another, fresh, names, no_matter, nonce


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = names.state()
    yield
    names.set(before)


def drawn(count: int = 5) -> list[str | bytes]:
    return [made for _ in range(count) for made in (fresh(), nonce(), fresh("x"))]


def test_no_two_are_the_same() -> None:
    names.renew()
    first = drawn(50)
    names.renew()
    assert len({*first, *drawn(50)}) == 300


def test_they_are_made_again_from_where_they_stood() -> None:
    names.renew()
    drawn()
    state = names.state()
    first = drawn()
    names.renew()
    names.set(state)
    assert drawn() == first


def test_renewed_names_have_the_sizes_of_before() -> None:
    """Whether a name fits must not depend on the run."""
    names.renew()
    first = drawn()
    names.renew()
    assert [len(one) for one in drawn()] == [len(one) for one in first]
    assert drawn() != first


def test_a_nonce_and_its_repetitions_are_of_one_size_and_draw_one_number() -> None:
    names.renew()
    number = names.number
    mark = nonce()
    repeated = [another(mark, n) for n in range(16)]
    assert names.number == number + 1
    assert repeated[0] == mark
    assert len(set(repeated)) == 16
    assert another(mark, 99) == repeated[15]
    assert {len(one) for one in (*repeated, no_matter())} == {NONCE_SIZE}
    assert all(one.startswith(names.marker.encode()) for one in repeated)
    others = [nonce() for _ in range(100)]
    assert not set(others) & {*repeated, no_matter()}


def test_shared_rooms_have_the_names_of_then() -> None:
    """An earlier test may have made the shared rooms. A later test draws the same names in both cases."""
    made = Names()
    made.next()
    with made.for_shared_rooms():
        rooms = [made.next(), made.next()]
    made.next()
    state = made.state()
    later = [made.next(), made.next()]
    assert state.shared == 1

    again = Names()
    again.set(state)
    with again.for_shared_rooms():
        assert [again.next(), again.next()] == rooms
    assert [again.next(), again.next()] == later
    with again.for_shared_rooms():
        assert again.next() > max(later), "once is enough: then they are new"


def test_a_state_without_shared_rooms() -> None:
    assert NameState("ab", 1).shared == -1
