"""Every answer of each field of Policy, in a dialect whose datagrams can be read."""

from typing import Any

import pytest

from relay import Dropped, MemberJoined, MemberLeft, RoomClosed, RoomLimits
from tcrp.messages import Address, Create, Join, NoticeReason, UpKind
from tcrp.policy import Audience, Bind, Idle, IdleScope, MemberKey, Register, RoomKey
from tests.relay.rig import LOOPBACK, PEER, RelayRig, Sent, readable_rig, rig_from_text

A, B, C = ("10.0.0.1", 1), ("10.0.0.1", 2), ("10.0.0.1", 3)
DECLARED: dict[str, Any] = {"register": Register.REQUEST, "bind": Bind.NONE}


def chat(token: bytes, body: str = "hi", *, user: str = "-", room: str = "r", kind: str = "chat") -> bytes:
    """A datagram of the readable dialect."""
    return b"|".join([kind.encode(), room.encode(), token, user.encode(), body.encode()])


def declared_three(**policy: Any) -> RelayRig:
    """Members a (host), b, c of room r at A, B, C, whose addresses were declared; t1, t2, t3 are their tokens."""
    rig = readable_rig(**{**DECLARED, "tell": {}, **policy})
    rig.create("r", "a", udp=A)
    rig.join("r", "b", udp=B)
    rig.join("r", "c", udp=C)
    return rig


# ------------------------------------------------------------------------------------- bind and register


def test_a_declared_address_is_sent_to_at_once_and_datagrams_come_from_anywhere() -> None:
    rig = declared_three()
    assert rig.receive(chat(b"t1"), ("10.9.9.9", 99)) == [(b"chat a hi", B), (b"chat a hi", C)]
    assert rig.receive(chat(b"t2"), ("10.9.9.9", 99)) == [(b"chat b hi", A), (b"chat b hi", C)]


def test_bound_to_its_address_a_member_speaks_from_there_alone() -> None:
    rig = declared_three(bind=Bind.ADDRESS)
    assert rig.receive(chat(b"t1"), ("10.0.0.1", 9)) == []
    assert isinstance(rig.facts[0], Dropped)
    assert len(rig.receive(chat(b"t1"), ("::ffff:10.0.0.1", 1, 0, 0))) == 2


def test_bound_to_an_address_that_is_learnt_the_first_datagram_fixes_it() -> None:
    rig = readable_rig(bind=Bind.ADDRESS)
    rig.create("r", "a")
    rig.join("r", "b")
    rig.receive(chat(b"t1"), A)
    rig.receive(chat(b"t2"), B)
    assert rig.receive(chat(b"t1"), C) == []
    assert rig.receive(chat(b"t1"), A) == [(b"chat a hi", B)]


def test_a_register_message_moves_the_member_from_wherever_it_comes_and_nothing_else_does() -> None:
    rig = readable_rig(register=Register.MESSAGE, bind=Bind.ADDRESS)
    rig.create("r", "a")
    rig.join("r", "b")
    assert rig.receive(chat(b"t1"), A) == []
    assert isinstance(rig.facts[0], Dropped)  # not registered yet
    rig.receive(chat(b"t1", kind="register"), A)
    rig.receive(chat(b"t2", kind="register"), ("10.7.7.7", 7))
    assert rig.receive(chat(b"t1"), A) == [(b"chat a hi", ("10.7.7.7", 7))]
    rig.receive(chat(b"t2", kind="register"), B)
    assert rig.receive(chat(b"t1"), A) == [(b"chat a hi", B)]
    assert rig.receive(chat(b"t2"), ("10.7.7.7", 7)) == []


def test_where_chat_does_not_register_it_is_still_relayed() -> None:
    rig = readable_rig(register=Register.MESSAGE)
    rig.create("r", "a")
    rig.join("r", "b")
    rig.receive(chat(b"t1", kind="register"), A)
    assert rig.receive(chat(b"t2"), B) == [(b"chat b hi", A)]
    assert rig.receive(chat(b"t1"), A) == []


