"""A room whose host stays, and guests who move, speak in time, leave and come back, or fall silent all at once."""

import contextlib

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite.idle.part import Part
from conformance.trace.names import fresh, nonce
from tcrp import Join

CROWD = 6
"""Guests who fall silent at once."""


class House(Part):
    """The members have their names from what they do."""

    def __init__(self, bench: Bench, idle: float) -> None:
        super().__init__(bench, idle)
        self.back: list[Peer] = []
        self.back_at = 0.0
        self.again: Peer | None = None
        self.thief: Peer | None = None

    def begin(self) -> None:
        crowd = [f"silent-{number}" for number in range(CROWD)]
        names = ("steady", "mover", "warned", "robbed", "leaver", *crowd)
        self.steady, self.mover, self.warned, self.robbed, self.leaver, *self.crowd = self.bench.rooms.settled(*names)
        self.room = self.steady.member.room
        self.thief = self._thief(self.robbed)
        for peer in (self.mover, self.warned, self.robbed, self.leaver, *self.crowd):
            self.bench.udp.register(peer)
            peer.kept = False
        self.bench.udp.leave(self.leaver)

    def _thief(self, robbed: Peer) -> Peer | None:
        """Somebody at another IP address who has the token of a member, if this machine has another, and the server is
        known to see it.
        """
        import pytest  # here, as in conformance.outcome.findings

        if not self.bench.context.addresses_kept:
            return None
        with contextlib.suppress(pytest.skip.Exception):
            return self.bench.rooms.peer(robbed.member, self.bench.context.second_address())
        return None

    def act(self) -> None:
        self.speak_again()
        if self.due("move", 0.5):
            self.note(self.mover)
            self.bench.rooms.move(self.mover)
            self.bench.udp.say(self.mover, nonce())
        if self.due("moved", 1.3):
            self.speak(self.mover, "a member that has moved")
        if self.due("first", 0.8):
            self.speak(self.warned, "a member")
        if self.due("second", 1.6):
            self.speak(self.warned, "a member that has been silent for long once before")
        if self.due("join", 0.8):
            self.again = self._joins(self.leaver.member.user)
        if self.again is not None and self.due("joined", 1.5):
            self.speak(self.again, "a member of whose name another one had left before")
        for number in range(12):
            if self.thief is not None and self.due(f"theft {number}", number / 4):
                self.bench.udp.register(self.thief)
                self.bench.udp.say(self.thief, nonce())
        self._come_back()

    def _joins(self, user: str) -> Peer | None:
        want = Join(self.room, user)
        answer = self.bench.tcp.ask(want)
        return None if answer.token is None else self.bench.rooms.enter(want, answer)

    def _come_back(self) -> None:
        """Two of the crowd join again as soon as they know that they were idle: one speaks in time, one never does."""
        for peer in self.crowd[:2]:
            name = peer.member.user
            if self.bench.hearing.notices(peer) and self.due(f"{name} is back", 0.9):
                back = self._joins(name)
                if back is None:
                    continue  # that is a finding of TCRP-5.3e
                self.bench.udp.register(back)
                self.back.append(back)
                self.back_at = self.back_at or self.passed
        if self.back and self.due("back", self.back_at + 0.7):
            self.speak(self.back[0], "a member of whose name another one was idle before")

    def end(self) -> None:
        hearing = self.bench.hearing
        self.judge_silences(self.steady)
        mark = nonce()
        self.bench.udp.say(self.steady, mark)
        witness = self._joins("witness")
        if witness is not None:
            try:
                self.bench.fences.settle(self.steady, witness)
            except Mismatch:
                return  # what came to nobody proves nothing
        left = [peer for peer in self.crowd if hearing.heard(peer, mark)]
        latest = 2 * self.idle + 1
        if left:
            expected = f"{CROWD} members that fell silent at once to be removed within {latest:g} s"
            self.problem("TCRP-5.3a", expected, f"{len(left)} of them are still members")
        if self.thief is not None and hearing.heard(self.robbed, mark):
            expected = (
                f"a silent member to be removed within {latest:g} s, whatever comes with its token from elsewhere"
            )
            self.problem("TCRP-5.3a", expected, "it is still a member")
        for peer in self.back[1:]:
            if not hearing.heard(peer, mark) and hearing.await_notice(peer, 0) is None:
                expected = "a member that is idle to be told, as the member of its name was before"
                self.problem("TCRP-5.3c", expected, "it was removed and got no notice")


class Quiet(Part):
    """A room where everything was said at the beginning, and whose members keep alive by empty messages."""

    def begin(self) -> None:
        self.host, self.guest = self.bench.rooms.settled("hush", "whisper")

    def end(self) -> None:
        mark = nonce()
        self.bench.udp.say(self.host, mark)
        if self.bench.hearing.hear(self.guest, mark) is None:
            expected = "members that send empty messages to stay in a room where nothing is said"
            self.problem("TCRP-5.3b", expected, "a message of one does not reach the other")


class Stuck(Part):
    """Requests that are never whole: nobody's time stands still for them."""

    def begin(self) -> None:
        request = self.bench.tcp.request(Join(fresh(), "stuck"))
        for size in (0, 10, len(request) - 1):
            connection = self.bench.tcp.connect()
            if size:
                connection.send(request[:size])
