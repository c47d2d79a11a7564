"""Section 5: leaving, but for the idle clauses, which are judged together in a module of their own."""

import time

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.net.connection import Answer
from conformance.net.path import ODDS
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, last, needs_chat
from conformance.suite.steps import arrive, ask_until
from conformance.trace.names import nonce
from conformance.trace.text import shown
from tcrp import Create, Join, LocalProtocolError, Status

pytestmark = needs_chat

FAILURES = 12
"""Messages to a member whose port is closed: several delivery failures in a row, by anybody's count."""


def _with_a_guest(bench: Bench) -> tuple[Peer, Peer, Peer]:
    """A guest between two members of a shared room."""
    alice, _, carol = bench.shared.settled()[0]
    bob = bench.shared.guest()
    bench.fences.settle(alice, bob, carol)
    return alice, bob, carol


def _bob_left(bench: Bench) -> tuple[Peer, Peer, Peer]:
    alice, bob, carol = _with_a_guest(bench)
    bench.udp.leave(bob)
    bench.fences.fence(alice, carol, after="a guest has left")
    return alice, bob, carol


@clause("TCRP-5.1a")
def test_whoever_leaves_receives_no_more_chat(bench: Bench) -> None:
    alice, bob, carol = _with_a_guest(bench)
    _, there = bench.shared.as_they_are()  # where another eve is
    eve = bench.rooms.join(alice.member.room, "eve")
    left = {bob: "bob", eve: "eve"}
    if bench.traits.chat_moves:
        left[bench.rooms.move(bob)] = "bob, at the port where he was first,"
    bench.udp.leave(bob)  # who was not the last to join, and from another port than he registered from
    bench.udp.leave(eve)  # with her first datagram
    bench.fences.fence(alice, carol, after="two guests have left")
    for speaker in (alice, carol):
        mark = nonce()
        bench.udp.say(speaker, mark)
        bench.fences.fence(alice, carol, after="bob has left")
        bench.udp.pump(0.0)
        for peer, who in left.items():
            bench.hearing.must_not_hear(peer, mark, f"a message, {who} having left")
    bench.fences.fence(*there, after="a namesake has left another room")


@clause("TCRP-5.1b")
def test_the_token_of_whoever_left_is_void_at_once(bench: Bench) -> None:
    alice, bob, carol = _bob_left(bench)
    mark, later = nonce(), nonce()
    bench.udp.register(bob)
    bench.udp.say(bob, mark)
    bench.fences.fence(alice, carol, after="a message with the token of one who left")
    for peer in (alice, carol):
        bench.hearing.must_not_hear(peer, mark, "a message with the token of one who left")
    bench.udp.say(alice, later)
    bench.fences.fence(alice, carol, after="a registration with the token of one who left")
    bench.udp.pump(0.0)
    bench.hearing.must_not_hear(bob, later, "a message after registering with his void token")
    _not_replied_to(bench, bob)


def _not_replied_to(bench: Bench, peer: Peer) -> None:
    """One notice may have told it that it is out, or must have; what it has sent since, twice at least, is dropped."""
    if (times := len(bench.hearing.notices(peer))) > 1:
        raise Mismatch(f"no reply to datagrams with {peer}'s void token", f"{times} notices")


@clause("TCRP-5.1c")
def test_leaving_is_not_relayed_as_chat(bench: Bench) -> None:
    alice, bob, carol = _with_a_guest(bench)
    since = [len(alice.inbox), len(carol.inbox)]
    bench.udp.leave(bob)
    bench.fences.fence(alice, carol, after="bob has left")
    for peer, seen in zip((alice, carol), since, strict=True):
        for stray in bench.hearing.strays(peer, seen):
            if not bench.datagrams.is_notice(stray):  # that would be a finding of 5.4b
                raise Mismatch("nothing to be relayed for a leave message", f"{peer} got {shown(stray.data)}")
    host, guest = bench.rooms.settled("alicia", "bob")
    before = len(guest.inbox)
    bench.udp.leave(host)
    if bench.hearing.await_notice(guest, before) is None:
        return  # that is a finding of 5.2a
    for stray in bench.hearing.strays(guest, before):
        if not bench.datagrams.is_notice(stray) and b"exit" in stray.data:  # other text is a finding of 4.6c
            raise Mismatch("nothing to be relayed for a leave message of the host", f"a guest got {shown(stray.data)}")


