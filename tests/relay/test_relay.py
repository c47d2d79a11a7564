"""The canonical rules of chat and leaving, with hand-made datagrams."""

import pytest

from relay import Dropped, MemberLeft, RoomClosed
from tcrp import dialects
from tcrp.messages import Address, NoticeReason
from tests.relay.rig import PEER, RelayRig, Sent, canonical_rig

A, B, C = ("10.0.0.1", 1), ("10.0.0.2", 2), ("10.0.0.3", 3)
HOST_LEFT = b"\x04the host left: the room is closed"
IDLE = b"\x04you were idle for too long: join again to come back"
HOST_IDLE = b"\x04the host was idle for too long: the room is closed"


def up(token: bytes, message: bytes, room: bytes = b"r") -> bytes:
    """A datagram of a client."""
    return bytes([len(room), len(token)]) + room + token + message


class ThreeMembers(RelayRig):
    """Members a (the host), b and c of room r, registered at A, B and C; `a`, `b` and `c` are their tokens."""

    def __init__(self) -> None:
        super().__init__(dialects.get())
        self.a = self.create("r", "a", peer=("10.0.0.1", 5000))
        self.b = self.join("r", "b", peer=("10.0.0.2", 5000))
        self.c = self.join("r", "c", peer=("10.0.0.3", 5000))
        for token, source in ((self.a, A), (self.b, B), (self.c, C)):
            assert self.receive(up(token, b""), source) == []


@pytest.fixture
def three() -> ThreeMembers:
    return ThreeMembers()


def test_a_message_goes_to_every_other_registered_member_once(three: ThreeMembers) -> None:
    """TCRP-4.5a, TCRP-4.5c, TCRP-4.5d, TCRP-4.6a"""
    assert sorted(three.receive(up(three.a, b"hello"), A)) == [(b"a: hello", B), (b"a: hello", C)]
    assert sorted(three.receive(up(three.b, b"\xff\x00"), B)) == [(b"b: \xff\x00", A), (b"b: \xff\x00", C)]


def test_a_member_that_sent_nothing_hears_nothing(three: ThreeMembers) -> None:
    """TCRP-4.3b"""
    late = three.join("r", "late", peer=("10.0.0.4", 5000))
    assert len(three.receive(up(three.a, b"hello"), A)) == 2
    three.receive(up(late, b""), ("10.0.0.4", 4))
    assert len(three.receive(up(three.a, b"hello"), A)) == 3


def test_a_first_message_registers_and_is_relayed(rig: RelayRig) -> None:
    token = rig.create("r", "a")
    other = rig.join("r", "b")
    rig.receive(up(token, b""), ("10.0.0.1", 9))
    assert rig.receive(up(other, b"hi"), ("10.0.0.1", 8)) == [(b"b: hi", ("10.0.0.1", 9))]
    assert rig.receive(up(token, b"yo"), ("10.0.0.1", 9)) == [(b"a: yo", ("10.0.0.1", 8))]


def test_the_address_is_that_of_the_latest_valid_datagram(three: ThreeMembers) -> None:
    """TCRP-4.3a"""
    assert three.receive(up(three.b, b""), ("10.0.0.2", 22)) == []
    assert sorted(three.receive(up(three.a, b"x"), A)) == [(b"a: x", ("10.0.0.2", 22)), (b"a: x", C)]


def test_an_ipv4_mapped_source_is_its_ipv4_address_and_is_answered_as_it_came(three: ThreeMembers) -> None:
    """TCRP-4.2f"""
    mapped: Address = ("::ffff:10.0.0.2", 22, 0, 0)
    assert len(three.receive(up(three.b, b"x"), mapped)) == 2
    assert (b"a: x", mapped) in three.receive(up(three.a, b"x"), A)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x01\x02r",
        b"\x05\x02rt1",
        b"\x01\xffrt1hello",
        up(b"t1", b"x" * 4092),  # one byte too long
        up(b"t1", b"hello", b"q"),
        up(b"t1", b"hello", b"R"),
        up(b"t1", b"hello", b"\xff"),
        up(b"t", b"hello"),
        up(b"T1", b"hello"),
        up(b"t11", b"hello"),
        up(b"t2", b"hello"),
        up(b"", b"hello"),
    ],
    ids=repr,
)
def test_what_is_not_valid_has_no_effect(three: ThreeMembers, data: bytes) -> None:
    """TCRP-4.2a to TCRP-4.2d. The source is that of a, so only the bytes are wrong (t2 is the token of b)."""
    deadline = three.relay.next_deadline()
    assert three.receive(data, A, 30.0) == []
    (dropped,) = three.facts
    assert isinstance(dropped, Dropped)
    assert not any(token in dropped.reason for token in ("t1", "t2", "t3"))
    assert three.relay.next_deadline() == deadline
    assert sorted(three.receive(up(three.b, b"x"), B)) == [(b"b: x", A), (b"b: x", C)]


