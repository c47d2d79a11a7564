"""A UDP socket of an outsider, with an inbox."""

import copy
import socket
import time
from typing import NamedTuple

from conformance.net.addresses import socket_address, zoned
from conformance.trace.recording import Recorder, StepKind
from tcrp import Address, Down, Membership

MOST_DATAGRAMS, MOST_BYTES = 10_000, 1 << 25
"""Of what comes in at one socket, and of its size in bytes. What comes beyond is dropped."""


class Datagram(NamedTuple):
    """One datagram that came in. `at`: seconds of time.monotonic(); `room`: of whoever heard it, "" of a stranger."""

    data: bytes
    source: Address
    down: Down | None
    at: float
    room: str = ""


class Peer:
    """A UDP socket and everything that came in on it. A member has a `membership`; a stranger has none."""

    def __init__(
        self, family: int, bind_to: str, membership: Membership | None, port: int, recorder: Recorder, local: str = "",
        *, user: str = "",
    ) -> None:  # fmt: skip
        """`local`: how the recording tells of the address it is bound to, where that matters. `user`: whose it is to
        be, where there is no membership yet.
        """
        self._bound_to = bind_to
        self.socket = _udp_socket(family, bind_to, port)
        self.membership = membership
        self.recorder = recorder
        self.label = recorder.peer(membership.user if membership else user or "stranger")
        self.local = local
        self.opened = False
        self.inbox: list[Datagram] = []
        self._bytes = 0
        self.made_at = time.monotonic()
        self.sent_at: float | None = None
        self.kept = False

    def __str__(self) -> str:
        return self.membership.user if self.membership else "a stranger"

    @property
    def member(self) -> Membership:
        """The membership; only for those that have one."""
        assert self.membership is not None
        return self.membership

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> Address:
        host, port = self.socket.getsockname()[:2]
        return zoned(host, self._bound_to), port

    def take_in(self, datagram: Datagram, note: str, came: bytes) -> None:
        """Put a datagram that has come into the inbox. `note`: where it came from, if not from the server's port;
        `came`: its bytes as they came, which may be encrypted.
        """
        self._bytes += len(datagram.data)
        if len(self.inbox) < MOST_DATAGRAMS and self._bytes < MOST_BYTES:
            self.took(StepKind.HEAR, came, note)
            self.inbox.append(datagram)

    def forget(self) -> None:
        """Empty the inbox."""
        self.inbox.clear()
        self._bytes = 0

    def move(self) -> "Peer":
        """Go on from another port of the same address. Returns who stays behind on the old one."""
        left_behind = copy.copy(self)
        left_behind.membership, left_behind.inbox, left_behind.kept = None, [], False
        self.label, self.opened = self.recorder.peer(self.member.user), False
        self.socket = _udp_socket(left_behind.socket.family, self._bound_to)
        return left_behind

    def exchange(self, other: "Peer") -> None:
        """Go on from the other's port, and the other from this one's. What has come stays with whom it came to."""
        self.socket, other.socket = other.socket, self.socket
        self.label, other.label = other.label, self.label
        self.opened, other.opened = other.opened, self.opened

    def took(self, does: StepKind, data: bytes = b"", note: str = "") -> None:
        """Take down what this peer does; with the first, that its socket was opened."""
        if not self.opened:
            self.opened = True
            self.recorder.take(self.label, StepKind.OPEN, local=self.local)
        self.recorder.take(self.label, does, data, note=note)

    def close(self) -> None:
        self.retire().close()

    def retire(self) -> socket.socket:
        """Say and hear nothing more. Returns the socket, still open."""
        if self.opened and self.socket.fileno() >= 0:
            self.took(StepKind.CLOSE)
        return self.socket


def _udp_socket(family: int, host: str, port: int = 0) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if port:  # a proxy may still show it to the server
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(socket_address(host, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
