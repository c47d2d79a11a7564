"""The hearers of a room are always what the addresses of its registered members are."""

from hypothesis import given
from hypothesis import strategies as st

from relay.rooms import Member, Room
from tcrp.policy import Audience


@given(st.lists(st.tuples(st.sampled_from(["enter", "listen", "remove"]), st.integers(0, 4), st.integers(1, 3))))
def test_the_hearers_follow_its_members(steps):
    room = Room("r", "r", 5)
    members = [Member(room, f"m{number}", b"", "10.0.0.1") for number in range(5)]
    present, addresses = set(), {}
    for action, index, port in steps:
        member = members[index]
        if action == "enter" and member not in present:
            room.members[member] = None
            present.add(member)
        elif action == "listen" and member in present:
            room.listen(member, ("10.0.0.1", port))
            addresses[member] = ("10.0.0.1", port)
        elif action == "remove" and member in present:
            room.remove(member)
            present.discard(member)
            addresses.pop(member, None)
            member.address = None
        assert set(room.members) == present
        assert sorted(room.hearers) == sorted(addresses.values())
        for listener, address in addresses.items():
            assert room.hearers[listener.index] == address
            assert room.listeners[listener.index] is listener
            others = [a for m, a in addresses.items() if m is not listener]
            assert sorted(room.addresses(Audience.OTHERS, listener)) == sorted(others)
            assert room.addresses(Audience.MEMBER, listener) == [address]
        assert sorted(room.addresses(Audience.ALL, None)) == sorted(addresses.values())
        assert room.addresses(Audience.NOBODY, None) == []


def test_who_has_a_token_but_is_no_member_yet_takes_a_seat():
    room = Room("r", "r", 2)
    room.members[Member(room, "host", b"", "10.0.0.1")] = None
    assert not room.full
    room.awaited = 1
    assert room.full


def test_hearers_are_the_same_until_something_changes_and_never_change_themselves():
    room = Room("r", "r", 5)
    a, b = (Member(room, name, b"", "10.0.0.1") for name in "ab")
    room.members = {a: None, b: None}
    room.listen(a, ("10.0.0.1", 1))
    alone = room.hearers
    assert room.hearers is alone
    room.listen(b, ("10.0.0.1", 2))
    both = room.hearers
    room.listen(b, ("10.0.0.1", 3))
    moved = room.hearers
    room.remove(a)
    assert alone == (("10.0.0.1", 1),)
    assert both == (("10.0.0.1", 1), ("10.0.0.1", 2))
    assert moved == (("10.0.0.1", 1), ("10.0.0.1", 3))
    assert room.hearers == (("10.0.0.1", 3),)
