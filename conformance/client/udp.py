"""What members send over UDP, what comes in, and how members stay active meanwhile."""

import contextlib
import select
import socket
import time
from collections.abc import Iterator

from conformance.client.context import Context
from conformance.client.repeats import Repeats
from conformance.client.roster import Roster
from conformance.net import kernel
from conformance.net.addresses import socket_address, zoned
from conformance.net.path import UNBOUNDED
from conformance.net.peer import Datagram, Peer
from conformance.net.ports import refuses
from conformance.net.queues import Queue
from conformance.outcome.findings import TargetLost, unsupported
from conformance.outcome.trouble import exception_of
from conformance.trace.names import no_matter
from conformance.trace.recording import KEEP_ALIVE, StepKind
from tcrp import LocalProtocolError, UpKind

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
        self.repeats = Repeats(context)
        idle = context.idle_timeout
        self.keep_every = KEEP_SECONDS if idle is None else min(KEEP_SECONDS, idle / 4)
        """Seconds of silence after which a member that is kept says something."""
        self.somebody_left = False
        """A member has left in the conversation that is held."""

    def begin(self) -> None:
        """A new conversation begins."""
        self.somebody_left = False
        self.repeats.begin()

    def hold_back(self, hold_back: bool) -> None:
        """Send no datagram any more: this server ends when one comes. Or send them again."""
        self._held_back = hold_back

    # Sending

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one datagram as it stands. TargetLost if the server's port is closed; unsupported if the path is known
        not to carry it.
        """
        if self._held_back:
            return
        if not self.carries(data):
            unsupported(self._context.path.narrow)
        if self._context.variation.pause:
            time.sleep(self._context.variation.pause)
        peer.took(StepKind.SEND, data)
        if self._context.proxy is not None:  # which shows the server the same port
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        peer.sent_at = time.monotonic()  # before it goes: idle times are counted from here, and none may look short
        try:
            peer.socket.sendto(data, socket_address(*self._context.udp_address))
        except ConnectionRefusedError as error:  # an earlier datagram found the port closed
            raise TargetLost(f"nothing listens on UDP {self._context.target.server}: {error.strerror}") from None
        except OSError as error:
            unsupported(f"this path does not carry a datagram of {len(data)} bytes: {error.strerror}")
        self.repeats.remember(peer, data)

    def carries(self, data: bytes) -> bool:
        """Whether the path carries a client's datagram as large as this, as far as is known."""
        return len(data) <= self._context.path.largest_up

    def let_come(self, since: float | None = None) -> None:
        """Return once what was sent has arrived, however late: so many seconds after `since`, or from now."""
        until = (time.monotonic() if since is None else since) + self._context.path.late
        while self._context.path.late and (left := until - time.monotonic()) > 0:
            self.pump(left)

    def is_refused(self, data: bytes) -> bool:
        """Whether the server's machine refuses this datagram because no program has the port."""
        with socket.socket(self._context.family, socket.SOCK_DGRAM) as asking:
            asking.connect(socket_address(*self._context.udp_address))
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
        """A member says a message. Unsupported if the path is known not to carry what others are sent of it."""
        path = self._context.path
        if path.largest_down < UNBOUNDED:
            delivery = self._context.traits.datagrams.delivery(peer.member, message)
            if delivery is not None and len(delivery) > path.largest_down:
                unsupported(path.narrow)
        self.send(peer, self.chat_datagram(peer, message))

    @property
    def _is_spoken(self) -> bool:
        """Whether the layout of datagrams was learnt. If not, none is sent that no test asks for."""
        return self._context.traits.knowledge.why_not(("up",)) is None

    def register(self, peer: Peer) -> None:
        """Make the peer's address known to the server. Nobody hears of it where that is possible."""
        if not self._is_spoken:
            return
        data = None if self._context.registers_by_chat else self._context.dialect.write_up(peer.member, UpKind.REGISTER)
        if data is not None:
            self.send(peer, data)
        elif self._context.registers_by_chat or self._context.traits.chat_moves:
            self.say(peer, no_matter())

    def leave(self, peer: Peer) -> None:
        """A member leaves. On a bad path it says so several times: nothing answers it, and others build on it."""
        traits = self._context.traits
        peer.kept, self.somebody_left = False, True
        if peer.sent_at is None and not traits.chat_moves:
            self.register(peer)  # without which nothing of it is heard
            if traits.told_last:
                self._context.waits.pause()
        self.let_come()
        data = self.leave_datagram(peer)
        for _ in range(self._context.path.copies):
            self.send(peer, data)
        self.let_come()

    def leave_if_possible(self, peer: Peer) -> None:
        """A member leaves without more ado, where the dialect has a way to say so, and the token fits a datagram."""
        with contextlib.suppress(LocalProtocolError):
            if self._is_spoken and (data := self._context.dialect.write_up(peer.member, UpKind.LEAVE)) is not None:
                if peer.sent_at is None and not self._context.traits.chat_moves:
                    self.register(peer)  # without which its room would stand until it is idle
                for _ in range(self._context.path.copies):
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
            source = zoned(source[0], context.udp_address[0]), source[1]
            if context.proxy is not None and source[:2] == (context.target.server.host, context.target.server.udp):
                source = context.udp_address  # before anything was sent through the proxy
            elsewhere = "" if source[:2] == context.udp_address else f"from {source[0]} port {source[1]}"
            room = peer.membership.room if peer.membership else ""
            opened = context.traits.datagrams.opened(data)
            peer.take_in(Datagram(opened, source, down, time.monotonic(), room), elsewhere, data)

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
        if target.server.udp is None or kernel.is_open(socket.SOCK_DGRAM, target.server.udp) is False:
            return True
        if (stuck := self._queue.stuck_for(target.server.udp)) is None:
            return False
        round_trip = self._context.waits.round_trip
        failed = exception_of(target.output()) is not None
        return stuck > (max(DEAF_SECONDS, 4 * round_trip) if failed else max(SLOW_SECONDS, 8 * round_trip))

    def is_waiting(self) -> bool:
        """Whether datagrams wait that the server, on this machine, has not read."""
        local = self._context.is_local
        port = self._context.target.endpoint.udp
        return local and port is not None and bool(kernel.waiting(socket.SOCK_DGRAM, port))

    # Staying active

    def keep_alive(self) -> None:
        """Keep those active that a test counts on: members that are kept, and hosts that wait for their test."""
        now = time.monotonic()
        silence = self._patience * self.keep_every
        waiting = list(self._roster.waiting_hosts())
        for peer in (*self._roster.everybody(), *waiting):
            if (peer.kept or peer in waiting) and now - (peer.sent_at or peer.made_at) > silence:
                # a token that does not fit a datagram is a finding of TCRP-3.8c
                with self._context.recorder.noting(KEEP_ALIVE), contextlib.suppress(LocalProtocolError):
                    self.be_active(peer)

    def be_active(self, peer: Peer) -> None:
        """Say something that counts as activity. Nobody hears it where that is possible."""
        if not self._is_spoken:
            return
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
