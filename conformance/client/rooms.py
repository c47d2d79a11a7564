"""Rooms that a test makes, and who is in them."""

import time

from conformance.client.context import Context
from conformance.client.fences import Fences
from conformance.client.roster import Roster
from conformance.client.tcp import Tcp
from conformance.client.udp import Udp
from conformance.net.connection import Answer
from conformance.net.peer import Peer
from conformance.outcome.findings import Check, Mismatch, unsupported
from conformance.trace.names import fresh, no_matter
from tcrp import Create, Join, Membership


class Rooms:
    """Lets members into rooms of their own. A refusal is a Mismatch."""

    def __init__(self, context: Context, roster: Roster, tcp: Tcp, udp: Udp, fences: Fences) -> None:
        self._context = context
        self._roster = roster
        self._tcp = tcp
        self._udp = udp
        self._fences = fences
        self._standing: str | None = None
        self.vanished = 0
        """Rooms of creators that went away: they stand until they idle (TCRP-3.11)."""

    def create(
        self, room: str | None = None, user: str = "alicia", password: str | None = None, source: str | None = None
    ) -> Peer:
        """The host of a new room."""
        want = Create(room or fresh(), user, password)
        return self.enter(want, self._tcp.ask(want, source=source), source)

    def join(self, room: str, user: str = "bob", password: str | None = None, source: str | None = None) -> Peer:
        """A guest of a room that stands."""
        want = Join(room, user, password)
        return self.enter(want, self._tcp.ask(want, source=source), source)

    def join_at_same_port(self, room: str, user: str) -> Peer:
        """A guest whose UDP socket has the port of its TCP connection, and who has sent nothing yet."""
        if self._tcp.one_port:
            return self.join(room, user)
        want = Join(room, user)
        connection, peer = self._tcp.connect_at_same_port(user)
        answer = self._tcp.ask_on(connection, want)
        self._tcp.drop(connection)
        self._roster.peers.append(peer)
        self.come_back(peer, want, answer)
        return peer

    def enter(self, want: Create | Join, answer: Answer, source: str | None = None) -> Peer:
        """The member that this answer made."""
        membership = self._membership(want, answer)
        if membership.host:
            host = self._roster.hosted[-1]
            self._roster.peers.append(host)
            return host
        if answer.bound is not None:
            answer.bound.membership = membership
            self._roster.peers.append(answer.bound)
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

    def come_back(self, peer: Peer, want: Create | Join, answer: Answer) -> None:
        """Whoever was a member once is one again, on the same socket if the dialect lets a client choose it."""
        if answer.bound is None and answer.given is None:
            peer.membership = self._membership(want, answer)
            peer.sent_at, peer.made_at = None, time.monotonic()  # as this member it has said nothing yet
            if peer.membership.host:  # no other socket is kept alive for it
                self._roster.hosted[-1].close()
                self._roster.hosted[-1] = peer
            return
        again = self.enter(want, answer)
        self.remove(again)
        peer.socket.close()
        peer.socket, peer.membership = again.socket, again.membership

    def peer(self, membership: Membership | None = None, source: str | None = None, port: int = 0) -> Peer:
        """A UDP socket at this machine's address towards the server, or at `source`."""
        context = self._context
        host = source or context.local_host
        try:
            made = Peer(context.family, host, membership, port, context.recorder, source or "")
        except OSError as error:
            unsupported(f"cannot bind UDP port {port}: {error.strerror}")
        self._roster.peers.append(made)
        return made

    def move(self, peer: Peer) -> Peer:
        """The peer goes on from another port. Returns who listens on at the old one."""
        self._udp.let_come()  # a copy of what it has sent, coming late, would move it back
        left_behind = peer.move()
        self._roster.peers.append(left_behind)
        return left_behind

    def take_port(self, peer: Peer, left_behind: Peer) -> None:
        """The peer goes on from a port that somebody has left. Who listened there listens at its own old one."""
        self._udp.pump(0.0)
        peer.exchange(left_behind)

    def remove(self, peer: Peer) -> None:
        """Read nothing more from a peer whose socket the test has closed."""
        self._roster.peers.remove(peer)

    def strangers(self) -> tuple[Peer, Peer]:
        """Two clients of a server without rooms, which knows whoever has sent something."""
        alicia, bob = (self.peer(Membership("", user, b"", False)) for user in ("alicia", "bob"))
        for peer in (alicia, bob):
            self._udp.say(peer, no_matter())
        return alicia, bob

    def settled(self, *users: str, room: str | None = None, password: str | None = None) -> list[Peer]:
        """The members of a new room, the first its host, each of whom hears the others."""
        members = [self.stay(self.create(room, users[0], password))]
        for user in users[1:]:
            members.append(self.stay(self.join(members[0].member.room, user, password)))
        self._fences.settle(*members)
        return members

    def stay(self, peer: Peer) -> Peer:
        """Register the member and keep it from being idle while others join."""
        self._udp.register(peer)
        peer.kept = True
        return peer

    def standing(self) -> str:
        """The name of a room that stands, made in this conversation: whoever repeats it needs to see how."""
        if self._standing is None:
            self._standing = self.create().member.room
        return self._standing

    def begin(self) -> None:
        """No room of this conversation stands."""
        self._standing = None

    def forget(self) -> None:
        """The server was started anew: no room stands."""
        self.begin()
        self.vanished = 0

    @property
    def secret(self) -> str | None:
        """A password. None where the dialect has none."""
        return "Secret-1" if self._context.dialect.can.passwords and not self._context.raw_names else None
