"""How members come in: one TCP conversation each, then a UDP socket of its own that is connected to the server.

No server is hurried: requests begin one at a time, become more as long as each is answered promptly, and fewer when
one is not. A request that is not answered, or refused because of a limit, is made again a few times: a limit may be one
of the moment.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import time
from collections.abc import Callable

from conformance.load.members import LoadMember, LoadMembers
from conformance.load.plan import Plan, RoomShare
from conformance.net.addresses import family_of
from conformance.net.conversing import turn_async
from conformance.net.kernel import is_accepted
from conformance.outcome.verdicts import CommandError, Exit
from tcrp import Conversation, Create, Join, LocalProtocolError, Membership, Status
from tcrp.endpoint import Endpoint
from tcrp.errors import MissingExtra
from tcrp.events import NO_STATUS, Ended, Event, Joined, Malformed, Refused, TimedOut
from tcrp.messages import Address

AT_ONCE = 32
"""Requests at once, of all processes together."""
PROMPT_SECONDS = 1.0
"""Seconds from connecting to the token, within which there may be more requests at once."""
EXCHANGE_SECONDS, FIRST_SECONDS = 30.0, 10.0
"""How long one exchange may take, and one before any member is in."""
MOST_BYTES = 1 << 20
"""Upper bound of what is read of one answer, in bytes."""
PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds before each further attempt."""
LIMIT_ATTEMPTS = 4
"""How often a request is made that is refused because of a limit."""
ABSENT_ATTEMPTS = 2
"""How often a request is made where nothing listens, or nothing is answered, and no member is in."""
CAPACITY = 255
"""The capacity of a room, where the dialect has one and there are not more members."""
RECEIVE_BUFFER = 1 << 20
"""Bytes of the receive buffer of a member's socket."""
WATCH_SECONDS = 0.2


class LimitReached(CommandError):
    """The server takes no more. `place`: the number in its room of the member that it refused; 0 is a host."""

    def __init__(self, place: int) -> None:
        super().__init__("the server takes no more", Exit.NOTHING)
        self.place = place

    def __reduce__(self) -> tuple[type["LimitReached"], tuple[int]]:  # type: ignore[override]
        return LimitReached, (self.place,)


class _AttemptFailed(Exception):
    """One attempt failed. `limit`: the server says by its status that it has no place; `absent`: nothing listens, or
    nothing is answered; `final`: another attempt would change nothing.
    """

    def __init__(self, why: str, *, limit: bool = False, absent: bool = False, final: bool = False) -> None:
        super().__init__(why)
        self.limit, self.absent, self.final = limit, absent, final


