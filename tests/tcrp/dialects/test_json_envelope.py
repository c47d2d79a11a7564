"""JSON envelope: requests in JSON frames, any number on a connection, and JSON datagrams."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bcrypt
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
    Frame,
    Join,
    Joined,
    Limits,
    List,
    Listed,
    LocalProtocolError,
    Malformed,
    Membership,
    Refused,
    RemoteProtocolError,
    Requested,
    Rooms,
    Status,
    TimedOut,
    Up,
    UpKind,
    Why,
)

NAME = "json-envelope"
DIALECT = tcrp.dialects.get(NAME)
SOURCE = ("127.0.0.1", 50000)
LIMITS = Limits(silence=300.0)
HASH = "$2b$04$qM6UVpqJcSWId/PJ4WO/ducWbequDlt6Ss/j/gSq7iP8TvN6fEgWy"
TOKEN = (
    b"LJcDneRL-8XQNmXUdP97oruQJc7PmK37VOIFlBoX6kx_xkbOerunwkdAx3aecm7c96gCabWeFsTQxV2zl1SEDZyeCBRwJq0ng36s8dD-PMha9"
    b"VkDJ9s0AwmA_mufz1Mf3VX2FYukc8MJgP6ik1DbL7J1UGK2ZgGViWlTRHMoH3Y="
)
MEMBER = Membership("room1", "alice", TOKEN, True)
CREATE = Create("room1", "", HASH)
JOIN = Join("room1", "", "pw1")

JOIN_BYTES = bytes.fromhex("05 02 00" + "00" * 28 + "56 726f6f6d31") + (
    b'{"error_message": "", "type": "JOIN", "token": "", "password": "pw1", "room_list": []}'
)
LIST_BYTES = bytes.fromhex("00 02 00" + "00" * 28 + "52") + (
    b'{"error_message": "", "type": "GET", "token": "", "password": "", "room_list": []}'
)
GOOD_BYTES = bytes.fromhex("00 0a 01" + "00" * 28 + "51") + (
    b'{"error_message": null, "type": "", "token": "", "password": "", "room_list": []}'
)
ROOMS_BYTES = bytes.fromhex("00 0a 02" + "00" * 28 + "58") + (
    b'{"error_message": null, "type": "", "token": "", "password": "", "room_list": ["room1"]}'
)

Hear = Callable[..., Any]
Captured = Callable[[str, str, str], list[bytes]]
Split = Callable[[bytes, Iterable[int]], list[bytes]]

rooms = st.sampled_from(["r", "部屋", "r" * 255])
room_passwords = st.sampled_from([None, "", "pw", "あ" * 24, "\n"])
wants = st.one_of(
    st.just(List()),
    st.builds(Create, rooms, st.just("alice"), room_passwords, st.none()),
    st.builds(Join, rooms, st.just("bob"), room_passwords, st.none()),
)
cuts = st.lists(st.integers(1, 400), max_size=8) | st.just(list(range(400)))


def server(limits: Limits = LIMITS) -> Conversation:
    return DIALECT.server(SOURCE, limits, 0.0)


def client(want: tcrp.Want = JOIN, **options: bool) -> Conversation:
    if not isinstance(want, List):
        want = want._replace(user="bob")
    conversation = DIALECT.client(want, None, 0.0, **options)
    conversation.data_to_send()
    return conversation


def frame(state: int, **fields: object) -> bytes:
    return tcrp.encode_frame(Frame("", 10, state, json.dumps(fields).encode()))


def request(operation: int, room: str, **fields: object) -> bytes:
    return tcrp.encode_frame(Frame(room, operation, 0, json.dumps(fields).encode()))


# ----------------------------------------------------------------------------------------------- golden bytes


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


# -------------------------------------------------------------------------------------------- captured bytes


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
        ("leave_host_h", [Why.HOST_LEFT, Why.HOST_IDLE], "ルームがクローズしました。"),
        ("timeout_wait", [Why.IDLE, Why.UNREACHABLE], "タイムアウトが発生しました。"),
    ],
)
def test_their_notices(step: str, whys: list[Why], text: str, captured: Captured) -> None:
    (data,) = captured(NAME, step, "down")
    for why in whys:
        assert DIALECT.write_down(Down(DownKind.CLOSED, "alice", b"", why, "room1")) == data
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CLOSED, None, text.encode())


def test_a_server_that_stops() -> None:
    data = DIALECT.write_down(Down(DownKind.CLOSED, "alice", b"", Why.STOPPED, "r"))
    assert data is not None
    text = "システムメンテナンス中のためシステムが終了しました。"
    assert data[:2] == b"\0\0"
    assert json.loads(data[2:]) == {"type": "STOP", "user_name": "", "chat_data": text}
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.CLOSED, None, text.encode())


def test_members_are_not_informed() -> None:
    for why in Why:
        assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", why, "r")) is None


@pytest.mark.parametrize("step", ["rob_udp_bad1", "rob_udp_bad2", "rob_udp_bad3", "rob_udp_bad4"])
def test_their_wrong_datagrams(step: str, captured: Captured) -> None:
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
    if isinstance(want, List):
        theirs.send(Rooms(("r", "部屋")))
        assert hear(ours, split(theirs.data_to_send(), cut)).events == [Listed(("r", "部屋"))]
        return
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
    refused = hear(client(), [frame(1, error_message="nope")]).events
    assert refused == [Refused(1, "nope")]
    assert not isinstance(refused[0].status, Status)
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


@pytest.mark.parametrize(
    "hashed",
    [
        "", "pw1", HASH[:-1], HASH + "x", HASH.replace("$2b$", "$2c$"), HASH.replace("$2b$", "$1$"),
        HASH.replace("$04$", "$03$"), HASH.replace("$04$", "$13$"), HASH.replace("$04$", "$31$"),
        HASH.replace("$04$", "$٠٤$"), HASH[:-1] + "!", "$2b$04$abcdefghijklmnopqrstuv",
    ],
)  # fmt: skip
def test_what_is_no_hash_or_costs_too_much_is_refused_in_words(hashed: str, hear: Hear) -> None:
    ours = server()
    events, sent, closing = hear(ours, [request(1, "r", type="", password=hashed)])
    assert [type(event) for event in events] == [Malformed]
    assert hashed not in str(events[0].error) or not hashed
    assert not closing
    refused = hear(client(Create("r", "a")), [sent]).events
    assert [type(event) for event in refused] == [Refused]
    assert refused[0].text
    assert hear(ours, [LIST_BYTES]).events == [Requested(List())]


# -------------------------------------------------------------------------------------------------- passwords


@pytest.mark.parametrize("cost", ["04", "12"])
@pytest.mark.parametrize("kind", ["$2a$", "$2b$", "$2y$"])
def test_hashes_that_are_taken(cost: str, kind: str, hear: Hear) -> None:
    hashed = HASH.replace("$2b$04$", f"{kind}{cost}$")
    assert hear(server(), [request(1, "r", type="", password=hashed)]).events == [Requested(Create("r", "", hashed))]


def test_the_clients_hash_is_kept_and_verified() -> None:
    passwords = DIALECT.passwords
    assert passwords is not None
    stored = passwords.hash(bcrypt.hashpw("pw部".encode(), bcrypt.gensalt(4)).decode())
    assert passwords.verify("pw部", stored)
    assert not passwords.verify("pw", stored)
    assert not passwords.verify("", stored)
    assert passwords.verify("", bcrypt.hashpw(b"", bcrypt.gensalt(4)))
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert passwords.verify("x" * 80, long)
    assert not passwords.verify("x" * 71, long)
    assert not passwords.verify("pw", b"$2b$04$" + b"!" * 53)
    assert not passwords.verify("pw\0", stored)


HIDDEN = """
import sys
sys.modules["bcrypt"] = None
import tcrp
dialect = tcrp.dialects.get("json-envelope")
print(len(dialect.client(tcrp.Join("r", "bob", "pw"), None, 0.0).data_to_send()))
for needs in (lambda: dialect.client(tcrp.Create("r", "bob", "pw"), None, 0.0), lambda: dialect.passwords):
    try:
        needs()
    except ImportError as error:
        print(type(error).__name__, error)
