"""UDP sockets with inboxes, and what is sent and heard on them."""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable

from conformance.probe.wire.server import ProbedServer, Sent
from conformance.probe.wire.timing import Timing

RECEIVE_SIZE = 65536
MOST_KEPT = 5000
"""Upper bound of the datagrams in one inbox. What comes beyond is dropped."""


class UdpSocket:
    """A UDP socket, bound to a port of this machine. `name`: what it is there for; `inbox`: the datagrams that came.

    Raises OSError for an address that this machine does not have.
    """

    def __init__(self, family: socket.AddressFamily, host: str, port: int, name: str) -> None:
        self.name = name
        self.inbox: list[bytes] = []
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.bind((host, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        """The local port number."""
        return int(self.socket.getsockname()[1])


class UdpWire:
    """The UDP side of the wire: every socket that it has made is read while it waits."""

    def __init__(self, server: ProbedServer, timing: Timing) -> None:
        self._server = server
        self._timing = timing
        self._sockets: list[UdpSocket] = []
        self._connected: list[socket.socket] = []

    def connected(self) -> socket.socket:
        """A new connected UDP socket: the system tells it when nobody listens on the server's port."""
        made = socket.socket(self._server.family, socket.SOCK_DGRAM)
        made.connect(self._server.udp)
        self._connected.append(made)
        return made

    def open(self, name: str, host: str | None = None, port: int = 0) -> UdpSocket:
        """A new socket. Raises OSError for an address that this machine does not have."""
        made = UdpSocket(self._server.family, host or self._server.local_host, port, name)
        self._sockets.append(made)
        return made

    def send(self, sender: UdpSocket, data: bytes, what: str = "a datagram") -> None:
        """Send a datagram to the server. `what`: it in words."""
        if not self._server.has_udp:
            return
        self._server.sent = Sent(what, data, over_tcp=False)
        with contextlib.suppress(OSError):
            sender.socket.sendto(data, self._server.udp)

    def hear(self, until: Callable[[], bool], wait: float | None = None) -> bool:
        """Receive datagrams until a condition holds, for `wait` seconds at most. Returns whether it holds."""
        deadline = time.monotonic() + (self._timing.datagram_wait if wait is None else wait)
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                self._receive(0.0)
                return until()
            self._receive(left)
        return True

    def listen(self, wait: float | None = None) -> None:
        """Receive whatever comes, for `wait` seconds."""
        self.hear(lambda: False, wait)

    def _receive(self, wait: float) -> None:
        by_file = {one.socket: one for one in self._sockets}
        ready, _, _ = select.select(list(by_file), [], [], wait)
        for file in ready:
            with contextlib.suppress(OSError):
                data = file.recvfrom(RECEIVE_SIZE)[0]
                if len(by_file[file].inbox) < MOST_KEPT:
                    by_file[file].inbox.append(data)

    def drop(self, sockets: Iterable[UdpSocket]) -> None:
        """Close these sockets."""
        for one in sockets:
            one.socket.close()
            with contextlib.suppress(ValueError):
                self._sockets.remove(one)

    def close(self) -> None:
        """Close every socket."""
        self.drop(list(self._sockets))
        for one in self._connected:
            one.close()
