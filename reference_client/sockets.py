"""The two sockets of a client: TCP for one conversation, and UDP to and from the server's chat port.

`converse` is the only place that drives a conversation.
"""

import asyncio
import contextlib
import os
import select
import socket
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable
from ipaddress import ip_address
from typing import Final

from reference_client.errors import Unreachable
from reference_client.tls import CHUNK, Stream, TlsStream, tls_error_text
from tcrp.conversation import Conversation
from tcrp.endpoint import format_address
from tcrp.events import Event
from tcrp.messages import Address

MAX_FAILURES: Final = 6
"""Delivery failures in a row after which the chat port counts as closed. At the pace of the keep-alives that is half a
minute after the first failure, because a restart of the server may take so long.
"""


async def resolve(host: str) -> list[str]:
    """The numeric addresses of a host, in the system's order. Raises Unreachable."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(_without_idle_zone(host), None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # a name that IDNA cannot encode is a UnicodeError
        raise Unreachable(f"the host {host!r} has no address: {error_text(error)}") from None
    hosts = list(dict.fromkeys(_with_scope(info[4]) for info in found))
    usable = [address for address in hosts if not _lacks_zone(address)]
    if not usable:
        raise Unreachable(f"{hosts[0]} is a link-local address: write its interface too, as {hosts[0]}%eth0")
    return usable


async def open_tcp(
    host: str, port: int, local: Address | None = None, tls: ssl.SSLContext | None = None, name: str = ""
) -> Stream:
    """A TCP connection to a numeric address, from `local` if given. Raises OSError.

    `tls`: what the client trusts; None: no TLS. `name`: the host that the server's certificate must hold.
    """
    tcp = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.setblocking(False)
        if local is not None:
            # an earlier connection from this port may be in TIME_WAIT
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(local)
        await asyncio.get_running_loop().sock_connect(tcp, _sockaddr(host, port))
        if tls is None:
            return Stream(tcp)
        stream = TlsStream(tcp, tls, name or host)
        await stream.shake_hands()
    except BaseException:
        tcp.close()
        raise
    return stream


async def converse(tcp: Stream, conversation: Conversation) -> AsyncGenerator[Event, None]:
    """Do the caller's duty of `tcrp.conversation` until the conversation is over, and yield its events.

    `tcp`: connected; the caller closes it. Socket errors end the conversation like the end of the
    stream, so nothing is raised for what the server does.
    """
    loop = asyncio.get_running_loop()
    ended = False
    while True:
        if data := conversation.data_to_send():
            with contextlib.suppress(OSError):  # a server that has closed may have sent its answer first
                await tcp.send(data)
        if conversation.closing or ended:
            return
        try:
            async with asyncio.timeout_at(conversation.timer()):
                data = await tcp.receive()
        except TimeoutError:
            events = conversation.handle_timer(loop.time())
        except OSError:  # a reset is the end of the stream too (TCRP-3.6a)
            ended = True
            events = conversation.receive_eof(loop.time())
        else:
            ended = not data
            now = loop.time()
            events = conversation.receive_data(data, now) if data else conversation.receive_eof(now)
        for event in events:
            yield event


class DatagramSocket:
    """A UDP socket connected to the server's chat port, so that the system drops what others send (TCRP-4.6d).

    `host`: a numeric address. Datagrams that were not received yet stay in the system's buffer, which drops those that
    do not fit. The constructor raises OSError if the machine has no route to the server.

    `on_refusal`: called when a datagram was not delivered, after one that was. `failures`: delivery failures in a row.
    """

    def __init__(self, host: str, port: int) -> None:
        self.on_refusal: Callable[[], None] = lambda: None
        self.failures = 0
        self._server = host, port
        self._received: deque[bytes] = deque()
        self._closed = False
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sending = asyncio.Lock()
        self._socket = _open_udp(host, port, None)

    @property
    def local(self) -> Address:
        """The address at which the server's datagrams arrive."""
        address: Address = self._socket.getsockname()
        return address

    @property
    def readable(self) -> bool:
        """A datagram is there for `receive`."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._received) or any(event == select.POLLIN for _, event in poll.poll(0))

    def rebind(self, local: Address) -> None:
        """Receive at this address from now on. No task may be receiving or sending. Raises OSError."""
        self._socket.close()
        self._socket = _open_udp(*self._server, local)

    async def receive(self) -> bytes | None:
        """The next datagram from the server, or None once this socket is closed.

        Raises Unreachable if the server's port is closed, RuntimeError if another task is receiving.
        """
        while not self._closed:
            if self._received:
                return self._received.popleft()
            self._raise_if_port_closed()
            try:
                data = self._read()
            except BlockingIOError:
                await self._wait_until_readable()
            except OSError as error:  # an ICMP error about an earlier datagram
                self._note_failure(error)
            else:
                if data is not None:
                    self.failures = 0
                    await asyncio.sleep(0)  # lets other tasks run during a flood of datagrams
                    return data
        return None

    def take_over(self, other: "DatagramSocket") -> None:
        """Close the other socket, and have `receive` return first what has arrived there."""
        with contextlib.suppress(OSError):  # there is nothing more
            while True:
                if (data := other._read()) is not None:
                    other._received.append(data)
        self._received.extendleft(reversed(other._received))
        self.on_refusal, self.failures, self._failure = other.on_refusal, other.failures, other._failure
        other.close()

    async def send(self, data: bytes) -> None:
        """Send one datagram, unless this socket is closed.

        Raises Unreachable if the server's port is closed, OSError if the system cannot send at the moment.
        """
        async with self._sending:
            self._raise_if_port_closed()
            if self._closed:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.sock_sendall(self._socket, data)
            except ConnectionRefusedError as error:  # it is about an earlier datagram, and this one was not sent
                self._note_failure(error)
                await loop.sock_sendall(self._socket, data)

    def close(self) -> None:
        """Close the socket. A waiting `receive` returns None. Datagrams that were sent still go out."""
        if self._closed:
            return
        self._closed = True
        if self._waiter is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._wake()
        self._socket.close()

    def _read(self) -> bytes | None:
        """The next datagram in the system's buffer, or None if it is not the server's. Raises OSError."""
        data, source = self._socket.recvfrom(CHUNK)
        # between bind and connect anyone's datagrams arrive
        return data if source[:2] == self._socket.getpeername()[:2] else None

    async def _wait_until_readable(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("two tasks are receiving at once")
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        loop.add_reader(self._socket.fileno(), self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if not self._closed:
                loop.remove_reader(self._socket.fileno())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _note_failure(self, error: OSError) -> None:
        self.failures += 1
        self._failure = error
        if self.failures == 1:
            self.on_refusal()
        if self.failures >= MAX_FAILURES:
            self._wake()

    def _raise_if_port_closed(self) -> None:
        if self.failures >= MAX_FAILURES and self._failure is not None:
            where = format_address(*self._server)
            raise Unreachable(f"the chat port udp {where} does not take datagrams: {error_text(self._failure)}")


def error_text(error: Exception) -> str:
    """The system's words for an error, without its number and with a small first letter."""
    text = str(error)
    if isinstance(error, ssl.SSLError):
        text = tls_error_text(error)
    elif isinstance(error, socket.gaierror):
        text = error.strerror or text
    elif isinstance(error, OSError) and error.errno is not None:
        text = os.strerror(error.errno)
    return text[:1].lower() + text[1:]


def _open_udp(host: str, port: int, local: Address | None) -> socket.socket:
    udp = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        if local is not None:
            udp.bind(local)
        udp.connect(_sockaddr(host, port))
    except OSError:
        udp.close()
        raise
    return udp


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _sockaddr(host: str, port: int) -> Address:
    address: Address = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4]  # type: ignore[assignment]
    return address


def _without_idle_zone(host: str) -> str:
    """`::1` of `::1%lo`: the system takes zones only of link-local addresses, where they say something."""
    ip, _, zone = host.partition("%")
    try:
        idle = bool(zone) and not ip_address(ip).is_link_local
    except ValueError:
        return host
    return ip if idle else host


def _lacks_zone(address: str) -> bool:
    """Whether the numeric address is an IPv6 link-local one that does not say on which link."""
    ip, _, zone = address.partition("%")
    return not zone and ":" in ip and ip_address(ip).is_link_local


def _with_scope(sockaddr: tuple[object, ...]) -> str:
    host, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{host}%{scope}" if scope and "%" not in host else host
