"""`ChatClient`, which is a member of one room, and `list_rooms`."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Final, Self

from reference_client.errors import Refused, RoomClosed, Unreachable
from reference_client.sockets import DatagramSocket, converse, error_text, open_tcp, resolve
from reference_client.tls import Stream
from tcrp import dialects
from tcrp.conversation import Conversation
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint, format_address
from tcrp.errors import LocalProtocolError
from tcrp.events import Ended, Event, Joined, Listed, Malformed, TimedOut
from tcrp.events import Refused as RefusedEvent
from tcrp.messages import Address, Create, Down, DownKind, Join, List, Membership, UpKind, Want

TIMEOUT: Final = 10.0
"""Seconds to wait for the server, by default."""
KEEPALIVE: Final = 20.0
"""Seconds between keep-alive datagrams, by default."""
FIRST_KEEPALIVE: Final = 1.0
"""Seconds before the first of them."""
BURST: Final = 32
"""Messages that are sent without a pause between them."""
RATE: Final = 1000.0
"""Messages a second after such a burst."""
PORT_ATTEMPTS: Final = 8
"""Local ports to try where TCP and UDP must have the same one."""


class ChatClient:
    """A member of one room.

        async with await ChatClient.connect(Endpoint("127.0.0.1", 9001, 9002), Join("r1", "alice")) as chat:
            await chat.send("hello")
            async for down in chat:
                print(down.user, down.body)

    `connect` enters the room and registers there. The end of the `async with` block leaves the room.

    Iteration yields what the server sends, as `tcrp.Down` values of kind CHAT, INFO or UNKNOWN. It ends after `leave`,
    and when the server ends the membership; `closed` then holds the server's words. It raises Unreachable when the
    server's chat port has closed, and RuntimeError when another task is iterating. A program that does not iterate does
    not learn that the room is closed, and loses datagrams once the system's buffer is full.
    """

    def __init__(self, dialect: Dialect, member: Membership, datagrams: DatagramSocket) -> None:
        """For `connect` alone."""
        self._dialect = dialect
        self._member = member
        self._datagrams = datagrams
        self._keepalive_task: asyncio.Task[None] | None = None
        self._closed: str | None = None
        self._left = False
        self._next_send = 0.0

    @classmethod
    async def connect(
        cls,
        server: Endpoint,
        want: Create | Join,
        *,
        dialect: Dialect | None = None,
        timeout: float = TIMEOUT,
        keepalive: float | None = KEEPALIVE,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Create or join a room, and register there at once (TCRP-4.4d).

        `dialect`: None is the canonical one. `timeout`: seconds for the whole call. `keepalive`: seconds between the
        datagrams that keep the client a member, well below the server's idle time; the first ones follow sooner,
        because one may be lost. None: no keep-alive datagrams. A dialect without such a datagram sends none either.
        `tls`: what to trust of the server on TCP; None: no TLS. Datagrams are never encrypted.

        Raises Refused; Unreachable; tcrp.RemoteProtocolError if the server breaks the protocol; and
        tcrp.LocalProtocolError, before anything is sent, if the dialect cannot express the request.
        """
        dialect = dialect or dialects.get()
        try:
            async with asyncio.timeout(timeout):
                chat = await cls._enter(server, want, dialect, tls)
        except TimeoutError:
            raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
        except OSError as error:
            raise Unreachable(f"{server} cannot be reached: {error_text(error)}") from None
        if keepalive is not None and dialect.can.keepalive:
            chat._keepalive_task = asyncio.create_task(chat._keep_alive(keepalive))
        return chat

    @classmethod
    async def _enter(cls, server: Endpoint, want: Create | Join, dialect: Dialect, tls: ssl.SSLContext | None) -> Self:
        datagrams, conversation, tcp = await _open_sockets(server, want, dialect, tls)
        chat = cls(dialect, Membership(want.room, want.user, b"", isinstance(want, Create)), datagrams)
        try:
            if tcp is None or conversation is None:
                if want.password is not None:
                    raise LocalProtocolError(
                        f"dialect {dialect.name} has no passwords", clause="TCRP-3.2a", field="password"
                    )
                chat._encode(UpKind.CHAT, b"-")  # raises if the user name cannot be sent, as no request does here
                await chat._register()
            else:
                with tcp:
                    await chat._shake_hands(server, tcp, conversation)
        except BaseException:
            chat._close()
            raise
        return chat

    async def _shake_hands(self, server: Endpoint, tcp: Stream, conversation: Conversation) -> None:
        joined = False
        async with contextlib.aclosing(converse(tcp, conversation)) as events:
            async for event in events:
                if isinstance(event, Joined):
                    joined = True
                    self._member = self._member._replace(token=event.token)
                    if event.udp is not None:
                        self._rebind(event.udp)
                    await self._register()
                elif not joined:
                    _raise_for(event, server)
        if not joined:
            raise Unreachable(f"{server} ended the exchange without an answer")

    def _rebind(self, local: Address) -> None:
        try:
            self._datagrams.rebind(local)
        except OSError as error:
            where = format_address(local[0], local[1])
            raise Unreachable(
                f"the server says to receive on {where}, which does not work: {error_text(error)}"
            ) from None

    @property
    def room(self) -> str:
        """The name of the room."""
        return self._member.room

    @property
    def user(self) -> str:
        """The client's user name in the room."""
        return self._member.user

    @property
    def invite(self) -> bytes | None:
        """The token that others need to join this room. None: not the host, or a dialect without invitations."""
        return self._member.token if self._dialect.can.invites and self._member.host else None

    @property
    def echoes(self) -> bool:
        """Whether the server sends a member's own messages back to it, in this dialect."""
        return self._dialect.policy.echo

    @property
    def closed(self) -> str | None:
        """The server's words when it ended the membership. None: it has not."""
        return self._closed

    def __repr__(self) -> str:
        state = "closed" if self._closed is not None else "left" if self._left else "in"
        return f"<ChatClient {state} room={self.room!r} user={self.user!r} dialect={self._dialect.name}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def send(self, text: str | bytes) -> None:
        """Send one message. Returns once the datagram is on its way: the protocol has no acknowledgement.

        After a burst of 32 messages it waits, so that at most 1000 a second go out: a server whose buffer is full
        loses datagrams silently.

        Raises tcrp.LocalProtocolError if the dialect cannot send the text as chat (too long, empty, the word that
        leaves), RoomClosed if the client is no longer in the room, Unreachable if the chat port has closed, OSError if
        the system cannot send at the moment.
        """
        if self._left or self._closed is not None:
            raise RoomClosed(f"no longer in room {self.room!r}")
        await self._send_datagram(UpKind.CHAT, _text_bytes(text))
        now = asyncio.get_running_loop().time()
        self._next_send = max(self._next_send, now - BURST / RATE) + 1 / RATE
        await asyncio.sleep(max(0.0, self._next_send - now))

    async def leave(self) -> None:
        """Leave the room and close the socket. Harmless if the client is out already.

        The server does not answer, and the datagram is sent only once, because many servers do not survive a second
        one. If it is lost, the server's idle time ends the membership.
        """
        out = self._left or self._closed is not None
        self._left = True
        self._stop_keepalive()
        try:
            if not out:
                with contextlib.suppress(OSError, Unreachable):
                    await self._send_datagram(UpKind.LEAVE)
        finally:
            self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Down:
        data = await self._datagrams.receive()
        if data is None:
            raise StopAsyncIteration
        down = self._dialect.read_down(data, self._member)
        if down.kind is DownKind.CLOSED:
            self._closed = down.body.decode(errors="backslashreplace")
            self._close()
            raise StopAsyncIteration
        return down

    async def _register(self) -> None:
        await self._send_datagram(UpKind.REGISTER)

    async def _keep_alive(self, interval: float) -> None:
        delay = min(FIRST_KEEPALIVE, interval)
        while True:
            await asyncio.sleep(delay)
            with contextlib.suppress(OSError, Unreachable):  # iterating and sending raise it
                await self._register()
            delay = min(2 * delay, interval)

    def _encode(self, kind: UpKind, body: bytes = b"") -> bytes | None:
        return self._dialect.write_up(self._member, kind, body)

    async def _send_datagram(self, kind: UpKind, body: bytes = b"") -> None:
        data = self._encode(kind, body)
        if data is not None:
            await self._datagrams.send(data)

    def _stop_keepalive(self) -> None:
        if self._keepalive_task is not None:
            self._keepalive_task.cancel()

    def _close(self) -> None:
        self._stop_keepalive()
        self._datagrams.close()


