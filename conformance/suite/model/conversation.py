"""Holds a conversation with the server and with the model of it, and says where the two first disagree."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite.model.clients import Clients
from conformance.suite.model.deliveries import Announcement, clause_of_stray
from conformance.suite.model.rooms import FORGERIES, NAMES, USERS, Follows, ModelMember, Room, Step
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Create, Join, Membership, Status, UpKind

_KINDS = {"empty": UpKind.REGISTER, "chat": UpKind.CHAT, "exit": UpKind.LEAVE}


def play(
    bench: Bench, steps: Iterable[Sequence[Any]], *, patience: float | None = None, until: float | None = None
) -> None:
    """Hold this conversation. At the first disagreement Mismatch, with its clause and, as `example`, the steps up to
    there. `patience`: seconds to wait for what must come, None for the fitted ones. `until`: of time.monotonic(), when
    no further step is begun. Who plays tidies the bench afterwards.
    """
    comparison = Comparison(bench, patience)
    try:
        for step in steps:
            if until is None or time.monotonic() < until:
                comparison.step(step)
    except Mismatch as found:
        found.example = {"steps": comparison.steps}
        raise
    comparison.end()


class Comparison(Clients):
    """One conversation. `steps`: those taken so far."""

    def __init__(self, bench: Bench, patience: float | None = None) -> None:
        super().__init__(bench, patience)
        self.steps: list[Step] = []
        self._names = [fresh() for _ in range(NAMES)]
        self._closing: dict[int, ModelMember] = {}
        """Rooms whose host has left, as far as is known only here."""

    def step(self, step: Sequence[Any]) -> None:
        """Take one step. Mismatch if the server does not agree with the model."""
        meant = self.model.understood(step)
        if meant is None:
            return
        self.steps.append(meant)
        self.deliveries.closing = None
        self.deliveries.after = " ".join("no password" if word is None else str(word) for word in meant)
        match meant:
            case ("create", name, user, password):
                self._create(meant, Create(self._names[name], USERS[user], password))
            case ("join" | "join_silently", name, user, password):
                self._join(meant, Join(self._names[name], USERS[user], password))
            case ("forge", _, what, how):
                self._forge(meant, what, how)
            case ("reuse_token", _, how):
                self._reuse_token(meant, how)
            case ("leave", _):
                self._leave(meant)
            case ("move", _, how):
                self._move(meant, how)
            case ("say", _):
                self._say(meant)
            case ("keep", _):
                self._keep(meant)

    def end(self) -> None:
        """Close the rooms, and let what is still on its way arrive while its receivers are there."""
        guests = [self._peers[member] for member in self._sure if not member.host]
        for room in self.model.rooms.values():
            self.bench.udp.leave(self._peers[room.members[0]])
        deadline = time.monotonic() + self._moment(0.05)
        for guest in guests:
            self.bench.hearing.await_notice(guest, self.deliveries.seen(guest), deadline - time.monotonic())

    # Requests

    def _create(self, step: Step, want: Create) -> None:
        name, closed = step[1], step[1] in self.model.closed
        follows = self.model.follow(step)
        if follows.member is None:
            self._answer(want, follows, name, "TCRP-3.4d")
            return
        for _ in self._while_closing(name):
            try:
                host = self.bench.rooms.create(want.room, want.user, want.password)
            except Mismatch as found:
                refused = found
            else:
                self._is_closed(name)
                self._admit(follows.member, host)
                return
        refused.clause = "TCRP-5.2c" if closed else "TCRP-3.4c"
        raise refused

    def _join(self, step: Step, want: Join) -> None:
        name, closed = step[1], step[1] in self.model.closed
        follows = self.model.follow(step)
        clauses = {
            Status.ROOM_NOT_FOUND: "TCRP-5.2c" if closed else "TCRP-3.4e",
            Status.WRONG_PASSWORD: "TCRP-3.10a",
        }
        token = self._answer(want, follows, name, clauses.get(follows.status or Status.OK, "TCRP-3.4c"))
        if follows.member is not None and token is not None:
            self._admit(follows.member, self.bench.rooms.peer(Membership(want.room, want.user, token, False)))

    def _answer(self, want: Create | Join, follows: Follows, name: int, clause: str) -> bytes | None:
        """The token, if one is due. `clause`: broken by another status."""
        expected = follows.status
        assert expected is not None
        for _ in self._while_closing(name):
            answer = self.bench.tcp.ask(want)
            if answer.says(expected) and (answer.token is not None or expected is not Status.OK):
                if expected is Status.ROOM_NOT_FOUND:
                    self._is_closed(name)
                return answer.token
        if answer.says(expected):
            clause = "TCRP-3.5a"
        elif follows.member is not None:
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
        if any(peer.member.token == other.member.token for other in self._peers.values()):
            raise Mismatch("a token that nobody else was given", "one that was given before", clause="TCRP-3.8a")
        self._peers[member] = peer
        self.deliveries.members[peer] = member
        peer.kept = True
        if member.registered:
            self.bench.udp.register(peer)
            self._settle(member, "empty", "TCRP-4.4a")
        self._conclude(member.room)

    # Chat

    def _say(self, step: Step) -> None:
        follows = self.model.follow(step)
        speaker = follows.member
        assert speaker is not None
        self._reach(speaker, [listener for listener in follows.hear if listener in self._sure])
        self._settle(speaker, "chat", "TCRP-4.3a")
        self._conclude(speaker.room)

    def _keep(self, step: Step) -> None:
        member = self.model.follow(step).member
        assert member is not None
        self.bench.udp.register(self._peers[member])
        self._settle(member, "empty", "TCRP-4.4a")
        self._conclude(member.room)

    def _move(self, step: Step, how: str) -> None:
        member = self.model.follow(step).member
        assert member is not None
        peer = self._peers[member]
        with self._unkept(member):
            self._fence(member.room)  # what it sent from the old port has been read
            self.deliveries.moved(peer, self.bench.rooms.move(peer))
            self._sure.discard(member)
            self._moved.add(member)
            self._send(member, how)
            self._settle(member, how, "TCRP-4.3a")
        self._conclude(member.room)

    def _leave(self, step: Step) -> None:
        follows = self.model.follow(step)
        leaver = follows.member
        assert leaver is not None
        since = {member: len(self._peers[member].inbox) for member in follows.void}
        told = [member for member in follows.told if member in self._sure]
        for member in follows.void:
            peer = self._peers[member]
            peer.kept = False
            self.deliveries.notices[peer] += 1  # which the leaver may get (TCRP-5.1e) and who is unsure may
            self.deliveries.unjudged.add(peer)
            self._sure.discard(member)
        self.bench.udp.leave(self._peers[leaver])
        if leaver.host:
            self._closing[leaver.room.name] = leaver
            self.deliveries.closing = leaver.room
            self._must_be_told(told, since, leaver)
        else:
            self.deliveries.blame = "TCRP-3.8f"  # if there is no room any more
            self._prove(leaver.room)
            self.deliveries.blame = None
        try:
            self._conclude(leaver.room)
        except Mismatch as found:
            if found.clause == "TCRP-5.4b" and not leaver.host and self._is_gone(leaver.room):
                found.clause = "TCRP-3.8f"
            raise

    def _is_gone(self, room: Room) -> bool:
        """Whether the server says so; only for a finding to be named rightly."""
        return self.bench.tcp.ask(Join(self._names[room.name], USERS[0], room.password)).says(Status.ROOM_NOT_FOUND)

    def _must_be_told(self, told: list[ModelMember], since: dict[ModelMember, int], host: ModelMember) -> None:
        """These members get a disconnect notice, which proves that the room is closed."""
        untold = told
        for wait in self._waits:
            deadline = time.monotonic() + wait
            untold = [member for member in untold if not self._is_told(member, since[member], deadline)]
            if not untold:
                break
            self.bench.udp.leave(self._peers[host])  # it may be lost
        else:
            strays = [stray.data for stray in self.bench.hearing.strays(self._peers[untold[0]], since[untold[0]])]
            clause = "TCRP-5.2a"
            if strays:
                clause = "TCRP-5.1c" if clause_of_stray(strays[0]) == "TCRP-5.1c" else "TCRP-5.4a"
            raise Mismatch(
                f"{untold[0].user} to get a disconnect notice (0x04) when the host has left",
                shown(strays[0]) if strays else f"nothing in {sum(self._waits):.1f} s",
                data=strays[0] if strays else None,
                clause=clause,
            )
        if told:
            self._is_over(host.room)

    def _is_told(self, member: ModelMember, since: int, deadline: float) -> bool:
        return self.bench.hearing.await_notice(self._peers[member], since, deadline - time.monotonic()) is not None

    # What must have no effect

    def _reuse_token(self, step: Step, how: str) -> None:
        gone = self.model.follow(step).member
        assert gone is not None
        if self._peers[gone] in self.deliveries.unjudged:
            return
        self.deliveries.reused.add(gone)
        with self._without_effect(str(gone.void), gone.room.name):
            self._send(gone, how)
            self._conclude(self.model.rooms.get(gone.room.name, gone.room))

    def _forge(self, step: Step, what: str, how: str) -> None:
        victim = self.model.follow(step).member
        assert victim is not None
        foreigner = self.model.foreigner(victim) if what == "foreign" else None
        member = self._peers[victim].member
        match what:
            case "unknown":
                member = member._replace(token=bytes(255 - byte for byte in member.token))
            case "cut":
                member = member._replace(token=member.token[:-1])
            case "nowhere":
                member = member._replace(room=fresh())
        if foreigner is not None:
            member = member._replace(token=self._peers[foreigner].member.token)
        stranger = self.bench.rooms.peer(member)
        self.deliveries.strangers.append(stranger)
        mark = nonce()
        said = Announcement(f"a forged message ({what})", victim.user, victim.room, stranger, set(), FORGERIES[what])
        self.deliveries.announce(mark, said)
        data = self.bench.dialect.write_up(member, _KINDS[how], mark if how == "chat" else b"")
        clause, name = FORGERIES[what], -1 if what == "nowhere" else victim.room.name
        with self._unkept(victim, *([foreigner] if foreigner else [])), self._without_effect(clause, name):
            if data is not None:
                self.bench.udp.send(stranger, data)
            if foreigner is not None:
                self._fence(foreigner.room, foreigner)
            self._conclude(victim.room, victim)

    @contextlib.contextmanager
    def _unkept(self, *members: ModelMember) -> Iterator[None]:
        """Nothing keeps these members alive meanwhile: it would say where they are, whatever has been done to them."""
        for member in members:
            if member.registered:
                self.bench.udp.register(self._peers[member])
            self._peers[member].kept = False
        yield
        for member in members:
            self._peers[member].kept = True

    @contextlib.contextmanager
    def _without_effect(self, clause: str, name: int) -> Iterator[None]:
        """Whatever is heard of it, or no longer heard, breaks this clause; a reply breaks the one about silence."""
        self.deliveries.blame = clause
        self.deliveries.silence = "TCRP-4.2d" if name in self.model.rooms else "TCRP-4.2c"
        yield
        self.deliveries.blame = self.deliveries.silence = None
