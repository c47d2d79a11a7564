"""Where a server of this machine listens instead, if the address that was given is not quite its own."""

import socket

from conformance.net import kernel
from conformance.net.addresses import family_of, is_of_this_machine
from conformance.net.kernel import KernelSocket
from tcrp.endpoint import Endpoint

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Sockets on any address, and where they are reached."""


def elsewhere(endpoint: Endpoint) -> str:
    """Which programs listen beside the endpoint, as the kernel knows, with the right `-t`; empty if there are none."""
    if endpoint.tcp is None or endpoint.udp is None or not is_of_this_machine(endpoint.host):
        return ""
    swapped = endpoint._replace(tcp=endpoint.udp, udp=endpoint.tcp)
    if not _tcp(endpoint) and not _udp(endpoint) and _tcp(swapped) and _udp(swapped):
        return f"the ports are swapped: -t {swapped}"
    if not _serves(_tcp(endpoint), endpoint.host):
        if (host := _other_host(_tcp(endpoint))) is not None:
            return f"TCP port {endpoint.tcp} is open at {host} alone: -t {endpoint._replace(host=host)}"
        if _tcp(swapped):
            return f"TCP listens on port {swapped.tcp}, which was given for UDP: -t HOST:TCP:UDP"
    elif not _serves(_udp(endpoint), endpoint.host) and (host := _other_host(_udp(endpoint))) is not None:
        return f"UDP port {endpoint.udp} is open at {host} alone: -t {endpoint._replace(host=host)}"
    return ""


def _tcp(endpoint: Endpoint) -> list[KernelSocket]:
    assert endpoint.tcp is not None
    return kernel.bound(socket.SOCK_STREAM, endpoint.tcp) or []


def _udp(endpoint: Endpoint) -> list[KernelSocket]:
    assert endpoint.udp is not None
    return kernel.bound(socket.SOCK_DGRAM, endpoint.udp) or []


def _serves(found: list[KernelSocket], host: str) -> bool:
    """Whether one of the sockets is on this host, or on any address of its family."""
    return any(one.here[0] == host or (ANY.get(one.here[0], "") and _same_family(one.here[0], host)) for one in found)


def _other_host(found: list[KernelSocket]) -> str | None:
    """Where the first of the sockets is reached."""
    return next((ANY.get(one.here[0], str(one.here[0])) for one in found), None)


def _same_family(one: str, other: str) -> bool:
    return family_of(one) is family_of(other)
