"""What the kernel of this machine knows of other programs' sockets, where it can be asked (Linux, by sock_diag(7)).

Two segments that are sent apart reach a busy server together, and it reads them as one: the next waits until the one
before has been read. And whether a server listens is known without a connection, which some would not survive.
"""

import socket
import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tcrp import Address

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY, NLMSG_ERROR = 20, 2
NLM_F_REQUEST, NLM_F_DUMP = 0x001, 0x300
ANY_STATE, LISTENS, NOT_CONNECTED = 0xFFFFFFFF, 1 << 10, 1 << 7
CLOSED_BY_US = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 11
"""FIN_WAIT1, FIN_WAIT2, TIME_WAIT, LAST_ACK, CLOSING: what is left of a connection that a program has closed."""
NO_COOKIE = 0xFFFFFFFF
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
REQUEST = struct.Struct("=BBxxI")  # inet_diag_req_v2: family, protocol, extensions, padding, states
SOCKET_ID = struct.Struct("!HH16s16s4xII")  # inet_diag_sockid: ports, addresses, interface, cookie
FOUND = struct.Struct("=BBxx48x4xI4x4xI")  # inet_diag_msg: family, state, the socket's id, expiry, unread, -, -, inode
REPLY_SIZE = 8192
NOWHERE = bytes(16)
MAPPED = "::ffff:"
"""What an IPv4 address begins with on a socket of both families."""


class KernelSocket(NamedTuple):
    """A socket as the kernel shows it. `unread`: bytes that have come, or of a listener connections to accept; `inode`:
    0 where no program has it, since it was closed or has not been accepted yet.
    """

    here: Address
    there: Address
    unread: int
    inode: int


def unread(family: int, server: Address, client: Address) -> int | None:
    """Bytes that have come to the server's end of this connection and that it has not read. None: nobody knows."""
    found = _end_of(family, server, client)
    return None if found is None else found.unread


def is_accepted(family: int, server: Address, client: Address) -> bool | None:
    """Whether a program has the server's end of this connection: it has accepted it, and not closed it. None: nobody
    knows.
    """
    found = _end_of(family, server, client)
    return None if found is None else found.inode != 0


def is_open(kind: socket.SocketKind, port: int) -> bool | None:
    """Whether a TCP socket listens on the port, or a UDP socket has it, on any address. None: nobody knows."""
    found = bound(kind, port)
    return None if found is None else bool(found)


def waiting(kind: socket.SocketKind, port: int) -> int | None:
    """What the program that has the port has not taken yet: bytes of datagrams, or connections to accept. None: nobody
    knows.
    """
    found = bound(kind, port)
    return None if found is None else sum(one.unread for one in found)


def bound(kind: socket.SocketKind, port: int) -> list[KernelSocket] | None:
    """The TCP sockets that listen on the port, or the UDP sockets that have it. None: nobody knows."""
    if kind is socket.SOCK_STREAM:
        return _sockets(socket.IPPROTO_TCP, LISTENS, port)
    return _sockets(socket.IPPROTO_UDP, NOT_CONNECTED, port)


def closed_ends(port: int) -> list[KernelSocket] | None:
    """What is left of connections that a program has closed and that still hold this port of it. None: nobody knows."""
    return _sockets(socket.IPPROTO_TCP, CLOSED_BY_US, port)


def _end_of(family: int, server: Address, client: Address) -> KernelSocket | None:
    """The server's end of a connection. None if it is not on this machine, or in another network namespace."""
    kernel = _kernel()
    if kernel is None:
        return None
    try:
        here, there = (socket.inet_pton(family, host).ljust(16, b"\0") for host, *_ in (server, client))
        kernel.send(_request(family, socket.IPPROTO_TCP, ANY_STATE, server[1], client[1], here, there))
        kind, found = next(_messages(kernel.recv(REPLY_SIZE)))
    except OSError:
        return None
    return _read(found) if kind == SOCK_DIAG_BY_FAMILY else None


def _sockets(protocol: int, states: int, port: int) -> list[KernelSocket] | None:
    """The sockets of this port, of both families. None: nobody knows."""
    found = [_sockets_of(family, protocol, states, port) for family in (socket.AF_INET, socket.AF_INET6)]
    if found[0] is None:
        return None
    return [one for sockets in found for one in sockets or ()]  # there may be no IPv6


def _sockets_of(family: int, protocol: int, states: int, port: int) -> list[KernelSocket] | None:
    if (kernel := _open()) is None:
        return None
    found: list[KernelSocket] = []
    with kernel:
        try:
            kernel.send(_request(family, protocol, states, port, 0, NOWHERE, NOWHERE, NLM_F_DUMP))
            while True:
                for kind, message in _messages(kernel.recv(REPLY_SIZE)):
                    if kind == NLMSG_ERROR:
                        return None
                    if kind != SOCK_DIAG_BY_FAMILY:
                        return found  # that was all
                    found.append(_read(message))
        except OSError:
            return None


def _read(message: bytes) -> KernelSocket:
    family, _, unread, inode = FOUND.unpack_from(message)
    port, peer, here, there, *_ = SOCKET_ID.unpack_from(message, 4)
    return KernelSocket((_host(family, here), port), (_host(family, there), peer), unread, inode)


def _host(family: int, data: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[:4])
    return socket.inet_ntop(socket.AF_INET6, data).removeprefix(MAPPED)


def _request(
    family: int, protocol: int, states: int, port: int, peer: int, here: bytes, there: bytes, flags: int = 0
) -> bytes:  # fmt: skip
    asked = REQUEST.pack(family, protocol, states) + SOCKET_ID.pack(port, peer, here, there, NO_COOKIE, NO_COOKIE)
    return HEADER.pack(HEADER.size + len(asked), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | flags, 0, 0) + asked


def _messages(reply: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind of each message of a reply, and what it holds. OSError if there is none."""
    if len(reply) < HEADER.size:
        raise OSError("the kernel says nothing")
    while len(reply) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(reply)
        yield kind, reply[HEADER.size : length]
        reply = reply[(max(length, HEADER.size) + 3) & ~3 :]


def _open() -> socket.socket | None:
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    except (AttributeError, OSError):  # no Linux, or it is not to be asked
        return None


@cache
def _kernel() -> socket.socket | None:
    """Kept open: it is asked for every segment."""
    return _open()
