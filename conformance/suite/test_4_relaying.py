"""Section 4, continued: who hears what, and how it looks. Many tests share two rooms and change nothing."""

import contextlib
import itertools
import time

from hypothesis import strategies as st

from conformance import strategies
from conformance.bench import Bench, fresh, nonce
from conformance.examples import for_all
from conformance.findings import Mismatch, shown, unsupported
from conformance.marks import clause, must_be_served, needs_chat
from conformance.peers import Peer
from conformance.suite.steps import arrive
from tcrp import DownKind, Join, LocalProtocolError, Membership

pytestmark = needs_chat


@clause("TCRP-4.4a")
def test_an_empty_message_registers_the_address(bench: Bench) -> None:
    alice = bench.create(user="alicia")
    bob = bench.join(alice.member.room, "bob")  # nobody else is there
    arrive(bench, alice, bob, "empty")


@clause("TCRP-4.4b")
def test_an_empty_message_is_not_relayed(bench: Bench) -> None:
    here, _ = bench.common()
    for speaker in here[:2]:
        others = [peer for peer in here if peer is not speaker]  # an answer to its sender is a finding of TCRP-4.6c
        since = [len(peer.inbox) for peer in others]
        with bench.unkept():
            bench.register(speaker)
            bench.fence(*here, after="an empty message")
        for peer, seen in zip(others, since, strict=True):
            for stray in bench.strays(peer, seen):
                raise Mismatch(
                    "nothing to be relayed for an empty message", f"{peer} got {shown(stray.data)}", data=stray.data
                )


@clause("TCRP-4.5a")
def test_a_message_reaches_every_other_registered_member(bench: Bench) -> None:
    members = [*bench.common()[0]]
    bench.guest("silent")  # never registers, and is in nobody's way
    members += [bench.stay(bench.guest(user)) for user in ("dagmar", "george", "harald")]
    bench.settle(*members)
    last = bench.guest("friedrich")
    if bench.terms.chat_moves:
        mark = nonce()
        bench.say(last, mark)
        for listener in members:
            bench.must_hear(listener, mark, "a message that is the first datagram of its sender")
        arrive(bench, members[0], last, "chat")
    else:
        bench.settle(members[0], last)
    members.append(bench.stay(last))
    for speaker in members:
        mark = nonce()
        bench.say(speaker, mark)
        for listener in members:
            if listener is not speaker:
                bench.must_hear(listener, mark, f"a message of {speaker}, both registered members of a room")
    if bench.terms.chat_moves:
        bench.move(last)
        mark = nonce()
        bench.say(last, mark)
        for listener in members[:-1]:
            bench.must_hear(listener, mark, "a message that is the first from another port of its sender")


_PLAIN = (
    b"0",
    b" ",
    b"\n",
    b"\0",
    b"\x04",
    b"\x05",
    b":",
    b"/help",
    b"@bob",
    b'{"type":"LEAVE"}',
    b"ping",
    b'"quoted"',
    b"null",
    b"INITIAL",
)


@clause("TCRP-4.5a")
def test_a_message_that_some_take_for_none_or_for_a_command_is_relayed(bench: Bench) -> None:
    here, _ = bench.common()
    alice, *others = here
    for message in (*_PLAIN, _PLAIN[-1]):  # what is said again is said
        since = [len(peer.inbox) for peer in others]
        try:
            bench.say(alice, message)
        except LocalProtocolError:
            continue  # it means something else in this dialect
        for peer, seen in zip(others, since, strict=True):
            deadline = time.monotonic() + bench.waits.answer
            while not any(bench.says(datagram, message) for datagram in bench.strays(peer, seen)):
                bench.pump(deadline - time.monotonic())
                if time.monotonic() > deadline:
                    raise Mismatch(f"the message {message!r} to reach {peer}", "it did not", data=message)


