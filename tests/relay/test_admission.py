"""Creating and joining: names, passwords, limits, and what a refusal frees again."""

from typing import Any

import pytest

from relay import Admission, Dropped, MemberJoined, RoomLimits
from tcrp.constants import Status
from tcrp.messages import Address, Create, Join
from tcrp.policy import Bind, MemberKey, Register, RoomKey
from tests.relay.rig import LOOPBACK, PEER, RelayRig, canonical_rig, readable_rig

ASSIGNED: dict[str, Any] = {
    "room_key": RoomKey.TOKEN,
    "member_key": MemberKey.ADDRESS,
    "bind": Bind.ADDRESS,
    "register": Register.ASSIGNED,
}


def test_of_several_creates_of_one_name_the_first_gets_it_before_it_is_admitted(rig: RelayRig) -> None:
    """TCRP-3.9"""
    admission = rig.begin(Create("r", "a", "pw"))
    assert rig.refusal(Create("r", "b")) is Status.ROOM_EXISTS
    rig.admit(admission, hashed=b"hash")
    assert rig.refusal(Create("r", "c")) is Status.ROOM_EXISTS
    assert rig.relay.rooms() == ("r",)


def test_a_room_can_be_joined_only_once_its_creator_is_in(rig: RelayRig) -> None:
    admission = rig.begin(Create("r", "a"))
    assert rig.refusal(Join("r", "b")) is Status.ROOM_NOT_FOUND
    assert rig.relay.rooms() == ()
    rig.admit(admission)
    assert rig.facts == [MemberJoined("r", "a", True, PEER[0])]
    rig.join("r", "b")
    assert rig.facts == [MemberJoined("r", "b", False, PEER[0])]


def test_names_are_compared_as_they_are(rig: RelayRig) -> None:
    """TCRP-2.3c"""
    for name in ("r", "R", "r ", "é", "e\u0301", "部屋"):
        rig.create(name)
    assert rig.relay.rooms() == ("r", "R", "r ", "é", "e\u0301", "部屋")


def test_an_abandoned_create_frees_the_name_and_the_token(rig: RelayRig) -> None:
    """TCRP-6.2a"""
    rig.relay.abandon(rig.begin(Create("r", "a")))
    assert rig.refusal(Join("r", "b")) is Status.ROOM_NOT_FOUND
    rig.create("r")


def test_abandoning_what_is_over_undoes_nothing(rig: RelayRig) -> None:
    admission = rig.begin(Create("r", "a"))
    rig.admit(admission)
    rig.relay.abandon(admission)
    assert rig.relay.rooms() == ("r",)
    with pytest.raises(RuntimeError, match="admitted once"):
        rig.relay.admit(admission, password_hash=None, now=0.0)


def test_the_hash_to_verify_comes_with_the_admission(rig: RelayRig) -> None:
    """TCRP-3.10a"""
    rig.create("r", hashed=b"hash")
    assert rig.refusal(Join("r", "b")) is Status.WRONG_PASSWORD
    admission = rig.begin(Join("r", "b", "anything"))
    assert admission.password == b"hash"


def test_a_password_offered_to_a_room_without_one_is_ignored(rig: RelayRig) -> None:
    rig.create("r")
    assert rig.begin(Join("r", "b", "anything")).password is None


def test_a_room_that_closed_while_the_password_was_verified_is_not_entered(rig: RelayRig) -> None:
    token = rig.create("r", hashed=b"hash")
    admission = rig.begin(Join("r", "b", "pw"))
    rig.receive(b"\x01\x02r" + token + b"exit")
    rig.create("r")  # the same name, another room
    assert rig.late_refusal(admission) is Status.ROOM_NOT_FOUND


def test_a_room_that_filled_while_the_password_was_verified_is_not_entered() -> None:
    rig = canonical_rig(limits=RoomLimits(rooms=2, members=2))
    rig.create("r")
    late = rig.begin(Join("r", "b"))
    rig.join("r", "c")
    assert rig.late_refusal(late) is Status.LIMIT_REACHED


def test_limits_count_rooms_not_yet_admitted_and_members_with_the_host() -> None:
    rig = canonical_rig(limits=RoomLimits(rooms=2, members=3))
    rig.create("a")
    begun = rig.begin(Create("b", "host"))
    assert rig.refusal(Create("c", "x")) is Status.LIMIT_REACHED
    assert rig.refusal(Create("a", "x")) is Status.ROOM_EXISTS
    rig.relay.abandon(begun)
    rig.create("c")
    rig.join("a", "one")
    rig.join("a", "two")
    assert rig.refusal(Join("a", "three")) is Status.LIMIT_REACHED


@pytest.mark.parametrize(("capacity", "guests"), [(0, 0), (1, 0), (2, 1), (3, 2), (9, 3)])
def test_capacity_counts_the_host_and_never_exceeds_the_limit(capacity: int, guests: int) -> None:
    rig = readable_rig(relay={"limits": RoomLimits(rooms=9, members=4)})
    rig.create("r", capacity=capacity)
    for number in range(guests):
        rig.join("r", f"g{number}")
    assert rig.refusal(Join("r", "one more")) is Status.LIMIT_REACHED


