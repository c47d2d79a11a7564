"""Ports of this machine: free ones, those that a program listens on, and what a `ready` line says of them."""

import contextlib
import errno
import secrets
import socket
import time
from pathlib import Path

from conformance.net import kernel
from conformance.net.addresses import family_of
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint, parse_endpoint

POLL_SECONDS = 0.02
HALF_OPEN_SECONDS = 2.0
"""How long TCP may be open before UDP is."""
LEAVING_SECONDS = 1.0
"""How long a program that has just been ended may still hold its port."""
CHOSEN_PORTS = range(10_000, 32_768)
"""Free ports are chosen here, below those that Linux and macOS give to whoever asks for any."""


def refuses(asking: socket.socket, data: bytes, wait: float) -> bool:
    """Whether nobody has the port that a connected UDP socket sends this datagram to, as far as the machine there tells
    within so many seconds: of this one, or of those before.
    """
    asking.settimeout(wait)
    try:
        asking.send(data)
        asking.recv(1)
    except ConnectionRefusedError:
        return True
    except OSError:  # nothing was said of it
        return False
    return False


def free_ports(host: str) -> tuple[int, int]:
    """A TCP and a UDP port that are free now, and different."""
    family = family_of(host)
    tcp = _free_port(family, socket.SOCK_STREAM)
    return tcp, _free_port(family, socket.SOCK_DGRAM, other_than=tcp)


def _free_port(family: socket.AddressFamily, kind: socket.SocketKind, other_than: int = 0) -> int:
    with socket.socket(family, kind) as found:
        for _ in range(100):
            port = secrets.choice(CHOSEN_PORTS)  # whatever the seed: suites side by side must not choose alike
            if port != other_than:
                with contextlib.suppress(OSError):
                    found.bind(("", port))
                    return port
        found.bind(("", 0))
        return int(found.getsockname()[1])


def parse_ready(line: str, defaults: Ports) -> tuple[int | None, int] | None:
    """The ports in `ready tcp=127.0.0.1:9001 udp=127.0.0.1:9002 ...`; `tcp=-` is no TCP. None if it names none."""
    fields = dict(word.partition("=")[::2] for word in line.split()[1:])
    try:
        tcp = None if fields["tcp"] == "-" else parse_endpoint(fields["tcp"], defaults).tcp
        udp = parse_endpoint(fields["udp"], Ports(0, 0)).tcp
    except (KeyError, ValueError):
        return None
    return None if udp is None else (tcp, udp)


def is_listening(endpoint: Endpoint, *, udp: bool = True) -> bool:
    """Whether the endpoint's ports are open on this machine: the kernel tells, or a connection where it does not."""
    if endpoint.tcp is not None:
        listens = kernel.is_open(socket.SOCK_STREAM, endpoint.tcp)
        if not (_is_served(endpoint.host, endpoint.tcp) if listens is None else listens):
            return False
    return not udp or has_udp(endpoint)


def has_udp(endpoint: Endpoint) -> bool:
    """Whether a program of this machine has the endpoint's UDP port, as far as the kernel tells, or it needs none."""
    return endpoint.udp is None or kernel.is_open(socket.SOCK_DGRAM, endpoint.udp) is not False


def _is_served(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1.0):
        return True
    return False


def taken_ports(endpoint: Endpoint) -> str:
    """Those of the endpoint's ports, in words, that another program has open; one that is just ending is waited for."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while (taken := _open_ports(endpoint)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return taken


def _open_ports(endpoint: Endpoint) -> str:
    taken = []
    if endpoint.tcp is not None and is_listening(endpoint, udp=False):
        taken.append(f"TCP port {endpoint.tcp}{_owner(socket.SOCK_STREAM, endpoint.tcp)}")
    if endpoint.udp is None:
        return " and ".join(taken)
    with socket.socket(family_of(endpoint.host), socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((endpoint.host, endpoint.udp))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                taken.append(f"UDP port {endpoint.udp}{_owner(socket.SOCK_DGRAM, endpoint.udp)}")
    return " and ".join(taken)


def _owner(kind: socket.SocketKind, port: int) -> str:
    """` (process 7: python server.py)` of the program that has the port, if it can be seen."""
    files = {f"socket:[{one.inode}]" for one in kernel.bound(kind, port) or () if one.inode}
    for file in Path("/proc").glob("[0-9]*/fd/*") if files else ():
        with contextlib.suppress(OSError):
            if str(file.readlink()) in files:
                words = (file.parents[1] / "cmdline").read_bytes().decode(errors="replace").split("\0")
                return f" (process {file.parents[1].name}: {' '.join(words).strip()})"
    return ""