async def list_rooms(
    server: Endpoint,
    *,
    dialect: Dialect | None = None,
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
) -> tuple[str, ...]:
    """The names of the server's rooms. The other arguments and errors: as for `ChatClient.connect`."""
    dialect = dialect or dialects.get()
    try:
        async with asyncio.timeout(timeout):
            datagrams, conversation, tcp = await _open_sockets(server, List(), dialect, tls)
            datagrams.close()
            if tcp is not None and conversation is not None:
                with tcp:
                    return await _read_list(server, tcp, conversation)
    except TimeoutError:
        raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
    raise LocalProtocolError(f"dialect {dialect.name} cannot list rooms", clause="TCRP-3.1a", field="Operation")


async def _read_list(server: Endpoint, tcp: Stream, conversation: Conversation) -> tuple[str, ...]:
    async with contextlib.aclosing(converse(tcp, conversation)) as events:
        async for event in events:
            if isinstance(event, Listed):
                return event.rooms
            _raise_for(event, server)
    raise Unreachable(f"{server} ended the exchange without an answer")


async def _open_sockets(
    server: Endpoint, want: Want, dialect: Dialect, tls: ssl.SSLContext | None
) -> tuple[DatagramSocket, Conversation | None, Stream | None]:
    """A UDP socket and, if the dialect has TCP, a conversation and its connection.

    They go to the first address of the host that accepts a connection, and both to the same one, because the server
    binds the token to the address that TCP comes from.
    """
    if dialect.can.tcp and server.tcp is None:
        raise LocalProtocolError(
            f"dialect {dialect.name} needs a TCP port, and {server} has none", clause="TCRP-1.1", field="TCP port"
        )
    failures = []
    hosts = await resolve(server.host)
    if dialect.can.one_port:  # a port that is free for UDP may be in use for TCP, so several are tried
        hosts = [host for host in hosts for _ in range(PORT_ATTEMPTS)]
    for host in hosts:
        with contextlib.ExitStack() as on_failure:
            where = f"udp {format_address(host, server.udp)}"
            try:
                datagrams = DatagramSocket(host, server.udp)
                on_failure.callback(datagrams.close)
                conversation = tcp = None
                if dialect.can.tcp and server.tcp is not None:
                    where = f"tcp {format_address(host, server.tcp)}"
                    # raises for what the dialect cannot express, before there is a connection
                    conversation = dialect.client(want, datagrams.local, asyncio.get_running_loop().time())
                    local = datagrams.local if dialect.can.one_port else None
                    tcp = await open_tcp(host, server.tcp, local, tls, server.host)
            except OSError as error:
                failures.append(f"{where}: {error_text(error)}")
                continue
            on_failure.pop_all()
            return datagrams, conversation, tcp
    raise Unreachable("; ".join(dict.fromkeys(failures)))


def _raise_for(event: Event, server: Endpoint) -> None:
    match event:
        case RefusedEvent(status, text):
            raise Refused(status, text)
        case Malformed(error):
            raise error
        case TimedOut(after):
            raise Unreachable(f"{server} does not answer within {after:g} s")
        case Ended():
            raise Unreachable(f"{server} closed the connection without a whole answer")


def _text_bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(
            "the message holds a lone surrogate, which UTF-8 cannot say",
            clause="TCRP-4.6b", field="message", limit="UTF-8",
        ) from None  # fmt: skip
