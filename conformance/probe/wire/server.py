"""The server under the probe: its addresses, and starting it anew when it has ended."""

import socket

from conformance.net.addresses import family_of
from conformance.net.target import Target
from tcrp import Address

MOST_RESTARTS = 12
"""Upper bound of the new starts of one server."""


class Died(Exception):
    """The server is gone and cannot be started again. The message says after what."""


class ProbedServer:
    """The server that is asked. It must have been started already.

    `last`: what was sent last, in words, so that whatever ends the server can be named; `killers`: what it did not
    survive, oldest first; `died`: after what, once the probe has taken down that it is gone for good.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.last = "nothing was sent"
        self.killers: list[str] = []
        self.died: str | None = None
        self.restarts = 0

    @property
    def owned(self) -> bool:
        """Whether the probe may start the server anew."""
        return self.target.owned

    @property
    def has_tcp(self) -> bool:
        """Whether the endpoint has a TCP port. Without one there are no requests, rooms and tokens."""
        return self.target.endpoint.tcp is not None

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of the server's host."""
        return family_of(self.target.endpoint.host)

    @property
    def tcp(self) -> Address:
        """The server's TCP address. Only for an endpoint that has one."""
        assert self.target.endpoint.tcp is not None
        return self.target.endpoint.host, self.target.endpoint.tcp

    @property
    def udp(self) -> Address:
        """The server's UDP address."""
        return self.target.endpoint.host, self.target.endpoint.udp

    @property
    def local_host(self) -> str:
        """The address of this machine that the server sees."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as connected:
            connected.connect(self.udp)
            return str(connected.getsockname()[0])

    def blame_last(self) -> None:
        """Take down that what was sent last has ended the server."""
        self.killers.append(self.last)

    def revive(self) -> None:
        """Start the server anew if its process has ended. Raises Died where the probe may not start it."""
        if (how := self.target.ended()) is not None:
            if self.last not in self.killers:
                self.blame_last()
            if not self.owned:
                raise Died(f"{how} after {self.last}")
            self.renew()

    def renew(self) -> None:
        """Start the server anew, whether it has ended or not. Raises Died where the probe may not, or did so often."""
        if not self.owned or self.restarts >= MOST_RESTARTS:
            raise Died(f"the server no longer answers; before that: {self.last}")
        self.restarts += 1
        self.target.restart()
