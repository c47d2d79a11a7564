"""A naive model of the rooms, written from docs/spec.md alone, and the steps of which conversations are made.

A step is a tuple of plain values. Its numbers are indices into what exists when it is taken, modulo how many there
are, so that every list of steps means something; a step with nothing to act on is skipped:

    ("create", name, user, password)    ("join", name, user, password)    ("join_silently", name, user, password)
    ("say", member)    ("keep", member)    ("move", member, how)    ("leave", member)
    ("reuse_token", who is gone, how)    ("forge", member, what, how)

`create` and `join` register at once. `join_silently` joins and sends nothing. `keep` sends an empty message. `move`
goes on from another port. `reuse_token` uses a void token. `forge` sends from a stranger's port what must be dropped.
How: `empty`, `chat` or `exit`. What: see FORGERIES.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tcrp import Status

Step = tuple[Any, ...]

NAMES = 3
"""Room names of one conversation."""
USERS = ("alicia", "bob", "charles", "dagmar")
MEMBERS = 6
"""Of one room, at most; every server must hold more (TCRP-6.3c)."""
ENTERING = ("create", "join", "join_silently")
HOWS = ("empty", "chat", "exit")
FORGERIES = {"unknown": "TCRP-4.2d", "cut": "TCRP-4.2d", "foreign": "TCRP-4.2d", "nowhere": "TCRP-4.2c"}
"""A token that nobody has, a part of one, one of another room, a room that does not stand; and the clause of each."""

LEFT = "TCRP-5.1b"
CLOSED = "TCRP-5.2b"


@dataclass(eq=False)
class Room:
    """A room that stands. Its first member is its host."""

    name: int
    password: str | None
    members: list["ModelMember"] = field(default_factory=list)


@dataclass(eq=False)
class ModelMember:
    """`registered`: it has sent a datagram. `void`: the clause that made its token void, None while it is a member."""

    room: Room
    user: str
    host: bool
    registered: bool = False
    void: str | None = None


class Follows(NamedTuple):
    """What must follow of a step. `member`: who acts, or enters. `status`: that of a request. `hear`: who must receive
    what is said; nobody else may. `told`: who must get a disconnect notice. `void`: whose tokens are void from now on.
    """

    member: ModelMember | None = None
    status: Status | None = None
    hear: tuple[ModelMember, ...] = ()
    told: tuple[ModelMember, ...] = ()
    void: tuple[ModelMember, ...] = ()


class Model:
    """The rooms, as docs/spec.md has them. `former`: who was a member once; `closed`: names that were in use once."""

    def __init__(self) -> None:
        self.rooms: dict[int, Room] = {}
        self.closed: set[int] = set()
        self.members: list[ModelMember] = []
        self.former: list[ModelMember] = []

    @property
    def registered(self) -> list[ModelMember]:
        return [member for member in self.members if member.registered]

    def foreigner(self, member: ModelMember) -> ModelMember | None:
        """Somebody of another room."""
        return next((other for other in self.members if other.room is not member.room), None)

    def understood(self, step: Sequence[Any]) -> Step | None:
        """The step with its indices resolved, or None if there is nothing to act on. ValueError if it is no step."""
        match step:
            case ("create" | "join" | "join_silently" as kind, int(name), int(user), None | str() as password):
                room = self.rooms.get(name % NAMES)
                if kind != "create" and room is not None:
                    if len(room.members) >= MEMBERS:
                        return None
                    password = password if room.password else None  # the other is not judged (TCRP-3.10b)
                return (kind, name % NAMES, user % len(USERS), password)
            case ("say" | "keep" | "leave" as kind, int(number)):
                return (kind, number % len(self.members)) if self.members else None
            case ("move", int(number), "empty" | "chat" as how):
                return ("move", number % len(self.registered), how) if self.registered else None
            case ("reuse_token", int(number), str(how)) if how in HOWS:
                return ("reuse_token", number % len(self.former), how) if self.former else None
            case ("forge", int(number), str(what), str(how)) if what in FORGERIES and how in HOWS:
                victims = self.acting(("forge",))
                if not victims:
                    return None
                number %= len(victims)
                if what == "foreign" and self.foreigner(victims[number]) is None:
                    return None
                return ("forge", number, what, how)
        raise ValueError(f"{step!r} is not a step: conformance/suite/model/rooms.py says what a step is")

    def acting(self, step: Step) -> list[ModelMember]:
        """Whom the index of a step that is no request counts. Of a forgery somebody in the room must tell."""
        match step[0]:
            case "move":
                return self.registered
            case "reuse_token":
                return self.former
            case "forge":
                return [one for one in self.members if sum(other.registered for other in one.room.members) > 1]
        return self.members

    def status(self, step: Step) -> Status | None:
        """The status that a request must be answered with; None: the step is no request."""
        match step:
            case ("create", name, _, _):
                return Status.ROOM_EXISTS if name in self.rooms else Status.OK
            case ("join" | "join_silently", name, _, password):
                if name not in self.rooms:
                    return Status.ROOM_NOT_FOUND
                return Status.OK if password == self.rooms[name].password else Status.WRONG_PASSWORD
        return None

    def follow(self, step: Step) -> Follows:
        """Take a step that was understood."""
        status = self.status(step)
        if status is not None:
            return self._enter(step) if status is Status.OK else Follows(status=status)
        member = self.acting(step)[step[1]]
        match step:
            case ("say", _) | ("move", _, "chat"):
                member.registered = True
                return Follows(member, hear=tuple(other for other in _others(member) if other.registered))
            case ("keep", _):
                member.registered = True
            case ("leave", _):
                return self._leave(member)
        return Follows(member)

    def _enter(self, step: Step) -> Follows:
        kind, name, user, password = step
        if kind == "create":
            self.rooms[name] = Room(name, password)
        room = self.rooms[name]
        member = ModelMember(room, USERS[user], host=kind == "create", registered=kind != "join_silently")
        room.members.append(member)
        self.members.append(member)
        return Follows(member, Status.OK)

    def _leave(self, member: ModelMember) -> Follows:
        void, told = [member], list[ModelMember]()
        if member.host:
            void += _others(member)
            told = [other for other in _others(member) if other.registered]
            del self.rooms[member.room.name]
            self.closed.add(member.room.name)
        for one in void:
            one.void = CLOSED if member.host else LEFT
            one.room.members.remove(one)
            self.members.remove(one)
            self.former.append(one)
        return Follows(member, told=tuple(told), void=tuple(void))


def _others(member: ModelMember) -> list[ModelMember]:
    return [other for other in member.room.members if other is not member]


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
    without those who join in silence; with its names in order. Whether it still shows the same, nobody knows.
    """
    for dropped in range(len(steps) - 1):
        if (fewer := without(steps, dropped)) is not None:
            yield fewer
    names = list(dict.fromkeys(step[1] for step in steps if step[0] in ENTERING))
    users = list(dict.fromkeys(step[2] for step in steps if step[0] in ENTERING))
    number = itertools.count()
    yield _entering(steps, lambda kind, name, user, password: (kind, name, user, None))
    yield _entering(
        steps, lambda kind, name, user, password: (kind.replace("join_silently", "join"), name, user, password)
    )
    yield _entering(steps, lambda kind, name, user, password: (kind, names.index(name), next(number), password))
    yield _entering(steps, lambda kind, name, user, password: (kind, names.index(name), users.index(user), password))


def _entering(steps: Sequence[Step], change: Callable[..., Step]) -> list[Step]:
    return understood(change(*step) if step[0] in ENTERING else step for step in steps)


def without(steps: Sequence[Step], dropped: int) -> list[Step] | None:
    """The conversation without one step and without what hangs on it: what its member does, who joins its room. The
    others are still who they were. None if its last step hangs on it. The steps are understood ones.
    """
    before, after = Model(), Model()
    same: dict[ModelMember | None, ModelMember | None] = {}
    kept: list[Step] = []
    again: Step | None = None
    for number, step in enumerate(steps):
        then = before.follow(step)
        again = None if number == dropped else _once_more(after, step, then, same)
        if again is not None:
            same[then.member] = after.follow(again).member
            kept.append(again)
    return kept if again is not None else None


def _once_more(
    model: Model, step: Step, then: Follows, same: dict[ModelMember | None, ModelMember | None]
) -> Step | None:
    """The step by the same member, or with the same answer, where the model is now."""
    if then.status is not None:
        again = model.understood(step)
        return again if again is not None and model.status(again) is then.status else None
    acting, who = model.acting(step), same.get(then.member)
    return model.understood((step[0], acting.index(who), *step[2:])) if who in acting else None
