"""The model of the rooms, against docs/spec.md: what must follow of each step, and what is a smaller conversation."""

import importlib.resources
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.spec.clauses import all_clauses
from conformance.suite.model.rooms import (
    ENTERING,
    FORGERIES,
    HOWS,
    MEMBERS,
    NAMES,
    Follows,
    Model,
    Step,
)
from conformance.suite.model.shrinking import smaller, understood, without
from tcrp import Status


def follow(model: Model, *step: object) -> Follows:
    """Let the model take a step that can be taken."""
    meant = model.understood(step)
    assert meant is not None
    return model.follow(meant)


def crowd(*steps: Sequence[object]) -> Model:
    model = Model()
    for step in steps:
        follow(model, *step)
    return model


ROOM = (("create", 0, 0, None), ("join", 0, 1, None), ("join_silently", 0, 2, None))


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (("create", 0, 1, None), Status.ROOM_EXISTS),
        (("create", 1, 1, None), Status.OK),
        (("create", 0, 1, "secret"), Status.ROOM_EXISTS),
        (("join", 0, 1, "secret"), Status.OK),
        (("join", 0, 1, None), Status.WRONG_PASSWORD),
        (("join", 0, 1, "other"), Status.WRONG_PASSWORD),
        (("join_silently", 0, 0, "other"), Status.WRONG_PASSWORD),
        (("join", 1, 1, "secret"), Status.ROOM_NOT_FOUND),
    ],
)
def test_status_of_a_request(step: Step, status: Status) -> None:
    model = crowd(("create", 0, 0, "secret"))
    follows = follow(model, *step)
    assert follows.status is status
    assert (follows.member is not None) == (status is Status.OK)
    assert len(model.members) == 1 + (status is Status.OK)


def test_a_message_goes_to_the_other_registered_members_of_the_room() -> None:
    model = crowd(*ROOM, ("create", 1, 3, None), ("join", 1, 0, None))
    host, guest, silent, *_ = model.members
    assert follow(model, "say", 0).hear == (guest,)
    assert follow(model, "say", 1).hear == (host,)
    assert follow(model, "keep", 0).hear == ()
    assert follow(model, "say", 2).hear == (host, guest)  # whoever speaks has registered
    assert silent.registered
    assert follow(model, "move", 0, "chat").hear == (guest, silent)
    assert follow(model, "move", 0, "empty").hear == ()


def test_the_empty_message_registers() -> None:
    model = crowd(*ROOM)
    follow(model, "keep", 2)
    assert follow(model, "say", 0).hear == tuple(model.members[1:])


def test_whoever_creates_is_the_host_and_nobody_else() -> None:
    model = crowd(*ROOM, ("join", 0, 0, None))
    assert [member.host for member in model.members] == [True, False, False, False]
    assert [member.user for member in model.members] == ["alicia", "bob", "charles", "alicia"]


def test_when_a_guest_leaves_its_token_is_void_and_nobody_is_told() -> None:
    model = crowd(*ROOM)
    guest = model.members[1]
    follows = follow(model, "leave", 1)
    assert (follows.void, follows.told) == ((guest,), ())
    assert guest.void == "TCRP-5.1b"
    assert model.former == [guest]
    assert follow(model, "create", 0, 0, None).status is Status.ROOM_EXISTS
    assert follow(model, "say", 0).hear == ()


def test_when_the_host_leaves_the_registered_are_told_all_tokens_are_void_and_the_name_is_free() -> None:
    model = crowd(*ROOM, ("create", 1, 0, None))
    host, guest, silent, other = model.members
    follows = follow(model, "leave", 0)
    assert follows.told == (guest,)
    assert set(follows.void) == {host, guest, silent}
    assert {member.void for member in follows.void} == {"TCRP-5.2b"}
    assert model.members == [other]
    assert follow(model, "join", 0, 1, None).status is Status.ROOM_NOT_FOUND
    assert follow(model, "create", 0, 1, None).status is Status.OK
    assert follow(model, "say", 1).hear == ()  # nobody of the room that had this name


def test_what_must_have_no_effect_has_none() -> None:
    model = crowd(*ROOM, ("create", 1, 3, None), ("join", 0, 0, None), ("leave", 1))
    for how in HOWS:
        assert follow(model, "reuse_token", 0, how)[1:] == (None, (), (), (), None)
        for what in FORGERIES:
            assert follow(model, "forge", 0, what, how)[1:] == (None, (), (), (), None)
    assert len(model.members) == 4
    assert follow(model, "say", 0).hear == (model.members[3],)


