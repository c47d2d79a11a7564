"""Holds a conversation with the server and with the model of it, and says where the two first disagree."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch
from conformance.suite.idle.part import NEARLY
from conformance.suite.model.clients import KINDS
from conformance.suite.model.deliveries import Announcement, clause_of_stray
from conformance.suite.model.requests import Requests
from conformance.suite.model.rooms import FORGERIES, USERS, ModelMember, Port, Room, Step
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Join, Status

SILENCE = 0.7
"""Of the idle time: how long nobody says anything in the step `wait`."""


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


class Comparison(Requests):
    """One conversation. `steps`: those taken so far."""

    def __init__(self, bench: Bench, patience: float | None = None) -> None:
        super().__init__(bench, patience)
        self.steps: list[Step] = []

    def step(self, step: Sequence[Any]) -> None:
        """Take one step. Mismatch if the server does not agree with the model."""
        meant = self.model.understood(step)
        if meant is None:
            return
        self.steps.append(meant)
        self.deliveries.closing = None
        self.deliveries.after = " ".join("no password" if word is None else str(word) for word in meant)
        match meant:
            case ("create", *_):
                self._create(meant, meant)
            case ("join" | "join_silently", *_):
                self._join(meant, meant)
            case ("begin", *_, place):
                self._begin(meant, place)
            case ("finish", number):
                self._finish(meant, number)
            case ("abandon", number, end):
                self._abandon(meant, number, end)
            case ("return", number):
                self._return(meant, number)
            case ("forge", _, what, how):
                self._forge(meant, what, how)
            case ("reuse_token", _, how):
                self._reuse_token(meant, how)
            case ("leave", _):
                self._leave(meant)
            case ("move", _, how):
                self._move(meant, how)
            case ("take", *_):
                self._take(meant)
            case ("say", _):
                self._say(meant)
            case ("tell", _, text):
                self._say(meant, text)
            case ("burst", _):
                self._burst(meant)
            case ("keep", _):
                self._keep(meant)
            case ("wait",):
                self._wait(meant)

    def end(self) -> None:
        """Close the rooms, and let what is still on its way arrive while its receivers are there."""
        guests = [self._peers[member] for member in self._sure if not member.host]
        for room in self.model.rooms.values():
            self.bench.udp.leave(self._peers[room.members[0]])
        deadline = time.monotonic() + self._moment(0.05)
        for guest in guests:
            self.bench.hearing.await_notice(guest, self.deliveries.seen(guest), deadline - time.monotonic())

    # Chat

    def _say(self, step: Step, text: str | None = None) -> None:
        follows = self.model.follow(step)
        speaker = follows.member
        assert speaker is not None
        self._reach(speaker, [listener for listener in follows.hear if listener in self._sure], text)
        self._settle(speaker, "chat", "TCRP-4.3a")
        self._conclude(speaker.room)

    def _burst(self, step: Step) -> None:
        """Everybody of the room speaks, and somebody of another room."""
        member = self.model.follow(step).member
        assert member is not None
        self._settle(member, "chat", "TCRP-4.3a")
        speakers = [one for one in member.room.members if one in self._sure]
        foreigner = self.model.foreigner(member)
        others = [] if foreigner is None else [one for one in foreigner.room.members if one in self._sure]
        if member in self._sure:
            self._all_speak([*speakers[:1], *others[:1], *speakers[1:]], [*speakers, *others])
        for room in {member.room, *(one.room for one in others)}:
            self._conclude(room)

    def _keep(self, step: Step) -> None:
        member = self.model.follow(step).member
        assert member is not None
        self._say_where_it_is(member)

    def _wait(self, step: Step) -> None:
        """Everybody says that it is there, and then nobody says anything for a while. Nobody may be gone for that."""
        self.model.follow(step)
        idle = self.bench.context.idle_timeout
        if idle is None:
            return
        began = time.monotonic()
        with self._unkept(*self.model.members):
            while (left := began + SILENCE * idle - time.monotonic()) > 0:
                self.bench.udp.pump(left)
            if time.monotonic() - began < NEARLY * idle:
                self.deliveries.blame = "TCRP-5.3b"
                for room in self.model.rooms.values():
                    self._conclude(room)
                self.deliveries.blame = None

    def _move(self, step: Step, how: str) -> None:
        follows = self.model.follow(step)
        member = follows.member
        assert member is not None
        assert isinstance(follows.made, Port)
        peer = self._peers[member]
        with self._unkept(member):
            self._fence(member.room)  # what it sent from the old port has been read
            self._ports[follows.made] = left = self.bench.rooms.move(peer)
            self.deliveries.moved(peer, left)
            self._has_moved(member, how)
        self._conclude(member.room)

    def _take(self, step: Step) -> None:
        """The member goes on from a port that somebody has left, if that is known to be left."""
        port = self.model.ports[step[2]]
        member = self.model.follow(step).member
        assert member is not None
        peer, left = self._peers[member], self._ports[port]
        if left in self.deliveries.unjudged:
            self._say_where_it_is(member)
            return
        with self._unkept(member):
            self._fence(member.room)
            self.bench.rooms.take_port(peer, left)
            self.deliveries.took_port(peer)
            self.deliveries.moved(peer, left)
            self._has_moved(member, "chat")
        self._conclude(member.room)

    def _has_moved(self, member: ModelMember, how: str) -> None:
        self._sure.discard(member)
        self._moved.add(member)
        self._send(member, how)
        self._settle(member, how, "TCRP-4.3a")

    def _say_where_it_is(self, member: ModelMember) -> None:
        self.bench.udp.register(self._peers[member])
        self._settle(member, "empty", "TCRP-4.4a")
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
            if self.bench.context.path.lost:  # they may be lost, and nothing brings them again
                return
            strays = [stray.data for stray in self.bench.hearing.strays(self._peers[untold[0]], since[untold[0]])]
            clause = "TCRP-5.2a"
            if strays:
                clause = "TCRP-5.1c" if clause_of_stray(strays[0]) == "TCRP-5.1c" else "TCRP-5.4a"
            raise Mismatch(
                f"{untold[0].user} to get a disconnect notice (0x04) when the host has left",
                shown(strays[0]) if strays else f"nothing came within {sum(self._waits):.1f} s",
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
        data = self.bench.dialect.write_up(member, KINDS[how], mark if how == "chat" else b"")
        clause, name = FORGERIES[what], -1 if what == "nowhere" else victim.room.name
        with self._unkept(victim, *([foreigner] if foreigner else [])), self._without_effect(clause, name):
            if data is not None:
                self.bench.udp.send(stranger, data)
            if foreigner is not None and not self._fence(foreigner.room, foreigner):
                self._suspect[foreigner.room] = clause
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
