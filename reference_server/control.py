"""The TCP half: gives bytes to a conversation, its requests to the relay, and the relay's answers to the peer.

It decides nothing. `Connection._advance` is the only place that drives a conversation.
"""

import asyncio
import logging
import select
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from reference_server.address_limits import UNREAD_ANSWERS, AddressLimits, Entry
from reference_server.asked import asked_at
from reference_server.figures import ENDED_EARLY, LISTED, MALFORMED, TIMED_OUT, Traffic
from reference_server.limits import DRAIN_BYTES, DRAIN_SECONDS, LIST_BYTES, RESERVE_SECONDS
from reference_server.passwords import PasswordThreads
from reference_server.refusals import Refusals
from reference_server.saves import Saves
from reference_server.sockets import show_address
from relay import Admission, Admitted, Decision, Refusal, Relay, network_of
from relay.addresses import ip_of
from tcrp.constants import Status
from tcrp.conversation import Limits
from tcrp.dialects.base import Dialect
from tcrp.events import Bound, Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Address, Complete, Create, Join, List, Reply, Rooms

logger = logging.getLogger("reference_server")


class ControlContext(NamedTuple):
    """What all TCP connections of a server share.

    `perform`: acts on the relay's decisions. `limits`: of each conversation. `limited`: None for an address without
    limits of its own. `open`: the open connections; they add and remove themselves. `traffic`: is told of
    each request. `wildcard`: the chat socket answers
    from the address that was asked, so an address that a client declares goes to the relay with the one that its
    connection asked.
    """

    dialect: Dialect
    relay: Relay
    perform: Callable[[Sequence[Decision]], None]
    passwords: PasswordThreads
    limits: Limits
    limited: Callable[[str], str | None]
    saves: Saves
    address_limits: AddressLimits
    refusals: Refusals
    open: set["Connection"]
    traffic: Traffic
    wildcard: bool = False

    def new_connection(self) -> "Connection":
        """The protocol of a connection that asyncio has accepted."""
        return Connection(self)

    def abort_all(self) -> None:
        """End every connection at once."""
        for connection in tuple(self.open):
            connection.abort()


