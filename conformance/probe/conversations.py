"""Raw sockets towards a stranger: one request a connection, datagrams, and what became of the server.

A connection is never opened without a whole request to send. What has been said is kept, so that whoever ends the
server can be named; a server of our own is started anew.
"""

import contextlib
import errno
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.endpoint import Target, family_of
from tcrp import Address

FIRST_WAIT = 2.0
"""Seconds for the very first answers, before anything is known of the server's pace."""
LEAST_WAIT, MOST_WAIT = 0.4, 1.5
FIRST_HEARING, LEAST_HEARING, MOST_HEARING = 0.8, 0.15, 1.2
RECEIVE_SIZE = 65536
MOST_BYTES = 1 << 17


class Died(Exception):
    """The server is gone and cannot be started again; the message says after what."""


class OutOfTime(Exception):
    """The time for questions is over."""


@dataclass
class Exchange:
    """One request and what came back. `closed`: the server closed; `seconds`: from the request to the first byte."""

    what: str
    sent: bytes
    got: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    closed: bool = False
    seconds: float | None = None
    after: bytes = b""
    """What was sent after the answer, on the same connection: the UDP port."""
    closed_then: bool = False
    """The server closed once it had that."""
    waited: float = 0.0
    """Seconds of silence at the end, where the server did not close."""


class Heard(NamedTuple):
    """One datagram, and which socket of ours it came to."""

    socket: "Socket"
    data: bytes


