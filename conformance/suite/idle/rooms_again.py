"""Rooms of names that were used before, and rooms that are asked for in vain."""

import time

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.suite.idle.part import NEARLY, Part
from conformance.trace.names import fresh
from tcrp import Create, Join, Status


class Encore(Part):
    """A host leaves, and later another one creates a room of the name. A host idles, and another one does at once."""

    def __init__(self, bench: Bench, idle: float) -> None:
        super().__init__(bench, idle)
        self.hosts: dict[str, Peer] = {}
        self.stood: dict[str, str] = {}

    def begin(self) -> None:
        self.first = self.bench.rooms.create(user="first")
        self.idler = self.bench.rooms.create(user="idler")
        for host in (self.first, self.idler):
            self.bench.udp.register(host)
        self.bench.udp.leave(self.first)

    def act(self) -> None:
        if self.due("create", 0.8):
            self._create(self.first.member.room, "a room of a name that another had")
        if self.bench.hearing.notices(self.idler) and self.due("idled", 0.9):
            self._create(self.idler.member.room, "a room of the name of one whose host was idle")
        for what, host in self.hosts.items():
            if self._age(host) > 0.7 and self.due(what, 0.0):
                answer = self.bench.tcp.ask(Join(host.member.room, "zoe"))
                if answer.token is None and self._age(host) < NEARLY:
                    self.stood[what] = str(answer)

    def _age(self, host: Peer) -> float:
        """The time since the host's COMPLETE, in parts of T."""
        return (time.monotonic() - host.made_at) / self.idle

    def _create(self, room: str, what: str) -> None:
        want = Create(room, "second")
        answer = self.bench.tcp.ask(want)
        if answer.token is not None:  # if not, that is a finding of TCRP-5.2c or TCRP-5.3d
            self.hosts[what] = self.bench.rooms.enter(want, answer)

    def end(self) -> None:
        for what, answer in self.stood.items():
            expected = f"a JOIN of {what}, which is not {NEARLY:g} T old, to be served"
            self.problem("TCRP-5.3b", expected, answer)


class Siege(Part):
    """Two silent hosts, whose rooms are joined with wrong passwords, and created, again and again."""

    def __init__(self, bench: Bench, idle: float) -> None:
        super().__init__(bench, idle)
        self.retaken = False

    def begin(self) -> None:
        self.locked = self.bench.rooms.create(fresh(), "locked", self.bench.rooms.secret)
        self.taken = self.bench.rooms.create(fresh(), "taken")
        for host in (self.locked, self.taken):
            self.bench.udp.register(host)

    def act(self) -> None:
        for number in range(12):
            if self.due(f"attempt {number}", number / 4):
                if self.bench.rooms.secret is not None and not self.bench.hearing.notices(self.locked):
                    self.bench.tcp.ask(Join(self.locked.member.room, "mallory", "Wrong-12"))
                if not self.bench.hearing.notices(self.taken):  # later it might be created in fact
                    self.retaken |= self.bench.tcp.ask(Create(self.taken.member.room, "mallory")).token is not None

    def end(self) -> None:
        whats = ((self.locked, "JOINs with a wrong password"), (self.taken, "CREATEs of its name"))
        for host, what in whats:
            gone = self.bench.tcp.ask(Join(host.member.room, "zoe", "Wrong-12")).says(Status.ROOM_NOT_FOUND)
            if not gone and not self.bench.hearing.notices(host) and not (host is self.taken and self.retaken):
                latest = f"{2 * self.idle + 1:g} s"
                expected = f"a silent host to be removed within {latest}, whatever {what} are refused meanwhile"
                self.problem("TCRP-5.3a", expected, "its room can still be joined")
