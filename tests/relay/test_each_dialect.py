"""The rules of the other dialects, with their own datagrams."""

import json
from collections.abc import Callable
from itertools import count

import pytest

from relay import Admitted, Dropped, MemberLeft, RoomClosed
from tcrp import dialects
from tcrp.constants import Status
from tcrp.messages import Create, Join, NoticeReason
from tests.relay.rig import PEER, RelayRig, named_rig

A, B, C = ("10.0.0.1", 1), ("10.0.0.1", 2), ("10.0.0.2", 3)
HOST, GUEST, THIRD = ("127.1.1.1", 8080), ("127.1.1.2", 8080), ("127.1.1.3", 8080)


# ---------------------------------------------------------------------------------------------------- stage1


def test_stage1_relays_unchanged_to_everyone_it_knows() -> None:
    """TCRP-7.1"""
    rig = named_rig("stage1")
    assert rig.receive(b"\x01ahello", A, 0.0) == [(b"\x01ahello", A)]
    assert rig.receive(b"\x02\xff\xfehi", B, 30.0) == [(b"\x02\xff\xfehi", A), (b"\x02\xff\xfehi", B)]
    assert rig.receive(b"", A, 30.0) == rig.receive(b"\x05abc", C, 30.0) == []
    rig.do(rig.relay.expire(60.0))
    assert rig.facts == [MemberLeft("", "a", NoticeReason.IDLE, PEER[0])]
    assert rig.receive(b"\x01b", B, 61.0) == [(b"\x01b", B)]
    assert set(rig.receive(b"\x01a", A, 62.0)) == {(b"\x01a", A), (b"\x01a", B)}
    for _ in range(3):
        rig.do(rig.relay.delivery_failed(A))
    assert rig.receive(b"\x01b", B, 63.0) == [(b"\x01b", B)]
    assert rig.do(rig.relay.stop()) == []


# --------------------------------------------------------------------------------------------- json-envelope


def envelope(room: str, token: bytes, kind: str, user: str, text: str = "") -> bytes:
    """A datagram of a json-envelope client."""
    message = json.dumps({"type": kind, "user_name": user, "chat_data": text}).encode()
    return bytes([len(room), len(token)]) + room.encode() + token + message


def relayed(kind: str, user: str, text: str = "") -> bytes:
    """A datagram of a json-envelope server."""
    return b"\0\0" + json.dumps({"type": kind, "user_name": user, "chat_data": text}).encode()


CLOSE, TIMEOUT = (
    relayed("CLOSE", "", "ルームがクローズしました。"),
    relayed("TIMEOUT", "", "タイムアウトが発生しました。"),
)


@pytest.fixture
def two() -> RelayRig:
    """Host t1 at A and guest t2 at B in room r of json-envelope. Both have sent INITIAL."""
    rig = named_rig("json-envelope")
    rig.create("r", "", hashed=b"hash")
    rig.join("r", "", password="pw")
    rig.receive(envelope("r", b"t1", "INITIAL", "alice"), A)
    rig.receive(envelope("r", b"t2", "INITIAL", "bob"), B)
    return rig


def test_json_envelope_chat_comes_from_the_address_that_initial_said(two: RelayRig) -> None:
    assert two.receive(envelope("r", b"t1", "CHAT", "alice", "hi"), A) == [(relayed("CHAT", "alice", "hi"), B)]
    assert two.receive(envelope("r", b"t1", "CHAT", "zoe"), A) == [(relayed("CHAT", "zoe"), B)]
    assert two.receive(envelope("r", b"t2", "CHAT", "bob", "hi"), C) == []
    assert isinstance(two.facts[0], Dropped)
    assert two.receive(envelope("r", b"t2", "INITIAL", "bob"), C) == []
    assert two.receive(envelope("r", b"t2", "CHAT", "bob", "hi"), C) == [(relayed("CHAT", "bob", "hi"), A)]
    assert two.receive(envelope("r", b"t2", "CHAT", "bob", "hi"), B) == []


