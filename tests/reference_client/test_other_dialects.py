"""The client follows what a dialect can do. Each dialect here differs from the canonical one in one answer."""

import asyncio
import socket
from dataclasses import dataclass

import pytest

from reference_client import ChatClient, Unreachable, list_rooms
from tcrp import (
    Create,
    Down,
    DownKind,
    Join,
    Joined,
    Listed,
    LocalProtocolError,
    Membership,
    TimedOut,
    Up,
    UpKind,
    decode_frame,
)
from tcrp.conversation import BaseConversation, Conversation, Limits
from tcrp.dialects import Capabilities, Ports, get
from tcrp.dialects.base import Layouts, Passwords, RequestParts
from tcrp.dialects.tcrp import Tcrp, TcrpClient
from tcrp.events import Event
from tcrp.messages import Address, Reply, Want
from tcrp.policy import Policy
from tests.reference_client.odd_server import WELCOME, StartOdd, answering
from tests.reference_client.processes import PATIENCE, DialectServer

JOIN = Join("r", "alice")


class CanonicalDialect:
    """The canonical dialect with the signatures of `Dialect`, so that a subclass may return what it likes."""

    name: str = "tcrp"
    ports: Ports = Tcrp().ports
    policy: Policy = Tcrp().policy
    can: Capabilities = Tcrp().can
    layouts: Layouts = Tcrp().layouts
    passwords: Passwords | None = None

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        return Tcrp().client(want, udp, now, strict=strict)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        return Tcrp().request(want, udp)

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return Tcrp().server(peer, limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        return Tcrp().read_up(data, source)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        return Tcrp().write_up(member, kind, body)

    def read_down(self, data: bytes, member: Membership) -> Down:
        return Tcrp().read_down(data, member)

    def write_down(self, down: Down) -> bytes | None:
        return Tcrp().write_down(down)


class DeclaringUdp(CanonicalDialect):
    """The request declares the address for datagrams, here in the place of the user name."""

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        assert isinstance(want, Join)
        assert udp
        return super().client(want._replace(user=f"{udp[0]}:{udp[1]}"), udp, now, strict=strict)


def test_the_declared_address_is_bound_before_the_request(odd: StartOdd) -> None:
    requests: list[bytes] = []
    server = odd(answering(WELCOME, requests=requests))

    async def go() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, JOIN, dialect=DeclaringUdp()):
            pass

    asyncio.run(go())
    _, (host, port) = server.packet()
    assert f'"{host}:{port}"'.encode() in decode_frame(requests[0]).payload


class AssigningConversation(TcrpClient):
    """As if the answer held this address."""

    def __init__(self, want: Create | Join, assigned: Address) -> None:
        super().__init__(want, True)
        self._assigned = assigned

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        events = super().receive_data(data, now)
        return [event._replace(udp=self._assigned) if isinstance(event, Joined) else event for event in events]


@dataclass
class AssigningAddresses(CanonicalDialect):
    """The server assigns the address to receive on."""

    assigned: Address

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        assert isinstance(want, Join)
        return AssigningConversation(want, self.assigned)


def test_the_given_address_is_used(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        assigned = free.getsockname()

    async def go() -> None:
        dialect = AssigningAddresses(assigned=assigned)
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, JOIN, dialect=dialect) as chat:
            _, source = await asyncio.to_thread(server.packet)
            assert source == assigned
            server.udp.sendto(b"bob: hello", assigned)
            assert (await anext(chat)).body == b"hello"

    asyncio.run(go())


def test_a_given_address_that_this_machine_does_not_have(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))
    dialect = AssigningAddresses(assigned=("192.0.2.1", 8080))
    with pytest.raises(Unreachable, match=r"receive on 192\.0\.2\.1:8080"):
        asyncio.run(ChatClient.connect(server.endpoint, JOIN, dialect=dialect))


class UdpOnly(CanonicalDialect):
    """No TCP, no registration, no keep-alive, no leaving: a datagram is a user name and a message."""

    name = "udp-only"
    can = Capabilities(tcp=False, rooms=False, passwords=False, keepalive=False, notices=False)

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        raise AssertionError("there is no TCP to speak on")

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        if len(member.user) > 255:
            raise LocalProtocolError("the user name is too long", clause="TCRP-7.1", field="user name", limit=255)
        return bytes([len(member.user)]) + member.user.encode() + body if kind is UpKind.CHAT else None

    def read_down(self, data: bytes, member: Membership) -> Down:
        size = data[0]
        return Down(DownKind.CHAT, data[1 : size + 1].decode(), data[size + 1 :])