def test_a_handshake_address_is_that_of_the_member() -> None:
    rig = readable_rig(register=Register.HANDSHAKE, bind=Bind.ADDRESS, tell={NoticeReason.JOINED: Audience.OTHERS})
    host = rig.begin(Create("r", "a"))
    rig.admit(host)
    rig.do(rig.relay.bind(host, A, 0.0))
    guest = rig.begin(Join("r", "b"))
    assert rig.admit(guest).decisions == ()
    assert rig.do(rig.relay.bind(guest, B, 0.0)) == [(b"info b joined", A)]
    assert rig.receive(chat(b"t2"), B) == [(b"chat b hi", A)]
    assert rig.receive(chat(b"t2"), C) == []


# ---------------------------------------------------------------------------------- room key, member key


def test_members_known_by_address_need_the_rooms_token() -> None:
    rig = readable_rig(
        room_key=RoomKey.TOKEN,
        member_key=MemberKey.ADDRESS,
        bind=Bind.ADDRESS,
        register=Register.ASSIGNED,
        echo=True,
        tell={NoticeReason.LEFT: Audience.OTHERS},
        relay={"addresses": LOOPBACK},
    )
    rig.create("r", "a")
    rig.join("", "b", invite=b"t1")
    host, guest = LOOPBACK
    said = rig.receive(chat(b"t1", user="al", room="-"), host)
    assert said == [(b"chat al hi", host), (b"chat al hi", guest)]
    assert rig.receive(chat(b"t2", room="-"), host) == []
    assert rig.receive(chat(b"t1", room="-"), ("127.0.1.3", 8080)) == []
    assert rig.receive(chat(b"t1", room="-"), ("127.0.1.1", 8081)) == []
    assert rig.receive(chat(b"t1", "exit", user="bob", room="-", kind="leave"), guest) == [(b"info bob left", host)]
    assert rig.receive(chat(b"t1", room="-"), guest) == []
    assert rig.receive(chat(b"t1", "exit", user="al", room="-", kind="leave"), host) == []
    assert rig.facts == [MemberLeft("r", "al", NoticeReason.LEFT, PEER[0]), RoomClosed("r", NoticeReason.HOST_LEFT, 1)]


def test_known_by_address_and_found_by_name_the_token_must_fit_where_it_is_said() -> None:
    rig = readable_rig(**DECLARED, member_key=MemberKey.ADDRESS)
    rig.create("r", "a", udp=A)
    rig.join("r", "b", udp=B)
    assert rig.receive(chat(b"-"), B) == [(b"chat b hi", A)]
    assert rig.receive(chat(b"t1"), B) == [(b"chat b hi", A)]
    assert rig.receive(chat(b"t2"), B) == []
    assert rig.receive(chat(b"t1", room="s"), B) == []


def test_a_room_found_by_token_has_members_with_tokens_of_their_own() -> None:
    rig = readable_rig(**DECLARED, room_key=RoomKey.TOKEN)
    host = rig.create("r", "a", udp=A)
    guest = rig.join("", "b", invite=host, udp=B)
    assert guest != host
    assert rig.receive(chat(guest, room="-"), B) == [(b"chat b hi", A)]


def test_in_the_one_room_whoever_sends_is_a_member() -> None:
    """TCRP-7.1"""
    rig = readable_rig(
        room_key=RoomKey.ONE,
        member_key=MemberKey.ADDRESS,
        bind=Bind.ADDRESS,
        echo=True,
        tell={NoticeReason.JOINED: Audience.OTHERS, NoticeReason.STOPPED: Audience.ALL},
        relay={"limits": RoomLimits(members=2), "idle_seconds": 60.0},
    )
    one = b"chat|-|-|%s|hi"
    assert rig.receive(one % b"a", A) == [(b"chat a hi", A)]
    assert rig.facts == [MemberJoined("", "a", False, PEER[0])]
    assert rig.receive(one % b"b", B, 30.0) == [(b"info b joined", A), (b"chat b hi", A), (b"chat b hi", B)]
    assert rig.receive(one % b"c", C, 31.0) == []  # full
    assert rig.do(rig.relay.expire(60.0)) == []
    assert rig.facts == [MemberLeft("", "a", NoticeReason.IDLE, PEER[0])]
    assert rig.receive(one % b"c", C, 61.0) == [(b"info c joined", B), (b"chat c hi", B), (b"chat c hi", C)]
    assert rig.relay.rooms() == ()
    assert rig.do(rig.relay.stop()) == [(b"closed None stopped", B), (b"closed None stopped", C)]
    assert rig.receive(one % b"a", A) == []


