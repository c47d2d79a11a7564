"""A server behind a path that loses, doubles, reorders and delays (`--impair`): clients go to the proxy in between."""

import socket

from conformance.impair.impairment import Impairment
from conformance.impair.proxy import Proxy
from conformance.net.addresses import family_of, is_loopback
from conformance.net.process import STOP_SECONDS, ProcessTarget
from conformance.net.remote import AddressTarget
from conformance.net.tls import Tls
from tcrp import Dialect
from tcrp.endpoint import Endpoint
from tcrp.policy import Register

TOLD = (Register.REQUEST, Register.HANDSHAKE, Register.ASSIGNED)
"""Ways in which a server learns of a UDP address otherwise than from a datagram's source."""


def why_not_through(impairment: Impairment, host: str, dialect: Dialect) -> str | None:
    """Why clients of this dialect cannot go through such a proxy to a server on this host, in one line; None if they
    can. On loopback the server sees each client's own address and port.
    """
    if not (dialect.policy.register in TOLD or dialect.can.one_port):
        return None
    what = f"in dialect {dialect.name} the UDP address of a client is settled over TCP"
    if impairment.nat:
        return f"--impair: nat cannot be used, since {what}, and nat changes it: leave nat out"
    if not is_loopback(host):
        return f"--impair cannot be used with the server on {host}, since {what}: run it where the server is"
    return None


class ImpairedTarget:
    """A target behind a proxy. `endpoint`: where clients go; `server`: where the server itself is."""

    def __init__(self, inner: AddressTarget | ProcessTarget, impairment: Impairment) -> None:
        self.inner = inner
        self.proxy = Proxy(impairment, ipv6=family_of(inner.endpoint.host) == socket.AF_INET6)

    @property
    def endpoint(self) -> Endpoint:
        there = self.proxy.endpoint
        return there._replace(tcp=None) if self.inner.endpoint.tcp is None else there

    @property
    def server(self) -> Endpoint:
        """Where the server's own sockets are."""
        return self.inner.endpoint

    @property
    def owned(self) -> bool:
        return self.inner.owned

    @property
    def renewable(self) -> bool:
        return self.inner.renewable

    @property
    def stopped(self) -> bool:
        return self.inner.stopped

    @property
    def tls(self) -> Tls | None:
        return self.inner.tls

    def start(self) -> None:
        """Start the server, and lead the proxy to it."""
        self.inner.start()
        self.proxy.aim(self.inner.endpoint)

    def ended(self) -> str | None:
        """How the process ended, in words, or None while it runs or where nobody knows."""
        return self.inner.ended()

    def begin(self) -> None:
        """What it prints from now on belongs to the next test."""
        self.inner.begin()

    def output(self, lines: int = 10) -> list[str]:
        """The last lines it printed for this test."""
        return self.inner.output(lines)

    def restart(self) -> bool:
        """Start it again, and lead the proxy to it. False if that is not in our hands."""
        self.proxy.aim(None)
        try:
            return self.inner.restart()
        finally:
            self.proxy.aim(self.inner.endpoint)

    def reset_at_its_end(self, connection: socket.socket) -> None:
        """Nothing is held by a client's connection: the proxy's own are closed by RST before the server is stopped."""

    def stop(self, patience: float = STOP_SECONDS) -> int | None:
        """End it as a user would. Returns its exit code, None if there is none. The proxy stays, and leads nowhere."""
        self.proxy.aim(None)
        return self.inner.stop(patience)

    def close(self) -> None:
        """End the proxy: the run is over, and the server stopped. What it has counted stays."""
        self.proxy.close()

    def terminate(self) -> None:
        """Send SIGTERM and do not wait (TCRP-5.7)."""
        self.inner.terminate()
