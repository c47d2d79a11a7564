"""The two sockets of a client: one TCP conversation, and datagrams to and from the server's chat port."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator
from typing import Final

from reference_client.errors import Unreachable
from tcrp.conversation import Conversation
from tcrp.endpoint import format_address
from tcrp.events import Event
from tcrp.messages import Address

CHUNK: Final = 65535
MAX_FAILURES: Final = 3
"""Delivery failures in a row after which the chat port counts as closed. One may be left over from a restart."""


async def resolve(host: str) -> list[str]:
    """The addresses of a host, in the system's order. Raises Unreachable."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # a name that IDNA cannot encode is a UnicodeError
        raise Unreachable(f"the host {host!r} has no address: {reason(error)}") from None
    return list(dict.fromkeys(_with_scope(info[4]) for info in found))


async def open_tcp(host: str, port: int, local: Address | None = None) -> socket.socket:
    """A TCP connection to a numeric address, which does not block, from `local` if given. Raises OSError."""
    tcp = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        tcp.setblocking(False)
        if local is not None:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # whoever had the port before may linger
            tcp.bind(local)
        await asyncio.get_running_loop().sock_connect(tcp, _sockaddr(host, port))
    except BaseException:
        tcp.close()
        raise
    return tcp


async def converse(tcp: socket.socket, conversation: Conversation) -> AsyncGenerator[Event, None]:
    """Do the caller's duty of `tcrp.conversation` until the conversation is over, and hand on its events."""
    loop = asyncio.get_running_loop()
    ended = False
    while True:
        if data := conversation.data_to_send():
            with contextlib.suppress(OSError):  # a server that has closed may have answered before
                await loop.sock_sendall(tcp, data)
        if conversation.closing or ended:
            return
        try:
            async with asyncio.timeout_at(conversation.timer()):
                data = await loop.sock_recv(tcp, CHUNK)
        except TimeoutError:
            events = conversation.handle_timer(loop.time())
        except OSError:  # a reset is an end like any other (TCRP-3.6a)
            ended = True
            events = conversation.receive_eof(loop.time())
        else:
            ended = not data
            now = loop.time()
            events = conversation.receive_data(data, now) if data else conversation.receive_eof(now)
        for event in events:
            yield event


class Datagrams:
    """A UDP socket that is connected to the server's chat port, so that what others send is dropped (TCRP-4.6d).

    Nothing is read ahead: the system's buffer holds what was not received yet,
    and drops what does not fit. Raises OSError where the machine has no way to the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._closed = False
        self._failures = 0
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sending = asyncio.Lock()
        self._socket = _open_udp(host, port, None)

    @property
    def local(self) -> Address:
        """Where the server's datagrams arrive."""
        address: Address = self._socket.getsockname()
        return address

    def rebind(self, local: Address) -> None:
        """Receive at this address from now on. Only while nobody receives or sends. Raises OSError."""
        self._socket.close()
        self._socket = _open_udp(*self._server, local)

    async def receive(self) -> bytes | None:
        """The next datagram from the server, or None once closed. Raises Unreachable where its port is closed."""
        while not self._closed:
            self._check()
            try:
                data, source = self._socket.recvfrom(CHUNK)
            except BlockingIOError:
                await self._readable()
            except OSError as error:  # what ICMP said of an earlier datagram
                self._note(error)
            else:
                if source[:2] == self._socket.getpeername()[:2]:  # what came between bind and connect may be anyone's
                    self._failures = 0
                    await asyncio.sleep(0)  # a flood must not keep everything else from running
                    return data
        return None

    async def send(self, data: bytes) -> None:
        """Send one datagram. Raises Unreachable where the port is closed, OSError where the system cannot send now."""
        async with self._sending:
            self._check()
            if self._closed:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.sock_sendall(self._socket, data)
            except ConnectionRefusedError as error:  # it is about an earlier datagram, and this one was not sent
                self._note(error)
                await loop.sock_sendall(self._socket, data)

    def close(self) -> None:
        """Close the socket and end a `receive` that is waiting; what was sent still goes out."""
        if self._closed:
            return
        self._closed = True
        if self._waiter is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._wake()
        self._socket.close()

    async def _readable(self) -> None:
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

    def _note(self, error: OSError) -> None:
        self._failures += 1
        self._failure = error
        if self._failures >= MAX_FAILURES:
            self._wake()

    def _check(self) -> None:
        if self._failures >= MAX_FAILURES and self._failure is not None:
            where = format_address(*self._server)
            raise Unreachable(f"the chat port udp {where} does not take datagrams: {reason(self._failure)}")


def reason(error: Exception) -> str:
    """What the system says, without its numbers."""
    text = str(error)
    if isinstance(error, socket.gaierror):
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


def _with_scope(sockaddr: tuple[object, ...]) -> str:
    host, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{host}%{scope}" if scope and "%" not in host else host
