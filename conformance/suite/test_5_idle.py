"""The idle clauses, judged together in one scene, once, when `--idle-timeout` says the server's idle time T.

Several rooms live through the same 2 T + 1 seconds: who is silent, who only registers, who never sent a datagram, who
speaks in time, whose host is silent. Each test then looks at its part of what was seen.
"""

import math
import time
from dataclasses import dataclass, field

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, late, needs_chat
from conformance.suite.steps import arrive
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Audience, Create, Join, Membership, NoticeReason, Status

pytestmark = needs_chat

SLACK = 0.5
"""Seconds granted beyond 2 T + 1 for a loaded machine; what is too early is granted none but the clock's grain."""
GRAIN = 0.02


@dataclass
class Latecomers:
    """Members that send their first datagram late, but in time, and whether they were heard."""

    tried: bool = False
    starter_served: bool = False
    speaker_served: bool = False
    newcomer_tried: bool = False
    newcomer_served: bool = False


@dataclass
class Scene:
    """What was seen. A time is in seconds since the member's last datagram was sent; None: it never happened."""

    problem: Mismatch | None = None
    guest_notice: float | None = None
    most_notices: int = 0
    guest_removed: bool = False
    guest_revived: bool = False
    silent_served: bool = False
    late: Latecomers = field(default_factory=Latecomers)
    kept_by_empties: bool = False
    kept_by_chat: bool = False
    host_notice: float | None = None
    orphan_notice: float | None = None
    orphan_room_gone: bool = False
    orphan_name_free: bool = False
    back_without_password: str = ""
    back_with_password: str = ""
    bystander_notices: list[str] = field(default_factory=list)
    lone_notice: float | None = None
    mute_stood: str = ""
    mute_gone: bool = False
    chat_port: int = 0
    strays: list[str] = field(default_factory=list)
    notice_ports: set[int] = field(default_factory=set)


def scene(bench: Bench) -> Scene:
    """The scene, played at the first need."""
    if bench.context.idle_timeout is None:
        unsupported("needs --idle-timeout, the server's idle time")
    if bench.dialect.policy.idle.seconds is None:
        unsupported("in this dialect nobody is removed for being silent")
    seen = bench.once(_played)
    if seen.problem is not None:
        raise seen.problem
    return seen


def _scene_as_it_went(bench: Bench) -> Scene:
    """The scene, for a clause that has not to do with idling as such."""
    try:
        return scene(bench)
    except Mismatch as problem:
        unsupported(f"the idle clauses could not be tried: {problem}")


def _played(bench: Bench) -> Scene:
    seen = Scene()
    try:
        _play(bench, bench.context.idle_timeout or 0.0, seen)
    except Mismatch as mismatch:
        seen.problem = mismatch
    return seen


