"""Answers from the address that was asked, for a chat socket on a wildcard address (`0.0.0.0` or `::`).

From such a socket the system sends with the address that its routing table prefers, which on a machine with several
addresses is often not the one that the client talks to. The client's connected socket, and a NAT on the way, would drop
the answer. So the socket is told of each datagram's destination (IP_PKTINFO, IPV6_PKTINFO), and each answer names it as
its source. A socket on one address needs none of this and costs none of it.

The address that was asked is the last item of the source's tuple: `("192.0.2.7", 5000, "198.51.100.1")`. So it stands
beside the member's address for as long as the relay keeps that, and is replaced when the member asks another address.
"""

import socket
import struct
import sys
from typing import Final, Self, cast

from tcrp.messages import Address

IP_PKTINFO: Final = 8  # linux/in.h; Python's socket module has the name from 3.12 on
_WILDCARDS: Final = ("0.0.0.0", "::")
_MAX_KNOWN: Final = 1024
"""Local addresses that are remembered. A whole network may be local (127.0.0.0/8 is), so there is a bound."""


def is_wildcard(sock: socket.socket) -> bool:
    """Whether the socket is bound to all addresses of the machine."""
    return sock.getsockname()[0] in _WILDCARDS


def asked_at(address: Address, local: str) -> Address:
    """The address of a client, with the local address that it asked."""
    return cast(Address, (*address, local))


def has_asked(address: Address) -> bool:
    """Whether the last item of the address is the local address that was asked."""
    return isinstance(address[-1], str)


class AskedAddresses:
    """Receives and sends with local addresses, on one wildcard socket. `on` makes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ipv6 = sock.family == socket.AF_INET6
        self._level = socket.IPPROTO_IPV6 if self._ipv6 else socket.IPPROTO_IP
        self._kind = socket.IPV6_PKTINFO if self._ipv6 else IP_PKTINFO
        self._space = socket.CMSG_SPACE(20)
        self._locals: dict[bytes, str | None] = {}
        self._messages: dict[str, list[tuple[int, int, bytes]]] = {}

    @classmethod
    def on(cls, sock: socket.socket) -> Self | None:
        """None: the socket is bound to one address, or the system is not Linux and chooses the source itself."""
        if sys.platform != "linux" or not is_wildcard(sock):
            return None
        if sock.family == socket.AF_INET6:  # says where IPv4 datagrams went too, as mapped addresses
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        return cls(sock)

    def receive_into(self, buffer: bytearray) -> tuple[int, Address]:
        """As `recvfrom_into` of a socket, and the source has the local address that was asked."""
        size, messages, _, source = self._sock.recvmsg_into((buffer,), self._space)
        for level, kind, data in messages:
            if kind == self._kind and level == self._level:
                try:
                    local = self._locals[data]
                except KeyError:
                    local = self._remember(data)
                if local is not None:
                    return size, (*source, local)
        return size, source

    def send(self, payload: bytes, address: Address) -> None:
        """As `sendto` of a socket, from the local address that was asked, if the address has one."""
        if has_asked(address):
            self._sock.sendmsg((payload,), self._messages_of(cast(str, address[-1])), 0, address[:-1])
        else:
            self._sock.sendto(payload, address)

    def control(self, local: str) -> bytes:
        """The control message that makes `local` the source, as bytes in the system's memory layout."""
        ((level, kind, data),) = self._messages_of(local)
        message = struct.pack("Nii", socket.CMSG_LEN(len(data)), level, kind) + data
        return message.ljust(socket.CMSG_SPACE(len(data)), b"\0")

    def _messages_of(self, local: str) -> list[tuple[int, int, bytes]]:
        found = self._messages.get(local)
        if found is None:
            if len(self._messages) >= _MAX_KNOWN:
                self._messages.clear()
            # interface 0: the routing table decides; a link-local peer has its interface in its own address
            if self._ipv6:
                data = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, local), 0)
            else:
                data = struct.pack("=i4s4s", 0, socket.inet_aton(local), bytes(4))
            found = self._messages[local] = [(self._level, self._kind, data)]
        return found

    def _remember(self, data: bytes) -> str | None:
        if len(self._locals) >= _MAX_KNOWN:
            self._locals.clear()
        local = self._locals[data] = self._read(data)
        return local

    def _read(self, data: bytes) -> str | None:
        """The local address to answer from; None for a multicast address, from which nothing can be sent."""
        if self._ipv6:
            return None if data[0] == 0xFF else socket.inet_ntop(socket.AF_INET6, data[:16])
        return socket.inet_ntoa(data[4:8])  # ipi_spec_dst: of a broadcast it is the interface's own address