class Entrance:
    """Lets the members of one process in."""

    def __init__(
        self, server: Endpoint, members: LoadMembers, plan: Plan, run: str, *, at_once: int,
        entered: Callable[[bool], None], stopped: Callable[[], bool],
    ) -> None:  # fmt: skip
        """`members`: where those that are in are put; `run`: 3 characters that begin the names of this run's rooms;
        `at_once`: upper bound of requests at once; `entered`: called for each member, with whether it is a host;
        `stopped`: asked whether all is to end.
        """
        self._server = server
        self._members = members
        self._dialect = members.dialect
        self._plan = plan
        self._run = run
        self._entered = entered
        self._stopped = stopped
        self._window = _RequestWindow(at_once)

    async def enter(self, share: RoomShare) -> None:
        """Make the rooms and fill them. Raises CommandError if the server does not take them all."""
        entering = asyncio.current_task()
        assert entering is not None
        keeping = asyncio.create_task(self._keep(entering))
        rooms = iter(range(share.first, share.end))

        async def fill_rooms() -> None:
            for room in rooms:
                await self._fill(room)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._window.most, len(share))):
                    group.create_task(fill_rooms())
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        except asyncio.CancelledError:
            if not self._stopped():
                raise
        finally:
            keeping.cancel()
        self._members.everybody.sort(key=lambda member: member.who)

    async def _keep(self, entering: "asyncio.Task[None]") -> None:
        """Keep the members in while others come in, and end that when all is to end."""
        while not self._stopped():
            await asyncio.sleep(WATCH_SECONDS)
            self._members.keep_alive()
        entering.cancel()

    async def _fill(self, room: int) -> None:
        host: LoadMember | None = None
        for place in range(self._plan.members):
            member = await self._come_in(room, place, host)
            host = host or member
            self._members.everybody.append(member)
            self._members.register(member)
            self._entered(place == 0)

    async def _come_in(self, room: int, place: int, host: LoadMember | None) -> LoadMember:
        for attempt in itertools.count():
            begun = time.monotonic()
            try:
                async with self._window:
                    begun = time.monotonic()
                    return await self._attempt(room, place, host, attempt)
            except _AttemptFailed as failed:
                self._window.halve()
                if failed.final or attempt + 1 == self._attempts(failed):
                    raise _trouble(failed, place) from None
                await asyncio.sleep(PAUSES[attempt])
            finally:
                if time.monotonic() - begun > PROMPT_SECONDS:
                    self._window.halve()
        raise AssertionError

    def _attempts(self, failed: _AttemptFailed) -> int:
        if failed.limit:
            return LIMIT_ATTEMPTS
        return ABSENT_ATTEMPTS if failed.absent and not self._members.everybody else len(PAUSES) + 1

    async def _attempt(self, room: int, place: int, host: LoadMember | None, attempt: int) -> LoadMember:
        user = f"u{place:05x}"
        # a room that was made and whose answer was lost stands: the next attempt makes another
        name = f"{self._run}{room:04x}{attempt:x}" if host is None else host.membership.room
        with contextlib.ExitStack() as on_failure:
            try:
                udp = self._udp_socket(None)
            except OSError as error:
                raise _AttemptFailed(f"UDP to {self._server}: {error.strerror}") from None
            on_failure.callback(udp.close)
            token = b""
            if self._dialect.can.tcp:
                joined = await self._exchange(self._want(name, user, host), udp)
                token = joined.token
                if joined.udp is not None:
                    udp.close()
                    try:
                        udp = self._udp_socket(joined.udp)
                    except OSError as error:
                        where = f"{joined.udp[0]} port {joined.udp[1]}"
                        why = f"the server says to receive on {where}, which does not work: {error.strerror}"
                        raise _AttemptFailed(why, final=True) from None
            on_failure.pop_all()
        membership = Membership(name, user, token, host is None)
        return LoadMember(udp, membership, room, place, room * self._plan.members + place)

    def _udp_socket(self, local: Address | None) -> socket.socket:
        """A socket that is connected to the server, so that what others send is dropped (TCRP-4.6d)."""
        made = socket.socket(family_of(self._server.host), socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            if local is not None:
                made.bind(local)
            made.connect((self._server.host, self._server.udp))
        except BaseException:
            made.close()
            raise
        return made

    def _want(self, room: str, user: str, host: LoadMember | None) -> Create | Join:
        if host is None:
            # more than will come: an attempt whose answer was lost may hold a place, and some count all rooms' guests
            roomy = max(self._plan.members, min(CAPACITY, self._plan.all_members + 1))
            return Create(room, user, capacity=roomy if self._dialect.can.capacity else None)
        return Join(room, user, invite=host.membership.token if self._dialect.can.invites else None)

    async def _exchange(self, want: Create | Join, udp: socket.socket) -> Joined:
        seconds = EXCHANGE_SECONDS if self._members.everybody else FIRST_SECONDS
        accepted: bool | None = None
        try:
            async with asyncio.timeout(seconds):
                conversation = self._dialect.client(want, udp.getsockname(), time.monotonic())
                with await self._connect(udp) as tcp:
                    try:
                        return await _converse(tcp, conversation)
                    except asyncio.CancelledError:
                        accepted = is_accepted(tcp.family, tcp.getpeername()[:2], tcp.getsockname()[:2])
                        raise
        except TimeoutError:
            what = "the server has not accepted the connection" if accepted is False else "no answer"
            raise _AttemptFailed(f"{what} within {seconds:g} s", absent=True) from None
        except (LocalProtocolError, MissingExtra) as error:
            raise _AttemptFailed(str(error), final=True) from None
        except OSError as error:
            absent = isinstance(error, ConnectionRefusedError)
            why = os.strerror(error.errno) if error.errno else error  # asyncio's own words repeat the address
            raise _AttemptFailed(f"TCP {self._server}: {why}", absent=absent) from None

    async def _connect(self, udp: socket.socket) -> socket.socket:
        assert self._server.tcp is not None
        tcp = socket.socket(family_of(self._server.host), socket.SOCK_STREAM)
        try:
            tcp.setblocking(False)
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._dialect.can.one_port:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tcp.bind(udp.getsockname())
            await asyncio.get_running_loop().sock_connect(tcp, (self._server.host, self._server.tcp))
        except BaseException:
            tcp.close()
            raise
        return tcp


def _trouble(failed: _AttemptFailed, place: int) -> CommandError:
    if failed.limit:
        return LimitReached(place)
    return CommandError(f"a member could not enter: {failed}", Exit.UNREACHABLE)


class _RequestWindow:
    """How many requests there may be at once: one at first, one more after each that succeeds, half after trouble."""

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

    def halve(self) -> None:
        self._limit = max(1, self._limit // 2)


async def _converse(tcp: socket.socket, conversation: Conversation) -> Joined:
    """Drive the conversation to its end. Raises _AttemptFailed if there is no token, and OSError."""
    joined: Joined | None = None
    received = 0
    while True:
        over = conversation.closing  # then this turn sends what is left, and reads nothing
        taken = await turn_async(tcp, conversation)
        received += len(taken.data)
        if received > MOST_BYTES:
            raise _AttemptFailed(f"the answer has more than {MOST_BYTES:,} bytes", final=True)
        for event in taken.events:
            joined = _read(event, joined)
        if over or taken.closed:
            break
    if joined is None and taken.closed:
        raise _AttemptFailed("the server closed the connection without a whole answer")
    if joined is None:
        raise _AttemptFailed("the server ended the exchange without an answer")
    return joined


def _read(event: Event, joined: Joined | None) -> Joined | None:
    """The token's event, of this or of an earlier one. Raises _AttemptFailed for an answer without a token."""
    match event:
        case Joined():
            return event
        case Refused(status, text) if joined is None:
            limit = status == Status.LIMIT_REACHED
            name = "without a status" if status == NO_STATUS else f"with status {status}"
            said = f": {text}" if text else ""
            raise _AttemptFailed(f"the server refused {name}{said}", limit=limit)
        case Malformed(error) if joined is None:
            raise _AttemptFailed(f"the answer is wrong ({error}): does the server speak another dialect?", final=True)
        case TimedOut(after) if joined is None:
            raise _AttemptFailed(f"no answer within {after:g} s")
        case Ended() if joined is None:
            raise _AttemptFailed("the server closed the connection without a whole answer")
    return joined
