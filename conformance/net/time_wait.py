"""Ports that connections of before still hold, and giving them back at once (Linux).

Whoever closes a TCP connection first keeps its port for a minute (TIME_WAIT), and a server that does not set
SO_REUSEADDR cannot take it again. Nothing is done about that while the server runs: a server may close its side and
read on. Once it has ended, and nobody listens on the port, a new connection is begun from each address that its peers
had. The kernel answers it for the old connection, of which our side knows nothing any more, and our RST ends that one.
"""

import contextlib
import socket
import struct
import time
from functools import cache

from conformance.net import kernel
from conformance.net.addresses import family_of
from tcrp import Address

IP_LOCAL_PORT_RANGE = 51
"""Linux 6.3: a socket option with the least port and 65536 times the greatest that `connect` may choose."""
IP_BIND_ADDRESS_NO_PORT = 24
SEARCH_SECONDS = 3.0
"""How long it is tried whether the kernel chooses the ports that are wanted, if it does not bind them."""
SEARCH_BURST = 2000


def can_free() -> bool:
    """Whether the kernel of this machine says which connections hold a port."""
    return kernel.closed_ends(0) is not None


def free(port: int) -> bool:
    """End what is left of connections of this port, if nobody listens on it. Returns whether nothing is left."""
    if kernel.is_open(socket.SOCK_STREAM, port) is not False:
        return False
    for end in kernel.closed_ends(port) or ():
        _knock(end.here, end.there)
    deadline = time.monotonic() + (0.0 if _ports_can_be_named() else SEARCH_SECONDS)
    while (left := kernel.closed_ends(port)) and time.monotonic() < deadline:
        for _ in range(SEARCH_BURST):
            _knock(left[0].here)
    return not left


def _knock(server: Address, source: Address | None = None) -> None:
    """Begin a connection, from this address or from a port that the kernel chooses, and give it up at once."""
    with socket.socket(family_of(server[0]), socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        with contextlib.suppress(OSError):
            if source is not None:
                _bind(knocking, source)
            knocking.connect(server)


def _bind(knocking: socket.socket, source: Address) -> None:
    """Bind to an address whose port another connection may have, to somewhere else. OSError if an older kernel does not
    let that be.
    """
    host, port = source[:2]
    if _ports_can_be_named():
        _name_port(knocking, port)
        knocking.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        knocking.bind((host, 0))
    else:
        knocking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        knocking.bind(source)


def _name_port(knocking: socket.socket, port: int) -> None:
    knocking.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", port << 16 | port))


@cache
def _ports_can_be_named() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        try:
            _name_port(tried, 1024)
        except OSError:
            return False
    return True
