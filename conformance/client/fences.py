"""Who hears whom, and the proof of silence.

Silence is proved by a fence: messages that every member must hear, twice, one round trip apart. Whatever was going to
come has come by then.
"""

import itertools
import time
from collections.abc import Sequence

from conformance.client.context import Context
from conformance.client.hearing import Hearing
from conformance.client.udp import Udp
from conformance.net.peer import Peer
from conformance.outcome.findings import Check, Mismatch
from conformance.trace.description import listed
from conformance.trace.names import another, nonce
from conformance.trace.recording import FENCE, SETTLE


class Fences:
    """Registers members until each hears another, and fences what was sent before."""

    def __init__(self, context: Context, udp: Udp, hearing: Hearing) -> None:
        self._context = context
        self._udp = udp
        self._hearing = hearing

    def settle(self, *members: Peer, wait: float | None = None) -> None:
        """Register every member, and let messages pass until each has heard another: registration has no answer."""
        self.settle_rooms([members], wait)

    def settle_rooms(self, rooms: Sequence[Sequence[Peer]], wait: float | None = None) -> None:
        """Settle the members of several rooms at once. Mismatch if somebody has heard nothing after `wait` seconds."""
        waits = self._context.waits
        patience = waits.answer if wait is None else wait
        heard_by: dict[Peer, list[bytes]] = {member: [] for members in rooms for member in members}
        deadline = time.monotonic() + patience
        a_round = max(0.05, 4 * waits.round_trip)
        deaf, path = list(heard_by), self._context.path
        drawn = [(nonce(), nonce()) for _ in rooms]
        self._udp.watch()
        for number in itertools.count():
            started = time.monotonic()
            with self._context.recorder.noting(SETTLE):
                for members, marks in zip(rooms, drawn, strict=True):
                    if any(member in deaf for member in members):
                        self._introduce(members, deaf, [another(mark, number) for mark in marks], heard_by)
            ends = started + a_round if path.rounds > 1 else min(deadline, started + a_round)
            while (left := ends - time.monotonic()) > 0:
                deaf = [m for m in heard_by if not any(self._hearing.heard(m, probe) for probe in heard_by[m])]
                if not deaf:
                    waits.measured(time.monotonic() - started)
                    for member in heard_by:
                        member.kept = True
                    return
                self._udp.pump(left)
            over = time.monotonic() >= deadline and number + 1 >= path.rounds
            if over or (self._udp.is_deaf() and not self._arrived(heard_by)):
                raise Mismatch(
                    f"{listed([*map(str, deaf)])} to receive the messages of the room after registering",
                    f"nothing came within {patience:.1f} s",
                    check=Check("hears", deaf[0].label, heard_by[deaf[0]][-1]),
                )
            a_round = 2 * a_round if path.rounds == 1 else min(2 * a_round, self._longest_round)

    @property
    def _longest_round(self) -> float:
        """Seconds, on a path that loses datagrams: there the next round matters more than a long one."""
        return max(0.2, 4 * self._context.waits.round_trip)

    def _arrived(self, heard_by: dict[Peer, list[bytes]]) -> bool:
        """Whether all has come after all: the server sent it before it stopped reading."""
        self._udp.pump(0.0)
        return all(any(self._hearing.heard(member, probe) for probe in probes) for member, probes in heard_by.items())

    def _introduce(
        self, members: Sequence[Peer], deaf: Sequence[Peer], probes: Sequence[bytes], heard_by: dict[Peer, list[bytes]]
    ) -> None:
        """Register those of a room who have heard nothing yet. Then the first and the second member say a word."""
        for member in reversed(members) if self._context.variation.reverse else members:
            if member in deaf or member.sent_at is None:
                self._udp.register(member)
        for probe, speaker, listeners in zip(probes, members, (members[1:], members[:1]), strict=False):
            for listener in listeners:
                heard_by[listener].append(probe)
            self._udp.say(speaker, probe)

    def fence(self, *members: Peer, after: str = "what was sent before", data: bytes | None = None) -> None:
        """Every one of these settled members of a room hears a new message, twice, one round trip apart."""
        self.fence_rooms(members, after=after, data=data)

    def fence_rooms(
        self, *rooms: Sequence[Peer], after: str = "what was sent before", data: bytes | None = None
    ) -> None:
        """Fence several rooms at once.

        All members but the second hear before they speak, because whoever speaks thereby says where it is.
        """
        second = [(members[1], (members[0], *members[2:])) for members in rooms]
        first = [(members[0], (members[1],)) for members in rooms]
        began = time.monotonic()
        for speakers in (second, first + second, first):
            self._all_heard(speakers, after, data)
        self._udp.let_come(began)

    def fence_by(self, speaker: Peer, *listeners: Peer, after: str, data: bytes | None = None) -> None:
        """These members hear a new message of the speaker, whatever was sent before. `data`: the bytes of that."""
        self._all_heard([(speaker, listeners)], after, data)

    def _all_heard(self, speakers: Sequence[tuple[Peer, Sequence[Peer]]], after: str, data: bytes | None) -> None:
        """The listeners hear a new message of their speaker. Mismatch if one does not hear the second try either."""
        waits = self._context.waits
        waited, unheard = 0.0, [(speaker, nonce(), listeners) for speaker, listeners in speakers]
        for number, wait in enumerate((waits.answer, min(waits.answer, waits.prompt))):  # one may be lost
            waited += wait
            marks = [another(drawn, number) for _, drawn, _ in unheard]
            with self._context.recorder.noting(FENCE):
                for (speaker, _, _), mark in zip(unheard, marks, strict=True):
                    self._udp.say(speaker, mark)
            deadline = time.monotonic() + wait
            left: list[tuple[Peer, bytes, Sequence[Peer]]] = []
            for (speaker, drawn, listeners), mark in zip(unheard, marks, strict=True):
                deaf = [p for p in listeners if self._hearing.hear(p, mark, deadline - time.monotonic()) is None]
                if deaf and not left:
                    blamed = (speaker, deaf[0], mark)
                if deaf:
                    left.append((speaker, drawn, listeners))
            unheard = left
            if not unheard:
                return
        speaker, listener, mark = blamed
        raise Mismatch(
            f"{listener} to receive an ordinary message of {speaker} after {after}",
            f"neither of two messages came within {waited:.1f} s",
            data=data,
            check=Check("hears", listener.label, mark),
        )
