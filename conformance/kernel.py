"""What the kernel of this machine knows of other programs' sockets, where it can be asked (Linux, by sock_diag(7)).

Two segments that are sent apart reach a busy server together, and it reads them as one: the next waits until the one
before has been read. And whether a server listens is known without a connection, which some would not survive.
"""

import socket
import struct
from collections.abc import Iterator
from functools import cache

from tcrp import Address

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY, NLMSG_ERROR = 20, 2
NLM_F_REQUEST, NLM_F_DUMP = 0x001, 0x300
ANY_STATE, LISTENS, NOT_CONNECTED = 0xFFFFFFFF, 1 << 10, 1 << 7
NO_COOKIE = 0xFFFFFFFF
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
REQUEST = struct.Struct("=BBxxI")  # inet_diag_req_v2: family, protocol, extensions, padding, states
SOCKET_ID = struct.Struct("!HH16s16s4xII")  # inet_diag_sockid: ports, addresses, interface, cookie
FOUND = struct.Struct("=4x48x4xI")  # inet_diag_msg: state and timer, the socket's id, when it expires, bytes unread
REPLY_SIZE = 8192
NOWHERE = bytes(16)


def unread(family: int, server: Address, client: Address) -> int | None:
    """Bytes that have come to the server's end of this connection and that it has not read. None: nobody knows."""
    kernel = _kernel()
    if kernel is None:
        return None
    try:
        here, there = (socket.inet_pton(family, host).ljust(16, b"\0") for host, *_ in (server, client))
        kernel.send(_request(family, socket.IPPROTO_TCP, ANY_STATE, server[1], client[1], here, there))
        kind, found = next(_messages(kernel.recv(REPLY_SIZE)))
    except OSError:
        return None
    if kind != SOCK_DIAG_BY_FAMILY:
        return None  # the other end is not on this machine, or in another network namespace
    return int(FOUND.unpack_from(found)[0])


def is_open(kind: socket.SocketKind, port: int) -> bool | None:
    """Whether a TCP socket listens on the port, or a UDP socket has it, on any address. None: nobody knows."""
    tcp = kind is socket.SOCK_STREAM
    protocol, states = (socket.IPPROTO_TCP, LISTENS) if tcp else (socket.IPPROTO_UDP, NOT_CONNECTED)
    answers = [_is_found(family, protocol, states, port) for family in (socket.AF_INET, socket.AF_INET6)]
    return None if answers[0] is None else True in answers  # there may be no IPv6


def _is_found(family: int, protocol: int, states: int, port: int) -> bool | None:
    if (kernel := _open()) is None:
        return None
    found = False
    with kernel:
        try:
            kernel.send(_request(family, protocol, states, port, 0, NOWHERE, NOWHERE, NLM_F_DUMP))
            while True:
                for kind, _ in _messages(kernel.recv(REPLY_SIZE)):
                    if kind == NLMSG_ERROR:
                        return None
                    if kind != SOCK_DIAG_BY_FAMILY:
                        return found  # that was all
                    found = True
        except OSError:
            return None


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
