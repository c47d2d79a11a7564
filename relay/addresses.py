"""When two addresses are the same one, and the addresses that a server gives out."""

from collections import deque
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

from tcrp.messages import Address

_MAPPED = "::ffff:"


def ip_of(address: Address) -> str:
    """The IP address alone. An IPv4-mapped IPv6 address is its IPv4 address (TCRP-4.2f)."""
    host = address[0]
    if host.startswith(_MAPPED) and "." in host:
        return host[len(_MAPPED) :]
    return host


def key_of(address: Address) -> tuple[str, int]:
    """What is equal for two addresses that are the same one, however they were written."""
    ip = ip_of(address)
    if len(address) == 2 and ip is address[0]:
        return address  # it is kept anyway
    return ip, address[1]


def declared(address: Address | None) -> Address | None:
    """The address that a client says its datagrams go to, or None if nothing can be sent there.

    Only numbers pass: a name would be looked up at every send.
    """
    if address is None or not 1 <= address[1] <= 65535:
        return None
    try:
        ip = ip_address(address[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip), address[1]


class AddressPool:
    """Addresses to give out, each to one member at a time. Those given back come last, so that late datagrams of a
    former holder do not count as the next one's.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._fresh = iter(addresses)
        self._returned: deque[Address] = deque()

    def take(self) -> Address | None:
        """An address that nobody holds, or None."""
        fresh = next(self._fresh, None)
        if fresh is None and self._returned:
            return self._returned.popleft()
        return fresh

    def give_back(self, address: Address) -> None:
        self._returned.append(address)
