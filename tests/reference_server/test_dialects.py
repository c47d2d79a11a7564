"""What other dialects ask of the server, each asked by a dialect of lines: it must hold before there are such dialects.

TCP up: `create|join room user password`, `list`, `port N`. TCP down: `ack N`, `token T A`, `rooms A B`.
UDP up: `kind room token user body`. UDP down: `user body`. A `-` is absent.
"""

import asyncio
import re
import socket
from dataclasses import dataclass, field
from itertools import islice

import pytest

from reference_server import Server
from reference_server.server import _loopback_addresses, _mint
from tcrp.constants import Status
from tcrp.dialects import Can, Ports
from tcrp.errors import RemoteProtocolError
from tcrp.events import Bound, Ended, Malformed, Requested, TimedOut
from tcrp.messages import Ack, Complete, Create, DownKind, Join, List, Rooms, Up, UpKind
from tcrp.policy import Bind, Idle, MemberKey, Policy, Register, RoomKey, TokenForm


class LinesConversation:
    """Requests in lines, any number on a connection, until the client closes."""

    def __init__(self, peer, limits, now, register):
        self.closing, self._in, self._out = False, b"", b""
        self._peer, self._register, self._deadline, self._limits = peer, register, now + limits.silence, limits

    def receive_data(self, data, now):
        *lines, self._in = (self._in + data).split(b"\n")
        return [self._event(line.decode().split()) for line in lines]

    def _event(self, words):
        words = [None if word == "-" else word for word in words]
        match words:
            case ["create", room, user, password]:
                return Requested(Create(room, user, password), self._declared(user))
            case ["join", room, user, password]:
                return Requested(Join(room, user, password, room.encode()), self._declared(user))
            case ["list"]:
                return Requested(List())
            case ["port", number]:
                return Bound((self._peer[0], int(number)))
            case _:
                self.closing = True
                return Malformed(RemoteProtocolError("what?", clause="TCRP-3.7a", field="line"))

    def _declared(self, user):
        return ("127.0.0.1", int(user)) if self._register is Register.REQUEST else None

    def receive_eof(self, now):
        self.closing = True
        return [Ended(bool(self._in))]

    def timer(self):
        return self._deadline

    def handle_timer(self, now):
        self.closing = True
        return [TimedOut(self._limits.silence)]

    def send(self, reply):
        match reply:
            case Ack(status):
                self._out += b"ack %d\n" % status
            case Complete(token, address):
                self._out += b"token %s %s\n" % (token, (address[0] if address else "-").encode())
            case Rooms(names):
                self._out += f"rooms {' '.join(names)}\n".encode()

    def data_to_send(self):
        data, self._out = self._out, b""
        return data


@dataclass(frozen=True)
class Lines:
    policy: Policy
    ports: Ports = field(default_factory=lambda: Ports(0, 0))
    name: str = "lines"
    can: Can = field(default_factory=Can)
    passwords: object = None

    def server(self, peer, limits, now):
        return LinesConversation(peer, limits, now, self.policy.register)

    def read_up(self, data, source):
        kind, room, token, user, body = data.split(b" ", 4)
        return Up(
            UpKind(kind.decode()),
            None if room == b"-" else room.decode(),
            None if token == b"-" else token,
            None if user == b"-" else user.decode(),
            body,
        )

    def write_down(self, down):
        return f"{down.user} ".encode() + down.body if down.kind is DownKind.CHAT else None


class Marked:
    """Passwords kept as the dialect says, which here shows that it was asked."""

    def __init__(self):
        self.asked = []

    def hash(self, password):
        self.asked.append(("hash", password))
        if password == "break":
            raise ValueError("no such luck")
        return b"<" + password.encode() + b">"

    def verify(self, password, stored):
        self.asked.append(("verify", password, stored))
        if password == "break":
            raise ValueError("no such luck")
        return stored == b"<" + password.encode() + b">"


