"""The fast path sends what the portable path sends, and frees a room's headers as soon as the room changes."""

import asyncio
import gc
import logging
import socket
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.chat import ChatSocket
from reference_server.fanout import Fanout, Sendmmsg, _PreparedHeaders, find_sendmmsg, socket_address
from reference_server.limits import FANOUT_MIN_MEMBERS
from reference_server.sockets import dropped_datagrams, open_sockets
from relay import Hearers, Relay, Relayed
from tcrp import dialects
from tcrp.messages import Address

linux_only = pytest.mark.skipif(find_sendmmsg() is None, reason="only Linux has sendmmsg")

HEARERS = FANOUT_MIN_MEMBERS + 3

rooms = st.lists(st.integers(0, HEARERS - 1), min_size=1, max_size=HEARERS, unique=True)
payloads = st.one_of(st.binary(max_size=20), st.sampled_from([b"x" * 4094, b"x" * 65_507, b"x" * 65_508, b"\0"]))
messages = st.lists(st.tuples(rooms, st.integers(-1, HEARERS), payloads), max_size=6)


class BothPaths:
    """Two chat sockets, one of them portable, and the members' sockets that hear both."""

    def __init__(self, stack: ExitStack, ip: str, family: socket.AddressFamily) -> None:
        self.sockets = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(HEARERS)]
        for sock in self.sockets:
            sock.bind((ip, 0))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.setblocking(False)
        self.addresses = [sock.getsockname() for sock in self.sockets]
        self.chats: list[tuple[Address, ChatSocket]] = []
        for portable in (False, True):
            udp = open_sockets(ip, None, 0)[1]
            chat = ChatSocket(udp, Relay(dialects.get(), mint=lambda: b"t"), portable=portable)
            stack.callback(chat.close)
            self.chats.append((udp.getsockname(), chat))

    def close(self, index: int) -> None:
        self.sockets[index].close()

    def heard(self, source: Address) -> list[list[bytes]]:
        """The datagrams of each socket, in their order. Loopback delivers a datagram before its send returns."""
        everything: list[list[bytes]] = []
        for sock in self.sockets:
            everything.append([])
            while sock.fileno() >= 0:
                try:
                    data, where = sock.recvfrom(65_535)
                except BlockingIOError:
                    break
                assert where[:2] == source[:2]
                everything[-1].append(data)
        return everything


