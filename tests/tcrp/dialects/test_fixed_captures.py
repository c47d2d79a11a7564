"""Captured bytes of programs that speak `fixed-fields`."""

import pytest

from tcrp import (
    Accepted,
    Ack,
    Complete,
    Down,
    DownKind,
    Ended,
    Join,
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
from tests.tcrp.dialects.fixed import ADDRESS, CREATE, DIALECT, JOIN, MEMBER, NAME, SOURCE, TOKEN, client, server


def test_their_create_and_our_server(captured: Captured, hear: Hear) -> None:
    (request,), (reply,) = captured(NAME, "create", "request"), captured(NAME, "create", "reply")
    ours = server()
    assert hear(ours, [request]).events == [Requested(CREATE)]
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ADDRESS))
    assert ours.data_to_send() == reply


def test_their_join_and_our_server(captured: Captured, hear: Hear) -> None:
    ours = server()
    assert hear(ours, captured(NAME, "join", "request")).events == [Requested(JOIN)]
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ("127.15.52.164", 8080)))
    assert [ours.data_to_send()] == captured(NAME, "join", "reply")


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("errors:ERR wrong password", Status.WRONG_PASSWORD),
        ("hostleave:HL join", Status.ROOM_NOT_FOUND),
        ("join full", Status.LIMIT_REACHED),
    ],
)
def test_their_refusals(step: str, status: Status, captured: Captured, hear: Hear) -> None:
    ours = server()
    (event,) = hear(ours, captured(NAME, step, "request")).events
    assert isinstance(event, Requested)
    assert isinstance(event.want, Join)
    ours.send(Ack(status))
    assert [ours.data_to_send()] == captured(NAME, step, "reply")
    assert hear(client(JOIN), captured(NAME, step, "reply")) == ([Refused(status)], b"", True)


@pytest.mark.parametrize("step", ["create", "otherip:alive", "cross:cr A"])
def test_our_client_and_their_created(step: str, captured: Captured, hear: Hear) -> None:
    """The reply has one segment or four. Only the close or silence ends the address."""
    reply = captured(NAME, step, "reply")
    ours = client()
    heard = hear(ours, reply)
    token, address = b"".join(reply)[64:100], b"".join(reply)[100:].decode()
    if len(address) == 15:
        assert heard.events == [Accepted(), Joined(token, (address, 8080))]
    else:
        assert heard.events == [Accepted()]
        assert ours.receive_eof(0.0) == [Joined(token, (address, 8080)), Ended(False)]


def test_our_client_and_their_joined(captured: Captured, hear: Hear) -> None:
    ours = client(JOIN)
    assert hear(ours, captured(NAME, "join", "reply")).events == [Accepted()]
    assert ours.timer() == 0.5
    assert ours.handle_timer(0.4) == []
    assert ours.handle_timer(0.5) == [Joined(TOKEN, ("127.15.52.164", 8080))]
    assert ours.closing


def test_any_state_of_a_request_is_taken_and_an_unknown_operation_has_no_answer(captured: Captured, hear: Hear) -> None:
    ours = server()
    (event,) = hear(ours, captured(NAME, "badop:ERR op 9", "request")).events
    assert isinstance(event, Malformed)
    assert event.error.field == "operation"
    assert not ours.closing
    assert hear(ours, captured(NAME, "badstate:ERR op1 state 7", "request")) == ([Requested(CREATE)], b"", False)


def test_a_header_padded_by_characters_is_not_text(captured: Captured, hear: Hear) -> None:
    (event,) = hear(server(), captured(NAME, "utf8room:U8 create", "request")).events
    assert isinstance(event, Malformed)


@pytest.mark.parametrize(
    ("step", "up", "down"),
    [
        ("chat_a_before_b_registers", Up(UpKind.CHAT, None, TOKEN, "alice", b"hello1"), b"alice:hello1"),
        ("chat_b", Up(UpKind.CHAT, None, TOKEN, "bob", "hey あ".encode()), "bob:hey あ".encode()),
        ("chat_c", Up(UpKind.CHAT, None, TOKEN, "carol", b"c!"), b"carol:c!"),
        ("leave_b", Up(UpKind.LEAVE, None, TOKEN, "bob", b"exit"), None),
    ],
)
def test_their_datagrams(step: str, up: Up, down: bytes | None, captured: Captured) -> None:
    (data,) = captured(NAME, step, "up")
    assert DIALECT.read_up(data, SOURCE) == up
    assert DIALECT.write_up(MEMBER._replace(user=up.user or ""), up.kind, up.body) == data
    if down is not None:
        assert captured(NAME, step, "down") == [down]
        said = Down(DownKind.CHAT, up.user, up.body)
        assert (DIALECT.read_down(down, MEMBER), DIALECT.write_down(said)) == (said, down)


def test_a_member_that_leaves_is_heard_to_say_so(captured: Captured) -> None:
    (data,) = captured(NAME, "leave2:L2 bob leaves", "down")
    assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", NoticeReason.LEFT, "room1")) == data
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CHAT, "bob", b"exit")


@pytest.mark.parametrize(
    "step", ["uempty:UDP empty", "uone:UDP 1 byte", "ulen:UDP sizes beyond data", "uutf:UDP bad utf8", "colon in msg"]
)
def test_what_ends_their_server_is_dropped_by_ours(step: str, captured: Captured) -> None:
    (data,) = captured(NAME, step, "up")
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data, SOURCE)