class Client:
    """Lines out and lines in, on one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, server, host="127.0.0.1"):
        return cls(*await asyncio.open_connection(host, server.tcp_address[1]))

    async def ask(self, text, count=1):
        self.writer.write(text.encode())
        return [(await asyncio.wait_for(self.reader.readline(), 10)).decode().strip() for _ in range(count)]

    async def enter(self, text):
        ack, complete = await self.ask(text, 2)
        assert ack == f"ack {Status.OK}"
        word, token, address = complete.split()
        assert word == "token"
        return token, address

    async def rest(self):
        """What comes until the server closes, with a FIN or a RST (TCRP-3.6a)."""
        try:
            return await asyncio.wait_for(self.reader.read(), 10)
        except ConnectionResetError:
            return b""

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


def udp(ip="127.0.0.1", port=0):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.bind((ip, port))
    return sock


async def heard(sock):
    return await asyncio.to_thread(sock.recv, 5000)


def run(dialect, scenario, **options):
    async def inside():
        async with Server(dialect, **options) as server:
            await asyncio.wait_for(scenario(server), 30)

    asyncio.run(inside())


def test_several_requests_on_one_connection_are_answered_one_by_one_and_in_order():
    async def scenario(server):
        client = await Client.connect(server)
        lines = await client.ask("create r a secret\ncreate r a -\njoin r b wrong\nlist\njoin r b secret\nlist\n", 8)
        assert [line.split()[0] for line in lines] == ["ack", "token", "ack", "ack", "rooms", "ack", "token", "rooms"]
        assert [lines[index] for index in (0, 2, 3, 4, 5, 7)] == [
            "ack 0",
            "ack 1",
            "ack 3",
            "rooms r",
            "ack 0",
            "rooms r",
        ]
        assert (await client.ask("what\n"))[0] == ""
        await client.close()

    run(Lines(Policy(room_key=RoomKey.NAME)), scenario)


def test_a_dialects_own_passwords_are_used():
    passwords = Marked()

    async def scenario(server):
        client = await Client.connect(server)
        await client.enter("create r a one\n")
        await client.enter("join r b one\n")
        assert await client.ask("join r b two\n") == ["ack 3"]
        assert await client.ask("join r b break\n") == ["ack 5"]
        await client.close()
        breaking = await Client.connect(server)
        lines = await breaking.ask("create s a break\n", 1)
        assert lines == ["ack 0"]
        assert await breaking.rest() == b""  # an OK was said already: no COMPLETE follows
        await breaking.close()
        client = await Client.connect(server)
        assert await client.ask("list\n") == ["rooms r"]  # TCRP-6.2a
        await client.close()

    run(Lines(Policy(), passwords=passwords), scenario)
    assert passwords.asked[:2] == [("hash", "one"), ("verify", "one", b"<one>")]


def test_a_member_whose_port_comes_on_tcp_is_one_from_then_on():
    async def scenario(server):
        with udp() as hears_a, udp() as hears_b:
            a, b = await Client.connect(server), await Client.connect(server)
            await a.enter("create r a -\n")
            assert await b.ask("join r b -\n") == ["ack 2"]
            assert await a.ask(f"port {hears_a.getsockname()[1]}\nlist\n") == ["rooms r"]
            token, _ = await b.enter("join r b -\n")
            await b.ask(f"port {hears_b.getsockname()[1]}\nlist\n")
            hears_b.sendto(b"chat r %s - hello" % token.encode(), server.udp_address)
            assert await heard(hears_a) == b"b hello"
            await a.close()
            await b.close()

    run(Lines(Policy(register=Register.HANDSHAKE, bind=Bind.ADDRESS)), scenario)


def test_who_ends_before_the_port_came_leaves_no_room():
    async def scenario(server):
        gone = await Client.connect(server)
        await gone.enter("create r a -\n")
        gone.writer.write_eof()
        assert await gone.reader.read() == b""
        await gone.close()
        client = await Client.connect(server)
        await client.enter("create r b -\n")
        await client.close()

    run(Lines(Policy(register=Register.HANDSHAKE)), scenario)


def test_addresses_are_given_out_in_the_answer():
    async def scenario(server):
        client = await Client.connect(server)
        token, first = await client.enter("create r a -\n")
        same, second = await client.enter(f"join {token} b -\n")
        assert same == token
        assert len({first, second}) == 2
        for address in (first, second):
            parts = address.split(".")
            assert (parts[0], len(parts)) == ("127", 4)
            assert all(1 <= int(part) <= 254 for part in parts[1:])
        assert len(token) == 36
        await client.close()

    policy = Policy(
        room_key=RoomKey.TOKEN, member_key=MemberKey.ADDRESS, bind=Bind.ADDRESS, register=Register.ASSIGNED, echo=True,
        client_port=8080,
    )  # fmt: skip
    run(Lines(policy), scenario)


def test_two_servers_do_not_give_out_the_same_addresses():
    first, second = (list(islice(_loopback_addresses(8080), 1000)) for _ in range(2))
    assert len(set(first)) == 1000
    assert {port for _, port in first} == {8080}
    assert first != second


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        (TokenForm.UUID, rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        (TokenForm.HEX, rb"[0-9a-f]{64}"),
        (TokenForm.BASE64, rb"[A-Za-z0-9_-]{171}="),
    ],
)
def test_tokens_look_as_the_dialect_says_and_differ(form, pattern):
    """TCRP-3.8a"""
    tokens = {_mint(form) for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(pattern, token) for token in tokens)


def test_a_silent_connection_has_the_time_that_a_person_needs_to_type():
    async def scenario(server):
        typing = await Client.connect(server)
        host = await Client.connect(server)
        await host.enter("create r a -\n")
        while await host.ask("list\n") != ["rooms"]:
            pass  # until the idle time is over, for whoever came earlier too
        assert await typing.ask("list\n") == ["rooms"]
        await typing.close()
        await host.close()

    run(Lines(Policy(typing=60.0)), scenario, idle_seconds=0.2)


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_declared_address_is_sent_to_from_either_kind_of_socket(host, request):
    if host == "::":
        request.getfixturevalue("ipv6")

    async def scenario(server):
        with udp() as hears_a, udp() as hears_b:
            client = await Client.connect(server)
            token, _ = await client.enter(f"create r {hears_a.getsockname()[1]} -\n")
            await client.enter(f"join r {hears_b.getsockname()[1]} -\n")
            hears_a.sendto(b"chat r %s - hello" % token.encode(), ("127.0.0.1", server.udp_address[1]))
            assert await heard(hears_b) == b"%d hello" % hears_a.getsockname()[1]
            await client.close()

    run(Lines(Policy(register=Register.REQUEST, bind=Bind.NONE)), scenario, host=host)


def test_without_tcp_there_is_one_room_for_whoever_sends():
    """TCRP-7.1"""

    async def scenario(server):
        assert server.tcp_address is None
        with udp() as a, udp() as b:
            a.sendto(b"chat - - a first", server.udp_address)
            assert await heard(a) == b"a first"
            b.sendto(b"chat - - b second", server.udp_address)
            assert await heard(a) == await heard(b) == b"b second"

    policy = Policy(room_key=RoomKey.ONE, member_key=MemberKey.ADDRESS, bind=Bind.ADDRESS, echo=True)
    run(Lines(policy, ports=Ports(None, 0)), scenario, tcp_port=5)


def test_where_nobody_idles_a_silent_connection_waits():
    async def scenario(server):
        client = await Client.connect(server)
        await client.enter("create r a -\n")
        assert await client.ask("list\n") == ["rooms r"]
        await client.close()

    run(Lines(Policy(idle=Idle(None))), scenario)
