"""Requests on TCP, each on a connection of its own. A connection is never opened without a whole request to send."""

import contextlib
import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from conformance.net.kernel import is_accepted
from conformance.outcome.trouble import exception_of
from conformance.probe.wire.server import Died, ProbedServer, Sent
from conformance.probe.wire.timing import Timing
from conformance.probe.wire.udp import UdpSocket

CONNECT_SECONDS = 3.0
RECEIVE_SIZE = 65536
MOST_BYTES = 1 << 17
"""Upper bound of what is read of one answer, in bytes."""
MOST_WAITS = 5
"""Upper bound of the time for one answer, as a multiple of the wait for its next byte."""
CLOSE_SECONDS = 0.05
"""How long a close is waited for once an answer is whole."""
EXIT_SECONDS = 0.02
"""How long a process may take to end after a request that it did not answer."""
ACCEPT_SECONDS, CRASHED_SECONDS = 3.5, 0.5
"""How long a server may leave a connection unaccepted: it may be busy with the one before, unless that made it print an
exception.
"""
ACCEPT_POLL = 0.02
NOT_ACCEPTED = "it accepts no connection any more"

Tell = Callable[[str], None]
"""Takes what is asked next, in words, to show it."""


class _NotAccepted(Died):
    """The server does not accept the connection. `before`: what was sent before it."""

    def __init__(self, before: Sent, words: str) -> None:
        super().__init__(f"{NOT_ACCEPTED}{words}")
        self.before = before


@dataclass
class RawExchange:
    """One request and what came back on its connection.

    `what`: the request in words; `pieces`: the answer as it was received; `closed`: the server closed the connection;
    `port_told`: the two bytes of a UDP port that were sent after the answer; `closed_after_port`: the server closed
    once it had those; `waited`: seconds of silence at the end, where the server did not close.
    """

    what: str
    sent: bytes
    got: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    closed: bool = False
    port_told: bytes = b""
    closed_after_port: bool = False
    waited: float = 0.0


class TcpWire:
    """The TCP side of the wire. `tell` is called with each request in words; `exchanges`: all of them, oldest first."""

    def __init__(self, server: ProbedServer, timing: Timing, tell: Tell) -> None:
        self.exchanges: list[RawExchange] = []
        self._server = server
        self._timing = timing
        self._tell = tell

    def ask(
        self, what: str, data: bytes, *, same_port_as: UdpSocket | None = None, tell_port_of: UdpSocket | None = None,
        tell_port_if: Callable[[bytes], bool] = bool, most_after_port: float | None = None,
        is_whole: Callable[[bytes], bool] | None = None, split: int = 0,
    ) -> RawExchange:  # fmt: skip
        """Send one request on its own connection, and read what comes.

        `same_port_as`: bind the connection to the port number of this socket; `tell_port_of`: send the port of this
        socket if the server does not close after an answer for which `tell_port_if` is true, and wait
        `most_after_port` seconds at most for its close; `is_whole`: tells that an answer is complete, so that nothing
        more is waited for; `split`: send this many bytes first, the rest after an answer or a silence.

        A question that has ended the server is not sent again: it has no answer. Raises OutOfTime, and Died if nothing
        listens any more.
        """
        self._timing.check()
        self._tell(what)
        if self._server.is_deadly(what):
            self.exchanges.append(RawExchange(what, data, closed=True))
            return self.exchanges[-1]
        once = partial(
            self._ask_once, what, data, same_port_as, tell_port_of, tell_port_if, most_after_port, is_whole, split
        )
        try:
            return once()
        except _NotAccepted as stuck:
            if not self.exchanges:
                raise
            self._server.blame(stuck.before, NOT_ACCEPTED)
            self._server.renew()
            return once()

    def _ask_once(
        self, what: str, data: bytes, same_port_as: UdpSocket | None, tell_port_of: UdpSocket | None,
        tell_port_if: Callable[[bytes], bool], most_after_port: float | None,
        is_whole: Callable[[bytes], bool] | None, split: int,
    ) -> RawExchange:  # fmt: skip
        server = self._server
        found = RawExchange(what, data)
        with contextlib.closing(self._connect(same_port_as)) as connection:
            before, server.sent = server.sent, Sent(what, data)
            try:
                if split:
                    connection.sendall(data[:split])
                    self._read(connection, found, None)
                    connection.sendall(data[split:])
                else:
                    connection.sendall(data)
                if not found.closed:
                    self._read(connection, found, is_whole)
                if not found.got and not found.closed and self._was_accepted_late(connection, before):
                    self._read(connection, found, is_whole)
                if tell_port_of is not None and not found.closed and tell_port_if(found.got):
                    found.port_told = tell_port_of.port.to_bytes(2, "big")
                    connection.sendall(found.port_told)
                    self._read(connection, found, None, after_port=True, most=most_after_port)
            except OSError:
                found.closed = True
        self._take_down(found)
        return found

    def _was_accepted_late(self, connection: socket.socket, before: Sent) -> bool:
        """Whether the server has accepted this connection only after the wait for its answer. Raises _NotAccepted if it
        never does. `before`: what was sent before, which has ended the server's service then.
        """
        server, local = self._server, connection.getsockname()[:2]
        if is_accepted(server.family, server.tcp, local) is not False:
            return False
        crashed = exception_of(server.target.output()) is not None
        deadline = time.monotonic() + (CRASHED_SECONDS if crashed else ACCEPT_SECONDS)
        while is_accepted(server.family, server.tcp, local) is False:
            if time.monotonic() > deadline or server.target.ended() is not None:
                server.sent = before
                raise _NotAccepted(before, server.before)
            time.sleep(ACCEPT_POLL)
        return True

    def _connect(self, same_port_as: UdpSocket | None) -> socket.socket:
        server = self._server
        for attempt in (1, 2):
            server.revive()
            made = socket.socket(server.family, socket.SOCK_STREAM)
            made.settimeout(CONNECT_SECONDS)
            try:
                if same_port_as is not None:
                    made.bind((server.local_host, same_port_as.port))
                made.connect(server.tcp)
            except OSError as error:
                made.close()
                if same_port_as is not None and error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    return self._connect(None)
                refused = f"no TCP connection to {server.tcp[0]} port {server.tcp[1]}: {error.strerror or error}"
                if attempt == 2 or not self.exchanges:
                    raise Died(f"{refused}{server.before}") from None
                server.blame_last(refused, gone=not server.owned)
                server.renew()
            else:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
        raise AssertionError

    def _read(
        self, connection: socket.socket, found: RawExchange, is_whole: Callable[[bytes], bool] | None, *,
        after_port: bool = False, most: float | None = None,
    ) -> None:  # fmt: skip
        timing = self._timing
        begun = time.monotonic()
        deadline = begun + (timing.answer_wait if most is None else min(most, timing.answer_wait))
        latest = begun + MOST_WAITS * timing.answer_wait
        while (left := min(deadline, latest) - time.monotonic()) > 0 and len(found.got) < MOST_BYTES:
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
                found.closed_after_port, found.closed = after_port, not after_port
                break
            timing.answer_took(now - begun)
            found.got += data
            found.pieces.append(data)
            begun, deadline = now, now + timing.answer_wait
            if is_whole is not None and is_whole(found.got):
                deadline = now + CLOSE_SECONDS
        timing.reading_is_over(answered=bool(found.got or found.closed))

    def _take_down(self, found: RawExchange) -> None:
        self.exchanges.append(found)
        self._timing.request_is_over()
        if found.got:
            self._server.answered(found.what)
        else:
            time.sleep(EXIT_SECONDS)
            if self._server.target.ended() is not None:
                self._server.blame_last()