@clause("TCRP-5.1d")
def test_what_is_not_exactly_exit_is_chat(bench: Bench) -> None:
    alice, bob, _ = _with_a_guest(bench)
    for message in (
        b"exit\n", b"exit\r\n", b"EXIT", b"Exit", b" exit", b"exit ", b"exit\0", b"exit now", b"exi", b"exitexit",
        b"/exit", b"quit", b"bye", b"leave", b"exit: bye", b'"exit"', b"no exit", "\uff45xit".encode(),
        "\ufeffexit".encode(), b"exit.",
    ):  # fmt: skip
        for speaker, listener in ((bob, alice), (alice, bob)):
            _is_chat(bench, speaker, listener, message)


def _is_chat(bench: Bench, speaker: Peer, listener: Peer, message: bytes) -> None:
    """The message arrives, and its sender stays."""
    since = len(listener.inbox)
    try:
        bench.udp.say(speaker, message)
    except LocalProtocolError:
        return  # it means something else in this dialect
    if not bench.hearing.hears_words(listener, message, since, speaker):
        raise Mismatch(f"the message {message!r} of {speaker} to be relayed as chat", "it was not", data=message)
    mark = nonce()
    bench.udp.say(speaker, mark)
    bench.hearing.must_hear(listener, mark, f"a message of {speaker}, who said {message!r} before", data=message)


@clause("TCRP-5.2a")
def test_when_the_host_leaves_every_other_member_gets_a_disconnect_notice(bench: Bench) -> None:
    host, bob = bench.rooms.settled("alicia", "bob")
    bench.rooms.join(host.member.room, "silent")  # never registers, and is in nobody's way
    twin = bench.rooms.stay(bench.rooms.join(host.member.room, "alicia"))  # of the host's name
    bench.fences.settle(host, bob, twin)
    if bench.traits.chat_moves:
        bench.rooms.move(bob)
        arrive(bench, host, bob, "chat")
        bench.fences.fence(host, bob, twin, after="a move")  # what he sent before it has come by then
    guests = (bob, twin)
    since = [len(guest.inbox) for guest in guests]
    bench.udp.leave(host)
    for guest, seen in zip(guests, since, strict=True):
        if bench.hearing.await_notice(guest, seen) is None:
            got = [shown(datagram.data) for datagram in bench.hearing.strays(guest, seen)]
            raise Mismatch(
                f"{guest} to get a disconnect notice (0x04) when the host has left",
                got[0] if got else f"nothing came within {bench.waits.answer:.1f} s",
            )


def _is_gone(answer: Answer) -> bool:
    return answer.says(Status.ROOM_NOT_FOUND)


def _closed_by_its_host(bench: Bench, *guests: str) -> list[Peer]:
    """A room that its host has left, and is known to have left: its name can be had again."""
    members = bench.rooms.settled("alicia", *guests)
    bench.udp.leave(members[0])
    answer = ask_until(bench, Join(members[0].member.room, "zoe"), _is_gone)
    if _is_gone(answer):
        return members
    raise Mismatch("a room whose host has left to be gone", f"a JOIN gets {answer}")


@clause("TCRP-5.2b")
def test_when_the_host_leaves_all_tokens_of_the_room_are_void(bench: Bench) -> None:
    members = _closed_by_its_host(bench, "bob", "charles")
    carol_before = members[2].member
    bob, carol = members[1:]
    mark = nonce()
    bench.udp.say(bob, mark)  # to whom would it go?
    bench.udp.register(carol)
    bench.udp.say(bob, mark)
    _rejoined(bench, carol)
    bench.hearing.must_not_hear(carol, mark, "a message of another member of the closed room")
    carol.membership = carol_before
    new_host, guest = bench.rooms.settled("newhost", "newguest", room=members[0].member.room)
    for old in members:
        mark, later = nonce(), nonce()
        bench.udp.say(old, mark)
        bench.udp.say(new_host, later)
        bench.fences.fence(new_host, guest, after="a message with a token of the closed room")
        for peer in (new_host, guest):
            bench.hearing.must_not_hear(peer, mark, f"a message with {old}'s token of the room that was closed")
        bench.udp.pump(0.0)
        bench.hearing.must_not_hear(old, later, "a message of the new room of that name")
    _not_replied_to(bench, bob)


