"""One TCP conversation: the same bytes whole, split and byte by byte give the same events and the same answer."""

import tracemalloc
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest
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
    Limits,
    Malformed,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    TimedOut,
)

Split = Callable[[bytes, Iterable[int]], list[bytes]]
Comparable = Callable[[Iterable[tcrp.Event]], list[object]]
CheckError = Callable[[tcrp.ProtocolError, int | None], None]

DIALECT = tcrp.dialects.get("tcrp")
LIMITS = Limits()
PEER = ("127.0.0.1", 50000)
ZEROS = "00" * 28
CREATE = bytes.fromhex("02 01 00" + ZEROS + "03 7231 626f62")  # create r1, raw user name bob
ACK_OK = bytes.fromhex("02 01 01" + ZEROS + "01 7231 00")
COMPLETE = bytes.fromhex("02 01 02" + ZEROS + "03 7231 746f6b")  # token tok
OVERSIZE = bytes.fromhex("02 01 00" + "00" * 25 + "20000001")

cuts = st.lists(st.integers(1, 400), max_size=8) | st.just(list(range(400)))


def server(limits: Limits = LIMITS) -> tcrp.Conversation:
    return DIALECT.server(PEER, limits, 0.0)


def client(strict: bool = True) -> tcrp.Conversation:
    conversation = DIALECT.client(Create("r1", "bob"), None, 0.0, strict=strict)
    conversation.data_to_send()
    return conversation


class Heard(NamedTuple):
    """All that a side made of some bytes."""

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
    """Valid, truncated, damaged, with a surplus, or any bytes at all."""
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


@pytest.mark.parametrize("status", list(Status)[1:])
def test_a_refusal_is_the_last_answer(status: Status) -> None:
    theirs, ours = server(), client()
    theirs.receive_data(CREATE, 0.0)
    theirs.send(Ack(status))
    assert theirs.closing
    with pytest.raises(RuntimeError, match="Complete is not due at step DONE"):
        theirs.send(Complete(b"tok"))
    assert ours.receive_data(theirs.data_to_send() + COMPLETE, 0.0) == [Refused(status)]
    assert (ours.closing, ours.receive_data(COMPLETE, 0.0)) == (True, [])


def test_the_servers_answer_is_the_golden_one() -> None:
    theirs = server()
    assert theirs.receive_data(CREATE, 0.0) == [Requested(Create("r1", "bob"))]
    theirs.send(Ack(Status.OK))
    assert theirs.data_to_send() == ACK_OK
    theirs.send(Complete(b"tok"))
    assert theirs.data_to_send() == COMPLETE
    assert theirs.data_to_send() == b""


def test_an_ack_of_plain_0_is_ok_too() -> None:
    theirs = server()
    theirs.receive_data(CREATE, 0.0)
    theirs.send(Ack(0))  # type: ignore[arg-type]
    theirs.send(Complete(b"tok"))
    assert theirs.data_to_send() == ACK_OK + COMPLETE


@pytest.mark.parametrize("reply", [Complete(b"tok"), tcrp.Rooms(())])
def test_a_reply_that_is_not_due_is_a_runtime_error(reply: tcrp.Reply) -> None:
    theirs = server()
    for send in (theirs.send, client().send):
        with pytest.raises(RuntimeError):
            send(reply)
    theirs.receive_data(CREATE, 0.0)
    with pytest.raises(RuntimeError, match="not due at step ACK"):
        theirs.send(reply)
    assert theirs.data_to_send() == b""


@pytest.mark.parametrize("token", [b"", b"s3cret" * 43, "s3cret", None])
def test_a_token_that_is_none_is_not_sent_and_not_shown(token: bytes) -> None:
    theirs = server()
    theirs.receive_data(CREATE, 0.0)
    theirs.send(Ack(Status.OK))
    theirs.data_to_send()
    with pytest.raises(tcrp.LocalProtocolError) as caught:
        theirs.send(Complete(token))
    assert caught.value.clause == "TCRP-3.8c"
    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"
    assert theirs.data_to_send() == b""
    theirs.send(Complete(b"tok"))
    assert theirs.data_to_send() == COMPLETE


