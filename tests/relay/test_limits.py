"""Limits of one address, addresses that are declared, and rooms in which nobody speaks."""

from typing import Any

import pytest

from relay import Dropped, MemberLeft, RoomClosed, RoomLimits, network_of
from tcrp.constants import Status
from tcrp.messages import Address, Create, Join, NoticeReason
from tcrp.policy import Bind, Idle, IdleScope, Register, RoomKey
from tests.relay.rig import PEER, RelayRig, canonical_rig, named_rig, readable_rig
from tests.relay.test_policies import chat

ME: Address = ("10.0.0.1", 1000)
OTHER: Address = ("10.0.0.2", 1000)
SAME_64: list[Address] = [("2001:db8::1", 9, 0, 0), ("2001:db8::ffff", 9, 0, 0)]


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:9::1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_counts_with_all_of_its_64(ip: str, network: str) -> None:
    assert network_of(ip) == network


def limited_rig(exempt: str = "", **limits: int) -> RelayRig:
    """A canonical relay with these limits. `exempt`: the address without limits of its own."""
    return canonical_rig(limits=RoomLimits(**limits), limited=lambda ip: None if ip == exempt else network_of(ip))


def limit_of(rig: RelayRig, want: Create | Join, peer: Address) -> str | None:
    """Begin a request that is refused because of a limit; the limit's name."""
    assert rig.refusal(want, peer) is Status.LIMIT_REACHED
    refusal = rig.relay.begin(want, peer)
    assert isinstance(refusal, tuple)
    return refusal.limit


def test_one_address_creates_so_many_rooms_and_others_create_theirs() -> None:
    rig = limited_rig(rooms=4, rooms_per_address=2)
    rig.create("a", peer=ME)
    waiting = rig.begin(Create("b", "x"), ME)  # a name that is reserved counts
    assert limit_of(rig, Create("c", "x"), ME) == "max-rooms-per-address"
    rig.relay.abandon(waiting)
    rig.create("c", peer=ME)
    rig.create("d", peer=SAME_64[0])
    rig.create("e", peer=SAME_64[1])
    assert limit_of(rig, Create("f", "x"), OTHER) == "max-rooms"


def test_a_room_that_closes_does_not_count_any_more() -> None:
    rig = limited_rig(rooms_per_address=1)
    token = rig.create("r", peer=ME)
    rig.receive(b"\x01\x02r" + token + b"exit", ME)
    rig.create("r", peer=ME)


def test_one_address_does_not_fill_a_room() -> None:
    rig = limited_rig(members=5, members_per_address=2)
    rig.create("r", peer=OTHER)
    waiting = rig.begin(Join("r", "x"), SAME_64[0])
    rig.join("r", peer=SAME_64[0])
    rig.join("r", peer=SAME_64[1])
    assert limit_of(rig, Join("r", "x"), SAME_64[0]) == "max-members-per-address"
    assert rig.late_refusal(waiting) is Status.LIMIT_REACHED
    rig.join("r", peer=ME)
    rig.join("r", peer=ME)
    assert limit_of(rig, Join("r", "x"), OTHER) == "max-members"


def test_one_address_has_16_times_as_many_members_in_all_rooms_together() -> None:
    """TCRP-6.3b, TCRP-6.3c: 16 rooms of 16 members are from one address"""
    rig = limited_rig(members_per_address=16)
    rooms = [f"r{number}" for number in range(16)]
    for room in rooms:
        rig.create(room, peer=ME)
    for room in rooms:
        for _ in range(15):
            rig.join(room, peer=ME)
    rig.create("other", peer=OTHER)
    assert limit_of(rig, Join("other", "x"), ME) == "max-members-per-address"
    assert limit_of(rig, Create("mine", "x"), ME) == "max-members-per-address"
    rig.join("other", peer=OTHER)


def test_places_that_are_held_for_members_to_come_count() -> None:
    rig = readable_rig(register=Register.HANDSHAKE, relay={"limits": RoomLimits(members_per_address=2)})
    host = rig.begin(Create("r", "a"), OTHER)
    rig.admit(host)
    rig.do(rig.relay.bind(host, OTHER, 0.0))
    held = [rig.begin(Join("r", "b"), ME) for _ in range(2)]
    for one in held:
        rig.admit(one)
    assert limit_of(rig, Join("r", "b"), ME) == "max-members-per-address"
    rig.relay.abandon(held[0])
    rig.admit(rig.begin(Join("r", "b"), ME))


def test_an_exempt_address_has_no_limit_of_its_own() -> None:
    rig = limited_rig(exempt="10.0.0.1", rooms_per_address=1, members_per_address=1, messages_per_second=1)
    token = rig.create("r", peer=ME)
    rig.create("s", peer=ME)
    other = rig.join("r", peer=ME)
    rig.receive(b"\x01\x02r" + token, ME)
    for _ in range(50):
        assert len(rig.receive(b"\x01\x02r" + other + b"hi", ME)) == 1


def test_messages_beyond_the_rate_are_not_relayed_and_all_else_is_as_before() -> None:
    rig = limited_rig(messages_per_second=5)
    host, guest = rig.create("r", peer=OTHER), rig.join("r", peer=ME)
    rig.receive(b"\x01\x02r" + host, OTHER)
    heard = [rig.receive(b"\x01\x02r" + guest + b"hi", ME, 100.0) for _ in range(30)]
    assert [len(sent) for sent in heard] == [1] * 10 + [0] * 20
    assert rig.facts == [Dropped("the member's address sends too many messages", "messages-per-second")]
    assert rig.relay.next_deadline() == 60.0
    rig.receive(b"\x01\x02r" + host, OTHER, 100.0)
    assert rig.relay.next_deadline() == 160.0  # who says too much is active
    assert len(rig.receive(b"\x01\x02r" + host + b"hi", OTHER, 100.0)) == 1  # another address is not concerned
    assert len(rig.receive(b"\x01\x02r" + guest + b"hi", ME, 100.5)) == 1
    rig.receive(b"\x01\x02r" + guest + b"hi", ME, 100.5)
    rig.receive(b"\x01\x02r" + guest + b"exit", ME, 100.5)
    assert rig.facts == [MemberLeft("r", "guest", NoticeReason.LEFT, PEER[0])]