@clause("TCRP-5.2c")
def test_when_the_host_leaves_the_name_of_the_room_is_free(bench: Bench) -> None:
    unregistered = bench.rooms.create()
    registered = bench.rooms.settled("alicia", "bob", password=bench.rooms.secret)[0]
    for host in (unregistered, registered):
        bench.udp.leave(host)
    for host in (unregistered, registered):
        answer = ask_until(bench, Join(host.member.room, "zoe"), _is_gone)
        must_have_status(bench, answer, Status.ROOM_NOT_FOUND, "a JOIN of a room whose host has left")
        create = Create(host.member.room, "mallory")
        answer = ask_until(bench, create, lambda answer: not answer.says(Status.ROOM_EXISTS))
        must_be_served(bench, answer, "a CREATE of a room whose host has left")
    must_be_served(bench, bench.tcp.ask(Join(registered.member.room, "bob")), "a JOIN of the new room of that name")


@clause("TCRP-5.4a")
def test_a_disconnect_notice_is_0x04_and_utf8(bench: Bench) -> None:
    host, guest = bench.rooms.settled("alicia", "bob")
    since = len(guest.inbox)
    bench.udp.leave(host)
    notice = bench.hearing.await_notice(guest, since)
    if notice is None:
        information = [d for d in guest.inbox[since:] if bench.datagrams.is_information(d)]
        if not (got := bench.hearing.strays(guest, since) + information):
            unsupported("nobody is told that the room is closed: TCRP-5.2a")
        raise Mismatch(
            "a datagram that begins with 0x04 when the room is closed", shown(got[0].data), data=got[0].data
        )  # fmt: skip
    try:
        notice.data[1:].decode()
    except UnicodeDecodeError as error:
        raise Mismatch("UTF-8 after the byte 0x04", str(error), data=notice.data) from None


@clause("TCRP-5.4b")
def test_a_disconnect_notice_goes_once_and_only_to_members_that_are_disconnected(bench: Bench) -> None:
    here, there = bench.shared.settled()
    marks = [len(peer.inbox) for peer in (*here, *there)]
    host, bob, carol = bench.rooms.settled("alicia", "bob", "charles")
    silent = bench.rooms.join_at_same_port(host.member.room, "eve")
    left = [bench.rooms.move(carol)] if bench.traits.chat_moves else []
    if left:
        arrive(bench, host, carol, "chat")
    since = len(bob.inbox)
    bench.udp.leave(bob)
    bench.fences.fence(host, carol, after="a guest has left")
    for peer in (host, carol):
        if bench.hearing.notices(peer):
            raise Mismatch("nobody to be disconnected because a guest has left", f"{peer} got a notice")
    told = len(bench.hearing.notices(bob, since))  # of his leaving, which may be told
    if told > 1:
        raise Mismatch("one notice at most to bob, who has left", f"{told}")
    bench.udp.leave(host)
    bench.hearing.await_notice(carol, 0)
    _rejoined(bench, carol, bob, silent)
    if (times := len(bench.hearing.notices(carol))) > 1:
        raise Mismatch(f"one disconnect notice to {carol}", f"{times}")
    if len(bench.hearing.notices(bob, since)) > told:
        raise Mismatch(
            "no notice to bob for the room that he had left before", f"{len(bench.hearing.notices(bob, since))}"
        )
    if (times := len(bench.hearing.notices(host))) > 1:
        raise Mismatch("one notice at most to the host, who has left", f"{times}")
    if any(bench.hearing.notices(old) for old in left):
        raise Mismatch("no notice to the port from which charles has moved", "one")
    if bench.hearing.notices(silent):
        raise Mismatch("no notice to a member that has sent no datagram", "it got one")
    bench.fences.fence_rooms(here, there, after="another room has been closed")
    for peer, seen in zip((*here, *there), marks, strict=True):
        if bench.hearing.notices(peer, seen):
            raise Mismatch("no notice to members of other rooms", f"{peer} got one")


def _rejoined(bench: Bench, *peers: Peer) -> None:
    """A fence for those who have no room: in a new one, on the same sockets."""
    host = bench.rooms.stay(bench.rooms.create())
    for number, peer in enumerate(peers):
        want = Join(host.member.room, f"again-{number}")
        answer = bench.tcp.ask(want)
        if answer.token is None:
            raise Mismatch("a JOIN to be served after a room was closed", str(answer))
        bench.rooms.come_back(peer, want, answer)
    bench.fences.settle(host, *peers)
    bench.fences.fence(host, *peers)


