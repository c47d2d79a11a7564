"""The TCP conversation that `fixed-fields` and `fixed-width` share."""

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
    Event,
    Join,
    Joined,
    Limits,
    LocalProtocolError,
    Malformed,
    Refused,
    Requested,
    Status,
    TimedOut,
)
from tests.tcrp.conftest import Split
from tests.tcrp.dialects.conftest import Hear
from tests.tcrp.dialects.fixed import (
    ACK_BYTES,
    ADDRESS,
    COMPLETE_BYTES,
    CREATE,
    CREATE_BYTES,
    CREATED_BYTES,
    DIALECT,
    JOIN,
    JOIN_BYTES,
    TOKEN,
    client,
    cuts,
    server,
)

room_passwords = st.sampled_from([None, "Abc123", "Aa1:あ6"])
wants = st.one_of(
    st.builds(
        Create, st.sampled_from(["r", "部屋"]), st.just("アリス"), room_passwords, st.none() | st.integers(0, 255)
    ),
    st.builds(Join, st.just("r"), st.just("bob"), room_passwords, st.binary(min_size=36, max_size=36)),
)


@pytest.mark.parametrize(("want", "data"), [(CREATE, CREATE_BYTES), (JOIN, JOIN_BYTES)])
def test_a_request_is_one_segment(want: tcrp.Want, data: bytes) -> None:
    ours = DIALECT.client(want, None, 0.0)
    assert ours.data_to_send() == data
    assert ours.data_to_send() == b""
    assert server().receive_data(data, 0.0) == [Requested(want)]


def test_a_created_room() -> None:
    ours = server()
    ours.receive_data(CREATE_BYTES, 0.0)
    ours.send(Ack(Status.OK))
    assert ours.data_to_send() == ACK_BYTES  # at once
    assert not ours.closing
    ours.send(Complete(TOKEN, ADDRESS))
    assert ours.data_to_send() == COMPLETE_BYTES + TOKEN + b"127.140.16.55"  # the address is the end of a segment
    assert ours.closing


def test_a_joined_room() -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES, 0.0)
    ours.send(Ack(Status.OK))
    assert ours.data_to_send() == b""  # the answer waits, to be in one segment with the address
    ours.send(Complete(TOKEN, ("127.15.52.164", 8080)))
    assert ours.data_to_send() == b"0127.15.52.164"
    assert ours.closing


@pytest.mark.parametrize(
    ("status", "answer"), [(Status.ROOM_NOT_FOUND, b"1"), (Status.LIMIT_REACHED, b"2"), (Status.WRONG_PASSWORD, b"3")]
)
def test_a_refused_join_may_be_asked_again_on_the_same_connection(status: Status, answer: bytes, hear: Hear) -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES, 0.0)
    ours.send(Ack(status))
    assert (ours.data_to_send(), ours.closing, ours.timer()) == (answer, False, 300.0)
    assert ours.receive_data(CREATE_BYTES, 5.0) == [Requested(CREATE)]
    assert hear(client(JOIN), [answer]).events == [Refused(status)]


@pytest.mark.parametrize("status", [Status.MALFORMED, Status.SERVER_ERROR])
def test_what_has_no_answer_is_a_close(status: Status) -> None:
    for request in (CREATE_BYTES, JOIN_BYTES):
        ours = server()
        ours.receive_data(request, 0.0)
        ours.send(Ack(status))
        assert (ours.data_to_send(), ours.closing) == (b"", True)


@given(want=wants, cut=cuts, strict=st.booleans())
def test_what_one_side_says_the_other_hears_whatever_the_segments(
    want: tcrp.Want, cut: list[int], strict: bool, split: Split, hear: Hear
) -> None:
    ours, theirs = DIALECT.client(want, None, 0.0, strict=strict), server()
    (event,) = hear(theirs, split(ours.data_to_send(), cut)).events
    if isinstance(want, Create) and want.capacity is None:
        want = want._replace(capacity=255)
    assert event == Requested(want)
    theirs.send(Ack(Status.OK))
    theirs.send(Complete(TOKEN, ADDRESS))
    assert theirs.closing
    heard = hear(ours, split(theirs.data_to_send(), cut))
    token = want.invite if isinstance(want, Join) else TOKEN
    assert token is not None
    assert [*heard.events, *ours.receive_eof(0.0)] == [Accepted(), Joined(token, ADDRESS), Ended(False)]


def test_what_follows_a_request_is_no_request(hear: Hear) -> None:
    ours = server()
    assert hear(ours, [CREATE_BYTES + JOIN_BYTES, CREATE_BYTES]).events == [Requested(CREATE)]
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ADDRESS))
    assert hear(ours, [CREATE_BYTES]).events == []


