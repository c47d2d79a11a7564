"""The queue of those who may become idle."""

from hypothesis import given
from hypothesis import strategies as st

from relay.idle import IdleQueue
from relay.rooms import Member, Room


def _members(count):
    room = Room("r", "r", count)
    return [Member(room, f"m{number}", b"", "10.0.0.1") for number in range(count)]


def test_the_longest_silent_is_due_first_and_at_its_time_exactly():
    queue, (a, b) = IdleQueue(3600.0), _members(2)
    queue.touch(a, 0.0)
    queue.touch(b, 10.0)
    assert queue.next_deadline() == 3600.0
    assert queue.pop_due(3599.999) is None
    assert queue.pop_due(3600.0) is a
    assert queue.pop_due(3600.0) is None
    assert queue.next_deadline() == 3610.0
    assert queue.pop_due(9999.0) is b
    assert queue.next_deadline() is None


def test_nobody_is_due_where_nobody_idles():
    queue, (a,) = IdleQueue(None), _members(1)
    queue.touch(a, 0.0)
    assert queue.next_deadline() is None
    assert queue.pop_due(1e9) is None
    queue.discard(a)


@given(st.lists(st.tuples(st.sampled_from(["touch", "discard", "due"]), st.integers(0, 3), st.integers(0, 20))))
def test_it_is_a_dict_of_last_activity(steps):
    queue, members, model, now = IdleQueue(30.0), _members(4), {}, 0.0
    for action, index, later in steps:
        now += later
        member = members[index]
        if action == "touch":
            queue.touch(member, now)
            model[member] = now
        elif action == "discard":
            queue.discard(member)
            model.pop(member, None)
        else:
            popped = queue.pop_due(now)
            if popped is None:
                assert all(active + 30.0 > now for active in model.values())
            else:
                assert model[popped] == min(model.values()) <= now - 30.0
                del model[popped]
        assert queue.next_deadline() == (min(model.values()) + 30.0 if model else None)
