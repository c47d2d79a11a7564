"""The messages of a run are found in every dialect's datagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load import marking
from conformance.load.marking import NUMBER_MASK, SIZE, MarkedMessage
from tcrp import Dialect, Down, DownKind, Membership, UpKind, dialects
from tcrp.dialects.stage1 import Stage1

MEMBER = Membership("a1b00010", "u00001", b"0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0", False)
TIMES = st.integers(0, (1 << 63) - 1)
NUMBERS = st.integers(0, NUMBER_MASK)
MARK = marking.new_mark()


@pytest.mark.parametrize("name", dialects.names())
@given(TIMES, NUMBERS)
def test_a_message_is_written_as_the_dialect_writes_it_and_found_again(name: str, sent: int, number: int) -> None:
    dialect = dialects.get(name)
    write = marking.datagram_writer(dialect, MEMBER, MARK, 777)
    message = marking.write_message(MARK, sent, 777, number)
    up = write(sent, number)
    assert up == dialect.write_up(MEMBER, UpKind.CHAT, message)
    down = dialect.write_down(Down(DownKind.CHAT, MEMBER.user, message, None, MEMBER.room, up))
    assert down is not None
    assert marking.find_message(down, MARK) == MarkedMessage(sent, 777, number)
    assert len(message) == SIZE


def test_messages_of_other_runs_are_not_found() -> None:
    assert marking.find_message(marking.write_message(marking.PREFIX + b"000000", 1, 2, 3), MARK) is None


def test_a_message_that_was_changed_is_told() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        marking.find_message(marking.write_message(MARK, 1, 2, 3)[:-1] + b"x", MARK)


class Unstable(Stage1):
    """A dialect whose datagrams are not all the same but for the message: they end with a sum of it."""

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes:
        return body + b"%03d" % (sum(body) % 256)


def test_what_cannot_be_filled_in_is_written_each_time() -> None:
    dialect: Dialect = Unstable()
    write = marking.datagram_writer(dialect, MEMBER, MARK, 5)
    for sent in (1, 12345, 1 << 40):
        assert write(sent, 9) == dialect.write_up(MEMBER, UpKind.CHAT, marking.write_message(MARK, sent, 5, 9))