@pytest.mark.parametrize(
    ("request_", "clause", "offset", "status"),
    [
        (bytes.fromhex("02 09 00" + ZEROS + "03 7231 626f62"), "TCRP-3.7a", 1, 4),
        (bytes.fromhex("02 01 01" + ZEROS + "03 7231 626f62"), "TCRP-3.7b", 2, 4),
        (bytes.fromhex("02 01 00" + ZEROS + "03 fffe 626f62"), "TCRP-2.3b", 32, 4),
        (bytes.fromhex("00 01 00" + ZEROS + "03 626f62"), "TCRP-3.7d", 0, 4),
        (bytes.fromhex("02 01 00" + ZEROS + "00 7231"), "TCRP-3.7e", 34, 4),
        (bytes.fromhex("02 01 00" + ZEROS + "03 7231 62c362"), "TCRP-3.7c", 35, 4),
        (bytes.fromhex("02 01 00" + ZEROS + "02 7231 7b7d"), "TCRP-3.2c", 34, 4),
        (bytes.fromhex("02 01 00" + ZEROS + "03 7231 7b7d78"), "TCRP-3.2g", 36, 4),
        (OVERSIZE, "TCRP-2.4a", 3, 4),
        (bytes.fromhex("02 01 00" + "00" * 26 + "010001"), "TCRP-2.4d", 3, 6),
    ],
)  # fmt: skip
def test_a_malformed_request_is_answered_and_ends_it(request_: bytes, clause: str, offset: int, status: int) -> None:
    theirs = server()
    (event,) = theirs.receive_data(request_, 0.0)
    assert isinstance(event, Malformed)
    assert (event.error.clause, event.error.offset, event.error.status) == (clause, offset, status)
    answer = tcrp.decode_frame(theirs.data_to_send())
    assert (answer.state, answer.payload) == (1, bytes([status]))
    assert theirs.closing
    assert theirs.receive_data(CREATE, 0.0) == []


@pytest.mark.parametrize(
    ("reply", "clause", "field"),
    [
        (bytes.fromhex("02 02 01" + ZEROS + "01 7231 00"), "TCRP-3.4a", "Operation"),
        (bytes.fromhex("02 01 00" + ZEROS + "01 7231 00"), "TCRP-3.4a", "State"),
        (bytes.fromhex("02 01 01" + ZEROS + "01 7232 00"), "TCRP-3.4a", "room name"),
        (bytes.fromhex("00 01 01" + ZEROS + "01 00"), "TCRP-3.4a", "room name"),
        (bytes.fromhex("02 01 01" + ZEROS + "00 7231"), "TCRP-3.4a", "status"),
        (bytes.fromhex("02 01 01" + ZEROS + "02 7231 0000"), "TCRP-3.4a", "status"),
        (bytes.fromhex("02 01 01" + ZEROS + "01 ffff 00"), "TCRP-2.3b", "room name"),
        (OVERSIZE, "TCRP-2.4a", "OperationPayloadSize"),
        (ACK_OK + ACK_OK, "TCRP-3.5a", "State"),
        (ACK_OK + bytes.fromhex("02 02 02" + ZEROS + "01 7231 74"), "TCRP-3.5a", "Operation"),
        (ACK_OK + bytes.fromhex("02 01 02" + ZEROS + "01 7232 74"), "TCRP-3.5a", "room name"),
        (ACK_OK + bytes.fromhex("02 01 02" + ZEROS + "00 7231"), "TCRP-3.8c", "token"),
        (ACK_OK + bytes.fromhex("02 01 02" + "00" * 27 + "0100 7231" + "74" * 256), "TCRP-3.8c", "token"),
    ],
)  # fmt: skip
def test_a_wrong_reply_is_told_and_ends_it(reply: bytes, clause: str, field: str) -> None:
    ours = client()
    *before, event = ours.receive_data(reply, 0.0)
    assert before == ([Accepted()] if reply.startswith(ACK_OK) else [])
    assert isinstance(event, Malformed)
    assert (event.error.clause, event.error.field) == (clause, field)
    assert ours.closing
    assert ours.receive_eof(0.0) == [Ended(False)]


def test_a_client_that_is_not_strict_tells_what_is_wrong_and_goes_on() -> None:
    ours = client(strict=False)
    reply = bytes.fromhex("00 0a 01" + ZEROS + "01 00") + bytes.fromhex("00 0a 02" + ZEROS + "03 746f6b")
    events = ours.receive_data(reply, 0.0)
    told = [event.error.field for event in events if isinstance(event, Malformed)]
    assert told == ["Operation", "room name", "Operation", "room name"]
    assert [event for event in events if not isinstance(event, Malformed)] == [Accepted(), Joined(b"tok")]


@pytest.mark.parametrize("status", [4, 6])
def test_operation_and_room_are_not_judged_in_a_refusal_of_the_request_itself(status: int) -> None:
    assert client().receive_data(bytes.fromhex("00 00 01" + ZEROS + "01") + bytes([status]), 0.0) == [Refused(status)]


def test_an_unknown_status_is_a_refusal_with_that_number() -> None:
    assert client().receive_data(bytes.fromhex("02 01 01" + ZEROS + "01 7231 63"), 0.0) == [Refused(99)]


def test_a_token_in_the_place_of_the_room_is_not_shown() -> None:
    (accepted, event) = client().receive_data(
        ACK_OK + bytes.fromhex("06 01 02" + ZEROS + "02") + b"s3cret" + b"r1", 0.0
    )
    assert accepted == Accepted()
    assert isinstance(event, Malformed)
    assert "s3cret" not in f"{event.error} {vars(event.error)}"


