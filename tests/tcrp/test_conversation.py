"""The same bytes whole, split and byte by byte give the same events and the same answer."""

from collections.abc import Iterable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Accepted,
    Ack,
    Complete,
    Create,
    Ended,
    Frame,
    FrameReader,
    Join,
    Joined,
    Malformed,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
)
from tests.tcrp.conftest import CheckError, Comparable, Split
from tests.tcrp.conversations import ACK_OK, COMPLETE, CREATE, DIALECT, OVERSIZE, client, server

cuts = st.lists(st.integers(1, 400), max_size=8) | st.just(list(range(400)))


class Heard(NamedTuple):
    """The result of some bytes on one side."""

    events: list[object]
    sent: bytes
    closing: bool


def hear(conversation: tcrp.Conversation, pieces: Iterable[bytes], comparable: Comparable) -> Heard:
    events: list[tcrp.Event] = []
    sent = b""
    for piece in pieces:
        events += conversation.receive_data(piece, 0.0)
        sent += conversation.data_to_send()
    events += conversation.receive_eof(0.0)
    return Heard(comparable(events), sent + conversation.data_to_send(), conversation.closing)


requests = st.one_of(
    st.builds(lambda want: DIALECT.client(want, None, 0.0).data_to_send(), st.from_type(Create) | st.from_type(Join)),
    st.from_type(Frame).map(tcrp.encode_frame),
    st.just(CREATE),
    st.just(OVERSIZE),
)
status_replies = st.builds(
    lambda operation, state, status: tcrp.encode_frame(Frame("r1", operation, state, bytes([status]))),
    st.integers(0, 2), st.integers(0, 2), st.integers(0, 8),
)  # fmt: skip
replies = st.one_of(
    st.just(ACK_OK + COMPLETE),
    st.just(ACK_OK),
    status_replies,
    status_replies.map(lambda reply: ACK_OK + reply),
    st.from_type(Frame).map(tcrp.encode_frame),
    st.from_type(Frame).map(lambda frame: ACK_OK + tcrp.encode_frame(frame)),
    st.just(ACK_OK + OVERSIZE),
)
surplus = st.just(b"") | st.binary(max_size=50) | st.just(CREATE)


@st.composite
def streams(draw: st.DrawFn, valid: st.SearchStrategy[bytes]) -> bytes:
    """Valid, truncated or damaged bytes, valid bytes with a surplus, or any bytes."""
    data = bytearray(draw(valid | st.binary(max_size=100)) + draw(surplus))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=2)):
        if at < len(data):
            data[at] = value
    return bytes(data[: draw(st.none() | st.integers(0, 80))])


@given(data=streams(requests), cut=cuts)
def test_server_whole_and_split(split: Split, comparable: Comparable, data: bytes, cut: list[int]) -> None:
    whole = hear(server(), [data], comparable)
    assert hear(server(), split(data, cut), comparable) == whole
    assert hear(server(), [data[i : i + 1] for i in range(len(data))], comparable) == whole


@given(data=streams(replies), cut=cuts, strict=st.booleans())
def test_client_whole_and_split(
    split: Split, comparable: Comparable, data: bytes, cut: list[int], strict: bool
) -> None:
    whole = hear(client(strict=strict), [data], comparable)
    assert hear(client(strict=strict), split(data, cut), comparable) == whole
    assert hear(client(strict=strict), [data[i : i + 1] for i in range(len(data))], comparable) == whole


def read_frames(pieces: Iterable[bytes]) -> list[object]:
    reader, found = FrameReader(), list[object]()
    try:
        for piece in pieces:
            reader.feed(piece)
            while (frame := reader.next_frame()) is not None:
                found.append(frame)
        found.append(reader.started)
    except RemoteProtocolError as error:
        found.append((str(error), vars(error)))
    return found


@given(data=st.lists(streams(requests), max_size=3).map(b"".join), cut=cuts)
def test_frame_reader_whole_and_split(split: Split, data: bytes, cut: list[int]) -> None:
    whole = read_frames([data])
    assert read_frames(split(data, cut)) == whole
    assert read_frames([data[i : i + 1] for i in range(len(data))]) == whole


@given(frames=st.lists(st.from_type(Frame), max_size=4), cut=cuts)
def test_frames_that_arrive_together_are_separated(split: Split, frames: list[Frame], cut: list[int]) -> None:
    assert read_frames(split(b"".join(map(tcrp.encode_frame, frames)), cut)) == [*frames, False]


@given(data=streams(requests))
def test_any_bytes_at_a_server(check_error: CheckError, data: bytes) -> None:
    conversation = server()
    for event in [*conversation.receive_data(data, 0.0), *conversation.receive_eof(0.0)]:
        match event:
            case Malformed(error):
                check_error(error, len(data))
                frame = tcrp.decode_frame(conversation.data_to_send())
                assert (frame.state, frame.payload) == (1, bytes([error.status]))
                assert conversation.closing
            case Requested(Create() | Join()):
                assert conversation.data_to_send() == b""
            case _:
                assert event in (Ended(True), Ended(False))


@given(data=streams(replies), strict=st.booleans())
def test_any_bytes_at_a_client(check_error: CheckError, data: bytes, strict: bool) -> None:
    conversation = client(strict=strict)
    events = [*conversation.receive_data(data, 0.0), *conversation.receive_eof(0.0)]
    for event in events:
        if isinstance(event, Malformed):
            check_error(event.error, len(data))
        else:
            assert isinstance(event, Accepted | Refused | Joined | Ended)
    assert conversation.data_to_send() == b""
    assert conversation.closing
    assert isinstance(events[-1], Ended)


@given(want=st.from_type(Create) | st.from_type(Join), token=st.binary(min_size=1, max_size=255), cut=cuts)
def test_both_sides_understand_each_other(split: Split, want: Create | Join, token: bytes, cut: list[int]) -> None:
    ours, theirs = DIALECT.client(want, None, 0.0), server()
    heard: list[tcrp.Event] = []
    for piece in split(ours.data_to_send(), cut):
        heard += theirs.receive_data(piece, 0.0)
    assert heard == [Requested(want)]
    theirs.send(Ack(Status.OK))
    theirs.send(Complete(token))
    assert theirs.closing
    heard = []
    for piece in split(theirs.data_to_send(), cut):
        heard += ours.receive_data(piece, 0.0)
    assert heard == [Accepted(), Joined(token)]
    assert ours.closing
    assert ours.receive_eof(0.0) == [Ended(False)]