# ----------------------------------------------------------------------------------- echo, leaving, names


@pytest.mark.parametrize(("echo", "hear"), [(False, [B, C]), (True, [A, B, C])])
def test_a_sender_hears_itself_where_the_policy_says_so(echo: bool, hear: list[Address]) -> None:
    rig = declared_three(echo=echo)
    assert rig.receive(chat(b"t1"), A) == [(b"chat a hi", address) for address in hear]


def test_the_name_in_a_datagram_is_believed_and_kept() -> None:
    rig = declared_three(tell={NoticeReason.LEFT: Audience.OTHERS})
    assert (b"chat zoe hi", A) in rig.receive(chat(b"t2", user="zoe"), B)
    assert (b"chat zoe hi", A) in rig.receive(chat(b"t2"), B)
    assert (b"info zoe left", A) in rig.receive(chat(b"t2", kind="leave"), B)


def test_a_guest_that_may_not_leave_only_says_so() -> None:
    rig = declared_three(guests_may_leave=False, relay_leave=True, tell={NoticeReason.HOST_LEFT: Audience.ALL})
    assert rig.receive(chat(b"t2", "/exit", kind="leave"), B) == [(b"chat b /exit", A), (b"chat b /exit", C)]
    assert rig.facts == []
    assert len(rig.receive(chat(b"t2"), B)) == 2
    assert rig.receive(chat(b"t1", "/exit", kind="leave"), A) == [
        *[(b"chat a /exit", address) for address in (B, C)],
        *[(b"closed a host_left", address) for address in (A, B, C)],
    ]
    assert rig.facts == [MemberLeft("r", "a", NoticeReason.LEFT, PEER[0]), RoomClosed("r", NoticeReason.HOST_LEFT, 3)]


def test_a_guest_that_may_not_leave_is_active_by_trying() -> None:
    rig = declared_three(guests_may_leave=False, idle=Idle(60.0, frozenset({UpKind.CHAT})))
    rig.receive(chat(b"t2", "/exit", kind="leave"), B, 50.0)
    rig.do(rig.relay.expire(60.0))
    assert [fact.user for fact in rig.facts if isinstance(fact, MemberLeft)] == ["c", "a"]


def test_a_guests_leave_message_is_relayed_before_it_goes() -> None:
    rig = declared_three(relay_leave=True, echo=True)
    assert rig.receive(chat(b"t2", "bye", kind="leave"), B) == [(b"chat b bye", address) for address in (A, B, C)]
    assert rig.facts == [MemberLeft("r", "b", NoticeReason.LEFT, PEER[0])]
    assert rig.receive(chat(b"t1"), A) == [(b"chat a hi", A), (b"chat a hi", C)]


# ------------------------------------------------------------------------------------------------- tell


@pytest.mark.parametrize(
    ("audience", "sent"),
    [
        (None, []),
        (Audience.NOBODY, []),
        (Audience.MEMBER, [(b"closed b left", B)]),
        (Audience.OTHERS, [(b"info b left", A), (b"info b left", C)]),
        (Audience.ALL, [(b"info b left", A), (b"info b left", C), (b"closed b left", B)]),
    ],
)
def test_who_hears_of_a_guest_that_leaves(audience: Audience | None, sent: Sent) -> None:
    rig = declared_three(tell={} if audience is None else {NoticeReason.LEFT: audience})
    assert rig.receive(chat(b"t2", kind="leave"), B) == sent


