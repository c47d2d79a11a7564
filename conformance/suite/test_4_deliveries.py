"""Sections 4.6 and 4.7: what a member receives: its layout, its bytes, where it comes from, how long it may be."""

import itertools
import time

from hypothesis import strategies as st

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite import strategies
from conformance.suite.marks import clause, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import arrive
from conformance.trace.names import nonce
from conformance.trace.text import shown
from tcrp import DownKind

pytestmark = needs_chat


@clause("TCRP-4.6a")
@for_all(
    cases=[{"user": "0"}, {"user": " 太郎: e\u0301\u0085 "}],
    user=strategies.users(),
    scale=0.5,
)
def test_a_relayed_message_is_user_name_colon_space_message(bench: Bench, user: str) -> None:
    alice, bob = bench.shared.settled()[0][0], bench.shared.guest(user)
    bench.fences.settle(alice, bob)
    mark = nonce()
    bench.udp.say(bob, mark)
    heard = bench.hearing.must_hear(alice, mark, f"a message of {user!r}")
    right = bench.traits.datagrams.delivery(bob.member, mark)
    if heard.data != right:
        raise Mismatch(f"the datagram {right!r}", repr(heard.data), data=heard.data, certain=True)


_TELLING = [
    b"\n", b" ", b"\0", b"\x04", b"\x05", b"\r\n", b": ", b"exit", b'{"a":1}',
    "\ufeff部屋e\u0301\u212b\U0001f600".encode(), "\t\b\x0b\x1b[1m\x7f  \x85\xa0\u2028\ue000\uffff".encode(),
    b"\xff\xfe", b"\xc3", b"<b>&amp;%s%%\\n", b"x" * 1500, b"x" * 3500, "部".encode() * 1100,
]  # fmt: skip


@clause("TCRP-4.6b")
@for_all(
    cases=[{"rest": rest, "first": first} for rest in _TELLING for first in (True, False)],
    rest=strategies.messages(),
    first=st.booleans(),
    scale=8.0,
)
def test_the_bytes_of_a_message_are_relayed_unchanged(bench: Bench, rest: bytes, first: bool) -> None:
    here, _ = bench.shared.settled()
    alice, bob, _ = here
    mark = nonce()
    message = rest + mark if first else mark + rest
    sizes = bench.traits.datagrams
    if len(message) > min(sizes.sendable(alice.member), sizes.deliverable(alice.member)):
        bench.record.waive("in this dialect no message is so long")
        return
    bench.udp.say(alice, message)
    try:
        message.decode()
    except UnicodeDecodeError:
        bench.fences.fence(*here, after="a message that is not UTF-8")  # it may be dropped, but not changed
        heard = bench.hearing.heard(bob, mark)
    else:
        heard = bench.hearing.must_hear(bob, mark, f"the message {shown(message)}", data=message)
    if heard is not None and not bench.datagrams.ends_with(heard, message):
        raise Mismatch(f"the message {shown(message)} unchanged", shown(heard.data, 96), data=message, certain=True)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _only_expected(bench: Bench, peer: Peer, since: int) -> None:
    for datagram in bench.hearing.strays(peer, since):
        if not bench.datagrams.is_notice(datagram):  # whom one goes to is for TCRP-5.4b
            raise Mismatch(
                "no datagram but messages, notices and information",
                shown(datagram.data),
                data=datagram.data,
                certain=True,
            )
    for datagram in peer.inbox[since:]:
        if (
            bench.traits.datagrams.info_mark
            and bench.datagrams.is_information(datagram)
            and not _is_utf8(datagram.data)
        ):
            raise Mismatch("information to be UTF-8", shown(datagram.data), data=datagram.data, certain=True)
        marked = bench.datagrams.is_notice(datagram) or bench.datagrams.is_information(
            datagram
        )  # their text is for other clauses
        if not marked and datagram.down is not None and datagram.down.kind is DownKind.UNKNOWN:
            raise Mismatch(
                "no datagram but messages, notices and information",
                shown(datagram.data),
                data=datagram.data,
                certain=True,
            )


@clause("TCRP-4.6c")
def test_a_member_is_sent_nothing_but_chat_notices_and_information(bench: Bench) -> None:
    here, _ = bench.shared.settled()
    since = [len(peer.inbox) for peer in here]
    for peer in here:
        bench.udp.register(peer)
        bench.udp.say(peer, nonce())
    bench.fences.fence(*here, after="ordinary talk")
    dora = bench.shared.guest()
    bench.fences.settle(here[0], dora)
    bench.fences.fence(*here, dora, after="somebody joined")
    _only_expected(bench, dora, 0)
    bench.udp.leave(dora)
    bench.fences.fence(*here, after="somebody left")
    for peer, seen in zip(here, since, strict=True):
        _only_expected(bench, peer, seen)
    alice, bob = bench.rooms.settled("alicia", "bob")
    carol = bench.rooms.join(alice.member.room, "charles")
    bench.fences.settle(alice, carol)
    bench.fences.fence(alice, bob, carol, after="somebody joined")
    left = [bench.rooms.move(bob)] if bench.traits.chat_moves else []
    if left:
        arrive(bench, alice, bob, "chat")
    bench.udp.leave(carol)
    bench.fences.fence(alice, bob, after="somebody left")
    for peer in (alice, bob, *left):
        _only_expected(bench, peer, 0)
    before = len(bob.inbox)
    bench.udp.leave(alice)
    bench.hearing.await_notice(bob, before)
    bench.fences.fence(*here, after="a room was closed")
    for peer, seen in ((carol, 0), (bob, before)):  # to whom a notice may come
        for datagram in bench.hearing.strays(peer, seen):
            if datagram not in bench.hearing.notices(peer):
                raise Mismatch(
                    "nothing but notices to one who has left", shown(datagram.data), data=datagram.data, certain=True
                )


