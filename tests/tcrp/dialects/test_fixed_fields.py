"""Fixed fields: the control connection, which `fixed-width` shares, and the text datagrams."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Accepted,
    Ack,
    Complete,
    Conversation,
    Create,
    Down,
    DownKind,
    Ended,
    Event,
    Join,
    Joined,
    Limits,
    LocalProtocolError,
    Malformed,
    Membership,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    TimedOut,
    Up,
    UpKind,
    Why,
)
from tcrp.dialects.fixed_control import Header, decode_header, encode_header

NAME = "fixed-fields"
DIALECT = tcrp.dialects.get(NAME)
SOURCE = ("127.0.0.1", 50000)
LIMITS = Limits(silence=300.0)
TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
ADDRESS = ("127.140.16.55", 8080)
CREATE = Create("room1", "alice", "Abc123", 5)
JOIN = Join("room1", "bob", "Abc123", TOKEN)
CREATE_BYTES = bytes.fromhex("05 01 00 726f6f6d31202020 616c6963652020202020 4162633132332020202020")
JOIN_BYTES = bytes.fromhex("00 02 00 726f6f6d31202020 626f6220202020202020 4162633132332020202020") + TOKEN
ACK_BYTES = bytes.fromhex("05 01 01 726f6f6d31202020 20202020202020202020 4162633132332020202020")
COMPLETE_BYTES = bytes.fromhex("05 01 02 726f6f6d31202020 20202020202020202020 4162633132332020202020")
CREATED_BYTES = ACK_BYTES + COMPLETE_BYTES + TOKEN + b"127.140.16.55"
MEMBER = Membership("room1", "alice", TOKEN, True)

Hear = Callable[..., Any]
Captured = Callable[[str, str, str], list[bytes]]
Split = Callable[[bytes, Iterable[int]], list[bytes]]

room_passwords = st.sampled_from([None, "Abc123", "Aa1:あ6"])
wants = st.one_of(
    st.builds(
        Create, st.sampled_from(["r", "部屋"]), st.just("アリス"), room_passwords, st.none() | st.integers(0, 255)
    ),
    st.builds(Join, st.just("r"), st.just("bob"), room_passwords, st.binary(min_size=36, max_size=36)),
)
cuts = st.lists(st.integers(1, 130), max_size=8) | st.just(list(range(130)))


def server(limits: Limits = LIMITS) -> Conversation:
    return DIALECT.server(SOURCE, limits, 0.0)


def client(want: tcrp.Want = CREATE, **options: bool) -> Conversation:
    conversation = DIALECT.client(want, None, 0.0, **options)
    conversation.data_to_send()
    return conversation


# ----------------------------------------------------------------------------------------------- golden bytes


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (CREATE_BYTES, Header(5, 1, 0, "room1", "alice", "Abc123")),
        (ACK_BYTES, Header(5, 1, 1, "room1", "", "Abc123")),
        (bytes(3) + b" " * 29, Header(0, 0, 0, "", "", "")),
        (
            b"\xff\x02\x07" + b"12345678" + b"1234567890" + b"12345678901",
            Header(255, 2, 7, "12345678", "1234567890", "12345678901"),
        ),
    ],
)
def test_headers(data: bytes, header: Header) -> None:
    assert (decode_header(data), encode_header(header)) == (header, data)


def test_all_spaces_are_deleted_on_reading() -> None:
    header = decode_header(b"\x05\x01\x00" + b" r o 1  " + b"a l i c e " + b" Abc 123   ")
    assert header == Header(5, 1, 0, "ro1", "alice", "Abc123")


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
    assert ours.data_to_send() == COMPLETE_BYTES + TOKEN + b"127.140.16.55"  # the address ends a segment
    assert ours.closing


def test_a_joined_room() -> None:
    ours = server()
    ours.receive_data(JOIN_BYTES, 0.0)
    ours.send(Ack(Status.OK))
    assert ours.data_to_send() == b""  # the answer and the address in one segment
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


# -------------------------------------------------------------------------------------------- captured bytes


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
    assert isinstance(event.want, Join)
    ours.send(Ack(status))
    assert [ours.data_to_send()] == captured(NAME, step, "reply")
    assert hear(client(JOIN), captured(NAME, step, "reply")) == ([Refused(status)], b"", True)


@pytest.mark.parametrize("step", ["create", "otherip:alive", "cross:cr A"])
def test_our_client_and_their_created(step: str, captured: Captured, hear: Hear) -> None:
    """In one segment or four; only their close, or silence, ends the address."""
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
    assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", Why.LEFT, "room1")) == data
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CHAT, "bob", b"exit")


@pytest.mark.parametrize(
    "step", ["uempty:UDP empty", "uone:UDP 1 byte", "ulen:UDP sizes beyond data", "uutf:UDP bad utf8", "colon in msg"]
)
def test_what_ends_their_server_is_dropped_by_ours(step: str, captured: Captured) -> None:
    (data,) = captured(NAME, step, "up")
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data, SOURCE)


# ---------------------------------------------------------------------------------------------- conversations


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
    assert [*heard.events, *ours.receive_eof(0.0)] == [Accepted(), Joined(token, ADDRESS), Ended(False)]


_numbers = st.integers(0, 255)
_texts = st.text("aé部1", max_size=3)


@given(
    st.builds(Header, _numbers, _numbers, _numbers, _texts.filter(lambda text: len(text.encode()) <= 8), _texts, _texts)
)
def test_a_header_comes_back(header: Header) -> None:
    assert decode_header(encode_header(header)) == header


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_header_of_another_size(size: int) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_header(bytes(size))


odd_texts = st.text("\t\n\0 :é", min_size=29).map(lambda text: text.encode()[:29])


@given(head=st.binary(min_size=1, max_size=1), body=st.binary(min_size=29, max_size=29) | odd_texts)
def test_whatever_header_can_be_read_can_be_repeated(head: bytes, body: bytes) -> None:
    ours = server()
    (event,) = ours.receive_data(head + b"\x01\x00" + body, 0.0)
    if isinstance(event, Malformed):
        assert event.error.limit == "UTF-8"
        return
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ADDRESS))
    repeated = decode_header(ours.data_to_send()[:32])
    assert Create(repeated.room, event.want.user, repeated.password or None, repeated.capacity) == event.want


def test_what_follows_a_request_is_no_request(hear: Hear) -> None:
    ours = server()
    assert hear(ours, [CREATE_BYTES + JOIN_BYTES, CREATE_BYTES]).events == [Requested(CREATE)]
    ours.send(Ack(Status.OK))
    ours.send(Complete(TOKEN, ADDRESS))
    assert hear(ours, [CREATE_BYTES]).events == []


def test_a_typed_token_that_is_too_short_is_taken_after_a_silence() -> None:
    """The person who typed it waits for an answer."""
    ours = server()
    ours.receive_data(JOIN_BYTES[:32], 7.0)
    assert ours.timer() == 307.0  # who has not begun to say it may still be typing it
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


# -------------------------------------------------------------------------------------- what cannot be said


@pytest.mark.parametrize(
    ("want", "field"),
    [
        (tcrp.List(), "operation"),
        (CREATE._replace(room=""), "room name"),
        (CREATE._replace(room="123456789"), "room name"),
        (CREATE._replace(room="a b"), "room name"),
        (CREATE._replace(room="部屋部"), "room name"),
        (CREATE._replace(room="\ud800"), "room name"),
        (CREATE._replace(user=""), "user name"),
        (CREATE._replace(user="x" * 11), "user name"),
        (CREATE._replace(user="a b"), "user name"),
        (CREATE._replace(user="a:b"), "user name"),
        (CREATE._replace(user=None), "user name"),
        (CREATE._replace(capacity=256), "capacity"),
        (CREATE._replace(capacity=-1), "capacity"),
        (JOIN._replace(invite=None), "invite"),
        (JOIN._replace(invite=TOKEN[1:]), "invite"),
        *[
            (CREATE._replace(password=password), "password")
            for password in ("Abc12", "Abc123456789", "abc123", "ABC123", "Abcdef", "Abc 123", "Abc123ああ")
        ],
    ],
)
@pytest.mark.parametrize("name", ["fixed-fields", "fixed-width"])
def test_a_want_that_cannot_be_said_is_the_callers_fault(want: tcrp.Want, field: str, name: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        tcrp.dialects.get(name).client(want, None, 0.0)
    assert caught.value.field == field
    if field == "password":
        assert "Ab" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("password", ["Abc123", "Abcdefgh123", "1bC!?:", None, ""])
def test_passwords_that_can_be_said(password: str | None) -> None:
    request = DIALECT.client(CREATE._replace(password=password), None, 0.0).data_to_send()
    assert server().receive_data(request, 0.0) == [Requested(CREATE._replace(password=password or None))]


@pytest.mark.parametrize(
    ("user", "kind", "body", "field"),
    [
        ("alice", UpKind.CHAT, b"exit", "message"),
        ("alice", UpKind.CHAT, b"a:b", "message"),
        ("alice", UpKind.CHAT, b"\xff", "message"),
        ("alice", UpKind.CHAT, "text", "message"),
        ("alice", UpKind.CHAT, b"x" * 4054, "message"),
        ("a:b", UpKind.CHAT, b"x", "user name"),
        ("x" * 11, UpKind.LEAVE, b"", "user name"),
    ],
)
def test_a_datagram_that_cannot_be_said(user: str, kind: UpKind, body: bytes, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER._replace(user=user), kind, body)
    assert caught.value.field == field


def test_the_longest_message_goes_both_ways() -> None:
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"x" * 4053)
    assert data is not None
    assert len(data) == 4096
    up = DIALECT.read_up(data, SOURCE)
    down = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert down is not None
    assert DIALECT.read_down(down, MEMBER).body == up.body
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(data + b"x", SOURCE)
    with pytest.raises(LocalProtocolError):
        DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * 4089))


def test_an_empty_message_is_chat_and_nothing_registers() -> None:
    assert DIALECT.write_up(MEMBER, UpKind.CHAT, b"") == TOKEN + b":alice:"
    assert DIALECT.read_up(TOKEN + b":alice:", SOURCE).kind is UpKind.CHAT
    assert DIALECT.write_up(MEMBER, UpKind.REGISTER) is None


@pytest.mark.parametrize("why", [why for why in Why if why is not Why.LEFT])
@pytest.mark.parametrize("kind", [DownKind.CLOSED, DownKind.INFO])
def test_there_are_no_notices(kind: DownKind, why: Why) -> None:
    assert DIALECT.write_down(Down(kind, "bob", b"", why, "r")) is None


@given(user=st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=20),
       body=st.text(st.characters(codec="utf-8", exclude_characters=":"), max_size=60).map(str.encode))  # fmt: skip
def test_chat_comes_back(user: str, body: bytes) -> None:
    up = DIALECT.read_up(TOKEN + b":" + user.encode() + b":" + body, SOURCE)
    assert (up.token, up.user, up.body) == (TOKEN, user, body)
    down = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert down == user.encode() + b":" + body
    assert DIALECT.read_down(down, MEMBER) == Down(DownKind.CHAT, user, body)


almost_requests = st.builds(lambda tail: CREATE_BYTES[:3] + tail, st.binary(max_size=70))
almost_replies = st.builds(lambda tail: CREATED_BYTES[:64] + tail, st.binary(max_size=70)) | st.just(CREATED_BYTES)


@given(data=st.binary(max_size=120) | almost_requests | almost_replies, cut=cuts)
def test_wrong_bytes_raise_nothing_else(
    data: bytes, cut: list[int], split: Split, swallow: Callable[..., None]
) -> None:
    swallow(DIALECT, data, split(data, cut), [CREATE, JOIN])


def test_no_captured_bytes_break_anything(
    everything_captured: Iterable[tuple[str, str, str, bytes]], swallow: Callable[..., None]
) -> None:
    for *_, data in everything_captured:
        for name in ("fixed-fields", "fixed-width"):
            swallow(tcrp.dialects.get(name), data, [data], [CREATE, JOIN])
