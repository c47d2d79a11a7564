"""A naive model of the rooms, written from docs/spec.md alone, and the steps of which conversations are made.

A step is a tuple of plain values. Its numbers are indices into what exists when it is taken, modulo how many there
are, so that every list of steps means something; a step with nothing to act on is skipped:

    ("create", name, user, password)    ("join", name, user, password)    ("join_silently", name, user, password)
    ("begin", create or join, name, user, password, place)    ("finish", request)    ("abandon", request, end)
    ("return", who is gone)    ("say", member)    ("tell", member, text)    ("burst", member)    ("keep", member)
    ("move", member, how)    ("take", member, port)    ("leave", member)
    ("reuse_token", who is gone, how)    ("forge", member, what, how)    ("wait",)

`create` and `join` register at once. `join_silently` joins and sends nothing. `begin` sends a request up to a place in
it, `finish` the rest, and `abandon` ends its connection instead. `return` joins again under the name, in the room name
and from the port that one had who is gone, or creates that room. `tell` says something that is more than a nonce;
`burst` lets all of a room speak at once. `keep` sends an empty message. `move` goes on from another port, and `take`
from one that somebody has left. `reuse_token` uses a void token. `forge` sends from a stranger's port what must be
dropped. How: `empty`, `chat` or `exit`. What: see FORGERIES. `wait` lets more than half of the server's idle time pass,
in which nobody says anything; where that time is not known it does nothing.
"""

from collections.abc import Sequence
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
PENDING = 2
"""Requests that may have come in part at the same time."""
PLACES = ("header", "name", "payload")
"""Up to where a request has come: within its header, after its room name, within its payload."""
ENDS = ("close", "reset")
HOWS = ("empty", "chat", "exit")
TEXTS = ("own name", "other name", "room", "exit", "long", "password")
"""What a message holds beside its nonce; see conformance.suite.model.clients."""
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
    """`registered`: it has sent a datagram. `void`: the clause that made its token void, None while it is a member.
    `back`: it has returned, as another member.
    """

    room: Room
    user: str
    host: bool
    registered: bool = False
    void: str | None = None
    back: bool = False


@dataclass(eq=False)
class Pending:
    """A request of which a part has come: its step, and what its status would have been then."""

    step: Step
    early: Status | None


@dataclass(eq=False)
class Port:
    """A port that somebody has moved away from."""


class Follows(NamedTuple):
    """What must follow of a step. `member`: who acts, or enters. `status`: that of a request. `hear`: who must receive
    what is said; nobody else may. `told`: who must get a disconnect notice. `void`: whose tokens are void from now on.
    `made`: the request that has begun, or the port that was left.
    """

    member: ModelMember | None = None
    status: Status | None = None
    hear: tuple[ModelMember, ...] = ()
    told: tuple[ModelMember, ...] = ()
    void: tuple[ModelMember, ...] = ()
    made: Pending | Port | None = None