# ------------------------------------------------------------------------------------------- ends and deadlines


@pytest.mark.parametrize("size", range(len(CREATE) + 1))
def test_the_end_of_the_stream_at_a_server(size: int) -> None:
    theirs = server()
    theirs.receive_data(CREATE[:size], 0.0)
    whole = size == len(CREATE)
    assert theirs.receive_eof(0.0) == [Ended(not whole)]
    assert theirs.closing != whole
    assert theirs.data_to_send() == b""
    if whole:  # half-closed: still answered (TCRP-2.6c)
        theirs.send(Ack(Status.OK))
        theirs.send(Complete(b"tok"))
        assert theirs.data_to_send() == ACK_OK + COMPLETE


@pytest.mark.parametrize("size", range(len(ACK_OK + COMPLETE) + 1))
def test_the_end_of_the_stream_at_a_client(size: int) -> None:
    ours = client()
    ours.receive_data((ACK_OK + COMPLETE)[:size], 0.0)
    assert ours.receive_eof(0.0) == [Ended(size < len(ACK_OK + COMPLETE))]
    assert ours.closing


def test_a_silent_peer_has_the_longer_time() -> None:
    theirs = DIALECT.server(PEER, Limits(handshake=10.0, silence=60.0), 1000.0)
    assert theirs.timer() == 1060.0
    assert theirs.receive_data(b"", 1050.0) == []
    assert theirs.timer() == 1060.0
    assert theirs.handle_timer(1059.9) == []
    assert not theirs.closing
    assert theirs.handle_timer(1060.0) == [TimedOut(60.0)]
    assert (theirs.closing, theirs.timer(), theirs.data_to_send()) == (True, None, b"")
    assert theirs.handle_timer(2000.0) == []


def test_the_handshakes_time_counts_from_the_first_byte_only() -> None:
    theirs = DIALECT.server(PEER, Limits(handshake=10.0, silence=60.0), 1000.0)
    theirs.receive_data(CREATE[:1], 1055.0)
    assert theirs.timer() == 1065.0  # past the end of the silence that was allowed
    for now, at in ((1056.0, 1), (1064.0, 2)):
        assert theirs.receive_data(CREATE[at : at + 1], now) == []
        assert theirs.timer() == 1065.0
    assert theirs.handle_timer(1064.9) == []
    assert theirs.handle_timer(1065.0) == [TimedOut(10.0)]
    assert theirs.closing
    assert theirs.receive_data(CREATE[3:], 1066.0) == []


@pytest.mark.parametrize("request_", [CREATE, OVERSIZE])
def test_no_deadline_runs_once_the_request_is_in(request_: bytes) -> None:
    theirs = server()
    assert theirs.receive_data(request_, 1.0)
    assert theirs.timer() is None
    assert theirs.handle_timer(1e9) == []


def test_a_client_has_no_deadline_of_its_own() -> None:
    ours = client()
    assert ours.timer() is None
    assert ours.handle_timer(1e9) == []


# ------------------------------------------------------------------------------------------- memory


def test_a_claimed_size_allocates_nothing() -> None:
    head = bytes.fromhex("02 01 00" + "00" * 25 + "20000000") + b"r1xx"
    theirs, ours, reader = server(Limits(payload=2**29)), client(), FrameReader()
    tracemalloc.start()
    try:
        assert theirs.receive_data(head, 0.0) == []
        assert ours.receive_data(head, 0.0) == []
        reader.feed(head)
        assert (reader.next_frame(), reader.started) == (None, True)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


def test_a_claim_over_the_limit_is_refused_from_the_32_bytes_and_not_before() -> None:
    theirs = server()
    assert theirs.receive_data(OVERSIZE[:31], 0.0) == []
    (event,) = theirs.receive_data(OVERSIZE[31:], 0.0)
    assert isinstance(event, Malformed)
    reader = FrameReader(payload_limit=1024)
    reader.feed(bytes.fromhex("02 01 00" + "00" * 27 + "0401"))
    with pytest.raises(RemoteProtocolError, match="at most 1024 bytes are taken here"):
        reader.next_frame()


def test_what_follows_the_conversation_is_not_kept() -> None:
    theirs, ours = server(), client()
    theirs.receive_data(CREATE, 0.0)
    ours.receive_data(ACK_OK + COMPLETE, 0.0)
    tracemalloc.start()
    try:
        for conversation in (theirs, ours):
            for _ in range(64):
                assert conversation.receive_data(bytes(1 << 16), 0.0) == []
        assert tracemalloc.get_traced_memory()[0] < 1 << 18
    finally:
        tracemalloc.stop()
