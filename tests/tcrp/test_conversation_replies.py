"""What a server answers, and what a client makes of right and wrong replies."""

import pytest

import tcrp
from tcrp import Accepted, Ack, Complete, Create, Ended, Joined, Malformed, Refused, Requested, Status
from tests.tcrp.conversations import ACK_OK, COMPLETE, CREATE, OVERSIZE, ZEROS, client, server


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
