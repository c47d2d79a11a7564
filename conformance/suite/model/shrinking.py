"""Conversations made smaller: without one of their steps and what hangs on it, and with fewer names."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from conformance.suite.model.rooms import ENTERING, Model, Step
from tcrp import Status


def understood(steps: Iterable[Sequence[Any]]) -> list[Step]:
    """The steps that mean something, one after another, with their indices resolved."""
    model, meant = Model(), list[Step]()
    for step in steps:
        if (one := model.understood(step)) is not None:
            model.follow(one)
            meant.append(one)
    return meant


def smaller(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The conversation made smaller in every way there is: without one of its steps but the last; without passwords;
    without those who join in silence; with its names in order; with plainer steps. Whether it still shows the same,
    nobody knows.
    """
    for dropped in range(len(steps) - 1):
        if (fewer := without(steps, dropped)) is not None:
            yield fewer
    yield from _plainer(steps)
    wants = [want for step in steps if (want := _want_of(step)) is not None]
    names = list(dict.fromkeys(want[1] for want in wants))
    users = list(dict.fromkeys(want[2] for want in wants))
    number = itertools.count()
    yield _entering(steps, lambda kind, name, user, password: (kind, name, user, None))
    yield _entering(
        steps, lambda kind, name, user, password: (kind.replace("join_silently", "join"), name, user, password)
    )
    yield _entering(steps, lambda kind, name, user, password: (kind, names.index(name), next(number), password))
    yield _entering(steps, lambda kind, name, user, password: (kind, names.index(name), users.index(user), password))


def _plainer(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """With one step that is plainer: a request that comes whole, by somebody new; a message of a nonce; a new port."""
    model = Model()
    for number, step in enumerate(steps):
        plain: Step | None = None
        match step:
            case ("return", gone):
                plain = model.returning(model.gone[gone])
            case ("finish", pending):
                plain = model.pending[pending].step
            case ("tell" | "burst", member, *_):
                plain = ("say", member)
            case ("take", member, _):
                plain = ("move", member, "chat")
            case ("forge" | "reuse_token", *which, "empty" | "exit"):
                plain = (step[0], *which, "chat")
        if plain is not None:
            yield understood([*steps[:number], plain, *steps[number + 1 :]])
        model.follow(step)


def _want_of(step: Step) -> Step | None:
    """The request in a step."""
    return step if step[0] in ENTERING else step[1:5] if step[0] == "begin" else None


def _entering(steps: Sequence[Step], change: Callable[..., Step]) -> list[Step]:
    return understood(_changed(step, change) for step in steps)


def _changed(step: Step, change: Callable[..., Step]) -> Step:
    want = _want_of(step)
    if want is None:
        return step
    return change(*want) if step is want else ("begin", *change(*want), step[5])


def without(steps: Sequence[Step], dropped: int) -> list[Step] | None:
    """The conversation without one step and without what hangs on it: what its member does, who joins its room, the
    rest of its request. The others are still who they were. None if its last step hangs on it. The steps are understood
    ones.
    """
    before, after = Model(), Model()
    same: dict[object, object] = {}
    kept: list[Step] = []
    again: Step | None = None
    for number, step in enumerate(steps):
        subjects = _subjects(before, step)
        then = before.follow(step)
        again = None if number == dropped else _once_more(after, step, [same.get(one) for one in subjects], then.status)
        if again is not None:
            done = after.follow(again)
            same[then.member], same[then.made] = done.member, done.made
            kept.append(again)
    return kept if again is not None else None


def _subjects(model: Model, step: Step) -> list[object]:
    """Whom and what the indices of a step mean."""
    if _want_of(step) is not None or step == ("wait",):
        return []
    subjects: list[object] = [model.acting(step)[step[1]]]
    return [*subjects, model.ports[step[2]]] if step[0] == "take" else subjects


def _once_more(model: Model, step: Step, subjects: list[object], status: Status | None) -> Step | None:
    """The step by the same member, and with the same answer, where the model is now."""
    if not subjects:
        again = model.understood(step)
        return again if again is not None and model.status(again) is status else None
    acting = model.acting(step)
    if subjects[0] not in acting or (step[0] == "take" and subjects[1] not in model.ports):
        return None
    rest = (model.ports.index(subjects[1]),) if step[0] == "take" else step[2:]  # type: ignore[arg-type]
    number = acting.index(subjects[0])
    again = model.understood((step[0], number, *rest))
    match step[0]:
        case "finish":
            now = model.status(model.pending[number].step)
        case "return":
            now = model.status(model.returning(model.gone[number]))
        case _:
            return again
    return again if now is status else None
