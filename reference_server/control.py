"""The TCP half: bytes to a conversation, its requests to the relay, the answers back. It decides nothing."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from reference_server.limits import DRAIN_BYTES, DRAIN_SECONDS, RESERVE, RESERVE_SECONDS
from reference_server.passwords import PasswordWork
from reference_server.sockets import show
from relay import Admission, Decision, Relay
from tcrp.constants import Status
from tcrp.conversation import Limits
from tcrp.dialects.base import Dialect
from tcrp.events import Bound, Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Address, Complete, Create, Join, List, Reply, Rooms

logger = logging.getLogger("reference_server")


class Control(NamedTuple):
    """What all connections share. `perform` acts on the relay's decisions. `open` holds the connections there are."""

    dialect: Dialect
    relay: Relay
    perform: Callable[[Sequence[Decision]], None]
    passwords: PasswordWork
    limits: Limits
    max_connections: int
    open: set["Connection"]

    def connection(self) -> "Connection":
        return Connection(self)

    def close(self) -> None:
        for connection in tuple(self.open):
            connection.abort()


class Connection(asyncio.Protocol):
    """One TCP connection. While a password is in work nothing more is read, so requests are answered one by one.

    After the answer it sends its FIN and reads on for a while, so that no reset overtakes the answer (TCRP-2.6b).
    """

    _transport: asyncio.Transport
    _peer: Address

    def __init__(self, control: Control) -> None:
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._admission: Admission | None = None
        self._work: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._eof = False  # the peer says nothing more
        self._lost = False
        self._draining = False
        self._drained = 0
        self._unread = False  # the peer does not read what we write

    # ---------------------------------------------------------------------------------- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer or ("unknown", 0)
        count = len(self._control.open)
        if peer is None or count >= self._control.max_connections + RESERVE:  # None: it is gone already
            self._lost = True
            transport.abort()
            return
        self._control.open.add(self)
        limits = self._control.limits
        self._refusing = count >= self._control.max_connections
        if self._refusing:
            limits = limits._replace(handshake=min(limits.handshake, RESERVE_SECONDS), silence=RESERVE_SECONDS)
        self._conversation = self._control.dialect.server(peer, limits, self._loop.time())
        self._log("connected")
        self._go_on([])

    def data_received(self, data: bytes) -> None:
        if self._lost:
            return
        if not self._draining:
            self._go_on(self._conversation.receive_data(data, self._loop.time()))
            return
        self._drained += len(data)
        if self._drained > DRAIN_BYTES:
            self.abort()

    def eof_received(self) -> None:
        """A client that half-closes is still answered (TCRP-2.6c): what is written goes out before asyncio closes,
        and while a password is in work reading is paused, so that the end is seen after it.
        """
        self._eof = True
        if not self._lost and not self._draining:
            self._go_on(self._conversation.receive_eof(self._loop.time()))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._control.open.discard(self)
        self._set_timer(None)
        if self._work is None:
            self._release()
        if exc is not None:
            self._log("lost: %s", exc)

    def pause_writing(self) -> None:
        self._unread = True
        self._read_or_pause()

    def resume_writing(self) -> None:
        self._unread = False
        self._read_or_pause()

    # ------------------------------------------------------------------------------------------ one step on

    def abort(self) -> None:
        """End it now. A password in work is left to itself: a room that was acknowledged stands (TCRP-3.11)."""
        self._transport.abort()

    def _go_on(self, events: list[Event]) -> None:
        """Act on events until a password must be waited for, send what is due, and see what comes next."""
        self._events.extend(events)
        while self._events and self._work is None:
            self._handle(self._events.popleft())
        self._flush()
        self._read_or_pause()
        if self._work is not None or self._lost:
            self._set_timer(None)
        elif self._conversation.closing or self._eof:
            self._finish()
        else:
            self._set_timer(self._conversation.timer())

    def _handle(self, event: Event) -> None:
        match event:
            case Requested(want, udp):
                self._request(want, udp)
            case Bound(udp) if self._admission is not None:
                admission, self._admission = self._admission, None
                self._control.perform(self._control.relay.bind(admission, udp, self._loop.time()))
            case Malformed(error):
                self._log("malformed: %s", error)
            case TimedOut(after):
                self._log("said too little in %g s", after)
            case Ended(early):
                self._log("ended early" if early else "ended")
            case _:
                self._log("%s is no event for a server", type(event).__name__)

    def _finish(self) -> None:
        self._release()
        if self._draining or self._transport.is_closing():
            return
        self._draining = True
        self._set_timer(self._loop.time() + DRAIN_SECONDS)
        if self._eof:
            self._transport.close()
        else:
            self._transport.write_eof()

    def _release(self) -> None:
        if self._admission is not None:
            self._control.relay.abandon(self._admission)
            self._admission = None

    # -------------------------------------------------------------------------------------------- requests

    def _request(self, want: Create | Join | List, udp: Address | None) -> None:
        relay = self._control.relay
        if isinstance(want, List):
            self._send(Rooms(relay.rooms()))
            return
        begun = Status.LIMIT_REACHED if self._refusing else relay.begin(want, self._peer, udp)
        if isinstance(begun, Status):
            self._refuse(want, begun)
            return
        self._admission = begun
        slow = want.password is not None if isinstance(want, Create) else begun.password is not None
        if slow and self._control.passwords.busy:
            self._refuse(want, Status.LIMIT_REACHED)
            return
        if isinstance(want, Create):
            self._send(Ack(Status.OK))  # at once: hashing is slow (TCRP-3.4b)
        if not slow:
            self._admit(want, begun, None)
            return
        passwords, password = self._control.passwords, want.password or ""
        judged: Awaitable[bytes | bool] = (
            passwords.hash(password) if isinstance(want, Create) else passwords.verify(password, begun.password or b"")
        )
        self._work = self._loop.create_task(self._after_password(want, begun, judged))

    async def _after_password(self, want: Create | Join, admission: Admission, judged: Awaitable[bytes | bool]) -> None:
        """`judged`: the hash of a Create's password, or whether a Join's is right."""
        try:
            result = await judged
            if isinstance(result, bytes):
                self._admit(want, admission, result)
            elif result:
                self._admit(want, admission, None)
            else:
                self._refuse(want, Status.WRONG_PASSWORD)
        except asyncio.CancelledError:
            self._release()
            raise
        except Exception:
            logger.exception("a password could not be judged")
            self._fail(want, Status.SERVER_ERROR)
        self._work = None
        if self._lost:
            self._release()
        else:
            self._go_on([])

    def _admit(self, want: Create | Join, admission: Admission, password_hash: bytes | None) -> None:
        admitted = self._control.relay.admit(admission, password_hash=password_hash, now=self._loop.time())
        if isinstance(admitted, Status):
            self._fail(want, admitted)
            return
        if isinstance(want, Join):
            self._send(Ack(Status.OK))
        self._send(Complete(admitted.token, admitted.address))
        self._control.perform(admitted.decisions)

    def _refuse(self, want: Create | Join, status: Status) -> None:
        self._release()
        self._log("refused room=%r user=%r: %s", want.room, want.user, status.name)
        self._send(Ack(status))

    def _fail(self, want: Create | Join, status: Status) -> None:
        """Answer no after `begin` said yes. A Create has been told OK by now: only closing can take that back."""
        if isinstance(want, Create):
            self._release()
            self._log("failed room=%r user=%r: %s", want.room, want.user, status.name)
            self.abort()
        else:
            self._refuse(want, status)

    # ---------------------------------------------------------------------------------------------- writing

    def _send(self, reply: Reply) -> None:
        self._conversation.send(reply)
        self._flush()

    def _flush(self) -> None:
        data = self._conversation.data_to_send()
        if data and not self._lost:
            self._transport.write(data)

    def _read_or_pause(self) -> None:
        if self._lost or self._eof:
            return
        if self._work is not None or self._unread:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            if self._timer.when() == deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._draining:
            self.abort()
        else:
            self._go_on(self._conversation.handle_timer(self._loop.time()))

    def _log(self, text: str, *values: object) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("tcp %s: " + text, show(self._peer), *values)