@pytest.mark.parametrize(
    ("tell", "sent"),
    [
        ({}, []),
        ({NoticeReason.HOST_LEFT: Audience.OTHERS}, [(b"closed a host_left", B), (b"closed a host_left", C)]),
        ({NoticeReason.HOST_LEFT: Audience.MEMBER}, [(b"closed a host_left", A)]),
        (
            {NoticeReason.HOST_LEFT: Audience.OTHERS, NoticeReason.LEFT: Audience.OTHERS},
            [(b"closed a host_left", B), (b"closed a host_left", C)],
        ),
        (
            {NoticeReason.HOST_LEFT: Audience.OTHERS, NoticeReason.LEFT: Audience.MEMBER},
            [(b"closed a host_left", B), (b"closed a host_left", C), (b"closed a left", A)],
        ),
        (
            {NoticeReason.HOST_LEFT: Audience.ALL, NoticeReason.LEFT: Audience.ALL},
            [(b"closed a host_left", A), (b"closed a host_left", B), (b"closed a host_left", C)],
        ),
    ],
)
def test_who_hears_of_a_host_that_leaves_and_nobody_twice(tell: dict[NoticeReason, Audience], sent: Sent) -> None:
    rig = declared_three(tell=tell)
    assert rig.receive(chat(b"t1", kind="leave"), A) == sent


@pytest.mark.parametrize(
    ("tell", "sent"),
    [
        ({NoticeReason.IDLE: Audience.MEMBER}, [(b"closed a idle", A)]),
        (
            {NoticeReason.IDLE: Audience.MEMBER, NoticeReason.HOST_IDLE: Audience.OTHERS},
            [(b"closed a host_idle", B), (b"closed a idle", A)],
        ),
        (
            {NoticeReason.IDLE: Audience.MEMBER, NoticeReason.HOST_IDLE: Audience.ALL},
            [(b"closed a host_idle", A), (b"closed a host_idle", B)],
        ),
    ],
)
def test_who_hears_of_an_idle_host(tell: dict[NoticeReason, Audience], sent: Sent) -> None:
    rig = declared_three(tell=tell, relay={"idle_seconds": 15.0})
    rig.receive(chat(b"t2"), B, 10.0)
    rig.receive(chat(b"t3", kind="leave"), C, 10.0)
    assert rig.do(rig.relay.expire(15.0)) == sent


def test_a_joiner_is_announced_to_those_who_listen() -> None:
    rig = readable_rig(**DECLARED, tell={NoticeReason.JOINED: Audience.ALL})
    rig.create("r", "a", udp=A)
    assert rig.sent == [(b"info a joined", A)]
    rig.join("r", "b", udp=B)
    assert rig.sent == [(b"info b joined", A), (b"info b joined", B)]


@pytest.mark.parametrize(("audience", "sent"), [(Audience.MEMBER, [(b"info a too_long", A)]), (Audience.NOBODY, [])])
def test_a_message_that_does_not_fit_is_not_relayed_and_its_sender_told(audience: Audience | None, sent: Sent) -> None:
    rig = declared_three(tell={NoticeReason.TOO_LONG: audience})
    assert rig.receive(chat(b"t1", "x" * 100), A) == sent


def test_what_the_dialect_cannot_say_is_not_sent() -> None:
    rig = declared_three(
        dialect={"mute": True}, tell={NoticeReason.LEFT: Audience.ALL, NoticeReason.HOST_LEFT: Audience.ALL}
    )
    assert rig.receive(chat(b"t1"), A) == []
    assert rig.receive(chat(b"t2", kind="leave"), B) == []
    assert rig.receive(chat(b"t1", kind="leave"), A) == []


def test_a_notice_that_does_not_fit_is_left_out() -> None:
    rig = readable_rig(**DECLARED, tell={NoticeReason.JOINED: Audience.ALL}, dialect={"longest": 20})
    rig.create("r", "n" * 20, udp=A)
    assert rig.sent == []
    assert rig.facts == [MemberJoined("r", "n" * 20, True, PEER[0])]


# ------------------------------------------------------------------------------------------ idle, failures


def test_only_what_counts_is_activity() -> None:
    rig = declared_three(idle=Idle(15.0, frozenset({UpKind.CHAT})))
    rig.receive(chat(b"t1"), A, 10.0)
    rig.receive(chat(b"t2", kind="register"), B, 10.0)
    rig.do(rig.relay.expire(15.0))
    assert rig.facts == [
        MemberLeft("r", "b", NoticeReason.IDLE, PEER[0]),
        MemberLeft("r", "c", NoticeReason.IDLE, PEER[0]),
    ]
    assert rig.relay.next_deadline() == 25.0


