"""Members: one TCP conversation each, then a UDP socket of its own that is connected to the server.

No server is hurried: requests begin one at a time, become more as long as each is answered promptly, and fewer when
one is not. What is not answered, or refused for a limit, which may be one of the moment, is asked again a few times.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.endpoint import family_of
from conformance.load.plan import Plan, Share
from conformance.verdicts import CommandError, Exit
from tcrp import Create, Dialect, Join, LocalProtocolError, Membership, Status, UpKind
from tcrp.conversation import Conversation
from tcrp.endpoint import Endpoint
from tcrp.errors import MissingExtra
from tcrp.events import NO_STATUS, Ended, Event, Joined, Malformed, Refused, TimedOut
from tcrp.messages import Address

AT_ONCE = 32
"""Requests, of all processes together."""
PROMPT = 1.0
"""Seconds from connecting to the token, within which there may be more requests at once."""
EXCHANGE_SECONDS = 30.0
PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds before each further attempt."""
LIMIT_ATTEMPTS, ABSENT_ATTEMPTS = 4, 2
"""How often it is asked where a limit is the answer, or where nobody listens and nobody ever has."""
CAPACITY = 255
"""What a room is asked to hold where that is to be said and it has not more members."""
RECEIVE_BUFFER = 1 << 20
CHUNK = 65536
KEEP_SECONDS = 20.0
WATCH_SECONDS = 0.2
KEPT = b"tcrp-load-still-here"
"""What a member says that has nothing else to say, where only chat keeps it a member."""


@dataclass
class Member:
    """One member. `who`: its number in the whole run; `place`: in its room, the host's is 0."""

    socket: socket.socket
    membership: Membership
    room: int
    place: int
    who: int
    spoke_at: float = field(default_factory=time.monotonic)
    """Seconds of time.monotonic()."""
    heard: bool = False

    def send(self, data: bytes) -> bool:
        """Send a datagram; False if it could not be sent, or an earlier one found nobody."""
        self.spoke_at = time.monotonic()
        try:
            self.socket.send(data)
        except OSError:
            return False
        return True


class _Failed(Exception):
    """One attempt. `limit`: by its status the server says that it has no place; `absent`: nobody listens; `final`: to
    ask again would change nothing.
    """

    def __init__(self, why: str, *, limit: bool = False, absent: bool = False, final: bool = False) -> None:
        super().__init__(why)
        self.limit, self.absent, self.final = limit, absent, final