def test_a_typed_token_that_is_too_short_is_taken_after_a_silence() -> None:
    """The person who typed the token waits for an answer."""
    ours = server()
    ours.receive_data(JOIN_BYTES[:32], 7.0)
    assert ours.timer() == 307.0  # a client that has sent nothing of the token may still be typing it
    ours.receive_data(b"oops", 10.0)
    assert ours.timer() == 12.0
    assert ours.handle_timer(12.0) == [Requested(JOIN._replace(invite=b"oops"))]
    ours.send(Ack(Status.ROOM_NOT_FOUND))
    assert (ours.data_to_send(), ours.timer()) == (b"1", 310.0)


def test_deadlines_of_a_server() -> None:
    ours = server(Limits(handshake=10.0, silence=300.0))
    assert ours.timer() == 300.0
    ours.receive_data(CREATE_BYTES[:1], 200.0)
    assert ours.timer() == 210.0
    assert ours.handle_timer(209.0) == []
    assert ours.handle_timer(210.0) == [TimedOut(10.0)]
    assert ours.closing
    assert server(Limits(silence=3.0)).handle_timer(3.0) == [TimedOut(3.0)]


@pytest.mark.parametrize("sent", [b"", CREATE_BYTES[:31], JOIN_BYTES[:32], JOIN_BYTES[:-1]])
def test_an_early_end_leaves_nothing_due(sent: bytes) -> None:
    ours = server()
    ours.receive_data(sent, 0.0)
    assert ours.receive_eof(0.0) == [Ended(bool(sent))]
    assert (ours.closing, ours.data_to_send(), ours.timer()) == (True, b"", None)


@pytest.mark.parametrize("size", range(len(CREATED_BYTES)))
def test_a_client_whose_server_closes_early(size: int, hear: Hear) -> None:
    ours = client()
    events = hear(ours, [CREATED_BYTES[:size]]).events
    events += ours.receive_eof(0.0)
    joined = [event for event in events if isinstance(event, Joined)]
    address = CREATED_BYTES[100:size].decode()
    assert [event.udp for event in joined] == (
        [(address, 8080)] if address in ("127.140.16.5", "127.140.16.55") else []
    )
    assert isinstance(events[-1], Ended)
    assert events[-1].early == (not joined)


def test_silence_ends_an_address_only_if_it_is_one(hear: Hear) -> None:
    ours = client(JOIN)
    assert hear(ours, [b"0127.14"]).events == [Accepted()]
    assert (ours.handle_timer(0.5), ours.timer()) == ([], None)
    assert ours.receive_data(b"0.16.5", 3.0) == []
    assert ours.handle_timer(3.4) == []
    assert ours.handle_timer(3.5) == [Joined(TOKEN, ("127.140.16.5", 8080))]
    assert ours.handle_timer(9.0) == []


@pytest.mark.parametrize(
    "reply", [b"9", b"\0", b"0127.0.0.1.1.1.1.1", b"08.8.8.8.8.8.8.8.8", b"0192.168.111.222", b"0" * 16]
)
def test_an_answer_that_makes_no_sense(reply: bytes, hear: Hear) -> None:
    ours = client(JOIN)
    events: list[Event] = hear(ours, [reply]).events
    assert isinstance(events[-1], Malformed)
    assert ours.closing
    assert hear(ours, [reply]).events == []


def test_a_wrong_state_is_an_error_or_where_not_strict_a_remark(hear: Hear) -> None:
    wrong = CREATED_BYTES.replace(COMPLETE_BYTES, COMPLETE_BYTES[:2] + b"\x07" + COMPLETE_BYTES[3:]) + b"\0"
    accepted, malformed = hear(client(), [wrong[:-1]]).events
    assert isinstance(malformed, Malformed)
    assert (accepted, malformed.error.field, malformed.error.value) == (Accepted(), "state", 7)
    ours = client(strict=False)
    accepted, malformed = hear(ours, [wrong[:-1]]).events
    assert isinstance(malformed, Malformed)
    assert ours.receive_eof(0.0) == [Joined(TOKEN, ADDRESS), Ended(False)]


@pytest.mark.parametrize("reply", [Complete(TOKEN, ADDRESS), tcrp.Rooms(())])
def test_a_reply_that_is_not_due(reply: tcrp.Reply) -> None:
    ours = server()
    with pytest.raises(RuntimeError):
        ours.send(reply)
    with pytest.raises(RuntimeError):
        client().send(reply)


@pytest.mark.parametrize(
    "reply", [Complete(b"short", ADDRESS), Complete(TOKEN, ("10.0.0.1", 8080)), Complete(TOKEN, ("127.1", 8080))]
)
def test_a_reply_that_cannot_be_said(reply: tcrp.Reply) -> None:
    ours = server()
    ours.receive_data(CREATE_BYTES, 0.0)
    ours.send(Ack(Status.OK))
    with pytest.raises(LocalProtocolError):
        ours.send(reply)
