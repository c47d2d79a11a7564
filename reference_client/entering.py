"""One TCP conversation with a server: entering a room, or asking which rooms there are."""

import asyncio
import contextlib
import ssl
from typing import Final

from reference_client.errors import Refused, Unreachable
from reference_client.sockets import DatagramSocket, converse, error_text, open_tcp, resolve
from reference_client.tls import Stream
from tcrp.conversation import Conversation
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint, format_address
from tcrp.errors import LocalProtocolError
from tcrp.events import Ended, Event, Joined, Listed, Malformed, TimedOut
from tcrp.events import Refused as RefusedEvent
from tcrp.messages import Create, Join, List, Membership, UpKind, Want

PORT_ATTEMPTS: Final = 8
"""Local ports to try where TCP and UDP must have the same one."""


async def enter(
    server: Endpoint,
    want: Create | Join,
    dialect: Dialect,
    timeout: float,
    tls: ssl.SSLContext | None,
    *,
    register: bool = True,
) -> tuple[Membership, DatagramSocket]:
    """Create or join a room and, if `register`, send the first datagram there as soon as the token is there
    (TCRP-4.4d). `tls`: as for `ChatClient.connect`. The caller closes the socket.

    Raises Refused; Unreachable, also after `timeout` seconds; tcrp.RemoteProtocolError if the server breaks the
    protocol; and tcrp.LocalProtocolError, before anything is sent, if the dialect cannot express the request.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _enter(server, want, dialect, tls, register)
    except TimeoutError:
        raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
    except OSError as error:
        raise Unreachable(f"{server} cannot be reached: {error_text(error)}") from None


async def list_rooms(server: Endpoint, dialect: Dialect, timeout: float, tls: ssl.SSLContext | None) -> tuple[str, ...]:
    """The names of the server's rooms. Errors as for `enter`."""
    try:
        async with asyncio.timeout(timeout):
            datagrams, conversation, tcp = await _open_sockets(server, List(), dialect, tls)
            datagrams.close()
            if tcp is not None and conversation is not None:
                with tcp:
                    return await _read_list(server, tcp, conversation)
    except TimeoutError:
        raise Unreachable(f"{server} does not answer within {timeout:g} s") from None
    raise LocalProtocolError(f"dialect {dialect.name} cannot list rooms", clause="TCRP-3.1a", field="Operation")


async def send_up(
    datagrams: DatagramSocket, dialect: Dialect, member: Membership, kind: UpKind, body: bytes = b""
) -> None:
    """Send a datagram of the member, if the dialect has one of this kind."""
    data = dialect.write_up(member, kind, body)
    if data is not None:
        await datagrams.send(data)


async def _enter(
    server: Endpoint, want: Create | Join, dialect: Dialect, tls: ssl.SSLContext | None, register: bool
) -> tuple[Membership, DatagramSocket]:
    datagrams, conversation, tcp = await _open_sockets(server, want, dialect, tls)
    member = Membership(want.room, want.user, b"", isinstance(want, Create))
    try:
        if tcp is None or conversation is None:
            if want.password is not None:
                raise LocalProtocolError(
                    f"dialect {dialect.name} has no passwords", clause="TCRP-3.2a", field="password"
                )
            dialect.write_up(member, UpKind.CHAT, b"-")  # raises if the user name cannot be sent: there is no request
            await send_up(datagrams, dialect, member, UpKind.REGISTER)
        else:
            with tcp:
                member = await _shake_hands(server, tcp, conversation, datagrams, dialect, member, register)
    except BaseException:
        datagrams.close()
        raise
    return member, datagrams


async def _shake_hands(
    server: Endpoint, tcp: Stream, conversation: Conversation, datagrams: DatagramSocket, dialect: Dialect,
    member: Membership, register: bool,
) -> Membership:  # fmt: skip
    joined = False
    async with contextlib.aclosing(converse(tcp, conversation)) as events:
        async for event in events:
            if isinstance(event, Joined):
                joined = True
                member = member._replace(token=event.token)
                if event.udp is not None:
                    try:
                        datagrams.rebind(event.udp)
                    except OSError as error:
                        where = format_address(event.udp[0], event.udp[1])
                        problem = f"the server says to receive on {where}, which does not work: {error_text(error)}"
                        raise Unreachable(problem) from None
                if register:
                    await send_up(datagrams, dialect, member, UpKind.REGISTER)
            elif not joined:
                _raise_for(event, server)
    if not joined:
        raise Unreachable(f"{server} ended the exchange without an answer")
    return member


async def _read_list(server: Endpoint, tcp: Stream, conversation: Conversation) -> tuple[str, ...]:
    async with contextlib.aclosing(converse(tcp, conversation)) as events:
        async for event in events:
            if isinstance(event, Listed):
                return event.rooms
            _raise_for(event, server)
    raise Unreachable(f"{server} ended the exchange without an answer")


async def _open_sockets(
    server: Endpoint, want: Want, dialect: Dialect, tls: ssl.SSLContext | None
) -> tuple[DatagramSocket, Conversation | None, Stream | None]:
    """A UDP socket and, if the dialect has TCP, a conversation and its connection.

    They go to the first address of the host that accepts a connection, and both to the same one, because the server
    binds the token to the address that TCP comes from.
    """
    if dialect.can.tcp and server.tcp is None:
        raise LocalProtocolError(
            f"dialect {dialect.name} needs a TCP port, and {server} has none", clause="TCRP-1.1", field="TCP port"
        )
    if server.udp is None:
        raise LocalProtocolError(f"chat needs a UDP port, and {server} has none", clause="TCRP-1.1", field="UDP port")
    failures = []
    hosts = await resolve(server.host)
    if dialect.can.one_port:  # a port that is free for UDP may be in use for TCP, so several are tried
        hosts = [host for host in hosts for _ in range(PORT_ATTEMPTS)]
    for host in hosts:
        with contextlib.ExitStack() as on_failure:
            where = f"udp {format_address(host, server.udp)}"
            try:
                datagrams = DatagramSocket(host, server.udp)
                on_failure.callback(datagrams.close)
                conversation = tcp = None
                if dialect.can.tcp and server.tcp is not None:
                    where = f"tcp {format_address(host, server.tcp)}"
                    # raises for what the dialect cannot express, before there is a connection
                    conversation = dialect.client(want, datagrams.local, asyncio.get_running_loop().time())
                    local = datagrams.local if dialect.can.one_port else None
                    tcp = await open_tcp(host, server.tcp, local, tls, server.host)
            except OSError as error:
                failures.append(f"{where}: {error_text(error)}")
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
