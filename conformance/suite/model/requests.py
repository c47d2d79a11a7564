"""The requests of a conversation, whole or in parts, and who enters by them."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from conformance.client.bench import Bench
from conformance.net.connection import Answer, Connection
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite.model.clients import Clients
from conformance.suite.model.rooms import USERS, Follows, ModelMember, Pending, Port, Room, Step
from tcrp import HEADER_SIZE, Create, Join, Status

PATIENT_SECONDS = 0.5
"""After so long, at the earliest, a server may give up a request that does not go on."""


class Part(NamedTuple):
    """A request of which a part has been sent. `rest`: what is left of it; `began`: seconds of time.monotonic()."""

    connection: Connection
    rest: bytes
    began: float


class Requests(Clients):
    """Asks for what the steps say, and compares the answers with the model."""

    def __init__(self, bench: Bench, patience: float | None = None) -> None:
        super().__init__(bench, patience)
        self._closing: dict[int, ModelMember] = {}
        """Rooms whose host has left, as far as is known only here."""
        self._suspect: dict[Room, str] = {}
        """Rooms about which nobody could tell whether a forged datagram has closed them, and the clause of that."""
        self._parts: dict[Pending, Part] = {}
        self._ports: dict[Port, Peer] = {}

    def _want(self, step: Step) -> Create | Join:
        kind, name, user, password = step
        want = Create if kind == "create" else Join
        return want(self._names[name], USERS[user], password)

    # in parts

    def _begin(self, step: Step, place: str) -> None:
        pending = self.model.follow(step).made
        assert isinstance(pending, Pending)
        request = self.bench.tcp.request(self._want(pending.step))
        name = HEADER_SIZE + len(self._names[pending.step[1]].encode())
        size = {"header": 10, "name": name, "payload": name + 9}[place]
        connection, began = self.bench.tcp.connect(), time.monotonic()
        connection.send(request[:size])
        self.bench.tcp.keep_apart(connection)
        self._parts[pending] = Part(connection, request[size:], began)

    def _abandon(self, step: Step, number: int, end: str) -> None:
        part = self._parts.pop(self.model.pending[number])
        self.model.follow(step)
        if end == "reset":
            part.connection.reset()
        self.bench.tcp.drop(part.connection)

    def _finish(self, step: Step, number: int) -> None:
        pending = self.model.pending[number]
        part = self._parts.pop(pending)
        enter = self._create if pending.step[0] == "create" else self._join
        enter(step, pending.step, part)

    def _return(self, step: Step, number: int) -> None:
        gone = self.model.gone[number]
        want = self.model.returning(gone)
        peer = self._peers[gone]
        free = peer not in self.deliveries.unjudged and gone.registered
        enter = self._create if want[0] == "create" else self._join
        enter(step, want, None, peer if free else None)

    def _ask(self, want: Create | Join, part: Part | None) -> Answer:
        """Ask, or send the rest of a request. A server that gave that one up in the meantime is asked again."""
        if part is None:
            return self.bench.tcp.ask(want)
        answer = self.bench.tcp.ask_on(part.connection, want, data=part.rest)
        if answer.closed and not answer.data and time.monotonic() - part.began > PATIENT_SECONDS:
            return self.bench.tcp.ask(want)
        return answer

    # whole

    def _create(self, step: Step, request: Step, part: Part | None = None, back: Peer | None = None) -> None:
        want, name = self._want(request), request[1]
        closed = name in self.model.closed
        follows = self.model.follow(step)
        clause = "TCRP-3.4d" if follows.member is None else "TCRP-5.2c" if closed else "TCRP-3.4c"
        self._enter(want, follows, name, clause, part, back)

    def _join(self, step: Step, request: Step, part: Part | None = None, back: Peer | None = None) -> None:
        want, name = self._want(request), request[1]
        closed = name in self.model.closed
        follows = self.model.follow(step)
        clauses = {
            Status.ROOM_NOT_FOUND: "TCRP-5.2c" if closed else "TCRP-3.4e",
            Status.WRONG_PASSWORD: "TCRP-3.10a",
        }
        self._enter(want, follows, name, clauses.get(follows.status or Status.OK, "TCRP-3.4c"), part, back)

    def _enter(
        self, want: Create | Join, follows: Follows, name: int, clause: str, part: Part | None, back: Peer | None
    ) -> None:  # fmt: skip
        """`back`: the peer that returns, on whose socket the member is from now on."""
        answer = self._answer(want, follows, name, clause, part)
        if follows.member is None:
            return
        if back is None:
            back = self.bench.rooms.enter(want, answer)
        else:
            self.deliveries.took_port(back)
            self.bench.rooms.come_back(back, want, answer)
        self._admit(follows.member, back)

    def _answer(
        self, want: Create | Join, follows: Follows, name: int, clause: str, part: Part | None
    ) -> Answer:  # fmt: skip
        """The answer, with a token if one is due. `clause`: broken by another status."""
        expected = follows.status
        assert expected is not None
        for _ in self._while_closing(name):
            answer = self._ask(want, part)
            part = None
            if answer.says(expected) and (answer.token is not None or expected is not Status.OK):
                if expected is Status.ROOM_NOT_FOUND or (expected is Status.OK and isinstance(want, Create)):
                    self._is_closed(name)
                return answer
        if answer.says(expected):
            clause = "TCRP-3.5a"
        elif follows.member is not None and isinstance(want, Join):
            clause = self._clause_of_refusal(follows.member, answer.status) or clause
        what = f"a {type(want).__name__.upper()} to be answered with status {int(expected)} ({expected.name})"
        if expected is Status.OK:
            what += " and a token"
        raise Mismatch(what, str(answer), data=answer.data, clause=clause)

    def _clause_of_refusal(self, member: ModelMember, status: int | None) -> str | None:
        """Under which clause this status is wrong where there is no reason to refuse."""
        if status is None:
            return "TCRP-3.4a"
        if status == Status.WRONG_PASSWORD:
            return "TCRP-3.10a"
        if status == Status.ROOM_NOT_FOUND and member.room in self._suspect:
            return self._suspect[member.room]
        if status == Status.ROOM_NOT_FOUND and any(gone.room is member.room for gone in self.model.former):
            return "TCRP-3.8f"
        equal = any(other.user == member.user for other in member.room.members if other is not member)
        return "TCRP-3.3c" if equal else None

    def _while_closing(self, name: int) -> Iterator[None]:
        """Once, and again as long as the datagram by which the host left may be on its way, or lost."""
        for _ in self._again():
            yield
            if name not in self._closing:
                return
            self.bench.udp.leave(self._peers[self._closing[name]])

    def _is_closed(self, name: int) -> None:
        """Nobody of the room that had this name is in it any more."""
        if (host := self._closing.pop(name, None)) is not None:
            self._is_over(host.room)

    def _is_over(self, room: Room) -> None:
        self.deliveries.unjudged -= {self._peers[gone] for gone in self.model.former if gone.room is room}

    def _admit(self, member: ModelMember, peer: Peer) -> None:
        if any(peer.member.token == other.token for other in self._memberships.values()):
            raise Mismatch("a token that nobody else was given", "one that was given before", clause="TCRP-3.8a")
        self._peers[member], self._memberships[member] = peer, peer.member
        self.deliveries.entered(peer, member)
        peer.kept = True
        if member.registered:
            self.bench.udp.register(peer)
            self._settle(member, "empty", "TCRP-4.4a")
        self._conclude(member.room)