@clause("TCRP-4.5b")
def test_a_message_reaches_nobody_of_another_room(bench: Bench) -> None:
    here, there = bench.common()
    name = here[0].member.room
    rooms = [here, there]
    for similar in (name + "b", name.upper()):
        if similar != name:
            with contextlib.suppress(LocalProtocolError):  # where the name is as long as can be already
                rooms.append(bench.room("alicia", "bob", room=similar))
    token = here[0].member.token[::-1]
    stranger = bench.peer(Membership(fresh(), "stranger", token, False))
    with contextlib.suppress(LocalProtocolError):  # where no such token can be said
        bench.register(stranger)
        bench.say(stranger, b"who is there?")
    for members in rooms:
        for speaker in members:
            mark = nonce()
            bench.say(speaker, mark)
            bench.fences(*rooms, after="a message in another room")
            for peer in (peer for others in rooms if others is not members for peer in others):
                bench.must_not_hear(peer, mark, "a message of another room")
    for datagram in filter(bench.is_message, stranger.inbox):  # a reply is a finding of TCRP-4.2
        raise Mismatch("no message to somebody who is in no room", shown(datagram.data))


@clause("TCRP-4.5c")
@for_all(rest=strategies.messages(50), again=st.integers(0, 3), scale=2.0)
def test_a_message_arrives_once(bench: Bench, rest: bytes, again: int) -> None:
    here, _ = bench.common()
    for _ in range(again):  # whoever registers several times is still one member
        for peer in here[1:]:
            bench.register(peer)
    marks = {speaker: nonce() for speaker in here[:2]}  # the host, and a guest
    for speaker, mark in marks.items():
        bench.say(speaker, mark + rest)
    bench.fence(*here, after="a message")
    for peer in here:
        for mark in (mark for speaker, mark in marks.items() if speaker is not peer):
            if (times := bench.count(peer, mark)) > 1:
                raise Mismatch(f"{peer} to receive a message once", f"{times} times")


@clause("TCRP-4.5c")
def test_whoever_comes_back_hears_once(bench: Bench) -> None:
    alice, bob, namesake = bench.room("alicia", "bob", "bob")
    bench.leave(bob)
    bench.fence(*bench.common()[0], after="a guest of another room has left")
    want = Join(bob.member.room, "bob")
    answer = bench.ask(want)
    must_be_served(bench, answer, "a JOIN of one who has left")
    bench.come_back(bob, want, answer)
    bench.settle(alice, bob, namesake)
    for how in ("came back", "moved"):
        if how == "moved":
            if not bench.terms.chat_moves:
                break
            bench.move(bob)
            arrive(bench, alice, bob, "chat")
        mark = nonce()
        bench.say(alice, mark)
        bench.fence(alice, bob, namesake, after=f"somebody {how}")
        for peer in (bob, namesake):
            if (times := bench.count(peer, mark)) > 1:
                raise Mismatch(f"bob, who {how}, and another bob to hear a message once", f"{times} times")


@clause("TCRP-4.5d")
def test_the_sender_gets_no_copy(bench: Bench) -> None:
    here, _ = bench.common()
    if bench.dialect.policy.echo:
        unsupported("in this dialect a sender gets a copy")
    for speaker in here:
        mark = nonce()
        bench.say(speaker, mark)
        bench.fence(*here, after="a message")
        bench.must_not_hear(speaker, mark, "its own message")
    if not bench.terms.chat_moves:
        return
    alice, bob = here[0], bench.guest()
    bench.settle(alice, bob)
    left, moving = bench.move(bob), nonce()
    arrive(bench, alice, bob, "chat", moving)
    bench.must_not_hear(left, moving, "its own message, at the port that it has left")
    mark = nonce()
    bench.say(bob, mark)
    bench.must_hear(alice, mark, f"a message of {bob}")
    bench.fence(alice, bob, after="a message from a new port")
    for own in (moving, mark):
        bench.must_not_hear(bob, own, "its own message, from a new port")