"""


def test_without_bcrypt_all_but_creating_and_serving_works() -> None:
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=True, timeout=60)
    said = "MissingExtra dialect json-envelope needs bcrypt: pip install 'tcrp[envelope]'"
    assert done.stdout.splitlines() == ["118", said, said]


def test_bcrypt_is_imported_in_one_place() -> None:
    importing = [
        path.name
        for path in Path(tcrp.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "bcrypt" for alias in node.names)
    ]
    assert importing == ["json_envelope.py"]


# -------------------------------------------------------------------------------------- what cannot be said


@pytest.mark.parametrize(
    ("want", "field"),
    [
        (Create("", "a"), "room name"),
        (Create("r" * 256, "a"), "room name"),
        (Join("", "a"), "room name"),
        (Create("r", ""), "user name"),
        (Join("r", "a\x00"), "user name"),
        (Create("r", "a", "p" * 73), "password"),
        (Join("r", "a", "あ" * 25), "password"),
        (Join("r", "a", "\ud800"), "password"),
        (Create("r", "a", None, 3), "capacity"),
        (Join("r", "a", None, b"s3cret"), "invite"),
    ],
)
def test_a_want_that_cannot_be_said_is_the_callers_fault(want: tcrp.Want, field: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.client(want, None, 0.0)
    assert caught.value.field == field
    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("body", [b"\xff", b"x" * 4096, "text"], ids=["not UTF-8", "too long", "not bytes"])
def test_a_message_that_cannot_be_said(body: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_up(MEMBER, UpKind.CHAT, body)
    assert caught.value.field == "message"
    with pytest.raises(LocalProtocolError) as caught:
        DIALECT.write_down(Down(DownKind.CHAT, "alice", body))
    assert caught.value.field == "message"


def test_whatever_can_be_said_up_can_be_said_down() -> None:
    space = 4096 - len(DIALECT.write_up(MEMBER, UpKind.CHAT, b"") or b"")
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"x" * space)
    assert data is not None
    assert len(data) == 4096
    assert DIALECT.write_down(Down(DownKind.CHAT, "alice", DIALECT.read_up(data, SOURCE).body)) is not None


def test_what_would_be_too_long_down_is_not_said() -> None:
    frame_size = len(DIALECT.write_down(Down(DownKind.CHAT, "alice", b"")) or b"")
    assert len(DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * (4094 - frame_size))) or b"") == 4094
    for more in (4095, 4096, 4097):
        with pytest.raises(LocalProtocolError) as caught:
            DIALECT.write_down(Down(DownKind.CHAT, "alice", b"x" * (more - frame_size)))
        assert caught.value.field == "message"


def test_the_word_exit_is_chat() -> None:
    data = DIALECT.write_up(MEMBER, UpKind.CHAT, b"exit")
    assert data is not None
    assert DIALECT.read_up(data, SOURCE) == Up(UpKind.CHAT, "room1", TOKEN, "alice", b"exit")


@given(user=st.text(st.characters(codec="utf-8"), max_size=30), body=st.text(st.characters(codec="utf-8"), max_size=99))
def test_chat_comes_back(user: str, body: str) -> None:
    data = DIALECT.write_up(MEMBER._replace(user=user), UpKind.CHAT, body.encode())
    assert data is not None
    up = DIALECT.read_up(data, SOURCE)
    assert up == Up(UpKind.CHAT, "room1", TOKEN, user, body.encode())
    relayed = DIALECT.write_down(Down(DownKind.CHAT, up.user, up.body))
    assert relayed is not None
    assert DIALECT.read_down(relayed, MEMBER) == Down(DownKind.CHAT, user, body.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b"[]", b"hello", b'{"type": "CHAT", "user_name": "a"}', b'{"type": "CHAT", "chat_data": "a"}',
        b'{"type": "SHOUT", "user_name": "a", "chat_data": "b"}', b'{"type": 1, "user_name": "a", "chat_data": "b"}',
        b'{"type": "CHAT", "user_name": "\\ud800", "chat_data": "b"}', b"[" * 3000,
    ],
)  # fmt: skip
def test_wrong_datagrams(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(b"\x01\x01rt" + text, SOURCE)
    data = b"\0\0" + text
    assert DIALECT.read_down(data, MEMBER) == Down(DownKind.UNKNOWN, None, data)


objects = st.dictionaries(
    st.sampled_from(["error_message", "type", "token", "password", "room_list", "user_name", "chat_data"]),
    st.none()
    | st.booleans()
    | st.sampled_from(["", "GET", "JOIN", "CHAT", HASH])
    | st.lists(st.text(max_size=3), max_size=2),
).map(lambda value: json.dumps(value).encode())
frames = st.builds(Frame, st.sampled_from(["", "r"]), st.sampled_from([1, 2, 9]), st.integers(0, 3), objects)
noise = st.one_of(
    st.binary(max_size=120),
    st.lists(frames.map(tcrp.encode_frame), max_size=3).map(b"".join),
    objects.map(lambda data: b"\x01\x01rt" + data),
)


@given(data=noise, cut=cuts)
def test_wrong_bytes_raise_nothing_else(
    data: bytes, cut: list[int], split: Split, swallow: Callable[..., None]
) -> None:
    swallow(DIALECT, data, split(data, cut), [JOIN._replace(user="a"), List()])


def test_no_captured_bytes_break_anything(
    everything_captured: Iterable[tuple[str, str, str, bytes]], swallow: Callable[..., None]
) -> None:
    for *_, data in everything_captured:
        swallow(DIALECT, data, [data], [Create("r", "a"), JOIN._replace(user="a"), List()])
