"""`ChatClient`, which is a member of one room, and `list_rooms`."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Final, NamedTuple, Self

from reference_client import entering
from reference_client.doubt import Doubt
from reference_client.errors import Refused, RoomClosed, Unreachable
from reference_client.sockets import DatagramSocket
from tcrp import dialects
from tcrp.constants import Status
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Create, Down, DownKind, Join, Membership, UpKind
from tcrp.policy import MemberKey, Register

TIMEOUT: Final = 10.0
"""Seconds to wait for the server, by default."""
KEEPALIVE: Final = 20.0
"""Seconds between keep-alive datagrams, by default."""
FIRST_KEEPALIVE: Final = 1.0
"""Seconds before the first of them, and after a datagram that the server's port refused."""
BURST: Final = 32
"""Messages that are sent without a pause between them."""
RATE: Final = 1000.0
"""Messages a second after such a burst."""


class _Entrance(NamedTuple):
    """How the client came in, to join once more by."""

    server: Endpoint
    want: Create | Join
    timeout: float
    tls: ssl.SSLContext | None


class ChatClient:
    """A member of one room.

        async with await ChatClient.connect(Endpoint("127.0.0.1", 9001, 9002), Join("r1", "alice")) as chat:
            await chat.send("hello")
            async for down in chat:
                print(down.user, down.body)

    `connect` enters the room and registers there. The end of the `async with` block leaves the room.

    Iteration yields what the server sends, as `tcrp.Down` values of kind CHAT, INFO or UNKNOWN. It ends after `leave`,
    and when the membership has ended without it; `closed` then holds the reason. It raises Unreachable when the
    server's chat port has closed, and RuntimeError when another task is iterating. A program that does not iterate does
    not learn that the room is closed, and loses datagrams once the system's buffer is full.
    """

    def __init__(self, dialect: Dialect, member: Membership, datagrams: DatagramSocket, entrance: _Entrance) -> None:
        """For `connect` alone."""
        self._dialect = dialect
        self._member = member
        self._datagrams = datagrams
        self._entrance = entrance
        self._tasks: list[asyncio.Task[None]] = []
        self._refused = asyncio.Event()
        self._doubt: Doubt | None = None
        self._closed: str | None = None
        self._forgotten = False
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
        recheck: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Create or join a room, and register there at once (TCRP-4.4d).

        `dialect`: None is the canonical one. `timeout`: seconds for the whole call. `keepalive`: seconds between the
        datagrams that keep the client a member, well below the server's idle time; the first ones follow sooner,
        because one may be lost. None: no keep-alive datagrams. A dialect without such a datagram sends none either.
        `recheck`: seconds without anything from the server after which the client joins once more, to find out whether
        the server still knows it; see `forgotten`. It also does so after its datagrams were refused. None: never.
        `tls`: what to trust of the server on TCP; None: no TLS. Datagrams are never encrypted.

        Raises Refused; Unreachable; tcrp.RemoteProtocolError if the server breaks the protocol; and
        tcrp.LocalProtocolError, before anything is sent, if the dialect cannot express the request.
        """
        dialect = dialect or dialects.get()
        member, datagrams = await entering.enter(server, want, dialect, timeout, tls)
        chat = cls(dialect, member, datagrams, _Entrance(server, want, timeout, tls))
        if recheck is not None and _can_recheck(dialect):
            chat._doubt = Doubt(recheck, asyncio.get_running_loop().time())
            chat._tasks.append(asyncio.create_task(chat._recheck(chat._doubt)))
        if keepalive is not None and dialect.can.keepalive:
            chat._tasks.append(asyncio.create_task(chat._keep_alive(keepalive)))
        datagrams.on_refusal = chat._on_refusal
        if datagrams.failures:
            chat._on_refusal()
        return chat

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
        """Why the membership has ended: the server's words, or that it is forgotten. None: it has not ended so."""
        return self._closed

    @property
    def forgotten(self) -> bool:
        """Whether the membership has ended because the server does not know it any more: it was restarted, or it
        removed the member without the member hearing of it. Joining or creating again is then possible.
        """
        return self._forgotten

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
        self._stop_tasks()
        try:
            if not out:
                with contextlib.suppress(OSError, Unreachable):
                    await self._send_datagram(UpKind.LEAVE)
        finally:
            self._close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Down:
        while True:
            datagrams = self._datagrams
            data = await datagrams.receive()
            if data is not None:
                break
            if self._datagrams is datagrams:
                raise StopAsyncIteration
        down = self._dialect.read_down(data, self._member)
        if self._doubt is not None:
            self._doubt.heard(asyncio.get_running_loop().time(), chat=down.kind is DownKind.CHAT)
        if down.kind is DownKind.CLOSED:
            self._end(down.body.decode(errors="backslashreplace"))
            raise StopAsyncIteration
        return down

    async def _send_datagram(self, kind: UpKind, body: bytes = b"") -> None:
        await entering.send_up(self._datagrams, self._dialect, self._member, kind, body)

    async def _keep_alive(self, interval: float) -> None:
        first = delay = min(FIRST_KEEPALIVE, interval)
        failures = 0
        while True:
            try:
                async with asyncio.timeout(delay):
                    await self._refused.wait()
            except TimeoutError:
                if self._datagrams.failures == failures:  # the last one was not refused
                    self._datagrams.failures = 0
                failures = self._datagrams.failures
                with contextlib.suppress(OSError, Unreachable):  # iterating and sending raise it
                    await self._send_datagram(UpKind.REGISTER)
                delay = min(2 * delay, interval)
            else:
                self._refused.clear()
                delay = first  # the server may be back soon

    def _on_refusal(self) -> None:
        self._refused.set()
        if self._doubt is not None:
            self._doubt.refused()

    # ------------------------------------------------------------------------------------------ joining once more

    async def _recheck(self, doubt: Doubt) -> None:
        delay = FIRST_KEEPALIVE
        while self._closed is None:
            refused = await doubt.arises()
            if self._datagrams.readable or await self._still_known(refused) is not None:
                doubt.heard(asyncio.get_running_loop().time(), chat=False)
                delay = FIRST_KEEPALIVE
            else:
                await asyncio.sleep(delay)
                delay = min(2 * delay, KEEPALIVE)

    async def _still_known(self, refused: bool) -> bool | None:
        """Join once more, and close if the room is gone. None: the server does not say.

        A guest goes on as the new member: of the old one it cannot know whether the server still has it, and nobody
        hears anything of it until it idles. A host stays what it is, since its room is there.
        """
        server, want, timeout, tls = self._entrance
        again = Join(want.room, want.user, want.password)
        try:
            member, datagrams = await entering.enter(
                server, again, self._dialect, timeout, tls, register=not self._member.host
            )
        except Refused as error:
            if error.status not in (Status.ROOM_NOT_FOUND, Status.WRONG_PASSWORD):
                return None
            self._forgotten = True
            self._end(f"the server has forgotten room {self.room!r}: it was restarted, or you were away for too long")
            return False
        except (Unreachable, RemoteProtocolError):
            return None
        if self._member.host:
            datagrams.close()
            self._datagrams.failures = 0
            return True
        before, self._datagrams, self._member = self._datagrams, datagrams, member
        datagrams.take_over(before)
        return True

    # ------------------------------------------------------------------------------------------------- the end

    def _end(self, reason: str) -> None:
        self._closed = reason
        self._close()

    def _close(self) -> None:
        self._stop_tasks()
        self._datagrams.close()

    def _stop_tasks(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()


async def list_rooms(
    server: Endpoint,
    *,
    dialect: Dialect | None = None,
    timeout: float = TIMEOUT,
    tls: ssl.SSLContext | None = None,
) -> tuple[str, ...]:
    """The names of the server's rooms. The other arguments and errors: as for `ChatClient.connect`."""
    return await entering.list_rooms(server, dialect or dialects.get(), timeout, tls)


def _can_recheck(dialect: Dialect) -> bool:
    """Whether a second membership of the same user, from another port, leaves the first one alone."""
    policy = dialect.policy
    by_token = policy.member_key is MemberKey.TOKEN and policy.register is Register.LATEST
    return dialect.can.tcp and by_token and not dialect.can.one_port


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