@linux_only
@pytest.mark.parametrize(("ip", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
@pytest.mark.parametrize("gone", [(), (1,), (0, 3, 4)])
def test_both_ways_send_the_same(
    ip: str, family: socket.AddressFamily, gone: tuple[int, ...], request: pytest.FixtureRequest
) -> None:
    if family == socket.AF_INET6:
        request.getfixturevalue("ipv6")

    async def compare() -> None:
        with ExitStack() as stack:
            both = BothPaths(stack, ip, family)
            for index in gone:
                both.close(index)

            @settings(deadline=None, max_examples=100)
            @given(messages)
            def equal(said: list[tuple[list[int], int, bytes]]) -> None:
                heard = []
                for source, chat in both.chats:
                    before = chat.unsent
                    for members, skip, payload in said:
                        hearers = Hearers(both.addresses[index] for index in members)
                        chat.perform([Relayed(payload, hearers, skip if 0 <= skip < len(members) else None)])
                    heard.append((both.heard(source), chat.unsent - before))
                assert heard[0] == heard[1]

            equal()

    asyncio.run(compare())


@linux_only
def test_a_room_of_both_families_is_sent_to_from_a_socket_of_both(ipv6: str) -> None:
    async def speak() -> None:
        with ExitStack() as stack:
            hearers = [
                stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(FANOUT_MIN_MEMBERS)
            ]
            hearers.append(stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
            for sock in hearers:
                sock.bind((ipv6 if sock.family == socket.AF_INET6 else "127.0.0.1", 0))
                sock.settimeout(10)
            chat = ChatSocket(open_sockets("::", None, 0)[1], Relay(dialects.get(), mint=lambda: b"t"))
            stack.callback(chat.close)
            chat.perform([Relayed(b"hello", Hearers(sock.getsockname() for sock in hearers), None)])
            assert [sock.recv(100) for sock in hearers] == [b"hello"] * len(hearers)
            assert chat.unsent == 0

    asyncio.run(speak())


@pytest.fixture
def sendmmsg() -> Sendmmsg:
    found = find_sendmmsg()
    if found is None:
        pytest.skip("only Linux has sendmmsg")
    return found


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize("skip", [None, *range(FANOUT_MIN_MEMBERS)])
def test_it_needs_no_help_where_everybody_can_be_reached(
    udp: socket.socket, sendmmsg: Sendmmsg, skip: int | None
) -> None:
    helped = []
    fanout = Fanout(udp, sendmmsg, lambda *what: helped.append(what))
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(FANOUT_MIN_MEMBERS)
        ]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(10)
        hearers = Hearers(sock.getsockname() for sock in sockets)
        for _ in range(2):  # the second time the headers exist already
            assert fanout.send(b"hello", hearers, skip)
            for index, sock in enumerate(sockets):
                assert index == skip or sock.recv(100) == b"hello"
        if skip is not None:
            sockets[skip].setblocking(False)
            with pytest.raises(BlockingIOError):
                sockets[skip].recv(100)
    assert helped == []


def test_who_cannot_be_sent_to_is_handed_back_and_the_others_hear_it(udp: socket.socket, sendmmsg: Sendmmsg) -> None:
    unsent = []
    fanout = Fanout(udp, sendmmsg, lambda *what: unsent.append(what))
    own, nowhere = udp.getsockname(), ("255.255.255.255", 9)  # no broadcast is allowed from this socket
    assert fanout.send(b"hello", Hearers([nowhere, own, nowhere, nowhere, own, own]), 4)
    assert [udp.recv(100), udp.recv(100)] == [b"hello", b"hello"]
    assert unsent == [(b"hello", nowhere)] * 3


def test_an_address_that_cannot_be_written_leaves_the_room_to_the_portable_way(
    udp: socket.socket, sendmmsg: Sendmmsg
) -> None:
    fanout = Fanout(udp, sendmmsg, lambda *what: None)
    hearers = Hearers([udp.getsockname(), ("fe80::1%lo", 9)])
    assert not fanout.send(b"hello", hearers, None)
    assert not fanout.send(b"hello", hearers, None)


def test_an_address_is_written_as_the_system_reads_it() -> None:
    assert socket_address(socket.AF_INET, ("1.2.3.4", 258))[2:] == b"\1\2\1\2\3\4" + bytes(8)
    mapped = bytes(10) + b"\xff\xff\1\2\3\4"
    assert socket_address(socket.AF_INET6, ("1.2.3.4", 258))[2:] == b"\1\2" + bytes(4) + mapped + bytes(4)
    assert socket_address(socket.AF_INET6, ("::ffff:1.2.3.4", 258, 0, 0))[2:] == b"\1\2" + bytes(4) + mapped + bytes(4)


def test_what_was_prepared_for_a_room_goes_with_its_hearers(udp: socket.socket, sendmmsg: Sendmmsg) -> None:
    fanout = Fanout(udp, sendmmsg, lambda *what: None)
    hearers = Hearers([udp.getsockname()] * FANOUT_MIN_MEMBERS)
    fanout.send(b"hello", hearers, None)
    prepared = hearers.prepared
    assert isinstance(prepared, _PreparedHeaders)
    kept = [weakref.ref(block) for block in prepared.keep]
    assert all(block() for block in kept)
    del hearers, prepared
    gc.collect()
    assert not any(block() for block in kept)


@linux_only
def test_what_the_system_drops_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """The buffer holds a few datagrams, and a hundred arrive before it is read."""
    caplog.set_level(logging.DEBUG, "reference_server")

    async def overflow() -> int:
        udp = open_sockets("127.0.0.1", None, 0)[1]
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        chat = ChatSocket(udp, Relay(dialects.get(), mint=lambda: b"t"))
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as member:
            for _ in range(100):
                member.sendto(b"x" * 500, udp.getsockname())
        assert chat.lost == 0
        while not chat.lost:  # a timer looks for drops
            await asyncio.sleep(0.01)
        lost = dropped_datagrams(udp)
        chat.close()
        assert 0 < lost < 100
        assert chat.lost == lost
        return lost

    lost = asyncio.run(overflow())
    assert f"{lost} datagrams came faster than they were read and were lost" in caplog.text
    assert "net.core.rmem_max" in caplog.text
    assert f"{lost} datagrams were lost before they were read" in caplog.text
    assert "bytes of datagrams, 4194304 were asked for" in caplog.text
