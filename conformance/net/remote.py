"""A server that somebody else runs, at an address."""

import socket
import time

from conformance.net.addresses import is_of_this_machine, resolve
from conformance.net.naming import found_at
from conformance.net.ports import HALF_OPEN_SECONDS, POLL_SECONDS, has_udp, is_listening
from conformance.net.tls import Tls
from tcrp.endpoint import Endpoint


class AddressTarget:
    """A server that somebody else runs. Unreachable if its host has no address."""

    owned = False
    renewable = False
    """Whether it can be started anew at any time."""
    stopped = False

    def __init__(self, endpoint: Endpoint, tls: Tls | None = None) -> None:
        self._named = endpoint
        self.endpoint = resolve(endpoint)
        self.tls = tls

    @property
    def server(self) -> Endpoint:
        """Where the server's own sockets are, as far as is known."""
        return self.endpoint

    def start(self) -> None:
        """It runs already, but its UDP port may be open a little later than its TCP port."""
        deadline = time.monotonic() + HALF_OPEN_SECONDS
        if not is_of_this_machine(self.endpoint.host):
            return
        while not has_udp(self.endpoint) and is_listening(self.endpoint, udp=False) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.endpoint = found_at(self._named)

    def ended(self) -> str | None:
        """How the process ended; nobody can know that here."""
        return None

    def begin(self) -> None:
        """What it prints from now on belongs to the next test; not to be had here."""

    def output(self, lines: int = 10) -> list[str]:
        """The last lines it printed; not to be had here."""
        return []

    def restart(self) -> bool:
        """Start it again: not in our hands."""
        return False

    def reset_at_its_end(self, connection: socket.socket) -> None:
        """Once the process has ended, close this connection by RST: nobody learns here that it has."""

    def stop(self, patience: float = 0.0) -> int | None:
        """End it: not in our hands."""
        return None

    def terminate(self) -> None:
        """Send SIGTERM: not in our hands."""
