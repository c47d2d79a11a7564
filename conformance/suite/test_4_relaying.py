"""Section 4, continued: who hears what, and how it looks. Many tests share two rooms and change nothing."""

import contextlib

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served
from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite import strategies
from conformance.suite.marks import clause, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import arrive
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Join, LocalProtocolError, Membership

pytestmark = needs_chat


@clause("TCRP-4.4a")
def test_an_empty_message_registers_the_address(bench: Bench) -> None:
    alice = bench.rooms.create(user="alicia")
    bob = bench.rooms.join(alice.member.room, "bob")  # nobody else is there
    arrive(bench, alice, bob, "empty")


@clause("TCRP-4.4b")
def test_an_empty_message_is_not_relayed(bench: Bench) -> None:
    here, _ = bench.shared.settled()
    for speaker in here[:2]:
        others = [peer for peer in here if peer is not speaker]  # an answer to its sender is a finding of TCRP-4.6c
        since = [len(peer.inbox) for peer in others]
        with bench.udp.unkept():
            bench.udp.register(speaker)
            bench.fences.fence(*here, after="an empty message")
        for peer, seen in zip(others, since, strict=True):
            for stray in bench.hearing.strays(peer, seen):
                raise Mismatch(
                    "nothing to be relayed for an empty message", f"{peer} got {shown(stray.data)}", data=stray.data
                )


@clause("TCRP-4.5a")
def test_a_message_reaches_every_other_registered_member(bench: Bench) -> None:
    members = [*bench.shared.settled()[0]]
    bench.shared.guest("silent")  # never registers, and is in nobody's way
    members += [bench.rooms.stay(bench.shared.guest(user)) for user in ("dagmar", "george", "harald")]
    bench.fences.settle(*members)
    last = bench.shared.guest("friedrich")
    if bench.traits.chat_moves:
        mark = nonce()
        bench.udp.say(last, mark)
        for listener in members:
            bench.hearing.must_hear(listener, mark, "a message that is the first datagram of its sender")
        arrive(bench, members[0], last, "chat")
    else:
        bench.fences.settle(members[0], last)
    members.append(bench.rooms.stay(last))
    for speaker in members:
        mark = nonce()
        bench.udp.say(speaker, mark)
        for listener in members:
            if listener is not speaker:
                bench.hearing.must_hear(listener, mark, f"a message of {speaker}, both registered members of a room")
    if bench.traits.chat_moves:
        bench.rooms.move(last)
        mark = nonce()
        bench.udp.say(last, mark)
        for listener in members[:-1]:
            bench.hearing.must_hear(listener, mark, "a message that is the first from another port of its sender")


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
    here, _ = bench.shared.settled()
    alice, *others = here
    for message in (*_PLAIN, _PLAIN[-1]):  # what is said again is said
        since = [len(peer.inbox) for peer in others]
        try:
            bench.udp.say(alice, message)
        except LocalProtocolError:
            continue  # it means something else in this dialect
        for peer, seen in zip(others, since, strict=True):
            if not bench.hearing.hears_words(peer, message, seen, alice):
                raise Mismatch(f"the message {message!r} to reach {peer}", "it did not", data=message)


@clause("TCRP-4.5a")
def test_a_message_reaches_members_at_other_ip_addresses(bench: Bench) -> None:
    """Two are at one address and two at another, so that each has one of either kind to hear."""
    with bench.apart() as other:
        members = [*bench.shared.settled()[0]][:2]
        members += [bench.rooms.stay(bench.shared.guest(user, other)) for user in ("dagmar", "george")]
        bench.fences.settle(*members)
        for speaker in members:
            mark = nonce()
            bench.udp.say(speaker, mark)
            for listener in members:
                if listener is not speaker:
                    where = f"{listener.address[0]}, from {speaker.address[0]}"
                    bench.hearing.must_hear(listener, mark, f"a message of {speaker} at {where}")


