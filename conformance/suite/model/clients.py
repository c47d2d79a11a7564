"""The clients of a conversation: what they send, and how it is proved where they are and who is still there.

Neither registering nor moving nor leaving has an answer, and UDP has no order, so each is proved before anything is
judged by it: where a member listens, once it has heard something there; that somebody has left, once it no longer
hears what the others say. What is not proved yet is not judged.
"""

import time
from collections.abc import Iterable, Iterator, Sequence

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite.model.deliveries import Announcement, Deliveries
from conformance.suite.model.rooms import NAMES, Model, ModelMember, Room
from conformance.trace.names import fresh, nonce
from tcrp import Membership, UpKind

KINDS = {"empty": UpKind.REGISTER, "chat": UpKind.CHAT, "exit": UpKind.LEAVE}


class Clients:
    """Everybody of one conversation. `patience`: seconds to wait for what must come, None for the fitted ones."""

    def __init__(self, bench: Bench, patience: float | None = None) -> None:
        self.bench = bench
        self.model = Model()
        self.deliveries = Deliveries(bench)
        self._waits = (bench.waits.answer, bench.waits.prompt) if patience is None else (patience, patience)
        self._names = [fresh() for _ in range(NAMES)]
        self._peers: dict[ModelMember, Peer] = {}
        self._memberships: dict[ModelMember, Membership] = {}
        """Whoever returns does so on the socket that it had."""
        self._sure: set[ModelMember] = set()
        """Who has heard something where it is."""
        self._moved: set[ModelMember] = set()

    def _send(self, member: ModelMember, how: str, text: str | None = None) -> bytes:
        """Whoever is or was a member sends an empty message, one that is not, or `exit`. Returns its nonce, if any.
        `text`: what else a message holds.
        """
        peer = self._peers[member]
        if how != "chat":
            self._send_as(member, how, b"")
            return b""
        mark = nonce()
        message = None if text is None else self._message(member, text, mark)
        may = {self._peers[other] for other in member.room.members if other is not member}
        said = Announcement(f"a message of {member.user}", member.user, member.room, peer, may, message=message)
        if member.void is not None:
            said = said._replace(what=f"a message with the void token of {member.user}", may=set(), clause=member.void)
        self.deliveries.announce(mark, said)
        self._send_as(member, how, mark if message is None else message)
        return mark

    def _send_as(self, member: ModelMember, how: str, message: bytes) -> None:
        """Send with the token that the member has or had, from where it is, or whoever has returned for it."""
        peer, membership = self._peers[member], self._memberships[member]
        if how == "empty" and peer.membership == membership:
            self.bench.udp.register(peer)  # as this server has it
            return
        data = self.bench.dialect.write_up(membership, KINDS[how], message)
        if data is not None:
            self.bench.udp.send(peer, data)

    def _message(self, member: ModelMember, text: str, mark: bytes) -> bytes:
        """A message that names somebody or something, or is long, or begins as one that leaves."""
        others = [other.user for other in member.room.members if other.user != member.user]
        match text:
            case "own name":
                return member.user.encode() + b": " + mark
            case "other name":
                return b"@" + (others[0] if others else "bob").encode() + b": " + mark
            case "room":
                return self._names[member.room.name].encode() + b" " + mark
            case "exit":
                return b"exit " + mark
            case "long":
                return mark + "部屋".encode() * 200
        return mark + b" " + (member.room.password or "secret").encode()

    def _reach(
        self, speaker: ModelMember, listeners: Sequence[ModelMember], text: str | None = None
    ) -> list[bytes]:  # fmt: skip
        """These members hear a new message of the speaker, or a second one: a datagram may be lost."""
        marks: list[bytes] = []
        for wait in self._waits:
            marks.append(self._send(speaker, "chat", text))
            deadline = time.monotonic() + wait
            deaf = [listener for listener in listeners if not self._hears(listener, marks[-1], deadline)]
            if not deaf:
                return marks
        if self.deliveries.blame is None:
            self.deliveries.check()  # what came instead says more
        raise Mismatch(
            f"{deaf[0].user} to receive a message of {speaker.user} after {self.deliveries.after}",
            f"neither of two messages came within {sum(self._waits):.1f} s",
            clause=self.deliveries.blame or "TCRP-4.5a",
        )

    def _all_speak(self, speakers: Sequence[ModelMember], listeners: Sequence[ModelMember]) -> None:
        """They speak without waiting for each other, and everybody else of these hears each of them."""
        marks = {speaker: self._send(speaker, "chat") for speaker in speakers}
        deadline = time.monotonic() + self._waits[0]
        for speaker, mark in marks.items():
            others = [listener for listener in listeners if listener is not speaker and listener.room is speaker.room]
            deaf = [listener for listener in others if not self._hears(listener, mark, deadline)]
            if deaf:  # a datagram may be lost
                self._reach(speaker, deaf)

    def _hears(self, member: ModelMember, mark: bytes, deadline: float) -> bool:
        return self.bench.hearing.hear(self._peers[member], mark, deadline - time.monotonic()) is not None

    def _has_heard(self, member: ModelMember, marks: Iterable[bytes]) -> bool:
        return any(self.bench.hearing.heard(self._peers[member], mark) for mark in marks)

    def _fence(self, room: Room, first: ModelMember | None = None) -> list[bytes]:
        """As Bench.fence: all but the second hear before they speak. Returns the messages of its last round, if any."""
        members = [member for member in room.members if member in self._sure]
        members.sort(key=lambda member: member is not first)
        marks: list[bytes] = []
        for _ in range(2 if len(members) > 1 else 0):
            marks = self._reach(members[1], [members[0], *members[2:]])
            marks += self._reach(members[0], [members[1]])
        return marks

    def _settle(self, actor: ModelMember, how: str, clause: str) -> None:
        """Whoever of the actor's room has registered hears something where it is, as in Bench.settle. `how`: what the
        actor has sent, and sends again; UDP has no order, so once may be too early. `clause`: broken if it is deaf.
        """
        registered = [member for member in actor.room.members if member.registered]
        deaf = [member for member in registered if member not in self._sure]
        if len(registered) < 2 or not deaf:
            return
        speakers = [member for member in registered if member in self._sure][:1] or registered[1::-1]
        probes: dict[ModelMember, list[bytes]] = {member: [] for member in deaf}
        deadline, a_round = time.monotonic() + self._waits[0], self._moment(0.05)
        while deaf and (now := time.monotonic()) < deadline:
            for speaker in speakers:
                mark = self._send(speaker, "chat")
                for member in deaf:
                    if member is not speaker:  # whoever speaks says where it is
                        probes[member].append(mark)
            until = min(deadline, now + a_round)
            while (deaf := [one for one in deaf if not self._has_heard(one, probes[one])]) and time.monotonic() < until:
                self.bench.udp.pump(until - time.monotonic())
            for member in deaf:
                self._send(member, how if member is actor else "empty")
            a_round *= 2
        if deaf:
            self.deliveries.check()
            raise Mismatch(
                f"{deaf[0].user} to receive messages where it is after {self.deliveries.after}",
                f"nothing came within {self._waits[0]:.1f} s",
                clause=self._clause_of_deafness(deaf[0], registered, how, clause),
            )
        self._sure.update(probes)
        self.deliveries.unjudged -= {old for old, member in self.deliveries.old.items() if member in probes}

    def _clause_of_deafness(self, deaf: ModelMember, registered: list[ModelMember], how: str, clause: str) -> str:
        """Does it hear after a message of the other kind? Then this one did not register it."""
        if deaf in self._moved:
            return "TCRP-4.3a"
        self._send(deaf, "chat" if how == "empty" else "empty")
        mark = self._send(next(member for member in registered if member is not deaf), "chat")
        if self._hears(deaf, mark, time.monotonic() + self._waits[1]):
            return clause
        return "TCRP-4.5a"

    def _prove(self, room: Room) -> None:
        """Whoever left the room is known to have left, once there are others to show it."""
        for gone in [
            one for one in self.model.former if one.room is room and self._peers[one] in self.deliveries.unjudged
        ]:
            for _ in self._again():
                marks = self._fence(room)
                if not marks:
                    return
                self.bench.udp.pump(0.0)
                if not self._has_heard(gone, marks):
                    self.deliveries.unjudged.discard(self._peers[gone])
                    break
                self.bench.udp.leave(self._peers[gone])  # it may be lost, or overtaken
            else:
                still = f"it still receives messages after {self._waits[0]:.1f} s"
                raise Mismatch(f"{gone.user} to receive nothing after leaving", still, clause="TCRP-5.1a")

    def _again(self) -> Iterator[None]:
        """At once, and then again and again, ever more rarely, as long as what has no answer may be on its way."""
        deadline, pause = time.monotonic() + self._waits[0], self._moment(0.01)
        yield
        while (left := deadline - time.monotonic()) > 0:
            self.bench.udp.pump(min(left, pause))
            pause *= 2
            yield

    def _conclude(self, room: Room, first: ModelMember | None = None) -> None:
        """Let come what is still to come of a step, and judge all that has come. `first`: who must not speak before it
        has heard, since whoever speaks says where it is.
        """
        self._prove(room)
        if not self._fence(room, first) and not any(self._fence(other) for other in self.model.rooms.values()):
            self.bench.udp.pump(self._moment(0.005))
        self.deliveries.check()

    def _moment(self, least: float) -> float:
        """Seconds in which what is on its way arrives, if it is not judged."""
        return max(least, 4 * self.bench.waits.round_trip)
