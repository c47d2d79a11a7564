"""Hosts as numeric addresses."""

import socket
from typing import Any

from tcrp.endpoint import Endpoint


class Unreachable(Exception):
    """The endpoint was never there to be tested; one line says why and what would do."""


def numeric(endpoint: Endpoint) -> list[str]:
    """The numeric addresses of the endpoint's host, IPv4 first. Unreachable if there is none."""
    try:
        infos = socket.getaddrinfo(endpoint.host, endpoint.tcp or endpoint.udp, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"cannot find the host {endpoint.host!r}: {error.strerror or error}") from None
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return list(dict.fromkeys(_with_zone(info[4]) for info in infos))


def _with_zone(address: tuple[Any, ...]) -> str:
    """The host of a socket address, with the zone that it says as a number."""
    host, zone = str(address[0]), int(address[3]) if len(address) > 3 else 0
    return f"{host}%{socket.if_indextoname(zone)}" if zone and "%" not in host else host


def socket_address(host: str, port: int) -> tuple[Any, ...]:
    """What `bind`, `connect` and `sendto` take: a zone goes beside the address, not in it."""
    address, _, zone = host.partition("%")
    return (address, port, 0, socket.if_nametoindex(zone)) if zone else (host, port)


def zoned(host: str, like: str) -> str:
    """The host with the zone of another of the same network: what the kernel tells of a link-local one lacks it."""
    zone = like.partition("%")[2]
    return f"{host}%{zone}" if zone and "%" not in host and host.lower().startswith("fe80:") else host


def resolve(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its host as a numeric address."""
    return endpoint._replace(host=numeric(endpoint)[0])


def family_of(host: str) -> socket.AddressFamily:
    """The family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_of_this_machine(host: str) -> bool:
    """Whether this machine has the address, given as a number or a name."""
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as tried:
            tried.bind(socket_address(host, 0))
    except OSError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a numeric address is one of the machine itself that no other machine can reach."""
    return host.startswith("127.") or host == "::1"