@clause("TCRP-5.5")
def test_information_datagrams_are_0x05_and_utf8(bench: Bench) -> None:
    alice, bob, carol = _bob_left(bench)
    texts = []
    for peer in (alice, bob, carol):
        for datagram in peer.inbox:
            if bench.datagrams.is_information(datagram):
                try:
                    texts.append(datagram.data[1:].decode())
                except UnicodeDecodeError as error:
                    raise Mismatch("UTF-8 after the byte 0x05", str(error), data=datagram.data) from None
    such = next(filter(None, texts), "")[:60]
    bench.record.note(f"sends them, such as {such!r}" if texts else "none came when members came and went")


@clause("TCRP-5.6")
def test_a_member_whose_port_is_closed_is_removed(bench: Bench) -> None:
    if not bench.target.endpoint.host.startswith(("127.", "::1")):
        unsupported("delivery failures are seen on loopback only")
    if bench.context.proxy is not None:
        unsupported("delivery failures are not seen through --impair")
    alice, bob, carol = bench.rooms.settled("alicia", "bob", "charles")
    after = "a member's port has been closed"
    once = None if not _informed(bench, alice) else 0.0  # information that cannot be delivered counts too
    sweep = min(0.1, (bench.context.idle_timeout or 60) / 30)
    for pause in (once, once, 0.0, sweep):  # one failure (twice: bob may be sent to last), several, and a sweep later
        (host, port), member = bob.address[:2], bob.member
        bob.close()
        bench.rooms.remove(bob)
        for _ in range(1 if pause is None else FAILURES):
            time.sleep(pause or 0.0)
            bench.fences.fence_by(carol, alice, after=after)
        bob = bench.rooms.peer(member, host, port)
        mark = nonce()
        bench.udp.say(bob, mark)
        if pause is None:
            bench.hearing.must_hear(alice, mark, "a message of bob, to whom one delivery has failed")
            continue
        bench.fences.fence(alice, carol, after=after)
        if not bench.hearing.heard(alice, mark):
            return
    raise Mismatch(f"bob to be removed after {FAILURES} messages found his port closed", "he is still a member")


def _informed(bench: Bench, peer: Peer) -> bool:
    return any(bench.datagrams.is_information(datagram) for datagram in peer.inbox)


@last
@clause("TCRP-5.7")
def test_a_server_that_stops_closes_every_room_first(bench: Bench) -> None:
    if not bench.target.owned:
        unsupported("needs --exec: a server that somebody else runs is not stopped")
    here, there = bench.shared.settled()
    members = [*here, *there]
    since = [len(peer.inbox) for peer in members]
    bench.target.terminate()
    deadline = time.monotonic() + bench.waits.answer
    told = [
        bench.hearing.await_notice(peer, seen, max(0.0, deadline - time.monotonic())) is not None
        for peer, seen in zip(members, since, strict=True)
    ]
    bench.target.stop()
    bench.forget()
    path = bench.context.path
    if not all(told) and path.lost and (any(told) or path.lost ** len(told) > ODDS):
        unsupported(f"not everybody got a notice, and the path {path.odds}")
    if not all(told):
        missing = [str(peer) for peer, one in zip(members, told, strict=True) if not one]
        finding = Mismatch(
            "every member, hosts too, to get a disconnect notice when the server gets SIGTERM",
            f"none to {', '.join(missing)}",
        )
        finding.stopped = True
        raise finding


@clause("TCRP-5.3e")
def test_to_come_back_one_joins_again_password_included(bench: Bench) -> None:
    """Here for whoever left; whoever was idle comes back the same way, see the idle clauses."""
    alice, bob, carol = bench.rooms.settled("alicia", "bob", "charles", password=bench.rooms.secret)
    bench.udp.leave(bob)
    bench.fences.fence(alice, carol, after="bob has left")
    if bench.rooms.secret is not None:
        without = bench.tcp.ask(Join(alice.member.room, "bob"))
        must_have_status(bench, without, Status.WRONG_PASSWORD, "coming back without the password")
    again = bench.rooms.join(alice.member.room, "bob", bench.rooms.secret)
    bench.fences.settle(alice, carol, again)
    if again.member.token == bob.member.token:
        raise Mismatch("a new token for a new membership", "the old one")