@clause("TCRP-4.5b")
def test_a_message_reaches_nobody_of_another_room(bench: Bench) -> None:
    here, there = bench.shared.settled()
    name = here[0].member.room
    rooms = [here, there]
    for similar in (name + "b", name.upper()):
        if similar != name:
            with contextlib.suppress(LocalProtocolError):  # where the name is as long as can be already
                rooms.append(bench.rooms.settled("alicia", "bob", room=similar))
    token = here[0].member.token[::-1]
    stranger = bench.rooms.peer(Membership(fresh(), "stranger", token, False))
    with contextlib.suppress(LocalProtocolError):  # where no such token can be said
        bench.udp.register(stranger)
        bench.udp.say(stranger, b"who is there?")
    for members in rooms:
        for speaker in members:
            mark = nonce()
            bench.udp.say(speaker, mark)
            bench.fences.fence_rooms(*rooms, after="a message in another room")
            for peer in (peer for others in rooms if others is not members for peer in others):
                bench.hearing.must_not_hear(peer, mark, "a message of another room")
    for datagram in filter(bench.datagrams.is_message, stranger.inbox):  # a reply is a finding of TCRP-4.2
        raise Mismatch("no message to somebody who is in no room", shown(datagram.data))


@clause("TCRP-4.5c")
@for_all(rest=strategies.messages(50), again=st.integers(0, 3), scale=2.0)
def test_a_message_arrives_once(bench: Bench, rest: bytes, again: int) -> None:
    here, _ = bench.shared.settled()
    for _ in range(again):  # whoever registers several times is still one member
        for peer in here[1:]:
            bench.udp.register(peer)
    marks = {speaker: nonce() for speaker in here[:2]}  # the host, and a guest
    for speaker, mark in marks.items():
        bench.udp.say(speaker, mark + rest)
    bench.fences.fence(*here, after="a message")
    for peer in here:
        for mark in (mark for speaker, mark in marks.items() if speaker is not peer):
            if (times := bench.hearing.count(peer, mark)) > 1:
                raise Mismatch(f"{peer} to receive a message once", f"{times} times")


@clause("TCRP-4.5c")
def test_whoever_comes_back_hears_once(bench: Bench) -> None:
    alice, bob, namesake = bench.rooms.settled("alicia", "bob", "bob")
    bench.udp.leave(bob)
    bench.fences.fence(*bench.shared.settled()[0], after="a guest of another room has left")
    want = Join(bob.member.room, "bob")
    answer = bench.tcp.ask(want)
    must_be_served(bench, answer, "a JOIN of one who has left")
    bench.rooms.come_back(bob, want, answer)
    bench.fences.settle(alice, bob, namesake)
    for how in ("came back", "moved"):
        if how == "moved":
            if not bench.traits.chat_moves:
                break
            bench.rooms.move(bob)
            arrive(bench, alice, bob, "chat")
        mark = nonce()
        bench.udp.say(alice, mark)
        bench.fences.fence(alice, bob, namesake, after=f"somebody {how}")
        for peer in (bob, namesake):
            if (times := bench.hearing.count(peer, mark)) > 1:
                raise Mismatch(f"bob, who {how}, and another bob to hear a message once", f"{times} times")


@clause("TCRP-4.5d")
def test_the_sender_gets_no_copy(bench: Bench) -> None:
    here, _ = bench.shared.settled()
    if bench.dialect.policy.echo:
        unsupported("in this dialect a sender gets a copy")
    for speaker in here:
        mark = nonce()
        bench.udp.say(speaker, mark)
        bench.fences.fence(*here, after="a message")
        bench.hearing.must_not_hear(speaker, mark, "its own message")
    if not bench.traits.chat_moves:
        return
    alice, bob = here[0], bench.shared.guest()
    bench.fences.settle(alice, bob)
    left, moving = bench.rooms.move(bob), nonce()
    arrive(bench, alice, bob, "chat", moving)
    bench.hearing.must_not_hear(left, moving, "its own message, at the port that it has left")
    mark = nonce()
    bench.udp.say(bob, mark)
    bench.hearing.must_hear(alice, mark, f"a message of {bob}")
    bench.fences.fence(alice, bob, after="a message from a new port")
    for own in (moving, mark):
        bench.hearing.must_not_hear(bob, own, "its own message, from a new port")


@clause("TCRP-4.5d")
def test_the_sender_gets_one_copy_where_the_dialect_says_so(bench: Bench) -> None:
    if not bench.dialect.policy.echo:
        unsupported("in this dialect a sender gets no copy")
    here, _ = bench.shared.settled()
    for speaker in here:
        mark = nonce()
        bench.udp.say(speaker, mark)
        bench.hearing.must_hear(speaker, mark, "its own message")
        bench.fences.fence(*here, after="a message")
        if (times := bench.hearing.count(speaker, mark)) > 1:
            raise Mismatch(f"{speaker} to receive its own message once", f"{times} times")
