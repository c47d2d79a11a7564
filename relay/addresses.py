"""Comparing addresses, checking declared addresses, and the addresses that a server assigns to members.

The relay looks at the IP address and the port of an address. Further items belong to the caller, and come back as they
were given: IPv6 has two, and a server may add which of its own addresses the client talks to.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import cast

from tcrp.messages import Address

_MAPPED_PREFIX = "::ffff:"
_REMEMBERED = 4096  # networks of addresses that were asked for lately


def ip_of(address: Address) -> str:
    """The IP address alone. An IPv4-mapped IPv6 address counts as its IPv4 address (TCRP-4.2f)."""
    host = address[0]
    if host.startswith(_MAPPED_PREFIX) and "." in host:
        return host[len(_MAPPED_PREFIX) :]
    return host


def address_key(address: Address) -> tuple[str, int]:
    """IP address and port. Two forms of the same address have equal keys (TCRP-4.2f)."""
    ip = ip_of(address)
    if len(address) == 2 and ip is address[0]:
        return address  # returned as it is: the caller keeps this tuple anyway
    return ip, address[1]


@lru_cache(_REMEMBERED)
def network_of(ip: str) -> str:
    """What counts as one address where addresses are counted: an IPv4 address, or the /64 of an IPv6 address.

    A provider gives a customer at least a /64, so one program can have any number of IPv6 addresses in it. What is no
    address is returned as it is.
    """
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))


def is_other_form(known: Address | None, source: Address) -> bool:
    """Whether `source` is the known IP address and port with other further items. Answers go to the latest form."""
    return known is not None and known != source and address_key(known) == address_key(source)


def usable_address(declared: Address | None) -> Address | None:
    """The address that a client declared for its datagrams, or None if nothing can be sent there.

    Only numeric addresses pass: a host name would be looked up at every send. Flow and scope are dropped.
    """
    if declared is None or not 1 <= declared[1] <= 65535:
        return None
    try:
        ip = ip_address(declared[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    callers = [item for item in declared[2:] if not isinstance(item, int)]  # what is not flow or scope
    return cast(Address, (str(ip), declared[1], *callers))


class AddressPool:
    """Addresses to assign, each to one member at a time.

    Returned addresses are assigned again only when no unused one is left, the longest returned first. So a late
    datagram of the former member is unlikely to count as one of the next member.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._unused = iter(addresses)
        self._returned: deque[Address] = deque()
        self._assigned_before: set[Address] = set()

    def exclude(self, address: Address) -> None:
        """A member of an earlier run has this address."""
        self._assigned_before.add(address_key(address))

    def take(self) -> Address | None:
        """An address that no member has, or None if there is none."""
        unused = next((one for one in self._unused if one not in self._assigned_before), None)
        if unused is None and self._returned:
            return self._returned.popleft()
        return unused

    def give_back(self, address: Address) -> None:
        """The member that had this address does not need it any more."""
        self._returned.append(address_key(address))
