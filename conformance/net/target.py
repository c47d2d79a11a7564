"""What is under test: an address somewhere, or a process that the suite starts, watches and ends."""

import socket
import time

from conformance.net.addresses import Unreachable, is_of_this_machine, resolve
from conformance.net.ports import HALF_OPEN_SECONDS, POLL_SECONDS, has_udp, is_listening
from conformance.net.process import ProcessTarget
from conformance.net.tls import Tls
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint, parse_endpoint

__all__ = ["AddressTarget", "ProcessTarget", "Target", "Unreachable", "target_of"]

MOST_SECONDS = 1e6
"""Upper bound of any duration option, in seconds."""


class AddressTarget:
    """A server that somebody else runs. Unreachable if its host has no address."""

    owned = False
    renewable = False
    """Whether it can be started anew at any time."""
    stopped = False

    def __init__(self, endpoint: Endpoint, tls: Tls | None = None) -> None:
        self.endpoint = resolve(endpoint)
        self.tls = tls

    def start(self) -> None:
        """It runs already, but its UDP port may be open a little later than its TCP port."""
        deadline = time.monotonic() + HALF_OPEN_SECONDS
        if not is_of_this_machine(self.endpoint.host):
            return
        while not has_udp(self.endpoint) and is_listening(self.endpoint, udp=False) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

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


Target = AddressTarget | ProcessTarget


def target_of(
    address: str | None, command: str | None, defaults: Ports, ready_timeout: float, tls: Tls | None = None
) -> Target:
    """What `-t`, `--exec` and `--ready-timeout` say. `defaults`: the dialect's usual ports. ValueError for what cannot
    be followed, Unreachable for a host without an address.
    """
    if not 0 < ready_timeout < MOST_SECONDS:
        raise ValueError(f"--ready-timeout is {ready_timeout:g}: seconds, more than 0")
    given = None if address is None else parse_endpoint(address, defaults)
    if command is not None:
        return ProcessTarget(command, given, defaults, ready_timeout, tls)
    if given is None:
        raise ValueError("no server is named: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    return AddressTarget(given, tls)