def _play(bench: Bench, idle: float, seen: Scene) -> None:
    room, password = fresh(), bench.rooms.secret
    end = 2 * idle + 1 + SLACK + bench.waits.round_trip
    host, guest, talker, quiet, early = bench.rooms.settled(
        "host", "guest", "talker", "quiet", "early", room=room, password=password
    )
    orphan_host, orphan = bench.rooms.settled("parent", "orphan")
    _keep_a_namesake(bench, room, password)
    lone = bench.rooms.stay(bench.rooms.create(user="lone"))
    mute = bench.rooms.create(user="mute")  # never sends a datagram
    stranger = bench.rooms.peer()
    guest = _moved(bench, host, guest)
    since = len(host.inbox)
    silent = bench.rooms.join(room, "silent", password)
    starter = bench.rooms.join(room, "starter", password)
    began = time.monotonic()
    for peer in (guest, orphan_host, early, talker, lone):
        if peer.sent_at is None and not bench.traits.chat_moves:
            bench.udp.register(peer)
        bench.udp.be_active(peer)
        peer.kept = False
    guest_last, orphan_last, lone_last = (peer.sent_at or began for peer in (guest, orphan_host, lone))
    talker.kept, host.kept, quiet.kept, orphan.kept = False, True, True, True
    spoken = 0
    late_mark, start_mark, new_mark = nonce(), nonce(), nonce()
    joined: list[Peer] = []
    while (now := time.monotonic()) - began < end:
        passed = now - began
        if passed > spoken * idle / 3:
            spoken += 1
            bench.udp.say(talker, nonce())
        if 0.7 * idle < passed < 0.9 * idle and early.sent_at and early.sent_at - began < 0.5 * idle:
            seen.late.tried = True
            bench.udp.say(early, late_mark)
            if not bench.traits.chat_moves:
                bench.udp.register(starter)
            bench.udp.say(starter, start_mark)
            answer = bench.tcp.ask(Join(mute.member.room, "x"))
            if answer.token is None and time.monotonic() - mute.made_at < 0.95 * idle:
                seen.mute_stood = str(answer)
        if passed > 0.8 * idle * (len(joined) + 1):  # neither this nor what is dropped puts off anybody's time
            joined.append(bench.rooms.join(room, f"newcomer-{len(joined)}", password))
            bench.udp.send(
                stranger, bench.udp.chat_datagram(bench.rooms.peer(guest.member._replace(room=fresh())), b"x")
            )
            if bench.target.endpoint.host.startswith(("127.", "::1")):  # elsewhere it may not get through
                bench.udp.send(
                    stranger, bench.udp.chat_datagram(guest, b"x") + b"x" * bench.traits.datagrams.longest_up
                )
        if passed > 1.5 * idle and joined and joined[0].sent_at is None:
            if not bench.traits.chat_moves:
                bench.udp.register(joined[0])
            bench.udp.say(joined[0], new_mark)
            seen.late.newcomer_tried = time.monotonic() - joined[0].made_at < 0.9 * idle
        bench.udp.pump(min(0.05, idle / 10))
        if seen.guest_notice is None and (found := bench.hearing.notices(guest)):
            seen.guest_notice = found[0].at - guest_last
        if seen.host_notice is None and (found := bench.hearing.notices(orphan_host)):
            seen.host_notice = found[0].at - orphan_last
        if seen.orphan_notice is None and (found := bench.hearing.notices(orphan)):
            seen.orphan_notice = found[0].at - orphan_last
        if seen.lone_notice is None and (found := bench.hearing.notices(lone)):
            seen.lone_notice = found[0].at - lone_last
    seen.late.speaker_served = bench.hearing.heard(host, late_mark) is not None
    seen.late.starter_served = bench.hearing.heard(host, start_mark) is not None
    seen.late.newcomer_served = bench.hearing.heard(host, new_mark) is not None
    notices = [notice for peer in (guest, orphan_host, orphan, lone) for notice in bench.hearing.notices(peer)]
    seen.chat_port = bench.context.udp_address[1]
    seen.notice_ports = {notice.source[1] for notice in notices}
    seen.strays = [
        shown(stray.data) for stray in bench.hearing.strays(host, since) if stray not in bench.hearing.notices(host)
    ]
    for name, peer in (("a host that stayed", host), ("a member that kept alive", quiet)):
        if bench.hearing.notices(peer):
            seen.bystander_notices.append(name)
    _look_around(bench, seen, host, guest, talker, quiet, silent)
    _look_at_the_orphans(bench, seen, orphan_host)
    seen.most_notices = max(len(bench.hearing.notices(peer)) for peer in (guest, orphan_host, orphan, lone))
    seen.mute_gone = bench.tcp.ask(Join(mute.member.room, "x")).says(Status.ROOM_NOT_FOUND)
    if password is not None:
        answer = bench.tcp.ask(Join(room, "guest"))
        seen.back_without_password = "" if answer.says(Status.WRONG_PASSWORD) else str(answer)
    answer = bench.tcp.ask(Join(room, "guest", password))
    seen.back_with_password = "" if answer.token is not None else str(answer)
    if answer.token is not None:
        bench.rooms.come_back(guest, Join(room, "guest", password), answer)
        bench.fences.settle(host, guest)


