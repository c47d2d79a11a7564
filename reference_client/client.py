"""`ChatClient`, a member of a room, and `list_rooms`."""

import asyncio
import contextlib
from socket import socket
from types import TracebackType
from typing import Final, Self

from reference_client.errors import Refused, RoomClosed, Unreachable
from reference_client.sockets import Datagrams, converse, open_tcp, reason, resolve
from tcrp import dialects
from tcrp.conversation import Conversation
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint, format_address
from tcrp.errors import LocalProtocolError
from tcrp.events import Ended, Event, Joined, Listed, Malformed, TimedOut
from tcrp.events import Refused as RefusedEvent
from tcrp.messages import Address, Create, Down, DownKind, Join, List, Membership, UpKind, Want

TIMEOUT: Final = 10.0
KEEPALIVE: Final = 20.0
FIRST_KEEPALIVE: Final = 1.0
BURST: Final = 32
"""Messages that may follow one another at once."""
RATE: Final = 1000.0
"""Messages a second after that."""
PORT_ATTEMPTS: Final = 8


class ChatClient:
    """A member of one room.

        async with await ChatClient.connect(Endpoint("127.0.0.1", 9001, 9002), Join("r1", "alice")) as chat:
            await chat.send("hello")
            async for down in chat:
                print(down.user, down.body)

    `connect` enters the room and registers there; leaving the `async with` block leaves the room. Iterating gives what
    the server sends, as `tcrp.Down` values of kind CHAT, INFO or UNKNOWN. It ends after `leave`, or when the server
    says that one is no longer a member; `closed` then holds its words. It raises Unreachable when the chat port has
    closed. One task iterates at a time. Whoever does not iterate does not learn that the room is closed, and loses
    datagrams once the system's buffer is full.
    """

    def __init__(self, dialect: Dialect, member: Membership, datagrams: Datagrams) -> None:
        """Use `connect`."""
        self._dialect = dialect
        self._member = member
        self._datagrams = datagrams
        self._keeping: asyncio.Task[None] | None = None
        self._closed: str | None = None
        self._left = False
        self._due = 0.0

    @classmethod
    async def connect(
        cls,
        server: Endpoint,
        want: Create | Join,
        *,
        dialect: Dialect | None = None,
        timeout: float = TIMEOUT,
        keepalive: float | None = KEEPALIVE,
    ) -> Self:
        """Create or join a room, and register there at once (TCRP-4.4d).

        `dialect`: the canonical one by default. `timeout`: seconds for all of it. `keepalive`: seconds between the
        datagrams that keep one a member, well below the server's idle time; the first ones follow sooner, as one may
        be lost. None sends none, and neither does a dialect that has no such datagram.

        Raises Refused, Unreachable, tcrp.RemoteProtocolError where the server breaks the protocol, and
        tcrp.LocalProtocolError, before anything is sent, where the dialect cannot say what is wanted.
        """
        dialect = dialect or dialects.get()
        try:
            async with asyncio.timeout(timeout):
                chat = await cls._enter(server, want, dialect)
        except TimeoutError:
            raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
        except OSError as error:
            raise Unreachable(f"{server} cannot be reached: {reason(error)}") from None
        if keepalive is not None and dialect.can.keepalive:
            chat._keeping = asyncio.create_task(chat._keep_alive(keepalive))
        return chat

    @classmethod
    async def _enter(cls, server: Endpoint, want: Create | Join, dialect: Dialect) -> Self:
        datagrams, conversation, tcp = await _reach(server, want, dialect)
        chat = cls(dialect, Membership(want.room, want.user, b"", isinstance(want, Create)), datagrams)
        try:
            if tcp is None or conversation is None:
                if want.password is not None:
                    raise LocalProtocolError(
                        f"dialect {dialect.name} has no passwords", clause="TCRP-3.2a", field="password"
                    )
                chat._write(UpKind.CHAT, b"-")  # nothing else tells that a name cannot be said
                await chat._register()
            else:
                with tcp:
                    await chat._shake_hands(server, tcp, conversation)
        except BaseException:
            chat._close()
            raise
        return chat

    async def _shake_hands(self, server: Endpoint, tcp: socket, conversation: Conversation) -> None:
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
            raise Unreachable(f"the server says to receive on {where}, which does not work: {reason(error)}") from None

    @property
    def room(self) -> str:
        return self._member.room

    @property
    def user(self) -> str:
        return self._member.user

    @property
    def invite(self) -> bytes | None:
        """What others need to join this room, where the dialect has invitations and one is the host."""
        return self._member.token if self._dialect.can.invites and self._member.host else None

    @property
    def echoes(self) -> bool:
        """In this dialect the server sends one's own messages back."""
        return self._dialect.policy.echo

    @property
    def closed(self) -> str | None:
        """What the server said when it ended the membership, as it came; None if it has not."""
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
        """Send one message. It returns once the datagram is on its way: the protocol acknowledges none.

        After a burst of 32 it waits so that not more than 1000 a second go out, since what overruns the server's
        buffer is lost without a word.

        Raises tcrp.LocalProtocolError for what the dialect cannot send as chat (too long, empty, the word that
        leaves), RoomClosed when no longer in the room, Unreachable when the chat port has closed, OSError when the
        system cannot send at the moment.
        """
        if self._left or self._closed is not None:
            raise RoomClosed(f"no longer in room {self.room!r}")
        await self._write_and_send(UpKind.CHAT, _encode(text))
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - BURST / RATE) + 1 / RATE
        await asyncio.sleep(max(0.0, self._due - now))

    async def leave(self) -> None:
        """Say that one leaves, once, and close. Harmless when already out.

        Nothing answers, and a lost datagram is not sent again: many servers do not survive a second one. If it is
        lost, the server's idle time ends the membership.
        """
        out = self._left or self._closed is not None
        self._left = True
        self._stop_keeping()
        try:
            if not out:
                with contextlib.suppress(OSError, Unreachable):
                    await self._write_and_send(UpKind.LEAVE)
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
        await self._write_and_send(UpKind.REGISTER)

    async def _keep_alive(self, interval: float) -> None:
        delay = min(FIRST_KEEPALIVE, interval)
        while True:
            await asyncio.sleep(delay)
            with contextlib.suppress(OSError, Unreachable):  # whoever iterates or sends is told
                await self._register()
            delay = min(2 * delay, interval)

    def _write(self, kind: UpKind, body: bytes = b"") -> bytes | None:
        return self._dialect.write_up(self._member, kind, body)

    async def _write_and_send(self, kind: UpKind, body: bytes = b"") -> None:
        data = self._write(kind, body)
        if data is not None:
            await self._datagrams.send(data)

    def _stop_keeping(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()

    def _close(self) -> None:
        self._stop_keeping()
        self._datagrams.close()


async def list_rooms(server: Endpoint, *, dialect: Dialect | None = None, timeout: float = TIMEOUT) -> tuple[str, ...]:
    """The names of the rooms there are. Raises as `ChatClient.connect` does."""
    dialect = dialect or dialects.get()
    try:
        async with asyncio.timeout(timeout):
            datagrams, conversation, tcp = await _reach(server, List(), dialect)
            datagrams.close()
            if tcp is not None and conversation is not None:
                with tcp:
                    return await _read_list(server, tcp, conversation)
    except TimeoutError:
        raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
    raise LocalProtocolError(f"dialect {dialect.name} cannot list rooms", clause="TCRP-3.1a", field="Operation")


async def _read_list(server: Endpoint, tcp: socket, conversation: Conversation) -> tuple[str, ...]:
    async with contextlib.aclosing(converse(tcp, conversation)) as events:
        async for event in events:
            if isinstance(event, Listed):
                return event.rooms
            _raise_for(event, server)
    raise Unreachable(f"{server} ended the exchange without an answer")


async def _reach(
    server: Endpoint, want: Want, dialect: Dialect
) -> tuple[Datagrams, Conversation | None, socket | None]:
    """A UDP socket and, unless the dialect has no TCP, a conversation and its connection, to the first of the host's
    addresses that takes one. The token is bound to the address that TCP comes from, so UDP goes the same way.
    """
    if dialect.can.tcp and server.tcp is None:
        raise LocalProtocolError(
            f"dialect {dialect.name} needs a TCP port, and {server} has none", clause="TCRP-1.1", field="TCP port"
        )
    failures = []
    hosts = await resolve(server.host)
    if dialect.can.one_port:  # a port that is free for UDP may be taken for TCP: try others
        hosts = [host for host in hosts for _ in range(PORT_ATTEMPTS)]
    for host in hosts:
        with contextlib.ExitStack() as on_failure:
            where = f"udp {format_address(host, server.udp)}"
            try:
                datagrams = Datagrams(host, server.udp)
                on_failure.callback(datagrams.close)
                conversation = tcp = None
                if dialect.can.tcp and server.tcp is not None:
                    where = f"tcp {format_address(host, server.tcp)}"
                    # what cannot be said is refused here, before there is a connection to waste
                    conversation = dialect.client(want, datagrams.local, asyncio.get_running_loop().time())
                    tcp = await open_tcp(host, server.tcp, datagrams.local if dialect.can.one_port else None)
            except OSError as error:
                failures.append(f"{where}: {reason(error)}")
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


def _encode(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError(
            "the message holds a lone surrogate, which UTF-8 cannot say",
            clause="TCRP-4.6b", field="message", limit="UTF-8",
        ) from None  # fmt: skip