@pytest.mark.parametrize("message", [b"", b"hello", b"exit"])
def test_a_token_from_another_ip_address_neither_speaks_nor_moves_nor_leaves(
    three: ThreeMembers, message: bytes
) -> None:
    """TCRP-4.2e"""
    assert three.receive(up(three.b, message), ("10.6.6.6", 2), 30.0) == []
    assert sorted(three.receive(up(three.a, b"x"), A)) == [(b"a: x", B), (b"a: x", C)]
    three.do(three.relay.expire(60.0))
    assert (IDLE, B) in three.sent


def test_rooms_do_not_hear_each_other(three: ThreeMembers) -> None:
    """TCRP-4.5b"""
    other = three.create("s", "z", peer=C)
    three.receive(up(other, b"", b"s"), ("10.0.0.3", 33))
    assert three.receive(up(other, b"hello", b"s"), ("10.0.0.3", 33)) == []
    assert three.receive(up(other, b"hello", b"r"), ("10.0.0.3", 33)) == []
    assert sorted(three.receive(up(three.a, b"x"), A)) == [(b"a: x", B), (b"a: x", C)]


def test_a_message_that_just_fits_is_relayed_whole_and_one_byte_more_not_at_all(rig: RelayRig) -> None:
    """TCRP-4.6e, TCRP-4.7a, TCRP-4.7b"""
    name = "n" * 255
    speaker, hearer = rig.create("r", name), rig.join("r", "h")
    rig.receive(up(hearer, b""), ("10.0.0.1", 2))
    fits = b"x" * (4094 - 257)
    assert rig.receive(up(speaker, fits), ("10.0.0.1", 1)) == [(name.encode() + b": " + fits, ("10.0.0.1", 2))]
    assert rig.receive(up(speaker, fits + b"y"), ("10.0.0.1", 1)) == [
        (b"\x05your last message is too long to be relayed", ("10.0.0.1", 1))
    ]


@pytest.mark.parametrize("message", [b"exit\n", b"EXIT", b" exit", b"exit ", b"exit now", b"exi"])
def test_only_the_four_bytes_leave(three: ThreeMembers, message: bytes) -> None:
    """TCRP-5.1d"""
    assert len(three.receive(up(three.b, message), B)) == 2
    assert len(three.receive(up(three.a, b"x"), A)) == 2


def test_a_guest_that_leaves_is_gone_at_once_and_nobody_is_told(three: ThreeMembers) -> None:
    """TCRP-5.1a, TCRP-5.1b, TCRP-5.1c"""
    assert three.receive(up(three.b, b"exit"), B) == []
    assert three.facts == [MemberLeft("r", "b", NoticeReason.LEFT, B[0])]
    assert three.receive(up(three.b, b"hello"), B) == []
    assert three.receive(up(three.a, b"x"), A) == [(b"a: x", C)]


def test_a_host_that_leaves_closes_the_room(three: ThreeMembers) -> None:
    """TCRP-5.2a, TCRP-5.2b, TCRP-5.2c"""
    assert sorted(three.receive(up(three.a, b"exit"), A)) == [(HOST_LEFT, B), (HOST_LEFT, C)]
    assert three.facts == [MemberLeft("r", "a", NoticeReason.LEFT, PEER[0]), RoomClosed("r", NoticeReason.HOST_LEFT, 3)]
    assert three.relay.rooms() == ()
    assert three.relay.next_deadline() is None
    three.create("r", "new")
    for token, source in ((three.a, A), (three.b, B), (three.c, C)):
        assert three.receive(up(token, b"hello"), source) == []


def test_a_silent_guest_is_removed_at_its_time_and_alone_told(three: ThreeMembers) -> None:
    """TCRP-5.3a, TCRP-5.3b, TCRP-5.3c, TCRP-5.4b; an empty message counts (TCRP-4.4c)"""
    three.receive(up(three.a, b""), A, 40.0)
    three.receive(up(three.c, b"x"), C, 50.0)
    assert three.relay.next_deadline() == 60.0
    assert three.do(three.relay.expire(59.999)) == []
    assert three.do(three.relay.expire(60.0)) == [(IDLE, B)]
    assert three.facts == [MemberLeft("r", "b", NoticeReason.IDLE, B[0])]
    assert three.relay.next_deadline() == 100.0
    assert three.receive(up(three.b, b"hello"), B, 61.0) == []


