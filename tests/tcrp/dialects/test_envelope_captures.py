"""Captured bytes of a program that speaks `json-envelope`."""

import json

import pytest

import tcrp
from tcrp import (
    Accepted,
    Ack,
    Complete,
    Create,
    Down,
    DownKind,
    Joined,
    Malformed,
    NoticeReason,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    Up,
    UpKind,
)
from tests.tcrp.dialects.conftest import Captured, Hear
from tests.tcrp.dialects.envelope import (
    CREATE,
    DIALECT,
    GOOD_BYTES,
    HASH,
    JOIN,
    LIST_BYTES,
    MEMBER,
    NAME,
    ROOMS_BYTES,
    SOURCE,
    TOKEN,
    client,
    server,
)


@pytest.mark.parametrize(("step", "want"), [("create", CREATE), ("join", JOIN)])
def test_a_good_answer(step: str, want: tcrp.Want, captured: Captured, hear: Hear) -> None:
    (reply,) = captured(NAME, step, "reply")
    ours = server()
    assert hear(ours, captured(NAME, step, "request")).events == [Requested(want)]
    ours.send(Ack(Status.OK))
    assert ours.data_to_send() == GOOD_BYTES
    token = json.loads(reply[len(GOOD_BYTES) + 32 :])["token"].encode()
    assert len(token) == 172
    ours.send(Complete(token))
    assert GOOD_BYTES + ours.data_to_send() == reply
    assert (ours.closing, ours.timer()) == (False, 300.0)
    assert hear(client(want), [reply]) == ([Accepted(), Joined(token)], b"", True)


@pytest.mark.parametrize(
    ("step", "want", "status"),
    [
        ("create_dup", CREATE, Status.ROOM_EXISTS),
        ("join_wrongpw", JOIN._replace(password="bad"), Status.WRONG_PASSWORD),
    ],
)
def test_a_refusal(step: str, want: tcrp.Want, status: Status, captured: Captured, hear: Hear) -> None:
    ours = server()
    assert hear(ours, captured(NAME, step, "request")).events == [Requested(want)]
    ours.send(Ack(status))
    assert [ours.data_to_send()] == captured(NAME, step, "reply")
    assert not ours.closing  # their client asks again on the same connection
    events = hear(client(want), captured(NAME, step, "reply")).events
    assert isinstance(events[-1], Refused)
    assert events[-1].status is status
    assert events[-1].text


def test_a_list_captured(captured: Captured, hear: Hear) -> None:
    assert captured(NAME, "list", "request") == [LIST_BYTES]
    assert captured(NAME, "list", "reply") == [GOOD_BYTES + ROOMS_BYTES]


def test_a_header_in_two_segments_and_any_state(captured: Captured, hear: Hear) -> None:
    pieces = captured(NAME, "rob_split_a", "request") + captured(NAME, "rob_split_b", "request")
    assert hear(server(), pieces).events == [Requested(Create("spl", "", HASH))]
    assert hear(server(), captured(NAME, "rob_op1_state2", "request")).events == [Requested(Create("opx", "", HASH))]


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ("rob_op9_state0", "Operation"),
        ("rob_bad_utf8_room", "room name"),
        ("rob_oversize_max", "OperationPayloadSize"),
        ("speccli_op1", "payload"),
    ],
)
def test_what_cannot_be_read_is_closed_without_a_reply(step: str, field: str, captured: Captured, hear: Hear) -> None:
    events, sent, closing = hear(server(), captured(NAME, step, "request"))
    (event,) = events
    assert isinstance(event, Malformed)
    assert (event.error.field, sent, closing) == (field, b"", True)


@pytest.mark.parametrize(
    ("step", "up", "down"),
    [
        ("udp_initial_host", Up(UpKind.REGISTER, "room1", TOKEN, "alice", b""), False),
        ("chat_h2m", Up(UpKind.CHAT, "room1", TOKEN, "alice", b"hello bob"), True),
        ("leave_host", Up(UpKind.LEAVE, "room1", TOKEN, "alice", b""), False),
    ],
)
def test_their_datagrams(step: str, up: Up, down: bool, captured: Captured) -> None:
    (data,) = captured(NAME, step, "up")
    assert (DIALECT.read_up(data, SOURCE), DIALECT.write_up(MEMBER, up.kind, up.body)) == (up, data)
    if down:
        (relayed,) = captured(NAME, step, "down")
        said = Down(DownKind.CHAT, up.user, up.body)
        assert (DIALECT.read_down(relayed, MEMBER), DIALECT.write_down(said)) == (said, relayed)


@pytest.mark.parametrize(
    ("step", "whys", "text"),
    [
        ("leave_host_h", [NoticeReason.HOST_LEFT, NoticeReason.HOST_IDLE], "ルームがクローズしました。"),
        ("timeout_wait", [NoticeReason.IDLE, NoticeReason.UNREACHABLE], "タイムアウトが発生しました。"),
    ],
)
def test_their_notices(step: str, whys: list[NoticeReason], text: str, captured: Captured) -> None:
    (data,) = captured(NAME, step, "down")
    for why in whys:
        assert DIALECT.write_down(Down(DownKind.CLOSED, "alice", b"", why, "room1")) == data
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CLOSED, None, text.encode())


@pytest.mark.parametrize("step", ["rob_udp_bad1", "rob_udp_bad2", "rob_udp_bad3", "rob_udp_bad4"])
def test_their_wrong_datagrams(step: str, captured: Captured) -> None:
    (data,) = captured(NAME, step, "up")
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data, SOURCE)
