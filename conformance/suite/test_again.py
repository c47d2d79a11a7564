"""Names and ports that are used again: a room or a member inherits nothing from an earlier one of the same name.

Two conversations, each held once, and each judged by a test of every clause that it may break.
"""

from conformance.client.assertions import blaming
from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, needs_chat
from conformance.suite.steps import ask_until, held, judge
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Create, Join, Membership, Status

pytestmark = needs_chat

ROUNDS = 4
"""How often one name is used. What counts to three is found out."""


def _is_as_the_model(bench: Bench) -> None:
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise")


def _must_say(answer: Answer, status: Status, what: str, clause_id: str) -> None:
    if not answer.says(status) or (status is Status.OK and answer.token is None):
        expected = f"{what} to be answered with status {int(status)} ({status.name})"
        raise Mismatch(expected, str(answer), data=answer.data, clause=clause_id)


def _silent(bench: Bench, peer: Peer, mark: bytes, what: str, clause_id: str) -> None:
    with blaming(clause_id):
        bench.udp.pump(0.0)
        if clause_id == "TCRP-4.3b" and peer.sent_at is not None:
            return  # it was kept from being idle, so it has registered
        bench.hearing.must_not_hear(peer, mark, what)


def _heard_once(bench: Bench, speaker: Peer, listeners: list[Peer], after: str) -> bytes:
    """Each of these settled members of a room hears a new message of the speaker, and hears it once."""
    mark = nonce()
    bench.udp.say(speaker, mark)
    with blaming("TCRP-4.5a"):
        for listener in listeners:
            bench.hearing.must_hear(listener, mark, f"a message of {speaker} after {after}")
        bench.fences.fence(speaker, *listeners, after=after)
    for listener in listeners:
        if (times := bench.hearing.count(listener, mark)) > 1:
            raise Mismatch(f"{listener} to receive a message once after {after}", f"{times} times", clause="TCRP-4.5c")
    return mark


# a room after a room of its name ------------------------------------------------------------------


def _close(bench: Bench, host: Peer, room: str) -> None:
    """The host leaves, and the room is known to be gone."""
    bench.udp.leave(host)
    answer = ask_until(bench, Join(room, "zoe"), lambda answer: answer.says(Status.ROOM_NOT_FOUND))
    _must_say(answer, Status.ROOM_NOT_FOUND, "a JOIN of a room whose host has left", "TCRP-5.2c")


@held
def a_room_after_a_room(bench: Bench) -> None:
    """The guest of a room creates the next one of its name; its host, and another guest, join that from their old
    ports. One guest stays away.
    """
    _is_as_the_model(bench)
    room, first, second = fresh(), "First-12", "Second-1"
    with blaming("TCRP-4.5a"):
        alice, bob, carol, eve = bench.rooms.settled("alicia", "bob", "charles", "eve", room=room, password=first)
        word = nonce()
        bench.udp.say(bob, word)
        bench.hearing.must_hear(eve, word, "a message of bob")
    taken = bench.tcp.ask(Create(room, "mallory"))
    _must_say(taken, Status.ROOM_EXISTS, "a CREATE of a room that stands", "TCRP-3.4d")
    _close(bench, alice, room)
    for guest in (bob, carol, eve):  # so that none comes later
        if bench.hearing.await_notice(guest, 0) is None:
            expected = f"{guest} to get a disconnect notice when the host has left"
            raise Mismatch(expected, f"nothing came within {bench.waits.answer:.1f} s", clause="TCRP-5.2a")
    create = Create(room, "bob", second)
    created = bench.tcp.ask(create)
    _must_say(created, Status.OK, "a CREATE of a room whose host has left", "TCRP-5.2c")
    bench.rooms.come_back(bob, create, created)
    for user, password in (("charles", first), ("charles", None), ("alicia", None), ("zoe", first)):
        what = f"a JOIN by {user} with {'no' if password is None else 'the former'} password of a room of that name"
        _must_say(bench.tcp.ask(Join(room, user, password)), Status.WRONG_PASSWORD, what, "TCRP-3.10a")
    for peer, user in ((carol, "charles"), (alice, "alicia")):
        want = Join(room, user, second)
        joined = bench.tcp.ask(want)
        _must_say(joined, Status.OK, f"a JOIN by {user} of a room of that name", "TCRP-3.4c")
        bench.rooms.come_back(peer, want, joined)
    with blaming("TCRP-3.4c"):
        dora = bench.rooms.join(room, "dora", second)
    with blaming("TCRP-4.5a"):
        bench.fences.settle(bob, dora)
    mark = _heard_once(bench, bob, [dora], "a room was created under a name that another had")
    _silent(bench, eve, mark, "a message of the room that has the name of hers", "TCRP-4.5b")
    for peer in (carol, alice):
        what = f"a message before {peer} has sent a datagram as a member of the new room"
        _silent(bench, peer, mark, what, "TCRP-4.3b")
    with blaming("TCRP-4.5a"):
        bench.fences.settle(bob, dora, carol, alice)
    for peer in (carol, alice):
        _heard_once(bench, peer, [bob, dora], "members of a closed room have joined the next one of its name")
    mark = _heard_once(bench, bob, [dora, carol, alice], "members of a closed room have joined the next of its name")
    _silent(bench, eve, mark, "a message of the room that has the name of hers", "TCRP-4.5b")
    _says_again(bench, bob, dora, word)
    _former_host_leaves(bench, alice, [bob, dora, carol])
    _closes_again(bench, bob, [dora, carol], eve, room)
    _used_again(bench, room)


