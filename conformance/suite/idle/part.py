"""What the parts of the scene have in common: they begin, act as time passes, and look around when it is over.

A part is judged by what was sent when, not by when it was to be sent: on a slow machine less is judged.
"""

import time
from typing import NamedTuple

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.trace.names import another, nonce

NEARLY = 0.95
"""Of T: a silence that was shorter in fact, as the server sees it, is one that nobody may be removed for."""


class Silence(NamedTuple):
    """A member said something after a silence, at most twice. `what`: who it is, in words."""

    what: str
    member: Peer
    mark: bytes
    seconds: float


class Part:
    """`idle`: T in seconds. Times are given in parts of T, from when the part began."""

    def __init__(self, bench: Bench, idle: float) -> None:
        self.bench = bench
        self.idle = idle
        self.began = 0.0
        self.problems: list[Mismatch] = []
        self._done: set[str] = set()
        self._silences: list[Silence] = []
        self._again: list[Silence] = []
        self._late: set[Peer] = set()
        """Who has been silent for so long that it may be gone, because this machine is slow."""

    def begin(self) -> None:
        """Let the members in. Mismatch where that fails: the part is not played then."""

    def act(self) -> None:
        """Do what is due. Called again and again, several times in each tenth of T."""

    def end(self) -> None:
        """Look around, once 2 T + 1 seconds are over."""

    def problem(self, clause: str, expected: str, actual: str) -> None:
        """A clause is broken."""
        self.problems.append(Mismatch(expected, actual, clause=clause))

    @property
    def passed(self) -> float:
        """The time that has passed, in parts of T."""
        return (time.monotonic() - self.began) / self.idle

    def due(self, what: str, at: float) -> bool:
        """Whether it is time for this, the first time that it is."""
        if what in self._done or self.passed < at:
            return False
        self._done.add(what)
        return True

    def speak(self, member: Peer, what: str) -> None:
        """A member that has been silent says something, and with the next act once more: a datagram may be lost."""
        silent_since = member.sent_at or member.made_at
        self.note(member)
        mark = nonce()
        self.bench.udp.say(member, mark)
        silence = Silence(what, member, mark, time.monotonic() - silent_since)
        self._silences.append(silence)
        self._again.append(silence)

    def note(self, member: Peer) -> None:
        """The member is about to send something: was it silent for too long to be judged?"""
        if time.monotonic() - (member.sent_at or member.made_at) >= NEARLY * self.idle:
            self._late.add(member)

    def speak_again(self) -> None:
        """Say for the second time what was said at the last act."""
        for silence in self._again:
            self.bench.udp.say(silence.member, another(silence.mark, 1))
        self._again.clear()

    def judge_silences(self, witness: Peer) -> None:
        """Whoever was silent for less than T is still a member: the witness has heard it."""
        hearing = self.bench.hearing
        for what, member, mark, seconds in self._silences:
            in_time = seconds + self.bench.waits.round_trip < NEARLY * self.idle and member not in self._late
            if in_time and not any(hearing.heard(witness, one) for one in (mark, another(mark, 1))):
                self.problem("TCRP-5.3b", f"{what} to be heard after {seconds:.1f} s of silence", "it was not")