def test_json_envelope_tells_nobody_of_a_guest_and_everyone_of_the_host_that_leaves(two: RelayRig) -> None:
    two.join("r", "", password="pw")
    two.receive(envelope("r", b"t3", "INITIAL", "carol"), C)
    assert two.receive(envelope("r", b"t3", "LEAVE", "carol"), C) == []
    assert two.facts == [MemberLeft("r", "carol", NoticeReason.LEFT, PEER[0])]
    assert two.receive(envelope("r", b"t1", "LEAVE", "alice"), A) == [(CLOSE, A), (CLOSE, B)]


def test_json_envelope_counts_nothing_but_chat_as_activity(two: RelayRig) -> None:
    two.receive(envelope("r", b"t1", "CHAT", "alice", "hi"), A, 10.0)
    two.receive(envelope("r", b"t2", "INITIAL", "bob"), B, 10.0)
    assert two.do(two.relay.expire(15.0)) == [(TIMEOUT, B)]
    assert two.do(two.relay.expire(25.0)) == [(TIMEOUT, A)]
    assert two.relay.rooms() == ()


def test_json_envelope_closes_the_room_of_an_idle_host(two: RelayRig) -> None:
    two.receive(envelope("r", b"t2", "CHAT", "bob", "hi"), B, 10.0)
    assert two.do(two.relay.expire(15.0)) == [(CLOSE, B), (TIMEOUT, A)]


def test_json_envelope_asks_even_for_an_empty_password() -> None:
    rig = named_rig("json-envelope")
    rig.create("r", "", hashed=b"hash")
    assert rig.refusal(Join("r", "")) is Status.WRONG_PASSWORD
    assert rig.begin(Join("r", "", "")).password == b"hash"


# -------------------------------------------------------------------------- fixed-fields and fixed-width


def counting_mint() -> Callable[[], bytes]:
    """Tokens in the form of UUIDs, numbered from 1."""
    tokens = (b"%08d-0000-4000-8000-000000000000" % number for number in count(1))
    return lambda: next(tokens)


class FixedRig(RelayRig):
    """Host alice and guest bob in room r, on the assigned addresses HOST and GUEST; `token` is the room's."""

    def __init__(self, dialect: str) -> None:
        super().__init__(dialects.get(dialect), mint=counting_mint(), addresses=[HOST, GUEST, THIRD])
        self.token = self.create("r", "alice", capacity=3)
        assert self.join("other", "bob", invite=self.token) == self.token


def up(dialect: str, token: bytes, user: bytes, text: bytes) -> bytes:
    """A datagram of a client."""
    if dialect == "fixed-fields":
        return b"%s:%s:%s" % (token, user, text)
    return token.replace(b"-", b"") + user.ljust(255, b"\0") + text.ljust(3809, b"\0")


def down(dialect: str, user: bytes, text: bytes) -> bytes:
    """A datagram of the server."""
    return b"%s:%s" % (user, text) if dialect == "fixed-fields" else user.ljust(255, b"\0") + text.ljust(3839, b"\0")


BOTH = pytest.mark.parametrize("dialect", ["fixed-fields", "fixed-width"])


@BOTH
def test_fixed_chat_is_heard_by_all_and_comes_from_the_address_given_out(dialect: str) -> None:
    rig = FixedRig(dialect)
    payload = down(dialect, b"bob", b"hi")
    assert rig.receive(up(dialect, rig.token, b"bob", b"hi"), GUEST) == [(payload, HOST), (payload, GUEST)]
    for source in (("127.0.0.1", 8080), (GUEST[0], 8081)):
        assert rig.receive(up(dialect, rig.token, b"bob", b"exit"), source) == []
        assert isinstance(rig.facts[0], Dropped)
    assert len(rig.receive(up(dialect, rig.token, b"bob", b""), GUEST)) == 2


