"""The TCP conversation of `json-envelope`: any number of requests on a connection."""

import json

import bcrypt
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
    Join,
    Joined,
    List,
    Listed,
    Malformed,
    Refused,
    Requested,
    Rooms,
    Status,
    TimedOut,
)
from tests.tcrp.conftest import Split
from tests.tcrp.dialects.conftest import Hear
from tests.tcrp.dialects.envelope import (
    DIALECT,
    GOOD_BYTES,
    HASH,
    JOIN,
    JOIN_BYTES,
    LIST_BYTES,
    ROOMS_BYTES,
    TOKEN,
    client,
    cuts,
    frame,
    request,
    server,
)


@pytest.mark.parametrize(("want", "data"), [(JOIN, JOIN_BYTES), (List(), LIST_BYTES)])
def test_requests(want: tcrp.Want, data: bytes) -> None:
    said = want if isinstance(want, List) else want._replace(user="bob")
    assert DIALECT.client(said, None, 0.0).data_to_send() == data
    assert server().receive_data(data, 0.0) == [Requested(want)]


def test_a_create_says_a_hash_of_the_password() -> None:
    sent = DIALECT.client(Create("room1", "alice", "pw1"), None, 0.0).data_to_send()
    (event,) = server().receive_data(sent, 0.0)
    assert isinstance(event, Requested)
    assert isinstance(event.want, Create)
    hashed = (event.want.password or "").encode()
    assert bcrypt.checkpw(b"pw1", hashed)
    assert not bcrypt.checkpw(b"pw2", hashed)
    assert sent[:37] == bytes.fromhex("05 01 00" + "00" * 28 + "8b 726f6f6d31")
    assert sent[37:].replace(hashed, HASH.encode()) == (
        b'{"error_message": "", "type": "", "token": "", "password": "%s", "room_list": []}' % HASH.encode()
    )


def test_a_list_and_its_answer(hear: Hear) -> None:
    ours = server()
    assert hear(ours, [LIST_BYTES]).events == [Requested(List())]
    ours.send(Rooms(("room1",)))
    assert ours.data_to_send() == GOOD_BYTES + ROOMS_BYTES
    assert not ours.closing
    assert hear(client(List()), [GOOD_BYTES + ROOMS_BYTES]) == ([Listed(("room1",))], b"", True)


def test_a_list_of_no_rooms(hear: Hear) -> None:
    ours = server()
    ours.receive_data(LIST_BYTES, 0.0)
    ours.send(Rooms(()))
    sent = ours.data_to_send()
    assert sent.startswith(GOOD_BYTES)
    assert json.loads(sent[len(GOOD_BYTES) + 32 :]) == {
        "error_message": "現在ルームが存在しません。", "type": "", "token": "", "password": "", "room_list": [],
    }  # fmt: skip
    assert hear(client(List()), [sent]).events == [Listed(())]


rooms = st.sampled_from(["r", "部屋", "r" * 255])
room_passwords = st.sampled_from([None, "", "pw", "あ" * 24, "\n"])
wants = st.one_of(
    st.just(List()),
    st.builds(Create, rooms, st.just("alice"), room_passwords, st.none()),
    st.builds(Join, rooms, st.just("bob"), room_passwords, st.none()),
)


@given(want=wants, cut=cuts, strict=st.booleans())
def test_what_one_side_says_the_other_hears_whatever_the_segments(
    want: tcrp.Want, cut: list[int], strict: bool, split: Split, hear: Hear
) -> None:
    ours, theirs = DIALECT.client(want, None, 0.0, strict=strict), server()
    (event,) = hear(theirs, split(ours.data_to_send(), cut)).events
    assert isinstance(event, Requested)
    if isinstance(want, List):
        assert event.want == want
        theirs.send(Rooms(("r", "部屋")))
        assert hear(ours, split(theirs.data_to_send(), cut)).events == [Listed(("r", "部屋"))]
        return
    assert isinstance(event.want, Create | Join)
    assert (type(event.want), event.want.room, event.want.user) == (type(want), want.room, "")
    if isinstance(want, Join):
        assert event.want.password == (want.password or "")
    theirs.send(Ack(Status.OK))
    theirs.send(Complete(TOKEN))
    assert hear(ours, split(theirs.data_to_send(), cut)).events == [Accepted(), Joined(TOKEN)]
    assert ours.receive_eof(0.0) == [Ended(False)]


@pytest.mark.parametrize(
    "status", [Status.ROOM_EXISTS, Status.WRONG_PASSWORD, Status.ROOM_NOT_FOUND, Status.LIMIT_REACHED]
)
def test_a_refusal_keeps_its_meaning_and_the_connection(status: Status, hear: Hear) -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES, 4.0)
    ours.send(Ack(status))
    refused = hear(client(), [ours.data_to_send()]).events[-1]
    assert isinstance(refused, Refused)
    assert refused.status is status
    assert (ours.closing, ours.timer()) == (False, 304.0)
    assert hear(ours, [LIST_BYTES]).events == [Requested(List())]


@pytest.mark.parametrize("status", [Status.MALFORMED, Status.SERVER_ERROR])
def test_what_has_no_words_is_a_close(status: Status) -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES, 0.0)
    ours.send(Ack(status))
    assert (ours.data_to_send(), ours.closing) == (b"", True)


def test_requests_that_come_together_are_answered_one_by_one(hear: Hear) -> None:
    ours = server()
    assert hear(ours, [LIST_BYTES + JOIN_BYTES + LIST_BYTES[:40]]).events == [Requested(List())]
    ours.send(Rooms(()))
    assert ours.timer() == 0.0  # at once
    assert ours.handle_timer(0.0) == [Requested(JOIN)]
    ours.send(Ack(Status.ROOM_NOT_FOUND))
    assert ours.handle_timer(0.0) == []
    assert ours.timer() == 10.0
    assert hear(ours, [LIST_BYTES[40:]]).events == [Requested(List())]