class Model:
    """The rooms, as docs/spec.md has them. `former`: who was a member once; `closed`: names that were in use once;
    `pending`: requests that have begun; `ports`: those that members have moved away from.
    """

    def __init__(self) -> None:
        self.rooms: dict[int, Room] = {}
        self.closed: set[int] = set()
        self.members: list[ModelMember] = []
        self.former: list[ModelMember] = []
        self.pending: list[Pending] = []
        self.ports: list[Port] = []

    @property
    def registered(self) -> list[ModelMember]:
        return [member for member in self.members if member.registered]

    def foreigner(self, member: ModelMember) -> ModelMember | None:
        """Somebody of another room."""
        return next((other for other in self.members if other.room is not member.room), None)

    @property
    def gone(self) -> list[ModelMember]:
        """Those of the former members who have not returned."""
        return [member for member in self.former if not member.back]

    def understood(self, step: Sequence[Any]) -> Step | None:
        """The step with its indices resolved, or None if there is nothing to act on. ValueError if it is no step."""
        match step:
            case ("create" | "join" | "join_silently" as kind, int(name), int(user), None | str() as password):
                return self._request(kind, name % NAMES, user % len(USERS), password)
            case ("begin", "create" | "join" as kind, int(name), int(user), None | str() as password, str(place)) if (
                place in PLACES
            ):
                want = self._request(kind, name % NAMES, user % len(USERS), password)
                return None if want is None or len(self.pending) >= PENDING else ("begin", *want, place)
            case ("finish", int(number)):
                number = number % len(self.pending) if self.pending else 0
                return ("finish", number) if self.pending and self._is_judged(self.pending[number]) else None
            case ("abandon", int(number), str(end)) if end in ENDS:
                return ("abandon", number % len(self.pending), end) if self.pending else None
            case ("return", int(number)):
                return self._return(number % len(self.gone)) if self.gone else None
            case ("say" | "keep" | "leave" | "burst" as kind, int(number)):
                return (kind, number % len(self.members)) if self.members else None
            case ("tell", int(number), str(text)) if text in TEXTS:
                return ("tell", number % len(self.members), text) if self.members else None
            case ("move", int(number), "empty" | "chat" as how):
                return ("move", number % len(self.registered), how) if self.registered else None
            case ("take", int(number), int(port)):
                if not self.registered or not self.ports:
                    return None
                return ("take", number % len(self.registered), port % len(self.ports))
            case ("wait",):
                return ("wait",) if self.members and self.registered == self.members and not self.pending else None
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

    def _request(self, kind: str, name: int, user: int, password: str | None) -> Step | None:
        room = self.rooms.get(name)
        if kind != "create" and room is not None:
            if len(room.members) >= MEMBERS:
                return None
            password = password if room.password else None  # the other is not judged (TCRP-3.10b)
        return (kind, name, user, password)

    def _is_judged(self, pending: Pending) -> bool:
        """Whether one answer alone is right: a server may have refused before the request was whole."""
        status = self.status(pending.step)
        refused_early = pending.early in (Status.ROOM_EXISTS, Status.ROOM_NOT_FOUND)
        if refused_early and pending.early is not status:
            return False
        return status is not Status.OK or self._request(*pending.step) == pending.step

    def _return(self, number: int) -> Step | None:
        room = self.rooms.get(self.gone[number].room.name)
        return ("return", number) if room is None or len(room.members) < MEMBERS else None

    def returning(self, member: ModelMember) -> Step:
        """The request by which somebody who is gone returns."""
        name, user = member.room.name, USERS.index(member.user)
        room = self.rooms.get(name)
        return ("create", name, user, None) if room is None else ("join", name, user, room.password)

    def acting(self, step: Step) -> list[Any]:
        """What the index of a step that is no request counts. Of a forgery somebody in the room must tell."""
        match step[0]:
            case "move" | "take":
                return self.registered
            case "reuse_token":
                return self.former
            case "return":
                return self.gone
            case "finish" | "abandon":
                return self.pending
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
        match step:
            case ("begin", *want, _):
                pending = Pending(tuple(want), self.status(tuple(want)))
                self.pending.append(pending)
                return Follows(made=pending)
            case ("finish", number):
                return self.follow(self.pending.pop(number).step)
            case ("abandon", number, _):
                del self.pending[number]
                return Follows()
            case ("return", number):
                gone = self.gone[number]
                gone.back, again = True, self.returning(gone)
                return self.follow(again)
            case ("wait",):
                return Follows()
        member = self.acting(step)[step[1]]
        match step:
            case ("say" | "burst", _) | ("tell", _, _) | ("move", _, "chat") | ("take", _, _):
                member.registered = True
                made = Port() if step[0] == "move" else None
                self.ports += [made] if made is not None else []
                return Follows(member, hear=tuple(other for other in _others(member) if other.registered), made=made)
            case ("move", _, _):
                self.ports.append(port := Port())
                return Follows(member, made=port)
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
