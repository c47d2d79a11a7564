"""What members send over UDP, what comes in, and how members stay active meanwhile."""

import contextlib
import select
import socket
import time
from collections.abc import Iterator

from conformance.client.context import Context
from conformance.client.roster import Roster
from conformance.net import kernel
from conformance.net.peer import Datagram, Peer
from conformance.net.ports import refuses
from conformance.net.queues import Queue
from conformance.outcome.findings import TargetLost, unsupported
from conformance.outcome.trouble import exception_of
from conformance.trace.names import no_matter
from conformance.trace.recording import KEEP_ALIVE, StepKind
from tcrp import UpKind

KEEP_SECONDS = 3.0
DEAF_SECONDS, SLOW_SECONDS = 0.3, 1.5
"""A server that reads nothing for so long will read nothing any more, if it has printed an exception, and if not."""
DOWN_SIZE = 65536
MOST_AT_ONCE = 1000
"""Datagrams that are taken in at a time, at one socket: there may be no end of them."""


class Udp:
    """The server's UDP side."""

    def __init__(self, context: Context, roster: Roster) -> None:
        self._context = context
        self._roster = roster
        self._held_back = False
        self._queue = Queue(socket.SOCK_DGRAM)
        self._patience = 1.0
        idle = context.idle_timeout
        self.keep_every = KEEP_SECONDS if idle is None else min(KEEP_SECONDS, idle / 4)
        """Seconds of silence after which a member that is kept says something."""
        self.somebody_left = False
        """A member has left in the conversation that is held."""

    def begin(self) -> None:
        """A new conversation begins."""
        self.somebody_left = False

    def hold_back(self, hold_back: bool) -> None:
        """Send no datagram any more: this server ends when one comes. Or send them again."""
        self._held_back = hold_back

    # Sending

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one datagram as it stands. TargetLost if the server's port is closed."""
        if self._held_back:
            return
        if self._context.variation.pause:
            time.sleep(self._context.variation.pause)
        peer.took(StepKind.SEND, data)
        peer.sent_at = time.monotonic()  # before it goes: idle times are counted from here, and none may look short
        try:
            peer.socket.sendto(data, self._context.udp_address)
        except ConnectionRefusedError as error:  # an earlier datagram found the port closed
            raise TargetLost(f"nothing listens on UDP {self._context.target.endpoint}: {error.strerror}") from None
        except OSError as error:
            unsupported(f"this path does not carry a datagram of {len(data)} bytes: {error.strerror}")

    def is_refused(self, data: bytes) -> bool:
        """Whether the server's machine refuses this datagram because no program has the port."""
        with socket.socket(self._context.family, socket.SOCK_DGRAM) as asking:
            asking.connect(self._context.udp_address)
            return refuses(asking, data, self._context.waits.prompt / 2)

    def chat_datagram(self, peer: Peer, message: bytes) -> bytes:
        """The datagram by which a member says a message."""
        data = self._context.dialect.write_up(peer.member, UpKind.CHAT, message)
        assert data is not None
        return data

    def leave_datagram(self, peer: Peer) -> bytes:
        """The datagram by which a member leaves. Without one the clause is unsupported."""
        data = self._context.dialect.write_up(peer.member, UpKind.LEAVE)
        if data is None:
            unsupported(f"in dialect {self._context.dialect.name} {peer} cannot leave")
        return data

    def say(self, peer: Peer, message: bytes) -> None:
        """A member says a message."""
        self.send(peer, self.chat_datagram(peer, message))

    def register(self, peer: Peer) -> None:
        """Make the peer's address known to the server. Nobody hears of it where that is possible."""
        data = None if self._context.registers_by_chat else self._context.dialect.write_up(peer.member, UpKind.REGISTER)
        if data is not None:
            self.send(peer, data)
        elif self._context.registers_by_chat or self._context.traits.chat_moves:
            self.say(peer, no_matter())

    def leave(self, peer: Peer) -> None:
        """A member leaves."""
        traits = self._context.traits
        peer.kept, self.somebody_left = False, True
        if peer.sent_at is None and not traits.chat_moves:
            self.register(peer)  # without which nothing of it is heard
            if traits.told_last:
                self._context.waits.pause()
        self.send(peer, self.leave_datagram(peer))

    def leave_if_possible(self, peer: Peer) -> None:
        """A member leaves without more ado, where the dialect has a way to say so."""
        if (data := self._context.dialect.write_up(peer.member, UpKind.LEAVE)) is not None:
            self.send(peer, data)

    # What comes in

    def pump(self, timeout: float) -> None:
        """Take in what has come for anybody, and keep members alive. Wait at most `timeout` seconds for the first."""
        self.keep_alive()
        sockets = {peer.socket: peer for peer in self._roster.everybody()}
        readable, _, _ = select.select(list(sockets), [], [], max(0.0, min(timeout, self.keep_every)))
        for ready in readable:
            self._take(sockets[ready])

    def _take(self, peer: Peer) -> None:
        context = self._context
        for _ in range(MOST_AT_ONCE):
            try:
                data, source = peer.socket.recvfrom(DOWN_SIZE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram
            down = context.dialect.read_down(data, peer.membership) if peer.membership else None
            elsewhere = "" if source[:2] == context.udp_address else f"from {source[0]} port {source[1]}"
            room = peer.membership.room if peer.membership else ""
            peer.take_in(Datagram(data, source, down, time.monotonic(), room), elsewhere)

    def watch(self) -> None:
        """Something is waited for from now on: what the server has not read yet counts from here."""
        self._queue = Queue(socket.SOCK_DGRAM)

    def is_deaf(self) -> bool:
        """Whether the server, on this machine, reads no datagrams any more: it has printed an exception since the test
        began, or has had long enough for a slow one.
        """
        target = self._context.target
        if not self._context.is_local:
            return False
        if kernel.is_open(socket.SOCK_DGRAM, target.endpoint.udp) is False:
            return True
        if (stuck := self._queue.stuck_for(target.endpoint.udp)) is None:
            return False
        round_trip = self._context.waits.round_trip
        failed = exception_of(target.output()) is not None
        return stuck > (max(DEAF_SECONDS, 4 * round_trip) if failed else max(SLOW_SECONDS, 8 * round_trip))

    # Staying active

    def keep_alive(self) -> None:
        """Keep those active that a test counts on: members that are kept, and hosts that wait for their test."""
        now = time.monotonic()
        silence = self._patience * self.keep_every
        waiting = list(self._roster.waiting_hosts())
        for peer in (*self._roster.everybody(), *waiting):
            if (peer.kept or peer in waiting) and now - (peer.sent_at or peer.made_at) > silence:
                with self._context.recorder.noting(KEEP_ALIVE):
                    self.be_active(peer)

    def be_active(self, peer: Peer) -> None:
        """Say something that counts as activity. Nobody hears it where that is possible."""
        if self._context.dialect.can.keepalive:
            self.register(peer)
        elif self._context.dialect.policy.idle.seconds is not None:
            self.say(peer, no_matter())

    @contextlib.contextmanager
    def unkept(self, patience: float = 3.0) -> Iterator[None]:
        """Keep nobody alive meanwhile unless it must be: a keep-alive says where its sender is, and would undo what a
        datagram may have done.

        `patience`: times the usual silence, three because a slow server needs long for a fence.
        """
        self._patience = patience
        try:
            yield
        finally:
            self._patience = 1.0