def _moved(bench: Bench, host: Peer, guest: Peer) -> Peer:
    """The guest at another port than it registered from; where members cannot move (TCRP-4.3a), where it was."""
    if not bench.traits.datagrams.registers:
        return guest
    left = bench.rooms.move(guest)
    try:
        arrive(bench, host, guest, "empty")
    except Mismatch:
        left.membership = guest.membership
        return left
    return guest


def _keep_a_namesake(bench: Bench, room: str, password: str | None) -> None:
    """Another guest, who stays; no matter if there can be none."""
    answer = bench.tcp.ask(Join(room, "guest", password))
    if answer.token is not None:
        bench.rooms.stay(bench.rooms.peer(Membership(room, "guest", answer.token, False)))


def _look_around(bench: Bench, seen: Scene, host: Peer, guest: Peer, talker: Peer, quiet: Peer, silent: Peer) -> None:
    """Who is still a member, now that the time is over?"""
    said = nonce()
    bench.udp.say(host, said)
    seen.kept_by_empties = bench.hearing.hear(quiet, said) is not None
    seen.kept_by_chat = bench.hearing.hear(talker, said) is not None
    void = {guest: nonce(), silent: nonce()}
    for peer, mark in void.items():
        bench.udp.say(peer, mark)
    for witness in (quiet, talker):
        mark = nonce()
        bench.udp.say(witness, mark)
        bench.hearing.hear(host, mark)
    seen.guest_removed = bench.hearing.heard(guest, said) is None
    seen.guest_revived = bench.hearing.heard(host, void[guest]) is not None
    seen.silent_served = bench.hearing.heard(host, void[silent]) is not None


def _look_at_the_orphans(bench: Bench, seen: Scene, host: Peer) -> None:
    room = host.member.room
    seen.orphan_room_gone = bench.tcp.ask(Join(room, "x")).says(Status.ROOM_NOT_FOUND)
    seen.orphan_name_free = bench.tcp.ask(Create(room, "x")).token is not None


def _bound(bench: Bench) -> tuple[float, float]:
    idle = bench.context.idle_timeout or 0.0
    return idle, 2 * idle + 1


def _in_time(bench: Bench, who: str, at: float | None) -> None:
    earliest, latest = _bound(bench)
    if at is None or at > latest + SLACK + bench.waits.round_trip:
        raise Mismatch(f"{who} within {latest:g} s", "never" if at is None else f"after {at:.2f} s")
    if at < earliest - GRAIN:
        raise Mismatch(f"{who} not before {earliest:g} s", f"after {at:.2f} s")


@clause("TCRP-4.4c")
def test_empty_messages_keep_a_member(bench: Bench) -> None:
    seen = scene(bench)
    if not seen.kept_by_empties:
        raise Mismatch("a member that sends empty messages to stay", "it was removed")


@late
@clause("TCRP-5.3a")
def test_an_idle_member_is_removed_in_time(bench: Bench) -> None:
    seen = scene(bench)
    latest = _bound(bench)[1]
    if not seen.guest_removed:
        raise Mismatch(f"a silent member to be removed within {latest:g} s", "it is still a member")
    if seen.silent_served and not seen.guest_revived:
        raise Mismatch(f"a member that never sent a datagram to be removed within {latest:g} s", "it is still a member")


@clause("TCRP-5.3b")
def test_no_member_is_removed_before_its_time(bench: Bench) -> None:
    seen = scene(bench)
    idle = _bound(bench)[0]
    if seen.guest_notice is not None and seen.guest_notice < idle - GRAIN:
        raise Mismatch(f"a silent member to stay for {idle:g} s", f"it was removed after {seen.guest_notice:.2f} s")
    if seen.late.tried and not seen.late.speaker_served:
        raise Mismatch(f"a member silent for {0.7 * idle:g} s to be heard", "it was not")
    if seen.late.tried and not seen.late.starter_served:
        raise Mismatch(f"a member whose first datagram comes {0.7 * idle:g} s after COMPLETE to be heard", "it was not")
    if seen.late.newcomer_tried and not seen.late.newcomer_served:
        raise Mismatch(
            f"a member heard {0.7 * idle:g} s after it joined a room that is older than {idle:g} s", "not so"
        )
    if seen.mute_stood:
        what = f"a JOIN of a room whose host has sent no datagram for {0.7 * idle:g} s to be served"
        raise Mismatch(what, seen.mute_stood)
    if not seen.kept_by_chat:
        raise Mismatch("a member that talks to stay", "it was removed")


