"""The targets over real sockets: the whole server, and the whole client against a server that says anything."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Coroutine
from typing import Any, Final

from reference_client import ChatClient, Refused, RoomClosed, Unreachable, list_rooms
from reference_server import Server, ServerLimits
from tcrp import Create, Join, LocalProtocolError, RemoteProtocolError
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint
from tests.hardening.fuzz.chunks import Chunks, piece
from tests.hardening.fuzz.targets import (
    DIALECTS,
    Target,
    check,
    datagrams_down,
    datagrams_up,
    replies,
    requests,
    split,
    token_of,
)

CANARY_EVERY: Final = 20
"""Inputs after which a room is created, to see that the server still serves."""
PATIENCE: Final = 10.0
_LINGER = struct.pack("ii", 1, 0)


class _Complaints(logging.Handler):
    """Whatever the server or the event loop logs as an error is one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class _World:
    """An event loop that goes on from one input to the next, and the servers in it, one for each dialect."""

    def __init__(self) -> None:
        self.complaints = _Complaints()
        logging.getLogger().addHandler(self.complaints)
        logging.getLogger().setLevel(logging.ERROR)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._note)
        self._servers: dict[str, Server] = {}
        self._runs = 0

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one input to its end. AssertionError if anything was complained about."""
        self._loop.run_until_complete(asyncio.wait_for(work, 3 * PATIENCE))
        lines, self.complaints.lines = self.complaints.lines, []
        check(not lines, "\n".join(lines))

    async def server(self, dialect: Dialect) -> Server:
        """The server of this dialect. From time to time it must show that it serves."""
        server = self._servers.get(dialect.name)
        if server is None:
            limits = ServerLimits(handshake=0.2)
            server = self._servers[dialect.name] = Server(dialect, tcp_port=0, udp_port=0, limits=limits)
            await server.start()
        self._runs += 1
        if self._runs % CANARY_EVERY == 0:
            await self._show_that_it_serves(server, dialect)
        return server

    async def _show_that_it_serves(self, server: Server, dialect: Dialect) -> None:
        where = endpoint_of(server)
        name = f"c{self._runs % 1_000_000}"
        async with await ChatClient.connect(where, Create(name, "canary"), dialect=dialect, timeout=PATIENCE):
            pass

    def close(self) -> None:
        """Stop every server, and end the loop."""
        for server in self._servers.values():
            self._loop.run_until_complete(server.stop())
        self._loop.close()
        logging.getLogger().removeHandler(self.complaints)

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.complaints.lines.append(f"{context.get('message')}: {context.get('exception')!r}")


_worlds: list[_World] = []


def _world() -> _World:
    """Made at the first use, in the process that fuzzes."""
    if not _worlds:
        _worlds.append(_World())
    return _worlds[0]


def close() -> None:
    """End what the targets have begun."""
    while _worlds:
        _worlds.pop().close()


def endpoint_of(server: Server) -> Endpoint:
    """Where the server is."""
    assert server.udp_address
    return Endpoint("127.0.0.1", server.tcp_address[1] if server.tcp_address else None, server.udp_address[1])


# ---------------------------------------------------------------------------------------------- the server


def fuzz_server(data: bytes) -> None:
    """Bytes on a TCP connection, in segments, then an end, a reset or nothing; and datagrams."""
    _world().run(_against_server(data))


async def _against_server(data: bytes) -> None:
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    server = await _world().server(dialect)
    where = endpoint_of(server)
    ending = chunks.number(4)
    if where.tcp is not None:
        body = chunks.piece()
        await _say(where, split(body, chunks), ending)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        for _ in range(8):
            if not chunks.left():
                break
            with contextlib.suppress(OSError):
                udp.sendto(chunks.piece()[:65_000], (where.host, where.udp))
    await asyncio.sleep(0)


async def _say(where: Endpoint, parts: list[bytes], ending: int) -> None:
    reader, writer = await asyncio.open_connection(where.host, where.tcp)
    with contextlib.suppress(OSError):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        match ending:
            case 0:
                writer.write_eof()
                await asyncio.wait_for(reader.read(), PATIENCE)
            case 1:
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            case 2:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.002)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


# ---------------------------------------------------------------------------------------------- the client


def fuzz_client(data: bytes) -> None:
    """A server that answers any bytes on TCP, in segments, and sends any datagrams."""
    _world().run(_against_client(data))


async def _against_client(data: bytes) -> None:
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    asked = chunks.number(3)
    body = chunks.piece()
    parts = split(body, chunks)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1)
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        tcp = listener.sockets[0].getsockname()[1] if dialect.can.tcp else None
        where = Endpoint("127.0.0.1", tcp, udp.getsockname()[1])
        try:
            if asked == 2 and dialect.can.listing:
                await list_rooms(where, dialect=dialect, timeout=PATIENCE)
            else:
                await _chat(where, dialect, asked, udp, chunks)
        except (Refused, RoomClosed, Unreachable, RemoteProtocolError, LocalProtocolError):
            pass
        finally:
            listener.close()


async def _chat(where: Endpoint, dialect: Dialect, asked: int, udp: socket.socket, chunks: Chunks) -> None:
    want = Create("r", "a") if asked else Join("r", "a", None, token_of(dialect) if dialect.can.invites else None)
    async with await ChatClient.connect(where, want, dialect=dialect, timeout=PATIENCE, keepalive=None) as chat:
        try:
            _, source = udp.recvfrom(65535)
        except BlockingIOError:  # in this dialect nobody registers by a datagram
            return
        for _ in range(8):
            if not chunks.left():
                break
            with contextlib.suppress(OSError):
                udp.sendto(chunks.piece()[:65_000], source)  # on loopback it has arrived when this returns
            try:
                down = await asyncio.wait_for(anext(chat), PATIENCE)
            except StopAsyncIteration:
                break
            check(isinstance(down.body, bytes), down)


def _inputs(several: tuple[Dialect, ...], made: Any, datagrams: Any, head: bytes) -> tuple[bytes, ...]:
    return tuple(
        bytes([number]) + head + piece(data) + b"\0" + b"".join(map(piece, datagrams(dialect)))
        for number, dialect in enumerate(several)
        for data in (made(dialect) if dialect.can.tcp else (b"",))
    )


SOCKET_TARGETS: Final = (
    Target("server", fuzz_server, _inputs(DIALECTS, requests, datagrams_up, b"\0")),
    Target("client", fuzz_client, _inputs(DIALECTS, replies, datagrams_down, b"\1")),
)