@clause("TCRP-4.5d")
def test_the_sender_gets_one_copy_where_the_dialect_says_so(bench: Bench) -> None:
    if not bench.dialect.policy.echo:
        unsupported("in this dialect a sender gets no copy")
    here, _ = bench.common()
    for speaker in here:
        mark = nonce()
        bench.say(speaker, mark)
        bench.must_hear(speaker, mark, "its own message")
        bench.fence(*here, after="a message")
        if (times := bench.count(speaker, mark)) > 1:
            raise Mismatch(f"{speaker} to receive its own message once", f"{times} times")


@clause("TCRP-4.6a")
@for_all(
    cases=[{"user": "0"}, {"user": " 太郎: e\u0301\u0085 "}],
    user=strategies.users(),
    scale=0.5,
)
def test_a_relayed_message_is_user_name_colon_space_message(bench: Bench, user: str) -> None:
    alice, bob = bench.common()[0][0], bench.guest(user)
    bench.settle(alice, bob)
    mark = nonce()
    bench.say(bob, mark)
    heard = bench.must_hear(alice, mark, f"a message of {user!r}")
    right = bench.terms.delivery(bob.member, mark)
    if heard.data != right:
        raise Mismatch(f"the datagram {right!r}", repr(heard.data), data=heard.data)


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
    here, _ = bench.common()
    alice, bob, _ = here
    mark = nonce()
    message = rest + mark if first else mark + rest
    bench.say(alice, message)
    try:
        message.decode()
    except UnicodeDecodeError:
        bench.fence(*here, after="a message that is not UTF-8")  # it may be dropped, but not changed
        heard = bench.heard(bob, mark)
    else:
        heard = bench.must_hear(bob, mark, f"the message {shown(message)}", data=message)
    if heard is not None and not bench.ends_with(heard, message):
        raise Mismatch(f"the message {shown(message)} unchanged", shown(heard.data, 96), data=message)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _only_expected(bench: Bench, peer: Peer, since: int) -> None:
    for datagram in bench.strays(peer, since):
        if not bench.is_notice(datagram):  # whom one goes to is for TCRP-5.4b
            raise Mismatch(
                "no datagram but messages, notices and information", shown(datagram.data), data=datagram.data
            )
    for datagram in peer.inbox[since:]:
        if bench.terms.info_mark and bench.is_information(datagram) and not _is_utf8(datagram.data):
            raise Mismatch("information to be UTF-8", shown(datagram.data), data=datagram.data)
        marked = bench.is_notice(datagram) or bench.is_information(datagram)  # their text is for other clauses
        if not marked and datagram.down is not None and datagram.down.kind is DownKind.UNKNOWN:
            raise Mismatch(
                "no datagram but messages, notices and information", shown(datagram.data), data=datagram.data
            )


@clause("TCRP-4.6c")
def test_a_member_is_sent_nothing_but_chat_notices_and_information(bench: Bench) -> None:
    here, _ = bench.common()
    since = [len(peer.inbox) for peer in here]
    for peer in here:
        bench.register(peer)
        bench.say(peer, nonce())
    bench.fence(*here, after="ordinary talk")
    dora = bench.guest()
    bench.settle(here[0], dora)
    bench.fence(*here, dora, after="somebody joined")
    _only_expected(bench, dora, 0)
    bench.leave(dora)
    bench.fence(*here, after="somebody left")
    for peer, seen in zip(here, since, strict=True):
        _only_expected(bench, peer, seen)
    alice, bob = bench.room("alicia", "bob")
    carol = bench.join(alice.member.room, "charles")
    bench.settle(alice, carol)
    bench.fence(alice, bob, carol, after="somebody joined")
    left = [bench.move(bob)] if bench.terms.chat_moves else []
    if left:
        arrive(bench, alice, bob, "chat")
    bench.leave(carol)
    bench.fence(alice, bob, after="somebody left")
    for peer in (alice, bob, *left):
        _only_expected(bench, peer, 0)
    before = len(bob.inbox)
    bench.leave(alice)
    bench.await_notice(bob, before)
    bench.fence(*here, after="a room was closed")
    for peer, seen in ((carol, 0), (bob, before)):  # to whom a notice may come
        for datagram in bench.strays(peer, seen):
            if datagram not in bench.notices(peer):
                raise Mismatch("nothing but notices to one who has left", shown(datagram.data), data=datagram.data)


