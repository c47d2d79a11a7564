"""Accepts TCP connections, also when no more files may be open, and begins TLS on them.

asyncio's own server logs a traceback for each connection that it cannot accept, and asks again at once.
"""

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from reference_server.limits import ACCEPTS_PER_WAKE_UP, DRAIN_SECONDS
from reference_server.sockets import show_address
from relay import network_of
from relay.addresses import ip_of
from relay.tally import Tally
from tcrp.messages import Address

logger = logging.getLogger("reference_server")

LOG_SECONDS: Final = 60.0
"""Seconds between two lines about connections that could not be served."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS = 1.0


class HandshakeLimits(NamedTuple):
    """How many TLS handshakes there may be at once, in all and of one address, and how long each may take.

    `per_address`: 0 is no limit. `limited`: what an IP address counts as; None: it has no limit of its own.
    """

    most: int = 100
    per_address: int = 0
    seconds: float = 10.0
    limited: Callable[[str], str | None] = network_of


class Listener:
    """Accepts on a listening, non-blocking socket, which `close` closes.

    `new_protocol` makes the protocol of each connection. `tls`: None: the connections are plain. It may be replaced at
    any time. `handshakes`: how many TLS handshakes there may be at once; further connections are closed.

    One file is kept in reserve. When no further file may be open, it is closed to accept the connection that waits,
    which is closed at once: so nobody waits in vain, and the socket does not stay readable. `unserved` counts them.
    """

    def __init__(
        self,
        sock: socket.socket,
        new_protocol: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None = None,
        handshakes: HandshakeLimits | None = None,
    ) -> None:
        self.tls = tls
        self.unserved = 0
        self._sock = sock
        self._new_protocol = new_protocol
        self._handshakes = handshakes or HandshakeLimits()
        self._shaking: Tally[str | None] = Tally()
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._reserve = _open_reserve()
        self._resume_timer: asyncio.TimerHandle | None = None
        self._log_timer: asyncio.TimerHandle | None = None
        self._untold = 0
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Accept no more, and end the TLS handshakes. Connections that have begun go on."""
        self._loop.remove_reader(self._sock)
        self._sock.close()
        if self._resume_timer is not None:
            self._resume_timer.cancel()
        if self._log_timer is not None:
            self._log_timer.cancel()
            self._tell("until the server stopped")
        for task in tuple(self._beginning):
            task.cancel()
        self._close_reserve()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_WAKE_UP):
            try:
                sock, peer = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:  # the peer is gone already, or its network has an error
                    continue
                if not self._refuse_one(error):
                    self._pause()
                    return
                continue
            sock.setblocking(False)
            begin = self._begin(sock) if self.tls is None else self._shake_hands(sock, peer, self.tls)
            task = self._loop.create_task(begin)
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._new_protocol, sock)
        except OSError:  # the peer is gone already
            sock.close()

    async def _shake_hands(self, sock: socket.socket, peer: Address, tls: ssl.SSLContext) -> None:
        limits, network = self._handshakes, self._handshakes.limited(ip_of(peer))
        if self._shaking.total() >= limits.most or (
            network is not None and limits.per_address and self._shaking[network] >= limits.per_address
        ):
            sock.close()
            self._count("too many TLS handshakes at once")
            return
        self._shaking.add(network, 1)
        try:
            await self._loop.connect_accepted_socket(
                self._new_protocol,
                sock,
                ssl=tls,
                ssl_handshake_timeout=limits.seconds,
                ssl_shutdown_timeout=DRAIN_SECONDS,
            )
        except OSError as error:  # SSLError is one
            sock.close()
            logger.debug("tcp %s: not connected: %s", show_address(peer), error)
        finally:
            self._shaking.add(network, -1)

    def _refuse_one(self, error: OSError) -> bool:
        """Close the connection that waits, with the help of the reserved file. False: it cannot be accepted either."""
        if self._reserve is None:
            self._reserve = _open_reserve()
        self._close_reserve()
        try:
            sock, _ = self._sock.accept()
        except BlockingIOError:
            return True
        except OSError:
            return False
        else:
            sock.close()
            self._count(error.strerror or str(error))
            return True
        finally:
            self._reserve = _open_reserve()

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)
        self._resume_timer = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._sock, self._accept)

    def _close_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _count(self, why: str) -> None:
        self.unserved += 1
        self._untold += 1
        if self._log_timer is None:
            self._tell(why)
            self._log_timer = self._loop.call_later(LOG_SECONDS, self._tell_again, why)

    def _tell_again(self, why: str) -> None:
        self._log_timer = None
        if self._untold:
            self._tell(why)
            self._log_timer = self._loop.call_later(LOG_SECONDS, self._tell_again, why)

    def _tell(self, why: str) -> None:
        """One line for all since the last one."""
        if self._untold:
            logger.warning("closed unserved connections=%d: %s", self._untold, why)
            self._untold = 0


def _open_reserve() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