def _says_again(bench: Bench, speaker: Peer, listener: Peer, word: bytes) -> None:
    """What was said in the former room is said in this one."""
    bench.udp.say(speaker, word)
    with blaming("TCRP-4.5a"):
        bench.hearing.must_hear(listener, word, "what was said in the former room of that name, and is said again")


def _former_host_leaves(bench: Bench, former: Peer, others: list[Peer]) -> None:
    """Who was host of the former room is a guest here."""
    since = {peer: len(peer.inbox) for peer in others}
    bench.udp.leave(former)
    try:
        bench.fences.fence(*others, after="the host of the former room of that name has left")
    except Mismatch as found:
        found.clause = "TCRP-3.8f" if any(bench.hearing.notices(peer, since[peer]) for peer in others) else "TCRP-4.5a"
        raise


def _closes_again(bench: Bench, host: Peer, guests: list[Peer], absent: Peer, room: str) -> None:
    since = {peer: len(peer.inbox) for peer in (*guests, absent)}
    _close(bench, host, room)
    for guest in guests:
        if bench.hearing.await_notice(guest, since[guest]) is None:
            expected = f"{guest} to get a disconnect notice when the host of the second room of a name has left"
            raise Mismatch(expected, f"nothing came within {bench.waits.answer:.1f} s", clause="TCRP-5.2a")
    if bench.hearing.notices(absent, since[absent]):
        raise Mismatch("no notice to a member of the former room of that name", "one", clause="TCRP-5.4b")


def _used_again(bench: Bench, room: str) -> None:
    for number in range(3, ROUNDS + 1):
        create = Create(room, "alicia")
        created = bench.tcp.ask(create)
        _must_say(created, Status.OK, f"the CREATE of room {number} of one name", "TCRP-5.2c")
        _close(bench, bench.rooms.enter(create, created), room)