@clause("TCRP-4.6d")
def test_every_datagram_comes_from_the_chat_port(bench: Bench) -> None:
    here, there = bench.common()
    bench.fences(here, there)
    for peer in (*here, *there):
        for datagram in peer.inbox:
            if datagram.source[1] != bench.udp_address[1]:  # a machine with several addresses may answer from any
                raise Mismatch(
                    f"datagrams from port {bench.udp_address[1]}",
                    f"one from port {datagram.source[1]}",
                    data=datagram.data,
                )


@clause("TCRP-4.6d")
def test_a_disconnect_notice_comes_from_the_chat_port(bench: Bench) -> None:
    alice, bob = bench.room("alicia", "bob")
    bench.leave(alice)
    notice = bench.await_notice(bob, 0)
    if notice is not None and notice.source[:2] != bench.udp_address[:2]:
        raise Mismatch(f"a notice from port {bench.udp_address[1]}", f"one from port {notice.source[1]}")


def _with_long_name(bench: Bench) -> tuple[Peer, Peer, int]:
    """A listener, a speaker with the longest name, and the longest message that the speaker can send at all."""
    listener, speaker = bench.common()[0][0], bench.guest("u" * bench.terms.longest_user)
    bench.settle(listener, speaker)
    return listener, speaker, bench.terms.sendable(speaker.member)


@clause("TCRP-4.6e")
def test_a_message_that_fits_4094_bytes_with_its_name_is_relayed_whole(bench: Bench) -> None:
    listener, speaker, sendable = _with_long_name(bench)
    for short in (0, 1, 50):
        mark = nonce()
        size = min(sendable, bench.terms.deliverable(speaker.member)) - short
        message = mark + b"x" * (size - len(mark) - 1) + b"."
        bench.say(speaker, message)
        heard = bench.must_hear(listener, mark, f"a message of {size} bytes")
        if not bench.ends_with(heard, message):
            raise Mismatch(
                f"all {size} bytes of the message", f"a datagram of {len(heard.data)} bytes", data=heard.data
            )
    mark = nonce()
    size = min(bench.terms.sendable(listener.member), bench.terms.deliverable(listener.member))
    message = mark + b"x" * (size - len(mark))
    bench.say(listener, message)
    heard = bench.must_hear(speaker, mark, f"a message of {size} bytes by a user with a short name")
    if not bench.ends_with(heard, message):
        raise Mismatch(f"all {size} bytes of the message", f"a datagram of {len(heard.data)} bytes", data=heard.data)


def _too_long(bench: Bench) -> tuple[Peer, Peer, list[int]]:
    """A listener, a speaker, and sizes of messages that can be sent but do not fit with the speaker's name."""
    listener, speaker, sendable = _with_long_name(bench)
    fits = bench.terms.deliverable(speaker.member)
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
        bench.say(speaker, mark + (filler * (rest // len(filler))).ljust(rest, b"."))
        bench.fence(listener, speaker, after=f"a message of {size} bytes")
        for peer in (listener, speaker):
            bench.must_not_hear(peer, mark, f"a message whose datagram would have {size + 257} bytes")


@clause("TCRP-4.7b")
def test_the_sender_of_a_message_that_would_not_fit_is_told(bench: Bench) -> None:
    listener, speaker, sizes = _too_long(bench)
    since = len(speaker.inbox)
    mark = nonce()
    bench.say(speaker, mark + b"x" * (sizes[-1] - len(mark)))
    bench.fence(listener, speaker, after="a message that would not fit")
    deadline = time.monotonic() + bench.waits.answer
    while not (told := any(bench.is_information(datagram) for datagram in speaker.inbox[since:])):
        if (left := deadline - time.monotonic()) <= 0:
            break
        bench.pump(left)
    if not told:
        raise Mismatch("an information datagram (0x05) to the sender", "none")
