"""Whether the other end of a connection has read what was sent: the kernel knows where that end is on this machine.

Two segments that are sent apart reach a busy server together, and it reads them as one. Where the kernel can be asked
(Linux, by sock_diag(7)), the next segment waits until the one before has been read.
"""

import socket
import struct
from functools import cache

from tcrp import Address

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
ANY_STATE = 0xFFFFFFFF
NO_COOKIE = 0xFFFFFFFF
HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
REQUEST = struct.Struct("=BBxxI")  # inet_diag_req_v2: family, protocol, extensions, padding, states
SOCKET_ID = struct.Struct("!HH16s16s4xII")  # inet_diag_sockid: ports, addresses, interface, cookie
FOUND = struct.Struct("=4x48x4xI")  # inet_diag_msg: state and timer, the socket's id, when it expires, bytes unread
REPLY_SIZE = 8192


def unread(family: int, server: Address, client: Address) -> int | None:
    """Bytes that have come to the server's end of this connection and that it has not read. None: nobody knows."""
    kernel = _kernel()
    if kernel is None:
        return None
    addresses = (socket.inet_pton(family, host).ljust(16, b"\0") for host, *_ in (server, client))
    asked = REQUEST.pack(family, socket.IPPROTO_TCP, ANY_STATE)
    asked += SOCKET_ID.pack(server[1], client[1], *addresses, NO_COOKIE, NO_COOKIE)
    header = HEADER.pack(HEADER.size + len(asked), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
    try:
        kernel.send(header + asked)
        reply = kernel.recv(REPLY_SIZE)
    except OSError:
        return None
    if len(reply) < HEADER.size + FOUND.size or HEADER.unpack_from(reply)[1] != SOCK_DIAG_BY_FAMILY:
        return None  # the other end is not on this machine, or in another network namespace
    return int(FOUND.unpack_from(reply, HEADER.size)[0])


@cache
def _kernel() -> socket.socket | None:
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    except (AttributeError, OSError):  # no Linux, or it is not to be asked
        return None
