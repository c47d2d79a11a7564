"""The idle clauses, judged together in one scene, once, when `--idle-timeout` says the server's idle time T.

Each test looks at its part of what was seen; see conformance.suite.idle.scene.
"""

import math

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.idle.scene import SLACK, Scene, scene
from conformance.suite.marks import clause, late, needs_chat
from tcrp import Audience, NoticeReason

pytestmark = needs_chat

GRAIN = 0.02
"""Seconds of a clock's grain, which is all that is granted to what comes too early."""


def _scene_as_it_went(bench: Bench) -> Scene:
    """The scene, for a clause that has not to do with idling as such."""
    try:
        return scene(bench)
    except Mismatch as problem:
        unsupported(f"the idle clauses could not be tried: {problem}")


def _bound(bench: Bench) -> tuple[float, float]:
    idle = bench.context.idle_timeout or 0.0
    return idle, 2 * idle + 1


def _in_time(bench: Bench, who: str, at: float | None) -> None:
    earliest, latest = _bound(bench)
    if at is None or at > latest + SLACK + bench.waits.round_trip:
        never = at is None and not bench.context.path.lost
        raise Mismatch(f"{who} within {latest:g} s", "never" if at is None else f"after {at:.2f} s", certain=never)
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
    if not seen.kept_by_chat and seen.longest_silence < 0.9 * idle:
        raise Mismatch("a member that talks to stay", "it was removed")


def _problem(bench: Bench, clause_id: str) -> None:
    """Raise what the other parts of the scene found of this clause."""
    for problem in scene(bench).problems:
        if problem.clause == clause_id:
            raise problem


@late
@clause("TCRP-5.3a")
def test_an_idle_member_is_removed_in_time_whatever_else_happens(bench: Bench) -> None:
    """Others fall silent with it; its token is used elsewhere; its room is asked for in vain; a request is stuck."""
    _problem(bench, "TCRP-5.3a")


@clause("TCRP-5.3b")
def test_no_member_is_removed_before_its_time_whatever_was_before(bench: Bench) -> None:
    """It has moved, or was silent before; another one of its name, or a room of that name, was there before."""
    _problem(bench, "TCRP-5.3b")


@clause("TCRP-5.3c")
def test_who_is_idle_again_is_told_again(bench: Bench) -> None:
    _problem(bench, "TCRP-5.3c")


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
        more = seen.most_notices > 2  # than a path that doubles makes of one
        raise Mismatch("one notice to a member that was idle, or whose host was", f"{seen.most_notices}", certain=more)


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
        raise Mismatch("nothing but messages, notices and information to the others", seen.strays[0], certain=True)


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
