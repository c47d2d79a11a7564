"""The plain server is right at the central points of chat, of leaving, and of staying up."""

import contextlib
import signal
import socket
import struct
import sys

import pytest

from tests.faults.client import Member, ask, connect, new_room, request, status
from tests.faults.processes import WAIT, Target, start

# chat -------------------------------------------------------------------------------------------


def test_chat_goes_to_the_others_once_and_unchanged(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    silent = Member(plain, 2, alice.room, b"carol", register=False)
    for message in (b"hello", b" a\n\0\xff", b"exit\n", b"EXIT", b"m" * (4096 - len(alice.datagram(b"")))):
        alice.say(message)
        assert bob.hear() == b"alice: " + message
        bob.say(message)
        assert alice.hear() == b"bob: " + message  # and nothing in between: no echo, no copy of its own
    with silent.socket:
        silent.say(b"")
        bob.say(b"now")
        assert silent.hear() == b"bob: now"  # and nothing of what came before it registered


def test_the_address_is_that_of_the_latest_datagram(members: tuple[Member, Member]) -> None:
    alice, bob = members
    with bob.new_socket() as moved:
        moved.sendto(bob.datagram(b""), bob.target.udp)
        alice.say(b"hello")
        assert moved.recv(65535) == b"alice: hello"


def test_what_is_not_valid_is_dropped_in_silence(members: tuple[Member, Member]) -> None:
    alice, bob = members
    sizes = bytes([len(bob.room), len(bob.token)])
    with bob.new_socket() as other:
        for data in (
            b"",
            b"\1",
            b"\xff\xff",
            sizes + bob.room + bob.token[:-1],
            bytes([len(bob.room), len(bob.token) + 1]) + bob.room + bob.token,
            sizes + bob.room + b"x" * len(bob.token) + b"forged",
            sizes + b"?" * len(bob.room) + bob.token + b"no such room",
            bob.datagram(b"").ljust(4097, b"m"),
        ):
            other.sendto(data, bob.target.udp)
        bob.say(b"fence")
        assert alice.hear() == b"bob: fence"
        alice.say(b"fence")
        assert bob.hear() == b"alice: fence"
        other.sendto(bob.datagram(b""), bob.target.udp)
        alice.say(b"moved")
        assert other.recv(65535) == b"alice: moved"  # and nothing before it


def test_a_token_is_good_from_its_ip_address_only(members: tuple[Member, Member]) -> None:
    alice, bob = members
    try:
        thief = bob.new_socket("127.0.0.2")
    except OSError:
        pytest.skip("this machine has no 127.0.0.2")
    with thief:
        thief.sendto(bob.datagram(b"stolen"), bob.target.udp)
        bob.say(b"mine")
        assert alice.hear() == b"bob: mine"
        alice.say(b"hello")
        assert bob.hear() == b"alice: hello"


def test_a_message_that_does_not_fit_is_told_to_its_sender(plain: Target) -> None:
    room = new_room()
    host = Member(plain, 1, room, b"u" * 255)
    guest = Member(plain, 2, room, b"bob")
    with host.socket, guest.socket:
        host.say(b"m" * (4094 - 257))
        assert len(guest.hear()) == 4094
        host.say(b"m" * (4094 - 256))
        assert host.hear()[:1] == b"\5"
        host.say(b"short")
        assert guest.hear() == b"u" * 255 + b": short"


# leaving ----------------------------------------------------------------------------------------


def test_who_leaves_is_gone(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    carol = Member(plain, 2, alice.room, b"carol")
    with carol.socket:
        bob.say(b"exit")
        bob.say(b"still here?")
        carol.say(b"hello")
        assert alice.hear() == b"carol: hello"


def test_a_room_closes_with_its_host(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    alice.say(b"exit")
    assert bob.hear()[:1] == b"\4"
    host = Member(plain, 1, alice.room, b"dave")
    guest = Member(plain, 2, alice.room, b"erin")
    with host.socket, guest.socket:
        bob.say(b"still here?")
        guest.say(b"hello")
        assert host.hear() == b"erin: hello"


def test_who_is_idle_is_told_and_an_idle_host_closes_the_room() -> None:
    with start("fault", "none", "--idle-timeout", "0.5") as target:
        alice = Member(target, 1, b"r", b"alice")
        bob = Member(target, 2, b"r", b"bob")
        with alice.socket, bob.socket:
            bob.socket.settimeout(0.1)
            notice = b""
            while not notice:  # bob never falls silent, so what ends him is the host's idling
                with contextlib.suppress(TimeoutError):
                    bob.say(b"")
                    notice = bob.hear()
            assert notice[:1] == b"\4"
            assert alice.hear()[:1] == b"\4"
        assert status(target, request(2, b"r", b"carol")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="IP_RECVERR is Linux's")
def test_who_cannot_be_delivered_to_is_removed(plain: Target, members: tuple[Member, Member]) -> None:
    alice, bob = members
    carol = Member(plain, 2, alice.room, b"carol")
    bob.socket.close()
    for count in range(6):
        alice.say(b"%d" % count)
    bob.socket = bob.new_socket()
    with bob.socket, carol.socket:
        bob.say(b"still here?")
        carol.say(b"hello")
        assert alice.hear() == b"carol: hello"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_tells_everybody(number: int) -> None:
    with start("fault", "none") as target:
        alice = Member(target, 1, b"r", b"alice")
        bob = Member(target, 2, b"r", b"bob")
        with alice.socket, bob.socket:
            bob.say(b"ready")
            assert alice.hear() == b"bob: ready"
            target.process.send_signal(number)
            assert alice.hear()[:1] == b"\4"
            assert bob.hear()[:1] == b"\4"
        assert target.process.wait(WAIT) == 0


# staying up -------------------------------------------------------------------------------------


def test_nothing_ends_or_blocks_it() -> None:
    whole = request(1, b"half", b"alice")
    with start("fault", "none") as target, contextlib.ExitStack() as stalled:
        for data in (b"", whole[:1], whole[:31], whole[:34], whole[:-1]) * 5:
            stalled.enter_context(connect(target)).sendall(data)
            connect(target).close()
            with connect(target) as reset:
                reset.sendall(data)
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        rubbish = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with rubbish:
            for data in (b"", b"\0", b"\xff" * 60000, b"\1\1\xff\xff\xff"):
                rubbish.sendto(data, target.udp)
        ask(target, b"\xff" * 300)
        host, guest = Member(target, 1, b"r", b"alice"), Member(target, 2, b"r", b"bob")
        with host.socket, guest.socket:
            guest.say(b"hello")
            assert host.hear() == b"bob: hello"
        assert status(target, request(2, b"half", b"a")) == 2
        target.process.terminate()
        assert target.process.wait(WAIT) == 0
        assert target.errors() == ""
