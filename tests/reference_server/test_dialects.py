"""What the policies of other dialects ask of the server, each in the dialect of lines."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

import pytest

from reference_server import Server
from reference_server.server import _loopback_addresses, _mint_token
from tcrp.dialects import Ports
from tcrp.policy import Bind, Idle, MemberKey, Policy, Register, RoomKey, TokenAlphabet, TokenForm
from tests.reference_server.lines import LinesClient, LinesDialect
from tests.reference_server.server_process import PATIENCE


class RecordingPasswords:
    """A dialect's own way to store passwords, which records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | bytes, ...]] = []

    def hash(self, password: str) -> bytes:
        self.asked.append(("hash", password))
        if password == "break":
            raise ValueError("no such luck")
        return b"<" + password.encode() + b">"

    def verify(self, password: str, stored: bytes) -> bool:
        self.asked.append(("verify", password, stored))
        if password == "break":
            raise ValueError("no such luck")
        return stored == b"<" + password.encode() + b">"


def udp() -> socket.socket:
    """A bound UDP socket."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE)
    sock.bind(("127.0.0.1", 0))
    return sock


async def heard(sock: socket.socket) -> bytes:
    """The next datagram."""
    return await asyncio.to_thread(sock.recv, 5000)


def run(dialect: LinesDialect, scenario: Callable[[Server], Awaitable[None]], **options: Any) -> None:
    """Run the scenario against a server in this dialect, with these options."""

    async def inside() -> None:
        async with Server(dialect, **options) as server, asyncio.timeout(PATIENCE):
            await scenario(server)

    asyncio.run(inside())


def chat_port(server: Server) -> int:
    assert server.udp_address
    return server.udp_address[1]


def test_several_requests_on_one_connection_are_answered_one_by_one_and_in_order() -> None:
    async def scenario(server: Server) -> None:
        client = await LinesClient.connect(server)
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

    run(LinesDialect(Policy(room_key=RoomKey.NAME)), scenario)


def test_a_dialects_own_passwords_are_used() -> None:
    passwords = RecordingPasswords()

    async def scenario(server: Server) -> None:
        client = await LinesClient.connect(server)
        await client.enter("create r a one\n")
        await client.enter("join r b one\n")
        assert await client.ask("join r b two\n") == ["ack 3"]
        assert await client.ask("join r b break\n") == ["ack 5"]
        await client.close()
        breaking = await LinesClient.connect(server)
        lines = await breaking.ask("create s a break\n", 1)
        assert lines == ["ack 0"]
        assert await breaking.rest() == b""  # it has its OK already, so it is closed without a COMPLETE
        await breaking.close()
        client = await LinesClient.connect(server)
        assert await client.ask("list\n") == ["rooms r"]  # TCRP-6.2a
        await client.close()

    run(LinesDialect(Policy(), passwords=passwords), scenario)
    assert passwords.asked[:2] == [("hash", "one"), ("verify", "one", b"<one>")]


def test_a_member_whose_port_comes_on_tcp_is_one_from_then_on() -> None:
    async def scenario(server: Server) -> None:
        with udp() as hears_a, udp() as hears_b:
            a, b = await LinesClient.connect(server), await LinesClient.connect(server)
            await a.enter("create r a -\n")
            assert await b.ask("join r b -\n") == ["ack 2"]
            assert await a.ask(f"port {hears_a.getsockname()[1]}\nlist\n") == ["rooms r"]
            token, _ = await b.enter("join r b -\n")
            await b.ask(f"port {hears_b.getsockname()[1]}\nlist\n")
            hears_b.sendto(b"chat r %s - hello" % token.encode(), ("127.0.0.1", chat_port(server)))
            assert await heard(hears_a) == b"b hello"
            await a.close()
            await b.close()

    run(LinesDialect(Policy(register=Register.HANDSHAKE, bind=Bind.ADDRESS)), scenario)


def test_who_ends_before_the_port_came_leaves_no_room() -> None:
    async def scenario(server: Server) -> None:
        gone = await LinesClient.connect(server)
        await gone.enter("create r a -\n")
        gone.writer.write_eof()
        assert await gone.reader.read() == b""
        await gone.close()
        client = await LinesClient.connect(server)
        await client.enter("create r b -\n")
        await client.close()

    run(LinesDialect(Policy(register=Register.HANDSHAKE)), scenario)


def test_addresses_are_given_out_in_the_answer() -> None:
    async def scenario(server: Server) -> None:
        client = await LinesClient.connect(server)
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
    run(LinesDialect(policy), scenario)


def test_two_servers_do_not_give_out_the_same_addresses() -> None:
    first, second = (list(islice(_loopback_addresses(8080), 1000)) for _ in range(2))
    assert len(set(first)) == 1000
    assert {address[1] for address in first} == {8080}
    assert first != second


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        (TokenForm(), rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        (TokenForm(TokenAlphabet.HEX, 64), rb"[0-9a-f]{64}"),
        (TokenForm(TokenAlphabet.BASE64URL_PADDED, 172), rb"[A-Za-z0-9_-]{171}="),
    ],
)
def test_tokens_look_as_the_dialect_says_and_differ(form: TokenForm, pattern: bytes) -> None:
    """TCRP-3.8a"""
    tokens = {_mint_token(form) for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(pattern, token) for token in tokens)


def test_a_silent_connection_has_the_time_that_a_person_needs_to_type() -> None:
    async def scenario(server: Server) -> None:
        typing = await LinesClient.connect(server)
        host = await LinesClient.connect(server)
        await host.enter("create r a -\n")
        while await host.ask("list\n") != ["rooms"]:
            pass  # until the host is idle; `typing` connected before it
        assert await typing.ask("list\n") == ["rooms"]
        await typing.close()
        await host.close()

    run(LinesDialect(Policy(typing=60.0)), scenario, idle_seconds=0.2)


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_declared_address_is_sent_to_from_either_kind_of_socket(host: str, request: pytest.FixtureRequest) -> None:
    if host == "::":
        request.getfixturevalue("ipv6")

    async def scenario(server: Server) -> None:
        with udp() as hears_a, udp() as hears_b:
            client = await LinesClient.connect(server)
            token, _ = await client.enter(f"create r {hears_a.getsockname()[1]} -\n")
            await client.enter(f"join r {hears_b.getsockname()[1]} -\n")
            hears_a.sendto(b"chat r %s - hello" % token.encode(), ("127.0.0.1", chat_port(server)))
            assert await heard(hears_b) == b"%d hello" % hears_a.getsockname()[1]
            await client.close()

    run(LinesDialect(Policy(register=Register.REQUEST, bind=Bind.NONE)), scenario, host=host)


def test_without_tcp_there_is_one_room_for_whoever_sends() -> None:
    """TCRP-7.1"""

    async def scenario(server: Server) -> None:
        assert server.tcp_address is None
        with udp() as a, udp() as b:
            a.sendto(b"chat - - a first", ("127.0.0.1", chat_port(server)))
            assert await heard(a) == b"a first"
            b.sendto(b"chat - - b second", ("127.0.0.1", chat_port(server)))
            assert await heard(a) == await heard(b) == b"b second"

    policy = Policy(room_key=RoomKey.ONE, member_key=MemberKey.ADDRESS, bind=Bind.ADDRESS, echo=True)
    run(LinesDialect(policy, ports=Ports(None, 0)), scenario, tcp_port=5)


def test_where_nobody_idles_a_silent_connection_waits() -> None:
    async def scenario(server: Server) -> None:
        client = await LinesClient.connect(server)
        await client.enter("create r a -\n")
        assert await client.ask("list\n") == ["rooms r"]
        await client.close()

    run(LinesDialect(Policy(idle=Idle(None))), scenario)