def test_a_message_to_a_large_room_counts_for_more() -> None:
    rig = limited_rig(messages_per_second=6)
    host, guest = rig.create("r", peer=OTHER), rig.join("r", peer=ME)
    rig.receive(b"\x01\x02r" + host, OTHER)
    for number in range(198):
        rig.join("r", peer=("10.0.1.1", number))
    heard = [rig.receive(b"\x01\x02r" + guest + b"hi", ME, 100.0) for _ in range(10)]
    assert [len(sent) for sent in heard] == [1] * 4 + [0] * 6


def test_datagrams_without_a_right_token_use_up_nobodys_messages() -> None:
    rig = limited_rig(messages_per_second=1)
    host, guest = rig.create("r", peer=OTHER), rig.join("r", peer=ME)
    rig.receive(b"\x01\x02r" + host, OTHER)
    for _ in range(50):
        rig.receive(b"\x01\x02r" + b"??" + b"hi", ME, 100.0)
    assert len(rig.receive(b"\x01\x02r" + guest + b"hi", ME, 100.0)) == 1


def test_in_the_one_room_an_address_has_its_share() -> None:
    """Half of it: members cannot leave there."""
    rig = named_rig("stage1", limits=RoomLimits(members=8, members_per_address=2))
    for port in range(1, 5):
        assert rig.receive(b"\x01ahi", ("10.0.0.1", port))
    assert rig.receive(b"\x01ahi", ("10.0.0.1", 5)) == []
    assert rig.facts == [Dropped("the room is full", "max-members-per-address")]
    assert len(rig.receive(b"\x01ahi", ("10.0.0.2", 3))) == 5


# ---------------------------------------------------------------------------------- nothing to strangers


def test_a_declared_address_is_where_tcp_comes_from() -> None:
    rig = readable_rig(register=Register.REQUEST, bind=Bind.NONE, relay={"trust_declared": False})
    assert rig.refusal(Create("r", "a"), ME, ("10.0.0.2", 5)) is Status.MALFORMED
    rig.create("r", "a", peer=ME, udp=("10.0.0.1", 5))
    rig.join("r", "b", peer=("::ffff:10.0.0.1", 7, 0, 0), udp=("10.0.0.1", 6))
    assert rig.refusal(Join("r", "c"), ("::1", 7, 0, 0), ("10.0.0.1", 6)) is Status.MALFORMED


def test_a_message_that_registers_comes_from_where_tcp_came_from() -> None:
    rig = readable_rig(register=Register.MESSAGE, bind=Bind.ADDRESS, relay={"trust_declared": False})
    rig.create("r", "a", peer=ME)
    rig.join("r", "b", peer=OTHER)
    rig.receive(chat(b"t1", kind="register"), ("10.0.0.1", 5))
    rig.receive(chat(b"t2", kind="register"), ("10.0.0.9", 6))
    assert isinstance(rig.facts[0], Dropped)
    assert rig.receive(chat(b"t1"), ("10.0.0.1", 5)) == []
    rig.receive(chat(b"t2", kind="register"), ("10.0.0.2", 6))
    assert rig.receive(chat(b"t1"), ("10.0.0.1", 5)) == [(b"chat a hi", ("10.0.0.2", 6))]


DECLARED: dict[str, Any] = {"register": Register.REQUEST, "bind": Bind.NONE}


@pytest.mark.parametrize("idle", [Idle(None), Idle(60.0, scope=IdleScope.ROOM)])
def test_where_nobody_idles_by_himself_a_silent_room_ends(idle: Idle) -> None:
    rig = readable_rig(**DECLARED, idle=idle, relay={"room_idle_seconds": 600.0})
    rig.create("r", "a", udp=ME)
    rig.join("r", "b", udp=ME, now=0.0)
    rig.create("s", "a", udp=ME, now=100.0)
    assert rig.relay.next_deadline() == 600.0
    rig.receive(chat(b"t2"), ME, 200.0)
    assert rig.relay.next_deadline() == 700.0
    rig.do(rig.relay.expire(750.0))
    assert rig.facts == [MemberLeft("s", "a", NoticeReason.IDLE, PEER[0]), RoomClosed("s", NoticeReason.HOST_IDLE, 1)]
    rig.do(rig.relay.expire(800.0))
    assert rig.facts == [MemberLeft("r", "a", NoticeReason.IDLE, PEER[0]), RoomClosed("r", NoticeReason.HOST_IDLE, 2)]
    assert rig.relay.next_deadline() is None


def test_the_only_room_does_not_end_by_silence() -> None:
    rig = readable_rig(room_key=RoomKey.ONE, idle=Idle(None), relay={"room_idle_seconds": 600.0})
    rig.receive(b"chat|-|-|a|hi", ME)
    assert rig.relay.next_deadline() is None


def test_a_list_is_cut_off_where_its_names_have_too_many_bytes() -> None:
    rig = canonical_rig()
    for name in ("a", "部屋", "bb"):
        rig.create(name)
    assert rig.relay.rooms(9) == ("a", "部屋", "bb")
    assert rig.relay.rooms(8) == ("a", "部屋")
    assert rig.relay.rooms(0) == ()
