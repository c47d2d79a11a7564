"""A dialect of lines, which asks the server for whatever its policy says, and a client of it.

TCP up: `create|join room user password`, `list`, `port N`. TCP down: `ack N`, `token T A`, `rooms A B`.
UDP up: `kind room token user body`. UDP down: `user body`. A `-` is absent.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from reference_server import Server
from tcrp.constants import Status
from tcrp.conversation import Conversation, Limits
from tcrp.dialects import Capabilities, Ports
from tcrp.dialects.base import Layouts, Passwords
from tcrp.errors import RemoteProtocolError
from tcrp.events import Bound, Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import (
    Ack,
    Address,
    Complete,
    Create,
    Down,
    DownKind,
    Join,
    List,
    Membership,
    Reply,
    Rooms,
    Up,
    UpKind,
    Want,
)
from tcrp.policy import Policy, Register
from tests.reference_server.server_process import PATIENCE


class LinesConversation:
    """The server's side: requests in lines, any number on a connection, until the client closes."""

    def __init__(self, peer: Address, limits: Limits, now: float, register: Register) -> None:
        self.closing = False
        self._in, self._out = b"", b""
        self._peer, self._limits, self._register = peer, limits, register
        self._deadline = now + limits.silence

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        *lines, self._in = (self._in + data).split(b"\n")
        return [self._event([None if word == "-" else word for word in line.decode().split()]) for line in lines]

    def _event(self, words: list[str | None]) -> Event:
        match words:
            case ["create", str(room), str(user), password]:
                return Requested(Create(room, user, password), self._declared(user))
            case ["join", str(room), str(user), password]:
                return Requested(Join(room, user, password, room.encode()), self._declared(user))
            case ["list"]:
                return Requested(List())
            case ["port", str(number)]:
                return Bound((self._peer[0], int(number)))
            case _:
                self.closing = True
                return Malformed(RemoteProtocolError("what?", clause="TCRP-3.7a", field="line"))

    def _declared(self, user: str) -> Address | None:
        return ("127.0.0.1", int(user)) if self._register is Register.REQUEST else None

    def receive_eof(self, now: float) -> list[Event]:
        self.closing = True
        return [Ended(bool(self._in))]

    def timer(self) -> float | None:
        return self._deadline

    def handle_timer(self, now: float) -> list[Event]:
        self.closing = True
        return [TimedOut(self._limits.silence)]

    def send(self, reply: Reply) -> None:
        match reply:
            case Ack(status):
                self._out += b"ack %d\n" % status
            case Complete(token, address):
                self._out += b"token %s %s\n" % (token, (address[0] if address else "-").encode())
            case Rooms(names):
                self._out += f"rooms {' '.join(names)}\n".encode()

    def data_to_send(self) -> bytes:
        data, self._out = self._out, b""
        return data


@dataclass(frozen=True)
class LinesDialect:
    """The server's side of the dialect. A server does not call what raises NotImplementedError."""

    policy: Policy
    ports: Ports = field(default_factory=lambda: Ports(0, 0))
    name: str = "lines"
    can: Capabilities = field(default_factory=Capabilities)
    layouts: Layouts = field(default_factory=Layouts)
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        raise NotImplementedError

    def request(self, want: Want, udp: Address | None) -> None:
        raise NotImplementedError

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return LinesConversation(peer, limits, now, self.policy.register)

    def read_up(self, data: bytes, source: Address) -> Up:
        kind, room, token, user, body = data.split(b" ", 4)
        return Up(
            UpKind(kind.decode()),
            None if room == b"-" else room.decode(),
            None if token == b"-" else token,
            None if user == b"-" else user.decode(),
            body,
        )

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        raise NotImplementedError

    def read_down(self, data: bytes, member: Membership) -> Down:
        raise NotImplementedError

    def write_down(self, down: Down) -> bytes | None:
        return f"{down.user} ".encode() + down.body if down.kind is DownKind.CHAT else None


class LinesClient:
    """One TCP connection of a client: lines out and lines in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, server: Server) -> Self:
        assert server.tcp_address
        return cls(*await asyncio.open_connection("127.0.0.1", server.tcp_address[1]))

    async def ask(self, text: str, count: int = 1) -> list[str]:
        """Send the text; so many lines of the answer."""
        self.writer.write(text.encode())
        return [(await asyncio.wait_for(self.reader.readline(), PATIENCE)).decode().strip() for _ in range(count)]

    async def enter(self, text: str) -> tuple[str, str]:
        """Create or join a room; the token and the assigned address."""
        ack, complete = await self.ask(text, 2)
        assert ack == f"ack {Status.OK}", ack
        word, token, address = complete.split()
        assert word == "token", complete
        return token, address

    async def rest(self) -> bytes:
        """What comes until the server closes, with a FIN or a RST (TCRP-3.6a)."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE)
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
