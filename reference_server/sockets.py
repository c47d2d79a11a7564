"""Opens the two sockets of a server, with error messages that say what to do, and shows addresses as text."""

import errno
import logging
import socket
import sys
from ipaddress import ip_address
from typing import Any, Final

from reference_server.limits import BACKLOG, RECEIVE_BUFFER
from tcrp.endpoint import format_address
from tcrp.messages import Address

IP_RECVERR: Final = 11  # linux/in.h; Python's socket module lacks it on some builds
IPV6_RECVERR: Final = 25
_SO_MEMINFO: Final = 55  # asm-generic/socket.h: returns nine numbers, the last is SK_MEMINFO_DROPS

logger = logging.getLogger("reference_server")


class UnknownHost(ValueError):
    """The host is neither an address nor a name that resolves. The message is one line."""


class BindError(OSError):
    """A socket could not be bound. The message is one line: the reason and what to do."""


def show_address(address: Address | None) -> str:
    """`127.0.0.1:9001`, `[::1]:9001`, `[fe80::1%eth0]:9001`, or `-` for None."""
    if address is None:
        return "-"
    host, port = address[:2]
    if len(address) >= 4 and (scope := address[3]):
        host = f"{host}%{_interface_name(scope)}"
    return format_address(host, port)


def is_loopback(address: Address) -> bool:
    """Whether only this machine can reach the address."""
    ip = ip_address(address[0])
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def open_sockets(host: str, tcp_port: int | None, udp_port: int) -> tuple[socket.socket | None, socket.socket]:
    """A listening TCP socket, None if `tcp_port` is None, and a bound UDP socket, both non-blocking.

    A port of 0 is a free one. Raises UnknownHost or BindError, and then leaves no socket open.
    """
    family, ip = resolve(host)
    tcp = None
    try:
        if tcp_port is not None:
            tcp = _bind(family, socket.SOCK_STREAM, ip, tcp_port)
        udp = _bind(family, socket.SOCK_DGRAM, ip, udp_port)
    except BindError:
        if tcp is not None:
            tcp.close()
        raise
    logger.debug(
        "udp: the system holds %d bytes of datagrams, %d were asked for", receive_buffer_size(udp), RECEIVE_BUFFER
    )
    return tcp, udp


def bind_tcp(host: str, port: int, option: str) -> socket.socket:
    """A listening, non-blocking TCP socket beside those of `open_sockets`. Raises UnknownHost or BindError.

    `option`: the one that chooses host and port, for messages.
    """
    family, ip = resolve(host, option)
    return _bind(family, socket.SOCK_STREAM, ip, port, option)


def receive_buffer_size(sock: socket.socket) -> int:
    """Bytes of datagrams that the system holds for this socket until they are read."""
    size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return size // 2 if sys.platform == "linux" else size  # Linux reports the double, which includes its bookkeeping


def dropped_datagrams(sock: socket.socket) -> int:
    """Datagrams for this socket that the system has thrown away since it was opened; 0 where the system does not say.

    Only Linux says it.
    """
    if sys.platform != "linux":
        return 0
    try:
        return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)[32:36], sys.byteorder)
    except OSError:
        return 0


def resolve(host: str, option: str = "--host") -> tuple[socket.AddressFamily, str]:
    """Family and address of the host. Both sockets share the one address; of a name with both families it is IPv4.

    A zone (`fe80::1%eth0`) must be an interface of this machine, and a link-local address must have one. Raises
    UnknownHost.
    """
    found: list[Any] = []
    for name in (host, _without_zone(host)):
        try:
            found = found or (
                socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE) if name else []
            )
        except (OSError, UnicodeError):
            continue
    usable = sorted(
        (info for info in found if info[0] in (socket.AF_INET, socket.AF_INET6)),
        key=lambda info: info[0] != socket.AF_INET,
    )
    if not usable:
        raise UnknownHost(
            f"{option} {host!r} is no address and no name that resolves: 127.0.0.1, ::1, 0.0.0.0 or a name"
        )
    family, _, _, _, sockaddr = usable[0]
    ip, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) == 4 else 0
    if not scope and family == socket.AF_INET6 and ip_address(ip).is_link_local:
        raise UnknownHost(f"{option} {host!r} is a link-local address: write its interface too, as {ip}%eth0")
    return family, f"{ip}%{scope}" if scope and "%" not in ip else ip


def _without_zone(host: str) -> str:
    """An IPv6 address whose zone is left out, because the system takes zones only of link-local addresses; else ""."""
    ip, _, zone = host.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6, ip)
        socket.if_nametoindex(zone)
    except (OSError, ValueError):
        return ""
    return ip


def _interface_name(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)


def _bind(
    family: socket.AddressFamily, kind: socket.SocketKind, ip: str, port: int, option: str | None = None
) -> socket.socket:
    sock = None
    try:
        # asyncio sets TCP_NODELAY only on sockets that name their protocol, and accepted ones have the listener's
        sock = socket.socket(family, kind, socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else 0)
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
        raise BindError(_bind_error_text(error, name, ip, port, option)) from error
    return sock


def _tune_udp(sock: socket.socket) -> None:
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
        except OSError:
            continue  # macOS refuses a size that Linux would reduce: the default size stays
    if sys.platform == "linux":  # without it an unconnected socket does not report ICMP errors (TCRP-5.6)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


def _bind_error_text(error: OSError, name: str, ip: str, port: int, option: str | None = None) -> str:
    where, host = f"{name} port {port} on {ip}", option or "--host"
    option = option or f"--{name.lower()}-port"
    options = " or ".join(dict.fromkeys((host, option)))
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where} is in use: stop the program that holds it, or choose another with {option} (0: a free one)"
        case errno.EACCES | errno.EPERM:
            return f"{where} is privileged: choose one above 1023 with {option} (0: a free one)"
        case errno.EADDRNOTAVAIL:
            return f"{where} cannot be bound: this machine has no such address; choose one of its own with {host}"
        case _:
            return f"{where} cannot be bound: {error.strerror or error}; choose another with {options}"
