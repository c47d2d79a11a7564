"""Whether a server on this machine still takes what is sent to it, as the kernel shows without asking the server."""

import socket
import time

from conformance.net import kernel
from tcrp.endpoint import Endpoint

POLL_SECONDS = 0.02


class Queue:
    """What waits at one port of the server: datagrams that it has not read, or connections that it has not accepted."""

    def __init__(self, kind: socket.SocketKind) -> None:
        self._kind = kind
        self._waiting = 0
        self._since: float | None = None

    def stuck_for(self, port: int | None) -> float | None:
        """Seconds for which something has waited there and nothing was taken, as far as has been looked. None: nothing
        waits, or nobody knows.
        """
        waiting = kernel.waiting(self._kind, port) if port is not None else None
        now = time.monotonic()
        if not waiting:
            self._since = None
        elif self._since is None or waiting < self._waiting:  # it has taken something
            self._since = now
        self._waiting = waiting or 0
        return None if self._since is None else now - self._since


def is_stuck(endpoint: Endpoint, seconds: float) -> bool:
    """Whether the server has closed its UDP port, or takes nothing of what waits at one of its ports for so many
    seconds. False where the kernel does not tell.
    """
    if endpoint.udp is not None and kernel.is_open(socket.SOCK_DGRAM, endpoint.udp) is False:
        return True
    for kind, port in ((socket.SOCK_DGRAM, endpoint.udp), (socket.SOCK_STREAM, endpoint.tcp)):
        queue = Queue(kind)
        while (stuck := queue.stuck_for(port)) is not None:
            if stuck > seconds:
                return True
            time.sleep(POLL_SECONDS)
    return False