class Socket:
    """A UDP socket with an inbox. `name`: what it is there for."""

    def __init__(self, family: int, host: str, port: int, name: str, inboxes: list["Socket"]) -> None:
        self.name = name
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.bind((host, port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self.inbox: list[bytes] = []
        inboxes.append(self)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


class Line:
    """Everything that is said to the server goes through here."""

    def __init__(self, target: Target, seconds: float = 45.0, tell: Callable[[str], None] = lambda text: None) -> None:
        self.target = target
        self.tell = tell
        self.exchanges: list[Exchange] = []
        self.killers: list[str] = []
        """What the server did not survive."""
        self.last = "nothing was sent"
        self.restarts = 0
        self.patience = 1.0
        """More once a server has been found to be slow now and then."""
        self.deaf = 0
        """How many datagrams in a row came to nothing."""
        self._slowest: float | None = None
        self._slowest_datagram: float | None = None
        self._silent = 0
        self._sockets: list[Socket] = []
        self._asking: list[socket.socket] = []
        self._deadline = time.monotonic() + seconds

    @property
    def family(self) -> int:
        return family_of(self.target.endpoint.host)

    @property
    def tcp(self) -> Address:
        assert self.target.endpoint.tcp is not None
        return self.target.endpoint.host, self.target.endpoint.tcp

    @property
    def udp(self) -> Address:
        return self.target.endpoint.host, self.target.endpoint.udp

    @property
    def host(self) -> str:
        """This machine's address towards the server."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as asking:
            asking.connect(self.udp)
            return str(asking.getsockname()[0])

    @property
    def wait(self) -> float:
        """Seconds to wait for an answer, fitted to the slowest so far; less and less for who never answers."""
        if self._slowest is None:
            return FIRST_WAIT if self._silent < 2 else 0.6 if self._silent < 6 else 0.3
        least = FIRST_WAIT / 2 if len(self.exchanges) < 3 else LEAST_WAIT
        return min(MOST_WAIT, max(least, 3 * self._slowest)) * self.patience

    @property
    def hearing(self) -> float:
        """Seconds to wait for a datagram: at first long, since nothing is known of how fast they come."""
        if self._slowest_datagram is None:
            return FIRST_HEARING if self.deaf < 2 else max(LEAST_HEARING, min(MOST_HEARING, self._slowest or 0.0))
        return min(MOST_HEARING, max(LEAST_HEARING, 3 * self._slowest_datagram)) * self.patience

    def datagram_took(self, seconds: float) -> None:
        """A datagram was answered by another after this long."""
        self._slowest_datagram = max(self._slowest_datagram or 0.0, seconds)

    @property
    def answered(self) -> bool:
        """Whether anything was ever answered on TCP."""
        return self._slowest is not None

    @property
    def left(self) -> float:
        """Seconds that are left for questions; never so few that nothing can come."""
        return max(LEAST_HEARING, self._deadline - time.monotonic())

    def check_time(self) -> None:
        """Raise OutOfTime when the time for questions is over."""
        if time.monotonic() > self._deadline:
            raise OutOfTime

    # ------------------------------------------------------------------------------------------------------------ TCP

    def ask(
        self, what: str, data: bytes, *, port: Socket | None = None, told: Socket | None = None,
        told_if: Callable[[bytes], bool] = bool, told_for: float | None = None,
        enough: Callable[[bytes], bool] | None = None, split: int = 0,
    ) -> Exchange:  # fmt: skip
        """One request on its own connection. `port`: whose port number the connection has too; `told`: whose port is
        told to a server that does not close after an answer for which `told_if`, and for how many seconds its close
        is waited for then, at most; `enough`: whether an answer is whole, so that nothing more is waited for; `split`:
        this many bytes first, the rest once there is an answer or a silence.
        """
        self.check_time()
        self.tell(what)
        found = Exchange(what, data)
        with contextlib.closing(self._connect(port)) as connection:
            self.last = f"{what} ({len(data)} bytes on TCP)"
            try:
                if split:
                    connection.sendall(data[:split])
                    self._read(connection, found, None)
                    connection.sendall(data[split:])
                else:
                    connection.sendall(data)
                if not found.closed:
                    self._read(connection, found, enough)
                if told is not None and not found.closed and told_if(found.got):
                    found.after = told.port.to_bytes(2, "big")
                    connection.sendall(found.after)
                    self._read(connection, found, None, after=True, most=told_for)
            except OSError:
                found.closed = True
            if found.closed or found.closed_then:  # its port is free again at once
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._note(found)
        return found

    def _connect(self, port: Socket | None) -> socket.socket:
        for attempt in (1, 2):
            self.revive()
            made = socket.socket(self.family, socket.SOCK_STREAM)
            made.settimeout(3.0)
            try:
                if port is not None:
                    made.bind((self.host, port.port))
                made.connect(self.tcp)
            except OSError as error:
                made.close()
                if port is not None and error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    return self._connect(None)
                refused = f"no TCP connection to {self.tcp[0]} port {self.tcp[1]}: {error.strerror or error}"
                if attempt == 2 or not self.exchanges:
                    raise Died(f"{refused}; before that: {self.last}") from None
                self.renew()
            else:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
        raise AssertionError

    def _read(
        self, connection: socket.socket, found: Exchange, enough: Callable[[bytes], bool] | None, *,
        after: bool = False, most: float | None = None,
    ) -> None:  # fmt: skip
        begun = time.monotonic()
        deadline = begun + (self.wait if most is None else min(most, self.wait))
        while (left := deadline - time.monotonic()) > 0 and len(found.got) < MOST_BYTES:
            connection.settimeout(left)
            try:
                data = connection.recv(RECEIVE_SIZE)
            except TimeoutError:
                found.waited = time.monotonic() - begun
                break
            except OSError:
                data = b""
            now = time.monotonic()
            if not data:
                found.closed_then, found.closed = after, not after
                break
            self._slowest = max(self._slowest or 0.0, now - begun)
            found.seconds = now - begun if found.seconds is None else found.seconds
            found.got += data
            found.pieces.append(data)
            begun, deadline = now, now + self.wait
            if enough is not None and enough(found.got):
                deadline = now + 0.05  # a close comes with the answer
        self._silent = 0 if found.got or found.closed else self._silent + 1

    def _note(self, found: Exchange) -> None:
        self.exchanges.append(found)
        if not found.got:
            time.sleep(0.02)  # a process that ends of it does so now
            if self.target.ended() is not None:
                self.killers.append(self.last)

    def revive(self) -> None:
        """Start the server anew if its process has ended."""
        if (how := self.target.ended()) is not None:
            if self.last not in self.killers:
                self.killers.append(self.last)
            if not self.target.owned:
                raise Died(f"{how} after {self.last}")
            self.renew()

    def renew(self) -> None:
        """Start the server anew, where that is in our hands. Raises Died."""
        if not self.target.owned or self.restarts >= 12:
            raise Died(f"the server no longer answers; before that: {self.last}")
        self.restarts += 1
        self.target.restart()

    # ------------------------------------------------------------------------------------------------------------ UDP

    def asking(self) -> socket.socket:
        """A connected UDP socket, which is told when nobody listens."""
        made = socket.socket(self.family, socket.SOCK_DGRAM)
        made.connect(self.udp)
        self._asking.append(made)
        return made

    def socket(self, name: str, host: str | None = None, port: int = 0) -> Socket:
        """A new UDP socket. OSError for an address that this machine does not have."""
        return Socket(self.family, host or self.host, port, name, self._sockets)

    def send(self, sender: Socket, data: bytes, what: str = "a datagram") -> None:
        self.last = f"{what} ({len(data)} bytes on UDP)"
        with contextlib.suppress(OSError):
            sender.socket.sendto(data, self.udp)

    def hear(self, until: Callable[[], bool], wait: float | None = None) -> bool:
        """Take in datagrams until something is so; whether it is."""
        deadline = time.monotonic() + (self.hearing if wait is None else wait)
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                self._pump(0.0)
                return until()
            self._pump(left)
        return True

    def hush(self, wait: float | None = None) -> None:
        """Take in whatever comes for a while."""
        self.hear(lambda: False, wait)

    def _pump(self, wait: float) -> None:
        by_file = {one.socket: one for one in self._sockets}
        ready, _, _ = select.select(list(by_file), [], [], wait)
        for file in ready:
            with contextlib.suppress(OSError):
                by_file[file].inbox.append(file.recvfrom(RECEIVE_SIZE)[0])

    def drop(self, sockets: Iterable[Socket]) -> None:
        """Close these sockets."""
        for one in sockets:
            one.socket.close()
            with contextlib.suppress(ValueError):
                self._sockets.remove(one)

    def close(self) -> None:
        self.drop(list(self._sockets))
        for one in self._asking:
            one.close()