@BOTH
def test_fixed_guests_are_heard_to_leave_and_the_host_closes_the_room_without_a_word(dialect: str) -> None:
    rig = FixedRig(dialect)
    rig.join("r", "carol", invite=rig.token)
    leaving = down(dialect, b"bob", b"exit")
    assert sorted(rig.receive(up(dialect, rig.token, b"bob", b"exit"), GUEST)) == [(leaving, HOST), (leaving, THIRD)]
    assert rig.receive(up(dialect, rig.token, b"bob", b"ghost"), GUEST) == []
    assert rig.receive(up(dialect, rig.token, b"alice", b"exit"), HOST) == []
    assert rig.facts == [
        MemberLeft("r", "alice", NoticeReason.LEFT, PEER[0]),
        RoomClosed("r", NoticeReason.HOST_LEFT, 2),
    ]
    assert rig.refusal(Join("r", "dave", None, rig.token)) is Status.ROOM_NOT_FOUND


@BOTH
def test_fixed_refusals_in_their_order(dialect: str) -> None:
    rig = FixedRig(dialect)
    assert rig.refusal(Join("r", "x", None, b"nobody's")) is Status.ROOM_NOT_FOUND
    rig.join("r", "carol", invite=rig.token)
    assert rig.refusal(Join("r", "x", None, rig.token)) is Status.LIMIT_REACHED


@BOTH
@pytest.mark.parametrize(("capacity", "guests"), [(0, 0), (1, 0), (2, 1)])
def test_fixed_capacity_counts_the_host(dialect: str, capacity: int, guests: int) -> None:
    rig = named_rig(dialect, addresses=[HOST, GUEST, THIRD])
    token = rig.create("r", "alice", capacity=capacity)
    for _ in range(guests):
        rig.join("r", "bob", invite=token)
    assert rig.refusal(Join("r", "x", None, token)) is Status.LIMIT_REACHED


@BOTH
def test_fixed_rooms_of_one_name_are_apart_and_a_token_is_good_in_its_own_room_only(dialect: str) -> None:
    rig = named_rig(dialect, mint=counting_mint(), addresses=[HOST, GUEST])
    one, two = rig.create("r", "a"), rig.create("r", "b")
    assert rig.receive(up(dialect, two, b"a", b"hi"), HOST) == []
    assert rig.receive(up(dialect, one, b"a", b"hi"), HOST) == [(down(dialect, b"a", b"hi"), HOST)]


def test_fixed_fields_closes_a_silent_room_when_the_host_speaks() -> None:
    rig = FixedRig("fixed-fields")
    assert rig.relay.next_deadline() is None
    assert len(rig.receive(up("fixed-fields", rig.token, b"bob", b"hi"), GUEST, 59.0)) == 2
    assert rig.receive(up("fixed-fields", rig.token, b"alice", b"hi"), HOST, 119.0) == []
    assert rig.refusal(Join("r", "x", None, rig.token)) is Status.ROOM_NOT_FOUND


def test_fixed_width_removes_who_is_idle_without_a_word() -> None:
    rig = FixedRig("fixed-width")
    assert len(rig.receive(up("fixed-width", rig.token, b"alice", b"hi"), HOST, 30.0)) == 2
    assert rig.do(rig.relay.expire(60.0)) == []
    assert rig.facts == [MemberLeft("r", "bob", NoticeReason.IDLE, PEER[0])]
    assert rig.receive(up("fixed-width", rig.token, b"bob", b"hi"), GUEST, 61.0) == []
    assert isinstance(
        rig.relay.admit(rig.begin(Join("r", "bob", None, rig.token)), password_hash=None, now=62.0), Admitted
    )
    assert rig.do(rig.relay.expire(90.0)) == []
    assert rig.facts[-1] == RoomClosed("r", NoticeReason.HOST_IDLE, 2)
    assert rig.refusal(Join("r", "bob", None, rig.token)) is Status.ROOM_NOT_FOUND


@BOTH
def test_a_client_that_is_a_moment_late_in_binding_its_address_is_not_taken_for_gone(dialect: str) -> None:
    rig = FixedRig(dialect)
    for _ in range(99):
        assert rig.do(rig.relay.delivery_failed(GUEST)) == []
        assert rig.facts == []
    assert len(rig.receive(up(dialect, rig.token, b"bob", b"hi"), GUEST)) == 2


@BOTH
def test_addresses_run_out(dialect: str) -> None:
    rig = named_rig(dialect, addresses=[HOST])
    rig.create("r", "a")
    assert rig.refusal(Create("s", "b")) is Status.LIMIT_REACHED