def test_deadlines_of_a_server() -> None:
    ours = server()
    assert ours.timer() == 300.0
    ours.receive_data(JOIN_BYTES[:1], 200.0)
    assert ours.timer() == 210.0
    assert ours.handle_timer(209.0) == []
    assert ours.handle_timer(210.0) == [TimedOut(10.0)]
    assert ours.closing


@pytest.mark.parametrize("size", [0, 1, 40])
def test_an_early_end_leaves_nothing_due(size: int) -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES[:size], 0.0)
    assert ours.receive_eof(0.0) == [Ended(bool(size))]
    assert (ours.closing, ours.data_to_send(), ours.timer()) == (True, b"", None)


def test_a_close_without_an_answer_refuses_a_join_and_nothing_else() -> None:
    assert client().receive_eof(0.0) == [Refused(Status.ROOM_NOT_FOUND), Ended(False)]
    for want in (Create("r", "bob"), List()):
        assert client(want).receive_eof(0.0) == [Ended(True)]
    for part in (GOOD_BYTES[:5], GOOD_BYTES):
        ours = client()
        ours.receive_data(part, 0.0)
        assert ours.receive_eof(0.0) == [Ended(True)]


def test_a_refusal_in_words_that_nobody_knows(hear: Hear) -> None:
    (refused,) = hear(client(), [frame(1, error_message="nope")]).events
    assert refused == Refused(1, "nope")
    assert isinstance(refused, Refused)
    assert not isinstance(refused.status, Status)
    assert hear(client(List()), [GOOD_BYTES + frame(2, error_message="no", room_list=[])]).events == [Refused(2, "no")]


def test_an_empty_error_is_none_and_other_keys_and_frames_of_any_kind_are_ignored(hear: Hear) -> None:
    replies = tcrp.encode_frame(Frame("room1", 2, 1, b'{"error_message": "", "more": [1e999]}'))
    replies += frame(2, error_message="", token="t")
    assert hear(client(), [replies + b"more"]) == ([Accepted(), Joined(b"t")], b"", True)


@pytest.mark.parametrize(
    ("want", "reply", "field"),
    [
        (JOIN, frame(2, error_message=None), "State"),
        (JOIN, GOOD_BYTES + GOOD_BYTES, "State"),
        (JOIN, frame(1, token="t"), "error_message"),
        (JOIN, frame(1, error_message=1), "error_message"),
        (JOIN, GOOD_BYTES + frame(2, error_message=None), "token"),
        (JOIN, GOOD_BYTES + frame(2, error_message=None, token=None), "token"),
        (JOIN, GOOD_BYTES + frame(2, error_message=None, token=""), "token"),
        (JOIN, GOOD_BYTES + frame(2, error_message=None, token="t" * 256), "token"),
        (List(), GOOD_BYTES + frame(2, error_message=None), "room_list"),
        (List(), GOOD_BYTES + frame(2, error_message=None, room_list=[1]), "room_list"),
        (JOIN, tcrp.encode_frame(Frame("", 10, 1, b"[]")), "payload"),
        (JOIN, tcrp.encode_frame(Frame("", 10, 1, b"{")), "payload"),
        (JOIN, tcrp.encode_frame(Frame("", 10, 1, b"\xff")), "payload"),
        (JOIN, tcrp.encode_frame(Frame("", 10, 1, b"[" * 100_000)), "payload"),
    ],
    ids=range(14),
)
def test_an_answer_that_makes_no_sense(want: tcrp.Want, reply: bytes, field: str, hear: Hear) -> None:
    ours = client(want)
    event = hear(ours, [reply]).events[-1]
    assert isinstance(event, Malformed)
    assert event.error.field == field
    assert ours.closing


@pytest.mark.parametrize(
    ("want", "most"), [(JOIN, 128 * 1024), (Create("r", "bob"), 128 * 1024), (List(), 4 * 1024 * 1024)]
)
def test_a_reply_that_is_too_long_is_refused_from_its_header(want: tcrp.Want, most: int) -> None:
    ours = client(want)
    (event,) = ours.receive_data(bytes([0, 10, 1]) + (most + 1).to_bytes(29, "big"), 0.0)
    assert isinstance(event, Malformed)
    assert (event.error.field, event.error.limit) == ("OperationPayloadSize", most)
    assert ours.closing


def test_a_wrong_state_is_only_remarked_where_not_strict(hear: Hear) -> None:
    ours = client(strict=False)
    events = hear(ours, [frame(7, error_message=None) + frame(2, error_message=None, token="t")]).events
    assert isinstance(events[0], Malformed)
    assert events[1:] == [Accepted(), Joined(b"t")]


@pytest.mark.parametrize("reply", [Ack(Status.OK), Complete(TOKEN), Rooms(())])
def test_a_reply_that_is_not_due(reply: tcrp.Reply) -> None:
    for ours in (server(), client()):
        with pytest.raises(RuntimeError):
            ours.send(reply)


@pytest.mark.parametrize(
    "wrong",
    [
        request(1, "", type="", password=HASH),
        request(2, "", type="JOIN", password=""),
        request(2, "r", type="join", password=""),
        request(2, "r", type="JOIN"),
        request(2, "r", password=""),
        request(2, "r", type="JOIN", password=None),
        request(2, "r", type=1, password=""),
    ],
    ids=range(7),
)
def test_wrong_requests(wrong: bytes, hear: Hear) -> None:
    events, sent, closing = hear(server(), [wrong])
    assert [type(event) for event in events] == [Malformed]
    assert (sent, closing) == (b"", True)
