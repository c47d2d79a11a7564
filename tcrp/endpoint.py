"""The address of a server as users write it: `HOST[:TCP[:UDP]]`, IPv6 in brackets, `-` for no TCP, or no UDP."""

from typing import NamedTuple

from tcrp.dialects.base import Ports


class Endpoint(NamedTuple):
    """A host and its two ports. `tcp` is None if the server has no TCP, `udp` if it has no UDP."""

    host: str
    tcp: int | None
    udp: int | None

    def __str__(self) -> str:
        tcp, udp = ("-" if port is None else port for port in (self.tcp, self.udp))
        return f"{_bracketed(self.host)}:{tcp}:{udp}"


def parse_endpoint(text: str, defaults: Ports) -> Endpoint:
    """Parse `127.0.0.1`, `localhost:9001`, `[::1]:9001:9002`, `127.0.0.1:-:9002` or `127.0.0.1:9001:-`.

    A port that is left out comes from `defaults`. Raises ValueError for anything else; its message is one line that
    names the wrong part.
    """
    host, rest = _split_host(text)
    parts = rest.split(":")[1:] if rest else []
    if len(parts) > 2:
        raise ValueError(f"{text!r} has {len(parts)} ports: write HOST[:TCP[:UDP]], IPv6 in brackets")
    tcp = defaults.tcp
    if parts and parts[0]:
        tcp = None if parts[0] == "-" else parse_port(parts[0], "TCP")
    udp: int | None = defaults.udp
    if len(parts) == 2 and parts[1]:
        udp = None if parts[1] == "-" else parse_port(parts[1], "UDP")
    if tcp is None and udp is None:
        raise ValueError(f"{text!r} has neither TCP nor UDP: give at least one port")
    return Endpoint(host, tcp, udp)


def parse_port(text: str, field: str) -> int:
    """Parse a port number from 1 to 65535. Raises ValueError, with `field` in its message."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError(f"the {field} port is {text!r}: a number from 1 to 65535")
    return int(text)


def format_address(host: str, port: int) -> str:
    """An address as `127.0.0.1:9001` or `[::1]:9001`."""
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _split_host(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [IPV6][:TCP[:UDP]]")
    else:
        host, colon, rest = text.partition(":")
        rest = colon + rest
    if not host or any(c.isspace() for c in host):
        raise ValueError(f"{text!r} names no host: write HOST[:TCP[:UDP]], IPv6 in brackets")
    return host, rest
