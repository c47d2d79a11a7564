"""Section 3.3: the user names that are good, and those that are not."""

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served, takes
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.outcome.findings import Mismatch
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import create_with, refuse_create, refuse_join
from conformance.trace.names import fresh, nonce
from tcrp import MAX_USER_SIZE, Create, Join

CONTROLS = [*map(chr, range(0x20)), "\x7f"]


@clause("TCRP-3.3a")
@for_all(
    cases=[
        {"user": user}
        for user in (
            "0",
            " ",
            "a: {b",
            "太郎\U0001f600",
            "\u0301\u0080\u009f\u200b\u202e\u2028\ufeff\ue000\uffff\U0010ffff",
            "{'/\"",
            "admin",
            "a" * MAX_USER_SIZE,
        )
    ],
    user=strategies.users(),
    scale=0.5,
)
def test_every_user_name_without_control_characters_is_accepted(bench: Bench, user: str) -> None:
    create_with(bench, forge.payload(username=user), f"the user name {user!r}")


@hostile
@clause("TCRP-3.3b")
@for_all(
    cases=[{"user": user} for user in ("", "\0", "a\tb", "a\x1fb", "\x7f", "a\r", "\x1ba", "部" * 86)],
    user=st.tuples(st.text("ab部", max_size=5), st.sampled_from(CONTROLS), st.text("ab部", max_size=5)).map("".join),
    scale=0.25,
)
def test_a_bad_user_name_is_malformed(bench: Bench, user: str) -> None:
    refuse_create(bench, forge.payload(username=user), f"the user name {user[:20]!r} of {len(user.encode())} bytes")


@hostile
@clause("TCRP-3.3b")
def test_a_bad_raw_user_name_is_malformed(bench: Bench) -> None:
    if not takes(bench, b"alicia"):
        return  # good ones are malformed too
    for user in ("a\0", "alicia\n", "\x04alicia", "a" * 256):
        refuse_create(bench, user.encode(), f"the raw user name {user[:20]!r} of {len(user.encode())} bytes")
    for user in ("bob\n", "b" * 256):
        refuse_join(bench, user.encode(), f"the raw user name {user[:20]!r} of {len(user)} bytes")
    refuse_join(bench, forge.payload(username=""), "an empty user name")


@clause("TCRP-3.3c")
def test_equal_user_names_in_a_room_are_allowed(bench: Bench) -> None:
    room = fresh()
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia")), "a CREATE by alicia")
    must_be_served(bench, bench.tcp.ask(Join(room, "alicia")), "a JOIN by another alicia")


@needs_chat
@clause("TCRP-3.3c")
def test_members_of_equal_names_are_members_each(bench: Bench) -> None:
    members = bench.rooms.settled("twin", "twin", "twin", "Twin")
    for speaker in members:
        mark = nonce()
        bench.udp.say(speaker, mark)
        for listener in members:
            if listener is speaker:
                continue
            heard = bench.hearing.must_hear(listener, mark, "a message of another member of its name")
            if not bench.datagrams.names(heard, speaker.member.user):
                raise Mismatch("messages of each to carry its name", repr(heard.data), data=heard.data)
    bench.udp.leave(members[1])
    bench.fences.fence(members[0], *members[2:], after="one of the members of a name has left")
