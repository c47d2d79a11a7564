"""From the host that a user names to the address where the server is, or what to name instead."""

import socket

from conformance.net import kernel
from conformance.net.addresses import family_of, numeric
from tcrp.endpoint import Endpoint

ANY = ("0.0.0.0", "::")
LINK_LOCAL = "fe80:"


def check_host(endpoint: Endpoint) -> None:
    """ValueError, in one line, for a host that names no address to connect to."""
    if endpoint.host in ANY:
        here = "127.0.0.1" if endpoint.host == ANY[0] else "::1"
        raise ValueError(
            f"-t {endpoint}: at {endpoint.host} a server listens on all its addresses, but nobody can connect there: "
            f"use -t {endpoint._replace(host=here)} if it is on this machine"
        )
    if endpoint.host.lower().startswith(LINK_LOCAL) and "%" not in endpoint.host:
        zone = next((name for _, name in socket.if_nameindex() if name != "lo"), "eth0")
        named = endpoint._replace(host=f"{endpoint.host}%{zone}")
        raise ValueError(f"-t {endpoint}: {endpoint.host} is on every network: say on which, such as -t {named}")


def found_at(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its host as a number. Of several addresses of this machine, such as those of `localhost`, it is
    the one where most of the ports are open, as a client that tries all of them would find it. Unreachable for a host
    without an address.
    """
    hosts = numeric(endpoint)
    return endpoint._replace(host=max(hosts, key=lambda host: _open_ports(endpoint._replace(host=host))))


def _open_ports(endpoint: Endpoint) -> int:
    wanted = ((socket.SOCK_STREAM, endpoint.tcp), (socket.SOCK_DGRAM, endpoint.udp))
    return sum(port is not None and _is_open(kind, endpoint.host, port) is True for kind, port in wanted)


def _is_open(kind: socket.SocketKind, host: str, port: int) -> bool | None:
    """Whether a program has the port at this address or at all of its family. None: nobody knows."""
    found = kernel.bound(kind, port)
    if found is None:
        return None
    everywhere = {ANY[1]} if family_of(host) == socket.AF_INET6 else set(ANY)  # a socket at :: may take IPv4 too
    return any(one.here[0] == host or one.here[0] in everywhere for one in found)
