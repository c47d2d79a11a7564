"""Rooms and members in memory."""

import pytest
from hypothesis import settings

from relay import MemoryStore, Room
from tests.relay.store_machine import StoreMachine

StoreMachine.TestCase.settings = settings(deadline=None, max_examples=80, stateful_step_count=40)
TestMemoryStore = StoreMachine.TestCase


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def room(store: MemoryStore) -> Room:
    return store.open_room("r", "r", 5, None, "10.0.0.1")


def test_hearers_are_the_same_until_something_changes_and_never_change_themselves(
    store: MemoryStore, room: Room
) -> None:
    a, b = (store.enter(room, name, name.encode(), "10.0.0.1", False) for name in "ab")
    a = store.register(a, ("10.0.0.1", 1))
    alone, _ = store.audience(room)
    assert store.audience(room)[0] is alone
    b = store.register(b, ("10.0.0.1", 2))
    both, _ = store.audience(room)
    store.register(b, ("10.0.0.1", 3))
    moved, _ = store.audience(room)
    store.remove(a)
    assert alone == (("10.0.0.1", 1),)
    assert both == (("10.0.0.1", 1), ("10.0.0.1", 2))
    assert moved == (("10.0.0.1", 1), ("10.0.0.1", 3))
    assert store.audience(room)[0] == (("10.0.0.1", 3),)


def test_of_several_that_share_a_token_the_first_is_found_and_the_others_keep_it_from_nobody(
    store: MemoryStore, room: Room
) -> None:
    host, guest = (store.enter(room, name, b"shared", "10.0.0.1", name == "host") for name in ("host", "guest"))
    store.rename(guest, "other")
    assert store.by_token(b"shared") == host
    store.remove(guest)
    assert store.by_token(b"shared") == host


def test_a_room_of_the_same_key_is_another_room(store: MemoryStore, room: Room) -> None:
    store.close_room(room)
    again = store.open_room("r", "r", 5, None, "10.0.0.1")
    assert store.is_open(again)
    assert not store.is_open(room)


def test_nothing_is_left_of_what_was_removed(store: MemoryStore, room: Room) -> None:
    for port in range(1, 100):
        member = store.enter(room, "a", b"t%d" % port, f"10.0.0.{port}", False)
        store.touch(member, 0.0)
        store.remove(store.register(member, (f"10.0.0.{port}", port)))
    store.touch(room, 0.0)
    store.close_room(room)
    tables = [value for value in vars(store).values() if hasattr(value, "__len__")]
    assert len(tables) == 8
    assert not any(map(len, tables))