class Entrance:
    """How members of one process come in. `entered` is called for each, with whether it is a room's host."""

    def __init__(
        self, server: Endpoint, dialect: Dialect, plan: Plan, run: str, *, at_once: int,
        entered: Callable[[bool], None], stopped: Callable[[], bool], idle: float | None,
    ) -> None:  # fmt: skip
        """`run`: 3 characters that begin the names of this run's rooms; `idle`: the server's idle time, in seconds."""
        self.server = server
        self.dialect = dialect
        self.plan = plan
        self.run = run
        self.members: list[Member] = []
        self._entered = entered
        self._stopped = stopped
        self._window = _Window(at_once)
        seconds = dialect.policy.idle.seconds if idle is None else idle
        self.keep_every = None if seconds is None else min(KEEP_SECONDS, seconds / 3)

    async def enter(self, share: Share) -> None:
        """Make the rooms and fill them. CommandError if the server does not take them all."""
        entering = asyncio.current_task()
        assert entering is not None
        keeping = asyncio.create_task(self._keep(entering))
        rooms = iter(range(share.first, share.end))

        async def fill() -> None:
            for room in rooms:
                await self._fill(room)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._window.most, len(share))):
                    group.create_task(fill())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        except asyncio.CancelledError:
            if not self._stopped():
                raise
        finally:
            keeping.cancel()
        self.members.sort(key=lambda member: member.who)

    async def _fill(self, room: int) -> None:
        host: Member | None = None
        for place in range(self.plan.members):
            member = await self._come_in(room, place, host)
            host = host or member
            self.members.append(member)
            self.register(member)
            self._entered(place == 0)

    async def _come_in(self, room: int, place: int, host: Member | None) -> Member:
        for attempt in itertools.count():
            begun = time.monotonic()
            try:
                async with self._window:
                    begun = time.monotonic()
                    return await self._attempt(room, place, host, attempt)
            except _Failed as failed:
                self._window.less()
                if failed.final or attempt + 1 == self._attempts(failed):
                    raise self._trouble(failed, place) from None
                await asyncio.sleep(PAUSES[attempt])
            finally:
                if time.monotonic() - begun > PROMPT:
                    self._window.less()
        raise AssertionError

    async def _attempt(self, room: int, place: int, host: Member | None, attempt: int) -> Member:
        user = f"u{place:05x}"
        # a room that was made and whose answer was lost stands: the next attempt makes another
        name = f"{self.run}{room:04x}{attempt:x}" if host is None else host.membership.room
        with contextlib.ExitStack() as on_failure:
            try:
                udp = self._udp(None)
            except OSError as error:
                raise _Failed(f"UDP to {self.server}: {error.strerror}") from None
            on_failure.callback(udp.close)
            token = b""
            if self.dialect.can.tcp:
                joined = await self._exchange(name, user, host, udp)
                token = joined.token
                if joined.udp is not None:
                    udp.close()
                    try:
                        udp = self._udp(joined.udp)
                    except OSError as error:
                        where = f"{joined.udp[0]} port {joined.udp[1]}"
                        why = f"the server says to receive on {where}, which does not work: {error.strerror}"
                        raise _Failed(why, final=True) from None
            on_failure.pop_all()
        membership = Membership(name, user, token, host is None)
        return Member(udp, membership, room, place, room * self.plan.members + place)

    def _udp(self, local: Address | None) -> socket.socket:
        """A socket that is connected to the server, so that what others send is dropped (TCRP-4.6d)."""
        made = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            if local is not None:
                made.bind(local)
            made.connect((self.server.host, self.server.udp))
        except BaseException:
            made.close()
            raise
        return made

    @property
    def _family(self) -> socket.AddressFamily:
        return family_of(self.server.host)

    async def _exchange(self, room: str, user: str, host: Member | None, udp: socket.socket) -> Joined:
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS):
                conversation = self.dialect.client(self._want(room, user, host), udp.getsockname(), time.monotonic())
                with await self._connect(udp) as tcp:
                    return await _converse(tcp, conversation)
        except TimeoutError:
            raise _Failed(f"no answer within {EXCHANGE_SECONDS:g} s") from None
        except (LocalProtocolError, MissingExtra) as error:
            raise _Failed(str(error), final=True) from None
        except OSError as error:
            absent = isinstance(error, ConnectionRefusedError)
            why = os.strerror(error.errno) if error.errno else error  # asyncio's own words repeat the address
            raise _Failed(f"TCP {self.server}: {why}", absent=absent) from None

    def _want(self, room: str, user: str, host: Member | None) -> Create | Join:
        if host is None:
            # more than will come: an attempt whose answer was lost may hold a place, and some count all rooms' guests
            roomy = max(self.plan.members, min(CAPACITY, self.plan.everybody + 1))
            return Create(room, user, capacity=roomy if self.dialect.can.capacity else None)
        return Join(room, user, invite=host.membership.token if self.dialect.can.invites else None)

    async def _connect(self, udp: socket.socket) -> socket.socket:
        assert self.server.tcp is not None
        tcp = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            tcp.setblocking(False)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.dialect.can.one_port:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind(udp.getsockname())
            await asyncio.get_running_loop().sock_connect(tcp, (self.server.host, self.server.tcp))
        except BaseException:
            tcp.close()
            raise
        return tcp

    def _attempts(self, failed: _Failed) -> int:
        if failed.limit:
            return LIMIT_ATTEMPTS
        return ABSENT_ATTEMPTS if failed.absent and not self.members else len(PAUSES) + 1

    def _trouble(self, failed: _Failed, place: int) -> CommandError:
        if failed.limit:
            return Limited(place)
        return CommandError(f"a member could not enter: {failed}", Exit.UNREACHABLE)

    # Staying in

    def register(self, member: Member) -> None:
        """Say where a member is, as far as the dialect can say that unheard."""
        data = self.dialect.write_up(member.membership, UpKind.REGISTER)
        if data is not None:
            member.send(data)

    def keep_alive(self) -> None:
        """Let whoever has been silent for long say something, which at this moment nobody counts."""
        if self.keep_every is None:
            return
        silent_since = time.monotonic() - self.keep_every
        unheard = self.dialect.can.keepalive and UpKind.REGISTER in self.dialect.policy.idle.counts
        for member in self.members:
            if member.spoke_at >= silent_since:
                continue
            if unheard:
                self.register(member)
            elif (data := self.dialect.write_up(member.membership, UpKind.CHAT, KEPT)) is not None:
                member.send(data)

    async def _keep(self, entering: "asyncio.Task[None]") -> None:
        """Nobody who is in shall be idle while others come in; and all that ends when it is to end."""
        while not self._stopped():
            await asyncio.sleep(WATCH_SECONDS)
            self.keep_alive()
        entering.cancel()

    def leave(self) -> None:
        """Every member leaves, guests first, as far as the dialect lets them, and its socket is closed.

        Not faster than a server with little room for datagrams takes them in.
        """
        for number, member in enumerate(sorted(self.members, key=lambda member: -member.place)):
            data = self.dialect.write_up(member.membership, UpKind.LEAVE)
            if data is not None and (member.membership.host or self.dialect.policy.guests_may_leave):
                member.send(data)
            if number % 16 == 15:
                time.sleep(0.002)
        for member in self.members:
            member.socket.close()
        self.members.clear()