def test_without_tcp_nothing_is_sent_but_chat(odd: StartOdd) -> None:
    server = odd(lambda connection: None)
    endpoint = server.endpoint._replace(tcp=None)

    async def go() -> None:
        async with asyncio.timeout(PATIENCE):
            chat = await ChatClient.connect(endpoint, JOIN, dialect=UdpOnly(), keepalive=0.001)
            await chat.send("hello")
            data, source = await asyncio.to_thread(server.udp.recvfrom, 4096)
            assert data == b"\x05alicehello"
            server.udp.sendto(data, source)
            assert await anext(chat) == Down(DownKind.CHAT, "alice", b"hello")
            await chat.leave()
            with pytest.raises(LocalProtocolError):
                await ChatClient.connect(endpoint, JOIN._replace(user="x" * 256), dialect=UdpOnly())

    asyncio.run(go())
    server.udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.udp.recv(4096)


class NoKeepalive(CanonicalDialect):
    can = Capabilities(keepalive=False)


def test_no_keepalive_where_the_dialect_has_none(odd: StartOdd) -> None:
    """Another client's keep-alives show that there was time for one."""
    silent, lively = odd(answering(WELCOME)), odd(answering(WELCOME))

    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(silent.endpoint, JOIN, dialect=NoKeepalive(), keepalive=0.01) as chat,
            await ChatClient.connect(lively.endpoint, JOIN, keepalive=0.01),
        ):
            for _ in range(5):
                await asyncio.to_thread(lively.packet)
            await chat.send("now")
            assert [(await asyncio.to_thread(silent.packet))[0].message for _ in range(2)] == [b"", b"now"]

    asyncio.run(go())


class Inviting(CanonicalDialect):
    can = Capabilities(invites=True)


def test_only_a_host_has_an_invitation(server: DialectServer) -> None:
    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("r", "host"), dialect=Inviting()) as host,
            await ChatClient.connect(server.endpoint, JOIN, dialect=Inviting()) as guest,
        ):
            assert host.invite
            assert guest.invite is None

    asyncio.run(go())


class ListConversation(BaseConversation):
    """Sends LIST. The answer is names with spaces between them, and a line feed ends it."""

    def __init__(self, now: float) -> None:
        super().__init__(now + 0.3)
        self._out += b"LIST"
        self._names = b""
        self.closing = False

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        self._names += data
        if not self._names.endswith(b"\n"):
            return []
        self.closing = True
        return [Listed(tuple(self._names.decode().split()))]

    def receive_eof(self, now: float) -> list[Event]:
        return []

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self.closing = True
        return [TimedOut(0.3)]

    def send(self, reply: Reply) -> None:
        raise AssertionError("a client sends no replies")


class ListingRooms(CanonicalDialect):
    can = Capabilities(listing=True)

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        return ListConversation(now)


def test_lists_rooms(odd: StartOdd) -> None:
    requests: list[bytes] = []
    server = odd(answering(b"r1 r2\n", requests=requests))
    assert asyncio.run(list_rooms(server.endpoint, dialect=ListingRooms())) == ("r1", "r2")
    assert requests == [b"LIST"]


def test_a_list_that_ends_early_or_never(odd: StartOdd) -> None:
    with pytest.raises(Unreachable, match="without an answer"):
        asyncio.run(list_rooms(odd(answering(b"r1")).endpoint, dialect=ListingRooms()))
    silent = odd(lambda connection: connection.recv(4) and connection.recv(4))
    with pytest.raises(Unreachable, match=r"does not answer within 0\.3 s"):  # the conversation's own timer
        asyncio.run(list_rooms(silent.endpoint, dialect=ListingRooms()))


def test_a_dialect_that_cannot_list(odd: StartOdd) -> None:
    server = odd(lambda connection: None)
    with pytest.raises(LocalProtocolError):
        asyncio.run(list_rooms(server.endpoint, dialect=get()))
    with pytest.raises(LocalProtocolError):
        asyncio.run(list_rooms(server.endpoint._replace(tcp=None), dialect=UdpOnly()))