@clause("TCRP-5.3c")
def test_an_idle_member_gets_a_disconnect_notice(bench: Bench) -> None:
    seen = scene(bench)
    if seen.guest_removed or seen.guest_notice is not None:
        _in_time(bench, "a disconnect notice to a silent member", seen.guest_notice)
    else:
        unsupported("the silent member was not removed: TCRP-5.3a")


@clause("TCRP-5.4b")
def test_the_notice_of_an_idle_member_goes_to_nobody_else(bench: Bench) -> None:
    seen = _scene_as_it_went(bench)
    if seen.bystander_notices:
        raise Mismatch("no notice to members that are not idle", f"one to {seen.bystander_notices[0]}")
    if seen.most_notices > 1:
        raise Mismatch("one notice to a member that was idle, or whose host was", f"{seen.most_notices}")


@clause("TCRP-5.3d")
def test_an_idle_host_is_a_host_that_left(bench: Bench) -> None:
    seen = scene(bench)
    if bench.traits.datagrams.is_told(NoticeReason.HOST_IDLE, Audience.OTHERS):
        _in_time(bench, "a disconnect notice to the guest of a silent host", seen.orphan_notice)
    if bench.traits.datagrams.is_told(NoticeReason.HOST_IDLE, Audience.MEMBER) or bench.traits.datagrams.is_told(
        NoticeReason.IDLE, Audience.MEMBER
    ):
        _in_time(bench, "a disconnect notice to the silent host", seen.host_notice)
        _in_time(bench, "a disconnect notice to a silent host that is alone in its room", seen.lone_notice)
    if not seen.orphan_room_gone:
        raise Mismatch("the room of a silent host to be gone", "it can still be joined")
    if not seen.mute_gone:
        raise Mismatch("the room of a host that never sent a datagram to be gone", "it can still be joined")
    if not seen.orphan_name_free:
        raise Mismatch("the name of a silent host's room to be free", "a CREATE is refused")


@clause("TCRP-4.6c")
def test_no_other_text_comes_when_a_member_is_idle(bench: Bench) -> None:
    seen = _scene_as_it_went(bench)
    if seen.strays:
        raise Mismatch("nothing but messages, notices and information to the others", seen.strays[0])


@clause("TCRP-4.6d")
def test_the_notice_of_idling_comes_from_the_chat_port(bench: Bench) -> None:
    seen = _scene_as_it_went(bench)
    for port in seen.notice_ports - {seen.chat_port}:
        raise Mismatch(f"notices from port {seen.chat_port}", f"one from port {port}")


@late
@clause("TCRP-5.3a")
def test_members_are_removed_although_nobody_sends_anything(bench: Bench) -> None:
    """Late: all the shared rooms idle with it."""
    if bench.context.idle_timeout is None:
        unsupported("needs --idle-timeout, the server's idle time")
    if not bench.traits.datagrams.tells(NoticeReason.HOST_IDLE):
        unsupported("in this dialect nobody is told")
    _, bob = bench.rooms.settled("alicia", "bob")
    with bench.udp.unkept(math.inf):
        notice = bench.hearing.await_notice(bob, 0, _bound(bench)[1] + SLACK)
    bench.shared.drop()
    if notice is None:
        raise Mismatch(f"a notice within {_bound(bench)[1]:g} s in which no datagram was sent to the server", "none")


@clause("TCRP-5.3e")
def test_an_idle_member_comes_back_by_joining_password_included(bench: Bench) -> None:
    seen = scene(bench)
    if seen.guest_removed and seen.guest_revived:
        raise Mismatch("the token of a member that was idle to be void", "with it, the member is back")
    if seen.back_without_password:
        raise Mismatch("a JOIN without the password to get status 3", seen.back_without_password)
    if seen.back_with_password:
        raise Mismatch("a JOIN with the password to be served", seen.back_with_password)
