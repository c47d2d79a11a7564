"""The address of a test's function in a replay file, under which it is found again."""

from importlib import import_module
from types import ModuleType

import pytest

from conformance.client import baseline
from conformance.engine.rerun.attempt import address_of, drawn_by, of_text, play_at, play_of, to_text
from conformance.spec.suite_index import SUITE, SUITE_PACKAGE
from conformance.suite import test_2_frame, test_model
from conformance.suite.model.conversation import play

MODULES = sorted(path.stem for path in SUITE.glob("test_*.py"))


def names_in(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if name.startswith("test_")]


@pytest.mark.parametrize("name", MODULES)
def test_every_test_of_the_suite_is_found_at_its_address(name: str) -> None:
    module = import_module(f"{SUITE_PACKAGE}.{name}")
    assert names_in(module)
    for test in names_in(module):
        function = getattr(module, test)
        assert address_of(function) == f"{name}:{test}"
        assert play_at(address_of(function)) is play_of(function)


def test_the_plain_conversation_is_found_at_its_address() -> None:
    assert play_at(address_of(baseline.plain)) is baseline.plain
    assert drawn_by(baseline.plain) == set()


def test_what_is_held_again_of_the_model_is_the_conversation_and_not_the_search() -> None:
    address = "test_model:test_a_conversation_of_several_clients_agrees_with_the_model"
    assert address_of(test_model.test_a_conversation_of_several_clients_agrees_with_the_model) == address
    assert play_at(address) is play
    assert drawn_by(play) == {"steps"}


def test_a_test_is_found_in_whatever_module_it_stands_now() -> None:
    test = test_2_frame.test_a_reply_is_room_name_and_payload_and_nothing_else
    assert play_at(f"test_5_leaving:{test.__name__}") is test


@pytest.mark.parametrize(
    "example",
    [{}, {"size": 256, "tail": "部屋", "data": b"\xff"}, {"steps": [("create", 0, 0, None), ("join", 0, 1, "secret")]}],
)
def test_what_was_drawn_passes_through_its_text(example: dict[str, object]) -> None:
    assert of_text(to_text(example)) == example
