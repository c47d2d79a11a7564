"""Opening the two sockets, with errors that say what to do, and addresses as text."""

import errno
import logging
import socket
import sys
from typing import Final

from reference_server.limits import BACKLOG, RECEIVE_BUFFER
from tcrp.endpoint import format_address
from tcrp.messages import Address

IP_RECVERR: Final = 11  # linux/in.h; Python's socket module does not name it everywhere
IPV6_RECVERR: Final = 25
_SO_MEMINFO: Final = 55  # asm-generic/socket.h: nine numbers, the last of them SK_MEMINFO_DROPS

logger = logging.getLogger("reference_server")


class UnknownHost(ValueError):
    """The host is neither an address nor a name that resolves; the message is one line."""


class BindError(OSError):
    """A socket could not be bound; the message is one line that says why and what would do."""


def show(address: Address | None) -> str:
    """`127.0.0.1:9001`, `[::1]:9001`, or `-` for None."""
    return "-" if address is None else format_address(address[0], address[1])


def open_sockets(host: str, tcp_port: int | None, udp_port: int) -> tuple[socket.socket | None, socket.socket]:
    """A listening TCP socket, None if there is no TCP, and a bound UDP socket; both do not block.

    Raises UnknownHost or BindError, and then leaves nothing open.
    """
    family, ip = _resolve(host)
    tcp = None
    try:
        if tcp_port is not None:
            tcp = _bind(family, socket.SOCK_STREAM, ip, tcp_port)
        udp = _bind(family, socket.SOCK_DGRAM, ip, udp_port)
    except BindError:
        if tcp is not None:
            tcp.close()
        raise
    logger.debug("udp: the system holds %d bytes of datagrams, %d were asked for", granted(udp), RECEIVE_BUFFER)
    return tcp, udp


def granted(sock: socket.socket) -> int:
    """Bytes of datagrams that the system holds until they are read."""
    size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return size // 2 if sys.platform == "linux" else size  # Linux says the double, for its bookkeeping


def dropped(sock: socket.socket) -> int:
    """Datagrams that came for this socket since it was opened and that the system threw away; 0 where none tells."""
    if sys.platform != "linux":
        return 0
    try:
        return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)[32:36], sys.byteorder)
    except OSError:
        return 0


def _resolve(host: str) -> tuple[socket.AddressFamily, str]:
    """One address, since both ports and the ready line are about one; IPv4 where a name has both."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE) if host else []
    except (OSError, UnicodeError):
        found = []
    usable = sorted(
        (info for info in found if info[0] in (socket.AF_INET, socket.AF_INET6)),
        key=lambda info: info[0] != socket.AF_INET,
    )
    if not usable:
        raise UnknownHost(f"--host {host!r} is no address and no name that resolves: 127.0.0.1, ::1, 0.0.0.0 or a name")
    family, _, _, _, sockaddr = usable[0]
    ip, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) == 4 else 0
    return family, f"{ip}%{scope}" if scope and "%" not in ip else ip


def _bind(family: socket.AddressFamily, kind: socket.SocketKind, ip: str, port: int) -> socket.socket:
    sock = None
    try:
        sock = socket.socket(family, kind)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ip != "::")
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _tune_udp(sock)
        sock.bind(socket.getaddrinfo(ip, port, family, kind)[0][4])
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        name = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        raise BindError(_explain(error, name, ip, port)) from error
    return sock


def _tune_udp(sock: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
        except OSError:
            continue  # macOS refuses what Linux only caps; the default will do
    if sys.platform == "linux":  # without it, ICMP errors of a socket that is not connected are lost (TCRP-5.6)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


def _explain(error: OSError, name: str, ip: str, port: int) -> str:
    where, option = f"{name} port {port} on {ip}", f"--{name.lower()}-port"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where} is in use: stop the program that holds it, or choose another with {option} (0: a free one)"
        case errno.EACCES | errno.EPERM:
            return f"{where} is privileged: choose one above 1023 with {option} (0: a free one)"
        case errno.EADDRNOTAVAIL:
            return f"{where} cannot be bound: this machine has no such address; choose one of its own with --host"
        case _:
            return f"{where} cannot be bound: {error.strerror or error}; choose another with --host or {option}"
