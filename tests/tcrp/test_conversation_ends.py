"""The end of a stream, deadlines, and the memory that a conversation takes."""

import tracemalloc

import pytest

from tcrp import Ack, Complete, Ended, FrameReader, Limits, Malformed, RemoteProtocolError, Status, TimedOut
from tests.tcrp.conversations import ACK_OK, COMPLETE, CREATE, DIALECT, OVERSIZE, PEER, client, server


@pytest.mark.parametrize("size", range(len(CREATE) + 1))
def test_the_end_of_the_stream_at_a_server(size: int) -> None:
    theirs = server()
    theirs.receive_data(CREATE[:size], 0.0)
    whole = size == len(CREATE)
    assert theirs.receive_eof(0.0) == [Ended(not whole)]
    assert theirs.closing != whole
    assert theirs.data_to_send() == b""
    if whole:  # the client has half-closed and still gets an answer (TCRP-2.6c)
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
    assert theirs.timer() == 1065.0  # later than the limit for silence
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


def test_a_claimed_size_allocates_nothing() -> None:
    head = bytes.fromhex("02 01 00" + "00" * 25 + "20000000") + b"r1xx"
    theirs, ours, reader = server(Limits(payload=2**29)), client(), FrameReader()
    tracemalloc.start()
    try:
        assert theirs.receive_data(head, 0.0) == []
        (refused,) = ours.receive_data(head, 0.0)
        reader.feed(head)
        assert (reader.next_frame(), reader.started) == (None, True)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Malformed)  # no reply is that long


@pytest.mark.parametrize(
    ("before", "claim", "clause", "says"),
    [
        (b"", 256, "TCRP-3.4a", "the status has 256 bytes: at most 1"),
        (b"", 2**29, "TCRP-3.4a", f"the status has {2**29} bytes: at most 1"),
        (ACK_OK, 256, "TCRP-3.8c", "the token has 256 bytes: at most 255"),
        (ACK_OK, 2**29, "TCRP-3.8c", f"the token has {2**29} bytes: at most 255"),
    ],
)
def test_a_reply_longer_than_any_reply_is_refused_from_its_header(
    before: bytes, claim: int, clause: str, says: str
) -> None:
    ours = client()
    header = bytes([2, 1, 2 if before else 1]) + claim.to_bytes(29, "big")
    assert len(ours.receive_data(before + header[:31], 0.0)) == len(before[:1])
    (event,) = ours.receive_data(header[31:], 0.0)
    assert isinstance(event, Malformed)
    assert (event.error.clause, event.error.value, event.error.offset) == (clause, claim, 3)
    assert event.error.args == (says,)
    assert ours.closing


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