def test_where_nobody_idles_nobody_is_waited_for() -> None:
    rig = declared_three(idle=Idle(None))
    assert rig.relay.next_deadline() is None
    assert rig.do(rig.relay.expire(1e9)) == []
    assert len(rig.receive(chat(b"t1"), A, 1e9)) == 2


def test_a_silent_room_is_closed_by_its_hosts_next_datagram() -> None:
    tell = {NoticeReason.HOST_IDLE: Audience.OTHERS}
    rig = declared_three(idle=Idle(60.0, frozenset({UpKind.CHAT}), IdleScope.ROOM), tell=tell)
    assert rig.relay.next_deadline() is None
    assert len(rig.receive(chat(b"t2"), B, 59.0)) == 2  # a guest's message counts as the room's activity
    assert len(rig.receive(chat(b"t1"), A, 118.0)) == 2
    assert len(rig.receive(chat(b"t2"), B, 177.0)) == 2
    rig.receive(chat(b"t2", kind="register"), B, 200.0)
    assert rig.receive(chat(b"t1"), A, 237.0) == [(b"closed a host_idle", B), (b"closed a host_idle", C)]
    assert rig.facts == [MemberLeft("r", "a", NoticeReason.IDLE, PEER[0]), RoomClosed("r", NoticeReason.HOST_IDLE, 3)]
    assert rig.receive(chat(b"t2"), B, 238.0) == []


def test_a_guest_alone_does_not_close_a_silent_room() -> None:
    rig = declared_three(idle=Idle(60.0, scope=IdleScope.ROOM))
    assert len(rig.receive(chat(b"t2"), B, 1000.0)) == 2


@pytest.mark.parametrize("most", [1, 2, 5])
def test_how_many_failures_remove_a_member(most: int) -> None:
    rig = declared_three(max_failures=most)
    for _ in range(most - 1):
        assert rig.relay.delivery_failed(B) == []
    assert rig.relay.delivery_failed(B) == [MemberLeft("r", "b", NoticeReason.UNREACHABLE, PEER[0])]


def test_failures_that_do_not_matter_remove_nobody() -> None:
    rig = declared_three(max_failures=None)
    for _ in range(100):
        assert rig.do(rig.relay.delivery_failed(B)) == []
    assert rig.facts == []


# ------------------------------------------------------------------------------------------ dialects of files


def test_a_dialect_that_mirrors_sends_on_the_datagram_as_it_came() -> None:
    rig = rig_from_text('[down]\nform = "mirrored"\n[chat]\nleave = "bye"\nleave-relayed = true')
    rig.create("r", "a")
    rig.join("r", "b")
    rig.receive(b"\x01\x02rt1", A)
    rig.receive(b"\x01\x02rt2", B)
    assert rig.receive(b"\x01\x02rt1hello", A) == [(b"\x01\x02rt1hello", B)]
    assert rig.receive(b"\x01\x02rt2bye", B) == [(b"\x01\x02rt2bye", A)]


def test_a_dialect_may_say_the_room_beside_the_message() -> None:
    rig = rig_from_text('[down]\ntemplate = "[{room}] {user}: {message}"')
    rig.create("r", "a")
    rig.join("r", "b")
    rig.receive(b"\x01\x02rt2", B)
    assert rig.receive(b"\x01\x02rt1hello", A) == [(b"[r] a: hello", B)]


def test_members_known_by_room_and_address_need_no_token() -> None:
    rig = rig_from_text("""
        [address]
        learnt = "handshake"
        source = "address"
        [up]
        layout = ["room-size", "room", "user-size", "user", "message"]
    """)
    for want, where in ((Create("r", "a"), A), (Join("r", "b"), B)):
        admission = rig.begin(want)
        rig.admit(admission)
        rig.do(rig.relay.bind(admission, where, 0.0))
    assert rig.receive(b"\x01r\x02alhello", A) == [(b"al: hello", B)]
    assert rig.receive(b"\x01r\x02alhello", C) == []
    assert rig.receive(b"\x01s\x02alhello", A) == []
