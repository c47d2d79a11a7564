"""The scene in which the idle clauses are judged together: what is done in 2 T + 1 seconds, and what was seen.

Several rooms live through them: who is silent, who only registers, who never sent a datagram, who speaks in time, whose
host is silent. Other parts of the scene are played in the same time.
"""

import time
from dataclasses import dataclass, field

from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.idle.house import House, Quiet, Stuck
from conformance.suite.idle.part import Part
from conformance.suite.idle.rooms_again import Encore, Siege
from conformance.suite.steps import arrive
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import Create, Join, Membership, Status

SLACK = 0.5
"""Seconds granted beyond 2 T + 1 for a loaded machine."""
PARTS: tuple[type[Part], ...] = (Stuck, Quiet, House, Encore, Siege)
"""What else is played in the same time."""
QUICK = 0.25
"""Of T: five members are in a room by then. With a server that answers later, the others would idle meanwhile."""
TRIPS = 40
"""Round trips that T must hold for them: with a slower server they would come too late to be judged."""


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
    longest_silence: float = 0.0
    """Of who talks, in seconds: longer on a slow machine."""
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
    problems: list[Mismatch] = field(default_factory=list)
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
    first = time.monotonic()
    host, guest, talker, quiet, early = bench.rooms.settled(
        "host", "guest", "talker", "quiet", "early", room=room, password=password
    )
    is_quick = time.monotonic() - first < QUICK * idle
    orphan_host, orphan = bench.rooms.settled("parent", "orphan")
    _keep_a_namesake(bench, room, password)
    lone = bench.rooms.stay(bench.rooms.create(user="lone"))
    mute = bench.rooms.create(user="mute")  # never sends a datagram
    stranger = bench.rooms.peer()
    guest = _moved(bench, host, guest)
    since = len(host.inbox)
    parts = _begun(bench, idle) if is_quick else []
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
            seen.longest_silence = max(seen.longest_silence, time.monotonic() - (talker.sent_at or began))
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
            long = bench.udp.chat_datagram(guest, b"x") + b"x" * bench.traits.datagrams.longest_up
            if bench.udp.carries(long) and bench.target.endpoint.host.startswith(("127.", "::1")):
                bench.udp.send(stranger, long)  # elsewhere it may not get through
        if passed > 1.5 * idle and joined and joined[0].sent_at is None:
            if not bench.traits.chat_moves:
                bench.udp.register(joined[0])
            bench.udp.say(joined[0], new_mark)
            seen.late.newcomer_tried = time.monotonic() - joined[0].made_at < 0.9 * idle
        bench.udp.pump(min(0.05, idle / 10))
        for part in parts:
            part.act()
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
    for part in parts:
        part.end()
        seen.problems += part.problems
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


def _begun(bench: Bench, idle: float) -> list[Part]:
    """The other parts of the scene, where this dialect and this server have them."""
    if not bench.traits.as_the_model or TRIPS * bench.waits.round_trip > idle:
        return []
    begun = []
    for part in (kind(bench, idle) for kind in PARTS):
        try:
            part.begin()
        except Mismatch:
            continue  # other clauses say why
        part.began = time.monotonic()
        begun.append(part)
    return begun


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