def test_an_idle_host_is_a_host_that_left(three: ThreeMembers) -> None:
    """TCRP-5.3d"""
    three.receive(up(three.b, b""), B, 40.0)
    three.receive(up(three.c, b""), C, 40.0)
    assert sorted(three.do(three.relay.expire(60.0))) == [(HOST_IDLE, A), (HOST_IDLE, B), (HOST_IDLE, C)]
    assert three.relay.rooms() == ()
    assert three.do(three.relay.expire(3600.0)) == []


def test_all_idle_at_once_are_told_once_each(three: ThreeMembers) -> None:
    sent = three.do(three.relay.expire(3600.0))
    assert sorted(sent) == [(HOST_IDLE, A), (IDLE, B), (IDLE, C)]


def test_of_very_many_idle_members_some_are_removed_at_a_time_and_in_the_end_all(rig: RelayRig) -> None:
    for room in range(40):
        tokens = [rig.create(f"r{room}"), *(rig.join(f"r{room}") for _ in range(14))]
        for number, token in enumerate(tokens):
            rig.receive(up(token, b"", f"r{room}".encode()), ("10.0.0.1", 2000 + 15 * room + number))
    told: Sent = []
    most = 0
    while rig.relay.next_deadline() is not None:
        sent = rig.do(rig.relay.expire(60.0))
        assert sent
        most = max(most, len(sent))
        told += sent
    assert most < 300
    assert len({address for _, address in told}) == len(told) == 40 * 15
    assert rig.relay.rooms() == ()


def test_who_never_registered_idles_without_a_word(rig: RelayRig) -> None:
    rig.create("r", "a", now=10.0)
    assert rig.do(rig.relay.expire(69.9)) == []
    assert rig.facts == []
    assert rig.do(rig.relay.expire(70.0)) == []
    assert rig.facts == [MemberLeft("r", "a", NoticeReason.IDLE, PEER[0]), RoomClosed("r", NoticeReason.HOST_IDLE, 1)]


def test_the_idle_time_can_be_set() -> None:
    rig = canonical_rig(idle_seconds=3600.0)
    rig.create("r")
    assert rig.relay.next_deadline() == 3600.0


def test_three_failures_in_a_row_remove_a_member_as_if_idle(three: ThreeMembers) -> None:
    """TCRP-5.6"""
    text = b"\x04datagrams could not be delivered to you: join again to come back"
    assert three.do(three.relay.delivery_failed(B)) == []
    assert three.do(three.relay.delivery_failed(("::ffff:10.0.0.2", 2, 0, 0))) == []
    three.receive(up(three.b, b""), B)  # ends the row of failures
    for _ in range(2):
        assert three.do(three.relay.delivery_failed(B)) == []
    assert three.do(three.relay.delivery_failed(B)) == [(text, B)]
    assert three.facts == [MemberLeft("r", "b", NoticeReason.UNREACHABLE, B[0])]
    assert three.do(three.relay.delivery_failed(B)) == []
    assert three.facts == []


def test_failures_at_an_address_that_a_member_has_left_are_not_its_own(three: ThreeMembers) -> None:
    three.receive(up(three.b, b""), ("10.0.0.2", 22))
    for _ in range(3):
        assert three.do(three.relay.delivery_failed(B)) == []
    assert three.facts == []


def test_an_unreachable_host_takes_the_room_with_it_even_if_a_guest_shares_its_address(three: ThreeMembers) -> None:
    three.do(three.relay.delivery_failed(A))
    three.receive(up(three.join("r", "d", peer=A), b""), A)
    for _ in range(2):
        three.do(three.relay.delivery_failed(A))
    assert sorted(three.sent) == [(HOST_IDLE, A), (HOST_IDLE, A), (HOST_IDLE, B), (HOST_IDLE, C)]
    assert three.facts == [
        MemberLeft("r", "a", NoticeReason.UNREACHABLE, PEER[0]),
        RoomClosed("r", NoticeReason.HOST_IDLE, 4),
    ]


def test_a_server_that_stops_tells_everyone(three: ThreeMembers) -> None:
    """TCRP-5.7"""
    text = b"\x04the server is stopping: the room is closed"
    other = three.create("s", "z", peer=C)
    three.receive(up(other, b"", b"s"), ("10.0.0.3", 33))
    sent = three.do(three.relay.stop())
    assert sorted(sent) == [(text, A), (text, B), (text, C), (text, ("10.0.0.3", 33))]
    assert three.relay.rooms() == ()
    assert three.receive(up(three.a, b"hello"), A) == []