@pytest.mark.parametrize(
    ("steps", "step", "meant"),
    [
        ((), ("create", 4, 9, "x"), ("create", 1, 1, "x")),
        (ROOM, ("say", 7), ("say", 1)),
        (ROOM, ["leave", -1], ("leave", 2)),
        (ROOM, ("move", 2, "chat"), ("move", 0, "chat")),  # only of those who have registered
        (ROOM, ("forge", 3, "cut", "exit"), ("forge", 0, "cut", "exit")),
        (ROOM, ("join", 0, 0, "needless"), ("join", 0, 0, None)),  # not judged (TCRP-3.10b)
        ((), ("say", 0), None),
        ((), ("move", 0, "empty"), None),
        ((), ("reuse_token", 0, "chat"), None),
        (ROOM[:1], ("forge", 0, "cut", "exit"), None),  # the victim is alone: nobody would notice
        (ROOM, ("forge", 0, "foreign", "exit"), None),
        (ROOM + ROOM[1:], ("join", 0, 0, None), ("join", 0, 0, None)),
        (ROOM + ROOM[1:] + ROOM[1:2], ("join", 0, 0, None), None),
    ],
)
def test_a_step_counts_what_is_there(steps: tuple[Step, ...], step: Any, meant: Step | None) -> None:
    assert crowd(*steps).understood(step) == meant


@pytest.mark.parametrize(
    "step",
    [(), ("sing", 0), ("say",), ("say", "0"), ("say", 0, 0), ("move", 0, "exit"), ("forge", 0, "nothing", "chat"),
     ("reuse_token", 0, None), ("create", 0, 0), ("join", 0, 0, 5), "say", None, 7],
)  # fmt: skip
def test_what_is_no_step_is_refused_in_one_line(step: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a step: conformance/suite/model/rooms\.py says") as refused:
        Model().understood(step)
    assert "\n" not in str(refused.value)


def test_every_clause_that_it_names_there_is() -> None:
    known = {one.id for one in all_clauses()}
    for name in ("rooms", "deliveries", "clients", "conversation"):
        source = importlib.resources.files("conformance.suite.model") / f"{name}.py"
        named = set(re.findall(r"TCRP-[\d.]+[a-z]?", source.read_text(encoding="utf-8")))
        assert named
        assert named <= known


NUMBER = st.integers(-3, 20)
PASSWORD = st.sampled_from([None, "secret", "other"])
CONVERSATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ENTERING), NUMBER, NUMBER, PASSWORD),
        st.tuples(st.sampled_from(["say", "keep", "leave"]), NUMBER),
        st.tuples(st.just("move"), NUMBER, st.sampled_from(["empty", "chat"])),
        st.tuples(st.just("reuse_token"), NUMBER, st.sampled_from(HOWS)),
        st.tuples(st.just("forge"), NUMBER, st.sampled_from(sorted(FORGERIES)), st.sampled_from(HOWS)),
    ),
    max_size=25,
)


@given(CONVERSATIONS)
@settings(deadline=None)
def test_any_list_of_steps_is_a_conversation(steps: list[Step]) -> None:
    meant = understood(steps)
    assert understood(meant) == meant
    assert understood(json.loads(json.dumps(meant))) == meant
    model = crowd(*meant)
    assert len(model.rooms) <= NAMES
    for room in model.rooms.values():
        assert [member.host for member in room.members] == [True] + [False] * (len(room.members) - 1)
        assert len(room.members) <= MEMBERS
        assert all(member.void is None for member in room.members)
    assert sorted(map(id, model.members)) == sorted(id(one) for room in model.rooms.values() for one in room.members)
    assert all(one.void for one in model.former)


@given(CONVERSATIONS)
@settings(deadline=None)
def test_what_is_smaller_is_a_conversation_and_no_longer(steps: list[Step]) -> None:
    meant = understood(steps)
    for fewer in smaller(meant):
        assert understood(fewer) == fewer
        assert len(fewer) <= len(meant)
    for dropped in range(len(meant) - 1):
        rest = without(meant, dropped)
        assert rest is None or (len(rest) < len(meant) and rest[-1][0] == meant[-1][0])


def test_without_a_step_the_others_are_who_they_were() -> None:
    steps = [
        ("create", 0, 0, None), ("create", 1, 1, None), ("join", 0, 2, None), ("join", 1, 3, None), ("leave", 1),
        ("say", 1), ("reuse_token", 1, "chat"), ("leave", 1),
    ]  # fmt: skip
    assert understood(steps) == steps
    assert without(steps, 0) is None  # charles, who leaves last, was in that room
    assert without(steps, 1) == [("create", 0, 0, None), ("join", 0, 2, None), ("say", 1), ("leave", 1)]
    assert without(steps, 4) == [
        ("create", 0, 0, None), ("create", 1, 1, None), ("join", 0, 2, None), ("join", 1, 3, None), ("say", 2),
        ("leave", 2),
    ]  # fmt: skip
