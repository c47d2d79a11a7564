"""The client goes by what a dialect can do. Each dialect here answers one question otherwise than the canonical one."""

import asyncio
import socket
from dataclasses import dataclass, field

import pytest

from reference_client import ChatClient, Unreachable, list_rooms
from tcrp import Create, Down, DownKind, Join, Joined, Listed, LocalProtocolError, TimedOut, UpKind, decode_frame
from tcrp.dialects import Can, get
from tcrp.dialects.tcrp import Tcrp

PATIENCE = 30.0
JOIN = Join("r", "alice")


def saying(answer: bytes, requests: list[bytes] | None = None):
    def serve(connection: socket.socket) -> None:
        request = connection.recv(65536)
        if requests is not None:
            requests.append(request)
        connection.sendall(answer)
        connection.close()

    return serve


@dataclass(frozen=True, slots=True)
class DeclaringUdp(Tcrp):
    """The request says where datagrams go."""

    def client(self, want, udp, now, **options):
        return Tcrp().client(want._replace(user=f"{udp[0]}:{udp[1]}"), udp, now, **options)


def test_the_declared_address_is_bound_before_the_request(odd, welcome) -> None:
    requests: list[bytes] = []
    server = odd(saying(welcome, requests))

    async def go() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, JOIN, dialect=DeclaringUdp()):
            pass

    asyncio.run(go())
    _, (host, port) = server.packet()
    assert f'"{host}:{port}"'.encode() in decode_frame(requests[0]).payload


@dataclass(frozen=True, slots=True)
class GivingAddresses(Tcrp):
    """The server gives out the address to receive on."""

    assigned: tuple[str, int] = ("", 0)

    def client(self, want, udp, now, **options):
        conversation = Tcrp().client(want, udp, now, **options)
        receive, assigned = conversation.receive_data, self.assigned

        def receive_data(data, now):
            return [e._replace(udp=assigned) if isinstance(e, Joined) else e for e in receive(data, now)]

        conversation.receive_data = receive_data
        return conversation


def test_the_given_address_is_used(odd, welcome) -> None:
    server = odd(saying(welcome))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        assigned = free.getsockname()

    async def go() -> None:
        dialect = GivingAddresses(assigned=assigned)
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, JOIN, dialect=dialect) as chat:
            _, source = await asyncio.to_thread(server.packet)
            assert source == assigned
            server.udp.sendto(b"bob: hello", assigned)
            assert (await anext(chat)).body == b"hello"

    asyncio.run(go())


def test_a_given_address_that_this_machine_does_not_have(odd, welcome) -> None:
    server = odd(saying(welcome))
    dialect = GivingAddresses(assigned=("192.0.2.1", 8080))
    with pytest.raises(Unreachable, match=r"receive on 192\.0\.2\.1:8080"):
        asyncio.run(ChatClient.connect(server.endpoint, JOIN, dialect=dialect))


@dataclass(frozen=True, slots=True)
class UdpOnly(Tcrp):
    """No TCP, no registration, no keep-alive, no leaving: a user name and a message."""

    name: str = "udp-only"
    can: Can = field(default=Can(tcp=False, rooms=False, passwords=False, keepalive=False, notices=False))

    def client(self, want, udp, now, **options):
        raise AssertionError("there is no TCP to speak on")

    def write_up(self, member, kind, body=b""):
        if len(member.user) > 255:
            raise LocalProtocolError("the user name is too long", clause="TCRP-7.1", field="user name", limit=255)
        return bytes([len(member.user)]) + member.user.encode() + body if kind is UpKind.CHAT else None

    def read_down(self, data, member):
        size = data[0]
        return Down(DownKind.CHAT, data[1 : size + 1].decode(), data[size + 1 :])


def test_without_tcp_nothing_is_sent_but_chat(odd) -> None:
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


@dataclass(frozen=True, slots=True)
class NoKeepalive(Tcrp):
    can: Can = field(default=Can(keepalive=False))


def test_no_keepalive_where_the_dialect_has_none(odd, welcome) -> None:
    """Another client's keep-alives show that there was time for one."""
    silent, lively = odd(saying(welcome)), odd(saying(welcome))

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


@dataclass(frozen=True, slots=True)
class Inviting(Tcrp):
    can: Can = field(default=Can(invites=True))


def test_only_a_host_has_an_invitation(server) -> None:
    async def go() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(server.endpoint, Create("r", "host"), dialect=Inviting()) as host,
            await ChatClient.connect(server.endpoint, JOIN, dialect=Inviting()) as guest,
        ):
            assert host.invite
            assert guest.invite is None

    asyncio.run(go())


class _Listing:
    """Sends LIST; names separated by newlines come back, until the server closes or pauses."""

    def __init__(self, now: float) -> None:
        self._out = b"LIST"
        self._names = b""
        self._deadline: float | None = now + 0.3
        self.closing = False

    def data_to_send(self) -> bytes:
        data, self._out = self._out, b""
        return data

    def receive_data(self, data: bytes, now: float):
        self._names += data
        if not self._names.endswith(b"\n"):
            return []
        self.closing = True
        return [Listed(tuple(self._names.decode().split()))]

    def receive_eof(self, now: float):
        return []

    def timer(self) -> float | None:
        return self._deadline

    def handle_timer(self, now: float):
        if now < self._deadline:
            return []
        self.closing = True
        return [TimedOut(0.3)]


@dataclass(frozen=True, slots=True)
class ListingRooms(Tcrp):
    can: Can = field(default=Can(listing=True))

    def client(self, want, udp, now, **options):
        return _Listing(now)


def test_lists_rooms(odd) -> None:
    requests: list[bytes] = []
    server = odd(saying(b"r1 r2\n", requests))
    assert asyncio.run(list_rooms(server.endpoint, dialect=ListingRooms())) == ("r1", "r2")
    assert requests == [b"LIST"]


def test_a_list_that_ends_early_or_never(odd) -> None:
    with pytest.raises(Unreachable, match="without an answer"):
        asyncio.run(list_rooms(odd(saying(b"r1")).endpoint, dialect=ListingRooms()))
    silent = odd(lambda connection: connection.recv(4) and connection.recv(4))
    with pytest.raises(Unreachable, match=r"does not answer within 0\.3 s"):  # the conversation's own timer
        asyncio.run(list_rooms(silent.endpoint, dialect=ListingRooms()))


def test_a_dialect_that_cannot_list(odd) -> None:
    server = odd(lambda connection: None)
    with pytest.raises(LocalProtocolError):
        asyncio.run(list_rooms(server.endpoint, dialect=get()))
    with pytest.raises(LocalProtocolError):
        asyncio.run(list_rooms(server.endpoint._replace(tcp=None), dialect=UdpOnly()))
