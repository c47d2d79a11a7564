"""Who may receive what in a conversation, and whether everything that came is explained by it."""

from collections import Counter, defaultdict
from typing import NamedTuple

from conformance.client.bench import Bench
from conformance.net.peer import Datagram, Peer
from conformance.outcome.findings import Mismatch
from conformance.suite.model.rooms import LEFT, USERS, ModelMember, Room
from conformance.trace.names import names
from conformance.trace.text import shown
from tcrp.constants import LEAVE, SEPARATOR, NoticeKind


class Announcement(NamedTuple):
    """A message that was sent. `message`: all of it, where that is more than its nonce; `may`: who may receive it;
    `clause`: broken if anybody does who must not, for a message that nobody must receive; None: it depends on who does.
    """

    what: str
    user: str
    room: Room
    speaker: Peer
    may: set[Peer]
    clause: str | None = None
    message: bytes | None = None


class Deliveries:
    """Every datagram that has come to anybody is looked at once.

    `unjudged`: whose whereabouts are not proved yet, so that they may receive what others say. `old`: ports that a
    member has left. `notices`: how many disconnect notices somebody may still get. `after`: the last step, in words;
    `closing`: the room that it closes; `blame` and `silence`: the clauses under which it must have no effect and no
    reply, if so.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.members: dict[Peer, ModelMember] = {}
        self.old: dict[Peer, ModelMember] = {}
        self.strangers: list[Peer] = []
        self.unjudged: set[Peer] = set()
        self.reused: set[ModelMember] = set()
        self.notices: Counter[Peer] = Counter()
        self.after = ""
        self.closing: Room | None = None
        self.blame: str | None = None
        self.silence: str | None = None
        self._said: dict[bytes, Announcement] = {}
        self._seen: Counter[Peer] = Counter()
        self._heard: Counter[tuple[Peer, bytes]] = Counter()
        self._excused: defaultdict[Peer, set[bytes]] = defaultdict(set)
        self._told: set[Peer] = set()
        """Who has had a disconnect notice: a path that doubles datagrams may bring it again."""

    def announce(self, mark: bytes, said: Announcement) -> None:
        """A message with this nonce is about to be sent. Who is not judged may receive it, too."""
        said.may.update(self.unjudged)
        self._said[mark] = said

    def entered(self, peer: Peer, member: ModelMember) -> None:
        """From here on this peer is that member. What was said in its room and nobody has received may still be on its
        way, and be relayed when the new member is there: UDP has no order.
        """
        self.members[peer] = member
        received = {mark for _, mark in self._heard}
        for mark, said in self._said.items():
            if said.room is member.room and said.clause is None and mark not in received:
                said.may.add(peer)

    def moved(self, peer: Peer, left_behind: Peer) -> None:
        """What was for this member before it moved may still come to its old port."""
        self.old[left_behind] = self.members[peer]
        self.unjudged.add(left_behind)
        for said in self._said.values():
            if peer in said.may:
                said.may.add(left_behind)

    def took_port(self, peer: Peer) -> None:
        """This peer goes on from a port where another was: what was said until now may come there for that one."""
        self._excused[peer] |= self._said.keys()

    def seen(self, peer: Peer) -> int:
        """How many datagrams of this peer have been looked at."""
        return self._seen[peer]

    def check(self) -> None:
        """Look at what has come. Mismatch, with its clause, for the first that should not have."""
        self.bench.udp.pump(0.0)
        for peer in (*self.members, *self.old, *self.strangers):
            while self._seen[peer] < len(peer.inbox):
                self._seen[peer] += 1
                self._look_at(peer, peer.inbox[self._seen[peer] - 1])

    def _look_at(self, peer: Peer, datagram: Datagram) -> None:
        data, at = datagram.data, self.bench.context.udp_address
        if datagram.source[:2] != at[:2]:
            if self._mark_in(data) is None:
                return  # for somebody who had this port before; TCRP-4.6d is judged elsewhere, too
            came = f"one from {datagram.source[0]} port {datagram.source[1]}"
            raise Mismatch(f"datagrams from {at[0]} port {at[1]}", came, data=data, clause="TCRP-4.6d")
        if data[:1] == bytes([NoticeKind.INFORMATION]):
            return
        if data[:1] == bytes([NoticeKind.DISCONNECT]):
            self.notices[peer] -= 1
            doubled = self.bench.context.path.doubled > 0 and peer in self._told
            self._told.add(peer)
            if self.notices[peer] < 0 and not doubled:
                expected = f"{self._name(peer)} to get no disconnect notice after {self.after}"
                raise Mismatch(expected, shown(data), data=data, clause=self.blame or self._clause_of_notice(peer))
            try:
                data[1:].decode()
            except UnicodeDecodeError as error:
                raise Mismatch("UTF-8 after the byte 0x04", str(error), data=data, clause="TCRP-5.4a") from None
        elif (mark := self._mark_in(data)) is not None:
            self._look_at_message(peer, data, mark)
        elif not self.bench.datagrams.is_message(datagram):
            raise Mismatch(
                f"{self._name(peer)} to receive nothing but messages, notices and information after {self.after}",
                shown(data),
                data=data,
                clause=self.silence or clause_of_stray(data),
            )

    def _mark_in(self, data: bytes) -> bytes | None:
        """The nonce of a message of this conversation; room names begin with the same letters."""
        start = -1
        while (start := data.find(names.marker.encode(), start + 1)) >= 0:
            if (mark := data[start : start + len(names.marker) + 6]) in self._said:
                return mark
        return None

    def _look_at_message(self, peer: Peer, data: bytes, mark: bytes) -> None:
        said = self._said[mark]
        if mark in self._excused[peer]:
            return
        if peer not in said.may:
            clause = said.clause or self._clause_of_hearing(peer, said)
            raise Mismatch(f"{self._name(peer)} not to receive {said.what}", shown(data), data=data, clause=clause)
        self._heard[peer, mark] += 1
        if self._heard[peer, mark] > self.bench.udp.repeats.said(mark) and not self.bench.context.path.doubled:
            raise Mismatch(f"{self._name(peer)} to receive {said.what} once", "twice", data=data, clause="TCRP-4.5c")
        message = mark if said.message is None else said.message
        right = said.user.encode() + SEPARATOR + message
        if data != right:
            misnamed = data.endswith(SEPARATOR + message) and not data.endswith(right)
            altered = data.startswith(said.user.encode() + SEPARATOR)
            clause = "TCRP-3.8d" if misnamed else "TCRP-4.6b" if altered else "TCRP-4.6a"
            raise Mismatch(f"the datagram {right!r}", shown(data), data=data, clause=clause)

    def _clause_of_hearing(self, peer: Peer, said: Announcement) -> str:
        """Under which clause somebody must not receive an ordinary message."""
        if peer is said.speaker:
            return "TCRP-4.5d"
        if peer in self.old:
            return "TCRP-4.3a"
        member = self.members.get(peer)
        if member is None or member.void is None or member.room.name != said.room.name:
            return "TCRP-4.5b"
        return "TCRP-5.1a" if member.void == LEFT and member not in self.reused else member.void

    def _clause_of_notice(self, peer: Peer) -> str:
        """Under which clause somebody must not be told that it is disconnected."""
        member = self.members.get(peer)
        if member is not None and member.void is not None and self.closing not in (None, member.room):
            return member.void  # it was in the room that closes, by the token that it had in the one before
        return "TCRP-5.4b"

    def _name(self, peer: Peer) -> str:
        if peer in self.old:
            return f"the port that {self.old[peer].user} has left"
        return str(peer) if peer in self.members else "a stranger"


def clause_of_stray(data: bytes) -> str:
    """Under which clause a datagram must not come that holds nothing of what was said."""
    user, separator, message = data.partition(SEPARATOR)
    if separator and user.decode(errors="replace") in USERS:
        return {b"": "TCRP-4.4b", LEAVE: "TCRP-5.1c"}.get(message, "TCRP-4.6c")
    return "TCRP-4.6c"