class Connection(asyncio.Protocol):
    """One TCP connection.

    While a password is judged or a membership saved the connection reads nothing, so requests are answered one after
    another. After the answer it sends its FIN and reads on for a while, so that no reset overtakes the answer
    (TCRP-2.6b).
    """

    _transport: asyncio.Transport
    _peer: Address

    def __init__(self, context: ControlContext) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._admission: Admission | None = None
        self._password_task: asyncio.Task[None] | None = None
        self._saving = False  # a membership is being saved, and the request is answered after that
        self._timer: asyncio.TimerHandle | None = None
        self._silent = True  # not a byte has come
        self._eof = False  # the peer has ended its stream
        self._lost = False  # the connection is gone, or is to be treated so
        self._draining = False  # everything is answered: what still arrives is thrown away
        self._drained_bytes = 0
        self._behind = False  # the conversation holds a request that is not looked at yet
        self._unread_since: float | None = None  # the peer does not read what we write

    # ---------------------------------------------------------------------------------- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer or ("unknown", 0)
        self._ip = ip_of(self._peer)
        entry = peer and self._context.address_limits.enter(self, self._ip, self._loop.time())
        if entry is None or entry is Entry.CLOSED:  # None: gone already
            self._lost = True
            transport.abort()
            return
        self._context.open.add(self)
        limits = self._context.limits
        self._refusing = entry is Entry.REFUSED
        if self._refusing:
            limits = limits._replace(handshake=min(limits.handshake, RESERVE_SECONDS), silence=RESERVE_SECONDS)
        self._conversation = self._context.dialect.server(peer, limits, self._loop.time())
        self._log("connected")
        self._advance([])

    def data_received(self, data: bytes) -> None:
        if self._lost:
            return
        if self._silent:
            self._silent = False
            self._context.address_limits.spoke(self, self._ip)
        if not self._draining:
            self._advance(self._conversation.receive_data(data, self._loop.time()))
            return
        self._drained_bytes += len(data)
        if self._drained_bytes > DRAIN_BYTES:
            self.abort()

    def eof_received(self) -> None:
        """A client that half-closes is still answered (TCRP-2.6c).

        asyncio sends what is written before it closes. While a password is judged, reading is paused, so the end of
        the stream is seen only after the answer.
        """
        self._eof = True
        if not self._lost and not self._draining:
            self._advance(self._conversation.receive_eof(self._loop.time()))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self in self._context.open:
            self._context.open.remove(self)
            self._context.address_limits.leave(self, self._ip)
        self._set_timer(None)
        if self._password_task is None:
            self._release()
        if exc is not None:
            self._log("lost: %s", exc)

    def pause_writing(self) -> None:
        self._unread_since = self._loop.time()
        self._read_or_pause()

    def resume_writing(self) -> None:
        self._unread_since = None
        if self._lost or self._draining:
            self._read_or_pause()
        else:
            self._advance([])

    # ------------------------------------------------------------------------------- driving the conversation

    def abort(self) -> None:
        """End the connection now.

        A password that is being hashed is hashed to the end: the room that was acknowledged stands (TCRP-3.11).
        """
        self._transport.abort()

    def says_nothing(self) -> bool:
        """Whether nothing has come that is not read yet."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not poll.poll(0)

    def close_silent(self) -> None:
        """Close a connection on which nothing has come."""
        self._log("closed: its address has too many connections that say nothing")
        self._lost = True
        self._transport.close()

    def _advance(self, events: list[Event]) -> None:
        """Do the caller's duty of `tcrp.conversation` after a call that returned these events.

        Act on the events, as far as no password must be waited for; send what is due; then close, or re-arm the timer.
        """
        self._events.extend(events)
        while self._events and not self._busy and self._unread_since is None:
            self._handle(self._events.popleft())
        self._flush()
        deadline = self._conversation.timer()
        self._behind = deadline is not None and deadline <= self._loop.time()
        self._read_or_pause()
        if self._busy or self._lost:
            self._set_timer(None)
        elif self._conversation.closing or self._eof:
            self._finish()
        elif self._unread_since is not None:  # no further request is answered until the answers are read
            self._set_timer(self._unread_since + self._context.limits.handshake)
        else:
            self._set_timer(deadline)

    def _handle(self, event: Event) -> None:
        match event:
            case Requested(want, udp):
                self._request(want, udp)
            case Bound(udp) if self._admission is not None:
                admission, self._admission = self._admission, None
                self._context.perform(self._context.relay.bind(admission, self._asked(udp), self._loop.time()))
            case Malformed(error):
                self._context.address_limits.may_request(self._ip, self._loop.time())  # it is answered already
                self._context.traffic.requests[MALFORMED] += 1
                self._log("malformed: %s", error)
            case TimedOut(after):
                self._context.traffic.requests[TIMED_OUT] += 1
                self._log("said too little in %g s", after)
            case Ended(early):
                if early:
                    self._context.traffic.requests[ENDED_EARLY] += 1
                self._log("ended early" if early else "ended")
            case _:
                self._log("%s is no event for a server", type(event).__name__)

    def _finish(self) -> None:
        self._release()
        if self._draining or self._transport.is_closing():
            return
        self._draining = True
        self._set_timer(self._loop.time() + DRAIN_SECONDS)
        if self._eof or not self._transport.can_write_eof():  # TLS cannot close one direction
            self._transport.close()
        else:
            self._transport.write_eof()

    def _release(self) -> None:
        if self._admission is not None:
            self._context.relay.abandon(self._admission)
            self._admission = None

    # -------------------------------------------------------------------------------------------- requests

    def _request(self, want: Create | Join | List, udp: Address | None) -> None:
        relay, now = self._context.relay, self._loop.time()
        if self._refusing or not self._context.address_limits.may_request(self._ip, now):
            self._refuse(want, Status.LIMIT_REACHED)
            return
        if isinstance(want, List):
            self._send(Rooms(relay.rooms(LIST_BYTES)))
            return
        begun = relay.begin(want, self._peer, udp and self._asked(udp))
        if isinstance(begun, Refusal):
            self._refuse(want, begun.status, begun.limit)
            return
        self._admission = begun
        slow = want.password is not None if isinstance(want, Create) else begun.password is not None
        if slow:
            self._judge_password(want, begun, now)
            return
        if isinstance(want, Create):
            self._send(Ack(Status.OK))
        self._admit(want, begun, None)

    def _judge_password(self, want: Create | Join, begun: Admission, now: float) -> None:
        """Have the password hashed or verified, and answer after that, unless a limit is reached."""
        context, passwords, network = self._context, self._context.passwords, network_of(self._ip)
        if limit := passwords.refuses(network, exempt=context.limited(self._ip) is None):
            self._refuse(want, Status.LIMIT_REACHED, limit)
            return
        judged: Awaitable[bytes | bool]
        if isinstance(want, Create):
            self._send(Ack(Status.OK))  # before the hash, which takes long (TCRP-3.4b)
            judged = passwords.hash(want.password or "", network)
        else:
            delay = context.address_limits.guess_delay(want, self._ip, now)
            if delay is None:
                self._refuse(want, Status.LIMIT_REACHED)
                return
            judged = passwords.verify(want.password or "", begun.password or b"", network, delay)
        self._password_task = self._loop.create_task(self._after_password(want, begun, judged))

    async def _after_password(self, want: Create | Join, admission: Admission, judged: Awaitable[bytes | bool]) -> None:
        """Answer a request once its password is judged.

        `judged`: the hash of a Create's password, or whether a Join's password is right.
        """
        try:
            result = await judged
            if isinstance(result, bytes):
                self._admit(want, admission, result)
            elif result:
                assert isinstance(want, Join)
                self._context.address_limits.guessed_right(want, self._ip)
                self._admit(want, admission, None)
            else:
                self._refuse(want, Status.WRONG_PASSWORD)
        except asyncio.CancelledError:
            self._release()
            raise
        except Exception:
            logger.exception("a password could not be judged")
            self._fail(want, Status.SERVER_ERROR)
        self._password_task = None
        if self._lost:
            self._release()
        else:
            self._advance([])

    def _admit(self, want: Create | Join, admission: Admission, password_hash: bytes | None) -> None:
        admitted = self._context.relay.admit(admission, password_hash=password_hash, now=self._loop.time(), save=False)
        if isinstance(admitted, Refusal):
            self._fail(want, admitted.status, admitted.limit)
            return
        self._saving = True
        self._context.saves.then(partial(self._saved, want, admission, admitted))

    def _saved(self, want: Create | Join, admission: Admission, admitted: Admitted, success: bool) -> None:
        """Answer a request whose membership is saved, or could not be."""
        self._saving = False
        if not success:
            self._context.relay.revoke(admission)
            self._fail(want, Status.SERVER_ERROR)
        else:
            if isinstance(want, Join):
                self._send(Ack(Status.OK))
            self._send(Complete(admitted.token, admitted.address))
            self._context.perform(admitted.decisions)
        if self._context.saves.together and not self._lost:  # else the caller goes on
            self._advance([])

    def _refuse(self, want: Create | Join | List, status: Status, limit: str | None = None) -> None:
        """Answer with this status. `limit`: which limit was reached, if it is not counted yet."""
        self._release()
        if limit is not None:
            self._context.refusals.note(limit, self._ip, self._loop.time())
        if isinstance(want, List):
            self._log("refused a list: %s", status.name)
        else:
            self._log("refused room=%r user=%r: %s", want.room, want.user, status.name)
        self._send(Ack(status))

    def _fail(self, want: Create | Join, status: Status, limit: str | None = None) -> None:
        """Refuse a request that `begin` accepted. A Create already has its OK, so the connection is closed instead."""
        if isinstance(want, Create):
            self._release()
            self._log("failed room=%r user=%r: %s", want.room, want.user, status.name)
            self.abort()
        else:
            self._refuse(want, status, limit)

    def _asked(self, udp: Address) -> Address:
        """The address that the peer declared, with the local one that answers go from, if there is a choice."""
        return asked_at(udp, self._transport.get_extra_info("sockname")[0]) if self._context.wildcard else udp

    # ---------------------------------------------------------------------------------------------- writing

    def _send(self, reply: Reply) -> None:
        if not isinstance(reply, Complete):
            outcome = reply.status.name.lower() if isinstance(reply, Ack) else LISTED
            self._context.traffic.requests[outcome] += 1
        self._conversation.send(reply)
        self._flush()

    def _flush(self) -> None:
        data = self._conversation.data_to_send()
        if data and not self._lost:
            self._transport.write(data)

    @property
    def _busy(self) -> bool:
        """The answer to a request is not known yet, and no further request is looked at."""
        return self._password_task is not None or self._saving

    def _read_or_pause(self) -> None:
        if self._lost or self._eof:
            return
        # a membership is saved so fast that to pause would cost more
        if self._password_task is not None or self._unread_since is not None or self._behind:
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
        elif self._unread_since is not None:
            self._context.refusals.note(UNREAD_ANSWERS, self._ip, self._loop.time())
            self.abort()
        else:
            self._advance(self._conversation.handle_timer(self._loop.time()))

    def _log(self, text: str, *values: object) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("tcp %s: " + text, show_address(self._peer), *values)
