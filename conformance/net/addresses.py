"""Hosts as numeric addresses."""

import socket

from tcrp.endpoint import Endpoint


class Unreachable(Exception):
    """The endpoint was never there to be tested; one line says why and what would do."""


def resolve(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its host as a numeric address."""
    try:
        infos = socket.getaddrinfo(endpoint.host, endpoint.tcp or endpoint.udp, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"cannot find the host {endpoint.host!r}: {error.strerror or error}") from None
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return endpoint._replace(host=str(infos[0][4][0]))


def family_of(host: str) -> socket.AddressFamily:
    """The family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_of_this_machine(host: str) -> bool:
    """Whether this machine has the address, given as a number or a name."""
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as tried:
            tried.bind((host, 0))
    except OSError:
        return False
    return True