@clause("TCRP-3.10a")
def test_a_former_password_opens_no_room(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-3.10a")


@clause("TCRP-4.3b")
def test_a_new_room_sends_nothing_to_ports_that_it_has_not_heard(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-4.3b")


@clause("TCRP-4.5a")
def test_in_a_room_after_a_room_all_is_said(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-4.5a")


@clause("TCRP-4.5b")
def test_who_was_in_the_former_room_hears_nothing(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-4.5b")


@clause("TCRP-4.5c")
def test_in_a_room_after_a_room_a_message_arrives_once(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-4.5c")


@clause("TCRP-3.8f")
def test_the_host_of_the_former_room_is_a_guest_in_the_next(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-3.8f")


@clause("TCRP-5.2a")
def test_the_closing_of_the_next_room_is_told_too(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-5.2a")


@clause("TCRP-5.2c")
def test_a_name_is_free_again_and_again(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-5.2c")


@clause("TCRP-5.4b")
def test_the_closing_of_the_next_room_is_told_to_its_members_only(bench: Bench) -> None:
    judge(bench, a_room_after_a_room, "TCRP-5.4b")


# a member after a member of its name --------------------------------------------------------------


@held
def a_member_after_a_member(bench: Bench) -> None:
    """bob leaves and joins again, again and again, from one port and at last from another."""
    _is_as_the_model(bench)
    with blaming("TCRP-4.5a"):
        alice, carol, bob = bench.rooms.settled("alicia", "charles", "bob")
    room, tokens = alice.member.room, {bob.member.token}
    for number in range(1, ROUNDS + 1):
        old = bob.member
        _leave(bench, bob, [alice, carol])
        want = Join(room, "bob")
        joined = bench.tcp.ask(want)
        _must_say(joined, Status.OK, f"JOIN {number + 1} by bob, who has left each time,", "TCRP-3.4c")
        bench.rooms.come_back(bob, want, joined)
        if bob.member.token in tokens:
            raise Mismatch("a new token for whoever joins again", "one that it had before", clause="TCRP-3.8a")
        tokens.add(bob.member.token)
        mark = _heard_once(bench, alice, [carol], "bob has left and joined again")
        _silent(bench, bob, mark, "a message before he has sent a datagram with his new token", "TCRP-4.3b")
        forged = nonce()
        bench.udp.send(bob, _said_with(bench, old, forged))
        with blaming("TCRP-5.1b"):
            bench.fences.fence(alice, carol, after="a message with the token that bob had before")
        for peer in (alice, carol):
            _silent(bench, peer, forged, "a message with the token that bob had before", "TCRP-5.1b")
        with blaming("TCRP-4.5a"):
            bench.fences.settle(alice, carol, bob)
        _heard_once(bench, alice, [carol, bob], "bob has joined again")
    _from_another_port(bench, alice, carol, bob)
    _everybody_counts(bench, alice, carol)


def _said_with(bench: Bench, membership: Membership, message: bytes) -> bytes:
    stranger = bench.rooms.peer(membership)
    return bench.udp.chat_datagram(stranger, message)


def _leave(bench: Bench, guest: Peer, others: list[Peer]) -> None:
    """The guest is known to have left: messages of the others do not reach it any more."""
    bench.udp.leave(guest)
    with blaming("TCRP-4.5a"):
        bench.fences.fence(*others, after=f"{guest} has left")
    mark = nonce()
    bench.udp.say(others[0], mark)
    with blaming("TCRP-4.5a"):
        bench.fences.fence(*others, after=f"{guest} has left")
    _silent(bench, guest, mark, f"a message, {guest} having left", "TCRP-5.1a")


def _from_another_port(bench: Bench, alice: Peer, carol: Peer, bob: Peer) -> None:
    _leave(bench, bob, [alice, carol])
    with blaming("TCRP-3.4c"):
        again = bench.rooms.join(alice.member.room, "bob")
    with blaming("TCRP-4.5a"):
        bench.fences.settle(alice, carol, again)
    mark = _heard_once(bench, alice, [carol, again], "bob has joined again from another port")
    _silent(bench, bob, mark, "a message at the port from which bob left", "TCRP-5.1a")
    _leave(bench, again, [alice, carol])


def _everybody_counts(bench: Bench, alice: Peer, carol: Peer) -> None:
    """Members come and go, and whoever is there is heard and hears under its own name."""
    room, there = alice.member.room, [alice, carol]
    for user, leaver in (("dora", None), ("eve", None), ("frank", "dora"), ("gerda", "eve"), ("harald", None)):
        if leaver is not None:
            gone = next(peer for peer in there if peer.member.user == leaver)
            there.remove(gone)
            _leave(bench, gone, there)
        with blaming("TCRP-3.4c"):
            there.append(bench.rooms.join(room, user))
        with blaming("TCRP-4.5a"):
            bench.fences.settle(*there)
    for speaker in there:
        mark = _heard_once(
            bench, speaker, [peer for peer in there if peer is not speaker], "members have come and gone"
        )
        heard = bench.hearing.heard(there[0] if speaker is not there[0] else there[1], mark)
        if heard is not None and not bench.datagrams.names(heard, speaker.member.user):
            expected = f"a message of {speaker} to carry that name after members have come and gone"
            raise Mismatch(expected, shown(heard.data), data=heard.data, clause="TCRP-3.8d")


@clause("TCRP-3.4c")
def test_who_has_left_joins_again_and_again(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-3.4c")


@clause("TCRP-3.8a")
def test_who_joins_again_gets_another_token(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-3.8a")


@clause("TCRP-3.8d")
def test_who_joins_after_others_left_has_its_own_name(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-3.8d")


@clause("TCRP-4.3b")
def test_who_joins_again_hears_nothing_before_its_first_datagram(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-4.3b")


@clause("TCRP-4.5a")
def test_who_joins_again_hears_and_is_heard(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-4.5a")


@clause("TCRP-4.5c")
def test_who_joins_again_and_again_hears_once(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-4.5c")


@clause("TCRP-5.1a")
def test_who_joins_again_elsewhere_hears_nothing_where_it_was(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-5.1a")


@clause("TCRP-5.1b")
def test_a_former_token_stays_void_once_its_name_has_joined_again(bench: Bench) -> None:
    judge(bench, a_member_after_a_member, "TCRP-5.1b")
