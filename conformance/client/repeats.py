"""Saying again what the path may have lost, until the loss of all of it has odds below one in a million."""

import math
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from conformance.client.context import Context
from conformance.net.addresses import socket_address
from conformance.net.peer import Peer
from conformance.outcome.findings import unsupported
from conformance.trace.recording import StepKind

LONGEST_INTERVAL = 0.25


class Sent(NamedTuple):
    """A datagram that a peer has sent, and the socket that it had then."""

    peer: Peer
    socket: socket.socket
    data: bytes


class Repeats:
    """What has been sent in this conversation, where the path may lose it. On a clean one nothing is remembered."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sent: list[Sent] = []

    def begin(self) -> None:
        """A new conversation begins."""
        self._sent.clear()

    def remember(self, peer: Peer, data: bytes) -> None:
        """The peer has just sent this."""
        if not self._context.path.clean:
            self._sent.append(Sent(peer, peer.socket, data))

    def said(self, mark: bytes) -> int:
        """How often a datagram that holds the mark was sent: each may be heard once."""
        return max(1, sum(mark in one.data for one in self._sent))

    def of(self, mark: bytes) -> "Saying":
        """What to say again until the mark is heard."""
        return Saying(
            self, self._context, lambda: next((one for one in reversed(self._sent) if mark in one.data), None)
        )

    def of_latest(self, peer: Peer) -> "Saying":
        """The same of the latest datagram of a peer."""
        latest = next((one for one in reversed(self._sent) if one.peer is peer), None)
        return Saying(self, self._context, lambda: latest)


class Saying:
    """Something that is said again, ever more rarely, as often as the path asks for."""

    def __init__(self, repeats: Repeats, context: Context, find: Callable[[], Sent | None]) -> None:
        self._repeats = repeats
        self._find = find
        self._interval = context.path.interval
        self._recorder = context.recorder
        self._address = socket_address(*context.udp_address)
        self._times = context.path.tries
        self._due = time.monotonic() + self._interval if self._times > 1 else math.inf

    @property
    def left(self) -> float:
        """Seconds until it is due again; infinite on a clean path."""
        return self._due - time.monotonic()

    @property
    def done(self) -> bool:
        """Whether it has been said often enough, and the last has had its time."""
        return self._times <= 1

    def go_on(self) -> None:
        """Say it again, if it is time. A member that has moved since does not: it would be back where it was."""
        if self._times <= 1 or self.left > 0:
            return
        self._times -= 1
        self._interval = min(LONGEST_INTERVAL, 1.5 * self._interval)
        self._due = time.monotonic() + self._interval
        sent = self._find()
        if self._times <= 1 or sent is None or sent.socket is not sent.peer.socket or sent.socket.fileno() < 0:
            return
        sent.peer.took(StepKind.SEND, sent.data)
        try:
            sent.socket.sendto(sent.data, self._address)
        except OSError as error:
            unsupported(f"this path does not carry a datagram of {len(sent.data)} bytes: {error.strerror}")
        sent.peer.sent_at = time.monotonic()
        self._repeats.remember(sent.peer, sent.data)
