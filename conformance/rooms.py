"""Rooms, their members, and the proof of silence.

Silence is proved by a fence: messages that every member must hear, twice, one round trip apart; what was going to come
has come by then.
"""

import contextlib
import itertools
import socket
import time
from collections.abc import Sequence

from conformance.endpoint import Target
from conformance.exchanges import Exchanges
from conformance.findings import Check, Mismatch, TargetLost, unsupported
from conformance.names import another, fresh, names, no_matter, nonce
from conformance.pacing import Waits
from conformance.peers import Answer, Peer
from conformance.reading import listed
from conformance.recording import FENCE, SETTLE
from tcrp import Create, Dialect, Join, Membership, UpKind

SECOND_ADDRESS = "127.0.0.2"


class Rooms(Exchanges):
    """The rooms that tests make or share, and who is in them."""

    def __init__(self, target: Target, dialect: Dialect, waits: Waits, idle_timeout: float | None = None) -> None:
        super().__init__(target, dialect, waits, idle_timeout)
        self._guests: list[Peer] = []
        self._standing: str | None = None

    def create(
        self, room: str | None = None, user: str = "alicia", password: str | None = None, source: str | None = None
    ) -> Peer:
        """A new room's host. A refusal is a finding."""
        want = Create(room or fresh(), user, password)
        return self.enter(want, self.ask(want, source=source), source)

    def join(self, room: str, user: str = "bob", password: str | None = None, source: str | None = None) -> Peer:
        """A guest of a room that stands. A refusal is a finding."""
        want = Join(room, user, password)
        return self.enter(want, self.ask(want, source=source), source)

    def join_at_same_port(self, room: str, user: str) -> Peer:
        """A guest whose UDP socket has the port of its TCP connection, and who has sent nothing yet."""
        if self.one_port:
            return self.join(room, user)
        want = Join(room, user)
        connection, peer = self._at_same_port(user)
        answer = self.ask_on(connection, want)
        self.drop(connection)
        self._peers.append(peer)
        self.come_back(peer, want, answer)
        return peer

    def enter(self, want: Create | Join, answer: Answer, source: str | None = None) -> Peer:
        """The member that this answer made. A refusal is a finding."""
        membership = self._membership(want, answer)
        if membership.host:
            host = self._hosted[-1]
            self._peers.append(host)
            return host
        if answer.bound is not None:
            answer.bound.membership = membership
            self._peers.append(answer.bound)
            return answer.bound
        if answer.given is not None:
            return self.peer(membership, answer.given[0], answer.given[1])
        return self.peer(membership, source)

    def _membership(self, want: Create | Join, answer: Answer) -> Membership:
        hosts = isinstance(want, Create)
        if answer.token is None:
            what = "CREATE of a new room" if hosts else "JOIN of a room that stands"
            raise Mismatch(
                f"a {what} to be answered with status 0 and a token", str(answer), data=answer.data,
                check=Check("answer", answer.who, statuses=(0,), token=True),
            )  # fmt: skip
        return Membership(want.room, want.user, answer.token, hosts)

    def come_back(self, peer: Peer, want: Join, answer: Answer) -> None:
        """Whoever was a member once is one again, on the same socket if the dialect lets one choose it."""
        if answer.bound is None and answer.given is None:
            peer.membership = self._membership(want, answer)
            return
        again = self.enter(want, answer)
        self.remove(again)
        peer.socket.close()
        peer.socket, peer.membership = again.socket, again.membership

    def peer(self, membership: Membership | None = None, source: str | None = None, port: int = 0) -> Peer:
        """A UDP socket at this machine's address towards the server, or at `source`."""
        try:
            made = Peer(self.family, source or self.local_host, membership, port, self.recorder, source or "")
        except OSError as error:
            unsupported(f"cannot bind UDP port {port}: {error.strerror}")
        self._peers.append(made)
        return made

    def move(self, peer: Peer) -> Peer:
        """The peer goes on from another port. Returns who listens on at the old one."""
        left_behind = peer.move()
        self._peers.append(left_behind)
        return left_behind

    def remove(self, peer: Peer) -> None:
        """Nothing more is read from a peer whose socket the test has closed."""
        self._peers.remove(peer)

    def strangers(self) -> tuple[Peer, Peer]:
        """Two clients of a server without rooms, where whoever sends is known."""
        alicia, bob = (self.peer(Membership("", user, b"", False)) for user in ("alicia", "bob"))
        for peer in (alicia, bob):
            self.say(peer, no_matter())
        return alicia, bob

    def room(self, *users: str, room: str | None = None, password: str | None = None) -> list[Peer]:
        """A new room with these members, the first its host, each of whom hears the others."""
        members = [self.stay(self.create(room, users[0], password))]
        for user in users[1:]:
            members.append(self.stay(self.join(members[0].member.room, user, password)))
        self.settle(*members)
        return members

    def stay(self, peer: Peer) -> Peer:
        """Register the member and keep it from being idle while others join."""
        self.register(peer)
        peer.kept = True
        return peer

    # Rooms that tests share

    def common(self) -> tuple[list[Peer], list[Peer]]:
        """Two rooms that tests share, one of three members and one of two, settled anew. Only for tests that leave
        them as they are.
        """
        if self._common is not None:
            self.recorder.use_shared()
            try:
                for peer in itertools.chain(*self._common):
                    peer.inbox.clear()  # nobody asks for what came before
                self._settle(self._common, self.waits.answer)
            except Mismatch:
                self.drop_common()  # whatever has become of them
        if self._common is None:
            kept, self._peers = self._peers, []
            hosted, self._hosted = self._hosted, []
            try:
                with names.for_shared_rooms(), self.recorder.prologue():
                    self._common = (self.room("alicia", "bob", "charles"), self.room("dagmar", "eve"))
            finally:
                if self._common is None:
                    self.tidy()
                self._peers, self._hosted = kept, hosted
        return self._common

    def common_as_they_are(self) -> tuple[list[Peer], list[Peer]]:
        """The shared rooms without settling them, which would undo what a datagram has done to them."""
        self.recorder.use_shared()
        assert self._common is not None
        return self._common

    def guest(self, user: str = "dora", source: str | None = None) -> Peer:
        """One more member of the first shared room, who leaves it when the test is over."""
        here, _ = self._common or self.common()
        try:
            joined = self.join(here[0].member.room, user, source=source)
        except Mismatch:  # it may be full of guests, where leaving does not work
            self.drop_common()
            joined = self.join(self.common()[0][0].member.room, user, source=source)
        self._guests.append(joined)
        return joined

    def standing_room(self) -> str:
        """The name of a room that stands, and was made in this conversation: whoever repeats it needs to see how."""
        if self._standing is None:
            self._standing = self.create().member.room
        return self._standing

    def drop_common(self) -> None:
        """Close the shared rooms; the next test that needs them makes them anew."""
        for members in self._common or ():
            self._end(members[0])
            for member in members:
                self._retire(member)
        self._common = None
        self.recorder.drop_prologue()

    def _end(self, peer: Peer) -> None:
        """Leave, if that can be said."""
        if (data := self.dialect.write_up(peer.member, UpKind.LEAVE)) is not None:
            self.send(peer, data)

    def tidy(self) -> None:
        """End what a test or an example began: connections closed, rooms closed by their hosts, sockets gone."""
        with contextlib.suppress(TargetLost):
            for leaver in (*self._hosted, *self._guests):
                self._end(leaver)
            if self._guests and not self.terms.guests_leave:
                self.drop_common()  # they would stay
        self._drop_sockets()

    def _drop_sockets(self) -> None:
        for connection in self._connections:
            connection.close()
        for peer in (*self._peers, *self._hosted):
            self._retire(peer)
        self._connections.clear()
        self._standing = None
        for peers in (self._peers, self._hosted, self._guests):
            peers.clear()

    # This machine

    @property
    def secret(self) -> str | None:
        """A password; None where the dialect has none."""
        return "Secret-1" if self.dialect.can.passwords else None

    @property
    def local_host(self) -> str:
        """This machine's address towards the server."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as probe:
            probe.connect(self.udp_address)
            return str(probe.getsockname()[0])

    def second_address(self) -> str:
        """Another address of this machine towards the server; without one the clause is unsupported."""
        if not self.target.endpoint.host.startswith("127."):
            unsupported(f"needs a second source address towards {self.target.endpoint.host}: only 127.0.0.0/8 has one")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((SECOND_ADDRESS, 0))
            except OSError as error:
                unsupported(f"needs the source address {SECOND_ADDRESS}, which this machine lacks: {error.strerror}")
        return SECOND_ADDRESS

    # Who hears whom

    def settle(self, *members: Peer, wait: float | None = None) -> None:
        """Register every member, and let messages pass until each has heard another: registration has no answer."""
        self._settle([members], self.waits.answer if wait is None else wait)

    def _settle(self, rooms: Sequence[Sequence[Peer]], patience: float) -> None:
        heard_by: dict[Peer, list[bytes]] = {member: [] for members in rooms for member in members}
        deadline = time.monotonic() + patience
        a_round = max(0.05, 4 * self.waits.round_trip)
        deaf = list(heard_by)
        drawn = [(nonce(), nonce()) for _ in rooms]
        for number in itertools.count():
            started = time.monotonic()
            with self.recorder.noting(SETTLE):
                for members, marks in zip(rooms, drawn, strict=True):
                    if any(member in deaf for member in members):
                        self._introduce(members, deaf, [another(mark, number) for mark in marks], heard_by)
            while (left := min(deadline, started + a_round) - time.monotonic()) > 0:
                deaf = [m for m in heard_by if not any(self.heard(m, probe) for probe in heard_by[m])]
                if not deaf:
                    self.waits.measured(time.monotonic() - started)
                    for member in heard_by:
                        member.kept = True
                    return
                self.pump(left)
            if time.monotonic() >= deadline:
                raise Mismatch(
                    f"{listed([*map(str, deaf)])} to receive the messages of the room after registering",
                    f"nothing in {patience:.1f} s",
                    check=Check("hears", deaf[0].label, heard_by[deaf[0]][-1]),
                )
            a_round *= 2

    def _introduce(
        self, members: Sequence[Peer], deaf: Sequence[Peer], probes: Sequence[bytes], heard_by: dict[Peer, list[bytes]]
    ) -> None:
        """Register those of a room who have heard nothing yet; then the first and the second say a word."""
        for member in reversed(members) if self.variation.reverse else members:
            if member in deaf or member.sent_at is None:
                self.register(member)
        for probe, speaker, listeners in zip(probes, members, (members[1:], members[:1]), strict=False):
            for listener in listeners:
                heard_by[listener].append(probe)
            self.say(speaker, probe)

    def fence(self, *members: Peer, after: str = "what was sent before", data: bytes | None = None) -> None:
        """Every one of these settled members of a room hears a new message, twice, one round trip apart."""
        self.fences(members, after=after, data=data)

    def fences(self, *rooms: Sequence[Peer], after: str = "what was sent before", data: bytes | None = None) -> None:
        """The same in several rooms at once.

        All but the second hear before they speak: whoever speaks thereby says where it is.
        """
        second = [(members[1], (members[0], *members[2:])) for members in rooms]
        first = [(members[0], (members[1],)) for members in rooms]
        for speakers in (second, first + second, first):
            self._all_heard(speakers, after, data)

    def fence_by(self, speaker: Peer, *listeners: Peer, after: str, data: bytes | None = None) -> None:
        """These members hear a new message of the speaker, whatever was sent before. `data`: the bytes of that."""
        self._all_heard([(speaker, listeners)], after, data)

    def _all_heard(self, speakers: Sequence[tuple[Peer, Sequence[Peer]]], after: str, data: bytes | None) -> None:
        """The listeners hear a new message of their speaker."""
        waited, unheard = 0.0, [(speaker, nonce(), listeners) for speaker, listeners in speakers]
        for number, wait in enumerate((self.waits.answer, self.waits.prompt)):  # one datagram may be lost
            waited += wait
            marks = [another(drawn, number) for _, drawn, _ in unheard]
            with self.recorder.noting(FENCE):
                for (speaker, _, _), mark in zip(unheard, marks, strict=True):
                    self.say(speaker, mark)
            deadline = time.monotonic() + wait
            left: list[tuple[Peer, bytes, Sequence[Peer]]] = []
            for (speaker, drawn, listeners), mark in zip(unheard, marks, strict=True):
                deaf = [peer for peer in listeners if self.hear(peer, mark, deadline - time.monotonic()) is None]
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
            f"nothing of two in {waited:.1f} s",
            data=data,
            check=Check("hears", listener.label, mark),
        )
