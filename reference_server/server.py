"""`Server`: both halves together, to embed."""

import asyncio
import secrets
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Self

from reference_server.chat import Chat
from reference_server.control import Control
from reference_server.limits import ServerLimits
from reference_server.passwords import PasswordWork
from reference_server.sockets import open_sockets
from relay import Relay, RoomLimits
from tcrp import dialects
from tcrp.conversation import Limits
from tcrp.dialects import Dialect
from tcrp.messages import Address
from tcrp.policy import TokenForm

_PARTS = 254
_SILENCE = 60.0  # seconds for a connection that says nothing, where nobody ever idles


class Server:
    """A chat server in one dialect, running between `async with`'s two ends, or `start` and `stop`.

    A port of None is the dialect's, 0 a free one. `idle_seconds` is used instead of the dialect's. `stop` tells every
    member first (TCRP-5.7). `start` raises UnknownHost or BindError with a message of one line, and so does `Server`
    itself MissingExtra, where the dialect needs a package that is not installed.
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
    ) -> None:
        self._dialect = dialects.get() if dialect is None else dialect
        self._host = host
        ports = self._dialect.ports
        self._tcp_port = None if ports.tcp is None else ports.tcp if tcp_port is None else tcp_port
        self._udp_port = ports.udp if udp_port is None else udp_port
        self._idle_seconds = self._dialect.policy.idle.seconds if idle_seconds is None else idle_seconds
        self._limits = limits
        self._passwords = self._dialect.passwords
        self._tcp_address: Address | None = None
        self._udp_address: Address | None = None
        self._listener: asyncio.Server | None = None
        self._control: Control | None = None
        self._chat: Chat | None = None

    @property
    def tcp_address(self) -> Address | None:
        """Where requests are taken; None: the dialect has no TCP, or the server is not running."""
        return self._tcp_address

    @property
    def udp_address(self) -> Address | None:
        """Where chat is taken; None: the server is not running."""
        return self._udp_address

    async def start(self) -> None:
        """Open both sockets and serve."""
        tcp, udp = open_sockets(self._host, self._tcp_port, self._udp_port)
        policy = self._dialect.policy
        relay = Relay(
            self._dialect,
            mint=_maker(policy.token),
            limits=RoomLimits(self._limits.rooms, self._limits.members),
            idle_seconds=self._idle_seconds,
            addresses=() if policy.client_port is None else _loopback_addresses(policy.client_port),
        )
        self._udp_address = udp.getsockname()
        self._chat = Chat(udp, relay)
        silence = _SILENCE if self._idle_seconds is None else self._idle_seconds
        self._control = Control(
            self._dialect,
            relay,
            self._chat.perform,
            PasswordWork(self._passwords),
            Limits(self._limits.payload, self._limits.handshake, max(silence, policy.typing)),
            self._limits.connections,
            set(),
        )
        if tcp is not None:
            self._tcp_address = tcp.getsockname()
            self._listener = await asyncio.get_running_loop().create_server(self._control.connection, sock=tcp)

    async def stop(self) -> None:
        """Tell every member, then close everything. To stop what does not run does nothing."""
        if self._listener is not None:
            self._listener.close()
        if self._chat is not None:
            self._chat.close()
        if self._control is not None:
            self._control.close()
            self._control.passwords.close()
        await asyncio.sleep(0)  # connections are told that they are lost in the loop's next turn
        self._listener = self._chat = self._control = None
        self._tcp_address = self._udp_address = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()


def _maker(form: TokenForm | Callable[[], bytes]) -> Callable[[], bytes]:
    return partial(_mint, form) if isinstance(form, TokenForm) else form


def _mint(form: TokenForm) -> bytes:
    """A token that nobody can guess (TCRP-3.8b)."""
    match form:
        case TokenForm.UUID:
            return str(uuid.uuid4()).encode()
        case TokenForm.HEX:
            return secrets.token_hex(32).encode()
        case TokenForm.BASE64:
            return urlsafe_b64encode(secrets.token_bytes(128))


def _loopback_addresses(port: int) -> Iterator[Address]:
    """What is given out in dialects where the server gives addresses out: 127.x.x.x, no part 0 or 255, each once.

    Each server begins elsewhere, since two on one machine must not give out the same.
    """
    count = _PARTS**3
    start = secrets.randbelow(count)
    for number in range(start, start + count):
        rest, fourth = divmod(number % count, _PARTS)
        second, third = divmod(rest, _PARTS)
        yield f"127.{second + 1}.{third + 1}.{fourth + 1}", port