@clause("TCRP-4.6d")
def test_every_datagram_comes_from_the_chat_port(bench: Bench) -> None:
    here, there = bench.shared.settled()
    bench.fences.fence_rooms(here, there)
    for peer in (*here, *there):
        for datagram in peer.inbox:
            if (
                datagram.source[1] != bench.context.udp_address[1]
            ):  # a machine with several addresses may answer from any
                raise Mismatch(
                    f"datagrams from port {bench.context.udp_address[1]}",
                    f"one from port {datagram.source[1]}",
                    data=datagram.data,
                    certain=True,
                )


@clause("TCRP-4.6d")
def test_a_disconnect_notice_comes_from_the_chat_port(bench: Bench) -> None:
    alice, bob = bench.rooms.settled("alicia", "bob")
    bench.udp.leave(alice)
    notice = bench.hearing.await_notice(bob, 0)
    if notice is not None and notice.source[:2] != bench.context.udp_address[:2]:
        raise Mismatch(f"a notice from port {bench.context.udp_address[1]}", f"one from port {notice.source[1]}")


def _with_long_name(bench: Bench) -> tuple[Peer, Peer, int]:
    """A listener, a speaker with the longest name, and the longest message that the speaker can send at all."""
    listener, speaker = bench.shared.settled()[0][0], bench.shared.guest("u" * bench.traits.longest_user)
    bench.fences.settle(listener, speaker)
    return listener, speaker, bench.traits.datagrams.sendable(speaker.member)


@clause("TCRP-4.6e")
def test_a_message_that_fits_4094_bytes_with_its_name_is_relayed_whole(bench: Bench) -> None:
    listener, speaker, sendable = _with_long_name(bench)
    for short in (0, 1, 50):
        mark = nonce()
        size = min(sendable, bench.traits.datagrams.deliverable(speaker.member)) - short
        message = mark + b"x" * (size - len(mark) - 1) + b"."
        bench.udp.say(speaker, message)
        heard = bench.hearing.must_hear(listener, mark, f"a message of {size} bytes")
        if not bench.datagrams.ends_with(heard, message):
            raise Mismatch(
                f"all {size} bytes of the message",
                f"a datagram of {len(heard.data)} bytes",
                data=heard.data,
                certain=True,
            )
    mark = nonce()
    size = min(bench.traits.datagrams.sendable(listener.member), bench.traits.datagrams.deliverable(listener.member))
    message = mark + b"x" * (size - len(mark))
    bench.udp.say(listener, message)
    heard = bench.hearing.must_hear(speaker, mark, f"a message of {size} bytes by a user with a short name")
    if not bench.datagrams.ends_with(heard, message):
        raise Mismatch(
            f"all {size} bytes of the message", f"a datagram of {len(heard.data)} bytes", data=heard.data, certain=True
        )


def _too_long(bench: Bench) -> tuple[Peer, Peer, list[int]]:
    """A listener, a speaker, and sizes of messages that can be sent but do not fit with the speaker's name."""
    listener, speaker, sendable = _with_long_name(bench)
    fits = bench.traits.datagrams.deliverable(speaker.member)
    sizes = [size for size in (fits + 1, sendable) if fits < size <= sendable]
    if not sizes:
        unsupported(f"tokens of {len(speaker.member.token)} bytes leave no room for a message that is too long")
    return listener, speaker, sizes


@clause("TCRP-4.7a")
def test_a_message_that_would_not_fit_is_not_relayed(bench: Bench) -> None:
    listener, speaker, sizes = _too_long(bench)
    for size, filler in itertools.product(sizes, (b"x", "部".encode())):
        mark = nonce()
        rest = size - len(mark)
        bench.udp.say(speaker, mark + (filler * (rest // len(filler))).ljust(rest, b"."))
        bench.fences.fence(listener, speaker, after=f"a message of {size} bytes")
        for peer in (listener, speaker):
            bench.hearing.must_not_hear(peer, mark, f"a message whose datagram would have {size + 257} bytes")


@clause("TCRP-4.7b")
def test_the_sender_of_a_message_that_would_not_fit_is_told(bench: Bench) -> None:
    listener, speaker, sizes = _too_long(bench)
    since = len(speaker.inbox)
    mark = nonce()
    bench.udp.say(speaker, mark + b"x" * (sizes[-1] - len(mark)))
    bench.fences.fence(listener, speaker, after="a message that would not fit")
    deadline = time.monotonic() + bench.waits.answer
    while not (told := any(bench.datagrams.is_information(datagram) for datagram in speaker.inbox[since:])):
        if (left := deadline - time.monotonic()) <= 0:
            break
        bench.udp.pump(left)
    if not told:
        raise Mismatch("an information datagram (0x05) to the sender", "none")