def test_a_full_room_says_so_before_it_asks_for_a_password() -> None:
    rig = readable_rig()
    rig.create("r", capacity=1, hashed=b"hash")
    assert rig.refusal(Join("r", "b")) is Status.LIMIT_REACHED


def test_tokens_are_minted_again_until_nobody_has_them() -> None:
    """TCRP-3.8a"""
    minted = iter([b"a", b"a", b"a", b"b", b"a", b"c"])
    rig = canonical_rig(mint=lambda: next(minted))
    assert [rig.create("r"), rig.create("s"), rig.join("r")] == [b"a", b"b", b"c"]


def test_a_mint_that_knows_one_token_only_is_reported() -> None:
    rig = canonical_rig(mint=lambda: b"a")
    rig.create("r")
    with pytest.raises(RuntimeError, match="in use"):
        rig.relay.begin(Create("s", "b"), PEER)


def test_a_room_found_by_token_is_joined_by_invitation_and_its_name_may_repeat() -> None:
    rig = readable_rig(room_key=RoomKey.TOKEN)
    first, second = rig.create("r"), rig.create("r")
    assert first != second
    assert rig.refusal(Join("r", "b")) is Status.ROOM_NOT_FOUND
    assert rig.refusal(Join("", "b", None, b"t99")) is Status.ROOM_NOT_FOUND
    rig.join("", "b", invite=second)
    assert rig.facts == [MemberJoined("r", "b", False, PEER[0])]


def test_members_known_by_address_share_the_hosts_token() -> None:
    rig = readable_rig(**ASSIGNED, relay={"addresses": LOOPBACK})
    host = rig.create("r")
    assert rig.join("", "b", invite=host) == host


def test_addresses_are_given_out_once_each_and_come_back() -> None:
    rig = readable_rig(**ASSIGNED, relay={"addresses": LOOPBACK})
    host = rig.admit(rig.begin(Create("r", "a")))
    assert host.address == ("127.0.1.1", 8080)
    early, late = (rig.begin(Join("", "b", None, host.token)) for _ in range(2))
    assert rig.admit(early).address == ("127.0.1.2", 8080)
    assert rig.late_refusal(late) is Status.LIMIT_REACHED
    assert rig.refusal(Create("s", "c")) is Status.LIMIT_REACHED
    rig.receive(b"leave|-|%s|b|" % host.token, ("127.0.1.2", 8080))
    waiting = rig.begin(Create("s", "c"))
    assert rig.refusal(Create("t", "c")) is Status.LIMIT_REACHED
    rig.relay.abandon(waiting)
    assert rig.admit(rig.begin(Create("t", "d"))).address == ("127.0.1.2", 8080)


@pytest.mark.parametrize("udp", [None, ("localhost", 5), ("127.0.0.1", 0)])
def test_an_address_that_was_to_be_declared_and_is_not_usable_is_malformed(udp: Address | None) -> None:
    rig = readable_rig(register=Register.REQUEST)
    assert rig.refusal(Create("r", "a"), PEER, udp) is Status.MALFORMED
    assert rig.relay.rooms() == ()


def test_after_a_handshake_only_is_one_a_member() -> None:
    rig = readable_rig(
        register=Register.HANDSHAKE, relay={"limits": RoomLimits(rooms=9, members=2), "idle_seconds": 60.0}
    )
    host = rig.begin(Create("r", "a"))
    rig.admit(host)
    assert rig.facts == []
    assert rig.refusal(Join("r", "b")) is Status.ROOM_NOT_FOUND
    assert rig.relay.next_deadline() is None
    rig.do(rig.relay.bind(host, ("10.0.0.1", 7), 5.0))
    assert rig.facts == [MemberJoined("r", "a", True, PEER[0])]
    assert rig.relay.next_deadline() == 65.0

    guest = rig.begin(Join("r", "b"))
    token = rig.admit(guest, now=6.0).token
    assert rig.receive(b"chat|r|%s|-|hi" % token, ("10.0.0.1", 8)) == []  # no member yet
    assert rig.refusal(Join("r", "c")) is Status.LIMIT_REACHED  # but its place is taken
    rig.relay.abandon(guest)
    with pytest.raises(RuntimeError, match="awaited"):
        rig.relay.bind(guest, ("10.0.0.1", 8), 7.0)
    late = rig.begin(Join("r", "d"))
    rig.admit(late, now=8.0)
    rig.receive(b"leave|r|t1|-|", ("10.0.0.1", 7), 9.0)
    rig.do(rig.relay.bind(late, ("10.0.0.1", 9), 10.0))
    assert isinstance(rig.facts[0], Dropped)
    assert rig.relay.next_deadline() is None


def test_a_creator_that_never_sent_its_address_leaves_no_room() -> None:
    rig = readable_rig(register=Register.HANDSHAKE)
    host = rig.begin(Create("r", "a"))
    rig.admit(host)
    rig.relay.abandon(host)
    assert isinstance(rig.relay.begin(Create("r", "b"), PEER), Admission)


def test_nothing_is_admitted_once_the_relay_has_stopped(rig: RelayRig) -> None:
    admission = rig.begin(Create("r", "a"))
    rig.relay.stop()
    assert rig.late_refusal(admission) is Status.ROOM_NOT_FOUND
