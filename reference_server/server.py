"""`Server`: the TCP half and the UDP half together, to embed in another program."""

import asyncio
import secrets
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from reference_server.address_limits import AddressLimits, limited_unless
from reference_server.announcements import announcing
from reference_server.chat import ChatSocket
from reference_server.control import ControlContext
from reference_server.figures import Figures, Traffic
from reference_server.limits import ROOM_IDLE_SECONDS, ServerLimits
from reference_server.listener import HandshakeLimits, Listener
from reference_server.passwords import PasswordThreads
from reference_server.refusals import Refusals
from reference_server.saves import Saves
from reference_server.sockets import open_sockets
from reference_server.sqlite_store import SqliteStore
from relay import MemoryStore, Relay, RoomLimits
from tcrp import dialects
from tcrp.conversation import Limits
from tcrp.dialects import Dialect
from tcrp.messages import Address
from tcrp.policy import TokenForm

_PART_VALUES = 254  # of a part of an assigned address: 1 to 254
_SILENCE_SECONDS = 60.0  # for a connection that says nothing, in a dialect without an idle time


class Server:
    """A chat server in one dialect. It runs inside an `async with` block, or from `start` to `stop`.

    `dialect`: None is the canonical one. `tcp_port`, `udp_port`: None is the dialect's port, 0 a free one.
    `idle_seconds`: replaces the dialect's idle time if not None. `limits`: what the server accepts. `refusals`: what it
    has refused because of them so far. `traffic`: what it has done so far. `state`: the file in which rooms and members
    are kept, so that a server that is started again goes on with them; None: they end with the server. The dialect must
    have tokens. `tls`: None: TCP is not encrypted. `announce`: tell the members of a room who joins and leaves it
    (TCRP-5.5), where the dialect can say it and does not answer itself who is told.

    The constructor raises MissingExtra if the dialect needs a package that is not installed. `start` raises
    UnknownHost, BindError or StateError. All messages are one line.
    """

    def __init__(
        self,
        dialect: Dialect | None = None,
        host: str = "127.0.0.1",
        tcp_port: int | None = None,
        udp_port: int | None = None,
        *,
        idle_seconds: float | None = None,
        limits: ServerLimits = ServerLimits(),  # noqa: B008  # immutable
        state: Path | None = None,
        tls: ssl.SSLContext | None = None,
        announce: bool = True,
    ) -> None:
        dialect = dialects.get() if dialect is None else dialect
        self._dialect = announcing(dialect) if announce else dialect
        self._host = host
        ports = self._dialect.ports
        self._tcp_port = None if ports.tcp is None else ports.tcp if tcp_port is None else tcp_port
        self._udp_port = ports.udp if udp_port is None else udp_port
        self._idle_seconds = self._dialect.policy.idle.seconds if idle_seconds is None else idle_seconds
        self._limits = limits
        self.refusals = Refusals()
        self.traffic = Traffic()
        self._state = state
        self._store: SqliteStore | None = None
        self._rooms: MemoryStore | None = None
        self._saving: asyncio.Task[None] | None = None
        self._tls = tls
        self._passwords = self._dialect.passwords
        self._tcp_address: Address | None = None
        self._udp_address: Address | None = None
        self._listener: Listener | None = None
        self._control: ControlContext | None = None
        self._chat: ChatSocket | None = None

    @property
    def tcp_address(self) -> Address | None:
        """The address for requests. None: the dialect has no TCP, or the server is not running."""
        return self._tcp_address

    @property
    def udp_address(self) -> Address | None:
        """The address for chat. None: the server is not running."""
        return self._udp_address

    async def start(self) -> None:
        """Open the state file and both sockets, and serve.

        Raises UnknownHost, BindError or StateError, and then leaves nothing open.
        """
        store = self._store = None if self._state is None else SqliteStore(self._state, self._dialect.name)
        try:
            tcp, udp = open_sockets(self._host, self._tcp_port, self._udp_port)
        except BaseException:
            if store is not None:
                store.close()
            raise
        self._rooms = MemoryStore() if store is None else store
        loop = asyncio.get_running_loop()
        policy, limits = self._dialect.policy, self._limits
        limited = limited_unless(limits.exempt)
        relay = Relay(
            self._dialect,
            mint=partial(_mint_token, policy.token),
            limits=RoomLimits(
                limits.rooms,
                limits.members,
                limits.rooms_per_address,
                limits.members_per_address,
                limits.messages_per_second,
            ),
            limited=limited,
            idle_seconds=self._idle_seconds,
            room_idle_seconds=ROOM_IDLE_SECONDS,
            addresses=() if policy.client_port is None else _loopback_addresses(policy.client_port),
            trust_declared=limits.trust_declared,
            store=self._rooms,
        )
        if store is not None:
            relay.resume(loop.time())
            self._saving = loop.create_task(store.save_regularly())
        self._udp_address = udp.getsockname()
        self._chat = ChatSocket(udp, relay, self.refusals, self.traffic)
        self._chat.perform(())  # wakes up when the first member of an earlier run is idle
        silence = _SILENCE_SECONDS if self._idle_seconds is None else self._idle_seconds
        self._control = ControlContext(
            self._dialect,
            relay,
            self._chat.perform,
            PasswordThreads(self._passwords, limits.hashes_per_address),
            Limits(limits.payload, limits.handshake, max(silence, policy.typing)),
            limited,
            Saves(relay, together=store is not None),
            AddressLimits(limits, limited, self.refusals),
            self.refusals,
            set(),
            self.traffic,
            self._chat.answers_as_asked,
        )
        if tcp is not None:
            self._tcp_address = tcp.getsockname()
            self._listener = Listener(
                tcp,
                self._control.new_connection,
                tls=self._tls,
                handshakes=HandshakeLimits(
                    limits.connections, limits.connections_per_address, limits.handshake, limited
                ),
            )

    def use_tls(self, tls: ssl.SSLContext) -> None:
        """Use this context for new connections. Connections that there are keep theirs."""
        self._tls = tls
        if self._listener is not None:
            self._listener.tls = tls

    def figures(self) -> Figures:
        """What the server has and has done, at this moment."""
        rooms, chat, control, listener = self._rooms, self._chat, self._control, self._listener
        return Figures(
            self._dialect.name,
            0 if rooms is None else rooms.count_rooms(),
            0 if rooms is None else rooms.count_members(),
            0 if control is None else len(control.open),
            0 if listener is None else listener.unserved,
            0 if control is None else control.passwords.pending,
            0 if chat is None else chat.unsent,
            0 if chat is None else chat.dropped_by_system,
            0 if self._store is None else self._store.failures,
            self.traffic,
            self.refusals.counts,
        )

    async def stop(self) -> None:
        """Tell every member that the server stops (TCRP-5.7), unless a state file keeps the rooms. Close everything.

        Harmless if it does not run.
        """
        if self._listener is not None:
            self._listener.close()
        if self._chat is not None:
            self._chat.close()
        if self._control is not None:
            self._control.abort_all()
            self._control.passwords.close()
        if self._saving is not None:
            self._saving.cancel()
        if self._store is not None:
            self._store.close()
        await asyncio.sleep(0)  # asyncio calls `connection_lost` of each connection in the loop's next turn
        self._listener = self._chat = self._control = self._store = self._saving = None
        self._tcp_address = self._udp_address = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()


def _mint_token(form: TokenForm) -> bytes:
    """A new token of this form, which cannot be guessed (TCRP-3.8b)."""
    return form.make(secrets.token_bytes(form.random_size))


def _loopback_addresses(port: int) -> Iterator[Address]:
    """The addresses for dialects whose server assigns one to each member: 127.x.x.x, no part 0 or 255, each once.

    The first one is random, so that two servers on one machine do not assign the same addresses.
    """
    count = _PART_VALUES**3
    start = secrets.randbelow(count)
    for number in range(start, start + count):
        rest, fourth = divmod(number % count, _PART_VALUES)
        second, third = divmod(rest, _PART_VALUES)
        yield f"127.{second + 1}.{third + 1}.{fourth + 1}", port