class Limited(CommandError):
    """The server says that it takes no more. `place`: whose in a room there was none; 0 is the host's."""

    def __init__(self, place: int) -> None:
        super().__init__("the server takes no more", Exit.NOTHING)
        self.place = place

    def __reduce__(self) -> tuple[type["Limited"], tuple[int]]:  # type: ignore[override]
        return Limited, (self.place,)


class _Window:
    """How many may be inside at once: one at first, one more for each that came out well, half after trouble."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._limit = 1
        self._inside = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._inside < self._limit)
            self._inside += 1

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        async with self._changed:
            self._inside -= 1
            if kind is None:
                self._limit = min(self.most, self._limit + 1)
            self._changed.notify_all()

    def less(self) -> None:
        self._limit = max(1, self._limit // 2)


async def _converse(tcp: socket.socket, conversation: Conversation) -> Joined:
    """Do the caller's duty of `tcrp.conversation` until one is in. OSError, TimeoutError, _Failed."""
    loop = asyncio.get_running_loop()
    joined: Joined | None = None
    while True:
        if data := conversation.data_to_send():
            with contextlib.suppress(ConnectionError):  # a server that has closed may have answered before
                await loop.sock_sendall(tcp, data)
        if conversation.closing:
            if joined is None:
                raise _Failed("the server ended the exchange without an answer")
            return joined
        ended = False
        try:
            async with asyncio.timeout_at(conversation.timer()):
                data = await loop.sock_recv(tcp, CHUNK)
        except TimeoutError:
            events = conversation.handle_timer(loop.time())
        except ConnectionError:
            ended, events = True, conversation.receive_eof(loop.time())
        else:
            ended = not data
            events = conversation.receive_data(data, loop.time()) if data else conversation.receive_eof(loop.time())
        for event in events:
            joined = _read(event, joined)
        if ended:
            if joined is None:
                raise _Failed("the server closed the connection without a whole answer")
            return joined


def _read(event: Event, joined: Joined | None) -> Joined | None:
    match event:
        case Joined():
            return event
        case Refused(status, text) if joined is None:
            limit = status == Status.LIMIT_REACHED
            name = "without a status" if status == NO_STATUS else f"with status {status}"
            said = f": {text}" if text else ""
            raise _Failed(f"the server refused {name}{said}", limit=limit)
        case Malformed(error) if joined is None:
            raise _Failed(f"the answer is wrong ({error}): does the server speak another dialect?", final=True)
        case TimedOut(after) if joined is None:
            raise _Failed(f"no answer within {after:g} s")
        case Ended() if joined is None:
            raise _Failed("the server closed the connection without a whole answer")
    return joined


def enter(entrance: Entrance, share: Share) -> None:
    """Make the rooms of one process and fill them. CommandError if the server does not take them all."""
    asyncio.run(entrance.enter(share))
