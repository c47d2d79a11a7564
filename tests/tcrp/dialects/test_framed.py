"""Dialects of random answers: one side understands the other, however the bytes are cut, and none break either."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Accepted,
    Ack,
    Bound,
    Complete,
    Create,
    Down,
    DownKind,
    Ended,
    Join,
    Joined,
    LocalProtocolError,
    Malformed,
    Membership,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    Up,
    UpKind,
    Why,
)
from tcrp.dialects.answers import (
    AddressAnswers,
    Answers,
    ChatAnswers,
    DownAnswers,
    HeaderAnswers,
    JsonAnswers,
    NoticeAnswers,
    NoticesAnswers,
    ReplyAnswers,
    RequestAnswers,
    StatusAnswers,
    TokenAnswers,
    UpAnswers,
    WordAnswers,
)
from tcrp.dialects.contradictions import WrongAnswer
from tcrp.dialects.file import dumps, loads
from tcrp.dialects.framed import Framed

PEER = ("127.0.0.1", 40000)
UDP = ("127.0.0.1", 50000)
TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"

CANONICAL = """
name = "tcrp-in-a-file"
[notices]
closed-mark = "\\u0004"
info-mark = "\\u0005"
host-left = { to = "others", text = "the host left: the room is closed" }
idle = { to = "member", text = "you were idle for too long: join again to come back" }
host-idle = { to = "all", text = "the host was idle for too long: the room is closed" }
unreachable = { to = "member", text = "datagrams could not be delivered to you: join again to come back" }
stopped = { to = "all", text = "the server is stopping: the room is closed" }
too-long = { to = "member", text = "your last message is too long to be relayed" }
"""


def up_layouts() -> st.SearchStrategy[UpAnswers]:
    def binary(order: list[str], typed: bool, sized_end: bool) -> UpAnswers:
        sizes = [f"{name}-size" for name in order if name != "message"] + (["message-size"] if sized_end else [])
        layout = [*(["type"] if typed else []), *sizes, *order]
        types = {"register_type": 1, "chat_type": 2, "leave_type": 3} if typed else {}
        return UpAnswers(layout=tuple(layout), **types)  # type: ignore[arg-type]

    orders = st.sampled_from([["room", "token"], ["token"], ["room", "user", "token"], ["user", "room"]])
    binaries = st.builds(lambda order, *more: binary([*order, "message"], *more), orders, st.booleans(), st.booleans())
    texts = st.sampled_from(["{token}:{user}:{message}", "{room}|{message}|{token}|", "<{token}> {message}"])
    return st.one_of(
        binaries,
        texts.map(lambda template: UpAnswers(form="text", template=template)),
        st.sampled_from([
            UpAnswers(form="json", user_key="user_name", token_key="t"),
            UpAnswers(form="json", room_key=False),
            UpAnswers(form="json", type_key="type", register_type="INITIAL", chat_type="CHAT", leave_type="LEAVE"),
            UpAnswers(form="json", type_key="type", register_type=0, chat_type=1),
        ]),
    )  # fmt: skip


DOWNS = [
    DownAnswers(),
    DownAnswers(template="[{room}] <{user}> {message}"),
    DownAnswers(form="binary"),
    DownAnswers(form="binary", layout=("type", "room-size", "user-size", "message-size", "room", "user", "message"),
                chat_type=7),
    DownAnswers(form="json", room_key="room"),
    DownAnswers(form="json", type_key="type", chat_type="CHAT", user_key=False),
    DownAnswers(form="mirrored"),
    DownAnswers(form="message"),
]  # fmt: skip

STATUSES = [
    (StatusAnswers(), WordAnswers()),
    (StatusAnswers(ok=9, refused=200, room_exists=201), WordAnswers()),
    (StatusAnswers(form="json"), WordAnswers()),
    (StatusAnswers(form="json", key=False, ok=True, refused=False), WordAnswers()),
    (StatusAnswers(form="json", ok=202, token_ok=201, refused=400), WordAnswers(key="message", ok="よし")),
    (StatusAnswers(form="json", ok="success", refused="error"), WordAnswers(error_key="error")),
    (StatusAnswers(form="text", ok="OK", refused="NO {room}", room_exists="{room} exists"), WordAnswers()),
    (StatusAnswers(form="state", refused=9, room_exists=10), WordAnswers()),
    (StatusAnswers(form="none"), WordAnswers()),
    (StatusAnswers(form="none"), WordAnswers(key="error_message")),
]


@st.composite
def dialects(draw: st.DrawFn) -> Framed:
    """Any answers that go together."""
    payload = draw(st.sampled_from(["json-or-raw", "json", "raw", "json-string", "length-prefixed"]))
    json_payload = payload.startswith("json") and payload != "json-string"
    address = draw(st.sampled_from(["none", "pair", "ip-and-port"])) if json_payload else "none"
    declared = ["request"] if address != "none" else []
    learnt = draw(st.sampled_from(["latest", "message", "handshake", "tcp", *declared]))
    status, words = draw(st.sampled_from(STATUSES))
    up = draw(up_layouts())
    token_form: Any = draw(st.sampled_from(["raw", "json"]))
    answers = Answers(
        "random",
        header=HeaderAnswers(draw(st.sampled_from(["binary", "digits", "digits-nul"])),
                             draw(st.sampled_from(["payload", "body"]))),
        request=RequestAnswers(
            payload, address=address, no_password=draw(st.sampled_from(["omit", "empty", "null"])),
            extra={"type": "x", "n": 1} if json_payload and draw(st.booleans()) else {},
            stages=draw(st.sampled_from(["whole", "header-first"])),
        ),
        reply=ReplyAnswers(
            framing=draw(st.sampled_from(["header", "none"])), steps=draw(st.sampled_from([1, 2])),
            refused_in=draw(st.sampled_from(["acknowledgement", "token"])),
            refusal=draw(st.sampled_from(["status", "text", "close"])),
            ack_state=draw(st.sampled_from([1, 5])), refusal_state=draw(st.sampled_from([1, 3])),
            room=draw(st.sampled_from(["echoed", "absent", "announced"])),
            room_size=draw(st.sampled_from(["bytes", "characters"])),
            operation=draw(st.sampled_from(["echoed", 0, 10])),
        ),
        status=status, words=words, json=JsonAnswers(draw(st.booleans())),
        token=TokenAnswers(form=token_form, ends=draw(st.sampled_from(["size", "pause"]))),
        address=AddressAnswers(learnt, "INITIAL" if learnt == "message" else "",
                               draw(st.sampled_from(["ip", "address", "anything"]))),
        up=up, down=draw(st.sampled_from(DOWNS)),
        chat=ChatAnswers(empty=draw(st.sampled_from(["registers", "relayed", "ignored"])),
                         leave=draw(st.sampled_from([False, "exit", "/Exit "])),
                         leave_match=draw(st.sampled_from(["exact", "folded"])),
                         guests_may_leave=draw(st.booleans()), utf8_only=draw(st.booleans())),
    )  # fmt: skip
    try:
        dialect = Framed(answers)
    except WrongAnswer:
        reply = replace(answers.reply, steps=1, refusal="close")
        dialect = Framed(replace(answers, reply=reply, status=StatusAnswers(), words=WordAnswers()))
    note(dumps(dialect.answers))
    return dialect


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
wants = st.builds(Create, names, names, st.none(), st.none()) | st.builds(Join, names, names, st.none(), st.none())


def pieces(data: bytes, cuts: list[int] | None) -> list[bytes]:
    """The data cut there; None: byte by byte."""
    if cuts is None:
        return [data[at : at + 1] for at in range(len(data))]
    return [data[a:b] for a, b in pairwise([0, *sorted({c for c in cuts if 0 < c < len(data)}), len(data)])]


def exchange(dialect: Framed, want: Create | Join, answer: bytes | Status, cuts: list[int] | None) -> tuple[list, list]:
    """The events of server and client, every byte of both going over in pieces."""
    server = dialect.server(PEER, tcrp.Limits(), 0.0)
    client = dialect.client(want, UDP, 0.0)
    served: list[tcrp.Event] = []
    heard: list[tcrp.Event] = []
    now = 0.0
    while True:
        now += 0.001
        out, back = client.data_to_send(), b""
        for piece in pieces(out, cuts) if out else []:
            events = server.receive_data(piece, now)
            served += events
            if any(isinstance(event, Requested) for event in events):
                server.send(Ack(answer if isinstance(answer, Status) else Status.OK))
                if not isinstance(answer, Status):
                    server.send(Complete(answer))
            back += server.data_to_send()
        for piece in pieces(back, cuts) if back else []:
            heard += client.receive_data(piece, now)
        if not back and not client.closing and (timer := client.timer()) is not None:
            heard += client.handle_timer(timer)
            now = timer
        elif not back and not out:
            break
    if not client.closing:
        heard += client.receive_eof(now)
    return served, heard


@given(dialect=dialects(), want=wants, cuts=st.lists(st.integers(1, 200), max_size=4) | st.none())
def test_who_is_let_in_has_the_token(dialect: Framed, want: Create | Join, cuts: list[int] | None) -> None:
    served, heard = exchange(dialect, want, TOKEN, cuts)
    declares = {"request": UDP, "tcp": PEER}.get(dialect.answers.address.learnt)
    assert served[0] == Requested(want, declares)
    handshakes = dialect.answers.address.learnt == "handshake"
    assert served[1:] == ([Bound(("127.0.0.1", UDP[1]))] if handshakes else [])
    assert heard == [*([Accepted()] if dialect.answers.reply.steps == 2 else []), Joined(TOKEN)]


@given(dialect=dialects(), want=wants, status=st.sampled_from(list(Status)[1:]), cuts=st.lists(st.integers(1, 200)))
def test_who_is_refused_has_no_token(dialect: Framed, want: Create | Join, status: Status, cuts: list[int]) -> None:
    served, heard = exchange(dialect, want, status, cuts)
    assert len(served) == 1
    assert not any(isinstance(event, Joined) for event in heard)
    refused = [event for event in heard if isinstance(event, Refused)]
    silent = dialect.answers.reply.refusal == "close"
    if not silent and dialect.answers.status.form not in ("none", "state"):  # those may read as anything but a token
        assert refused, heard


@pytest.mark.parametrize(
    ("answers", "want", "status"),
    [
        (Answers("x"), Join("r", "a"), Status.WRONG_PASSWORD),
        (Answers("x", status=StatusAnswers(form="json", ok=1, refused=0), words=WordAnswers(key="message")),
         Join("r", "a"), Status.WRONG_PASSWORD),
        (Answers("x", status=StatusAnswers(form="json", ok=1, refused=0)), Create("r", "a"), Status.ROOM_EXISTS),
        (Answers("x", status=StatusAnswers(form="json", ok=1, refused=0)), Join("r", "a"), Status.ROOM_NOT_FOUND),
        (Answers("x", status=StatusAnswers(form="state", refused=9, room_not_found=8)), Join("r", "a"),
         Status.ROOM_NOT_FOUND),
        (Answers("x", status=StatusAnswers(form="text", ok="OK", refused="NO", wrong_password="{user}: wrong")),
         Join("r", "a"), Status.WRONG_PASSWORD),
        (Answers("x", reply=ReplyAnswers(refusal="text")), Join("r", "a"), Status.WRONG_PASSWORD),
        (Answers("x", reply=ReplyAnswers(framing="none", refusal="text")), Join("r", "a"), Status.LIMIT_REACHED),
        (Answers("x", reply=ReplyAnswers(framing="none", steps=1)), Join("r", "a"), Status.ROOM_NOT_FOUND),
        (Answers("x", reply=ReplyAnswers(framing="none", refused_in="token")), Create("r", "a"), Status.ROOM_EXISTS),
        (Answers("x", token=TokenAnswers(form="json", null_when_full=True)), Join("r", "a"), Status.LIMIT_REACHED),
    ],
)  # fmt: skip
def test_a_refusal_means_the_same_on_both_sides(answers: Answers, want: Create | Join, status: Status) -> None:
    _, heard = exchange(Framed(answers), want, status, [])
    last = heard[-1] if isinstance(heard[-1], Refused) else heard[-2]
    assert isinstance(last, Refused)
    assert last.status is status


def test_where_refusals_are_silent_the_close_is_one() -> None:
    dialect = Framed(Answers("x", reply=ReplyAnswers(refusal="close")))
    _, heard = exchange(dialect, Join("r", "a"), Status.WRONG_PASSWORD, [])
    assert heard == [Refused(-1), Ended(False)]
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    client.receive_data(b"\x01", 0.0)
    assert client.receive_eof(0.0) == [Ended(True)]


# ---------------------------------------------------------------------------------------------------- any bytes


@given(dialect=dialects(), data=st.binary(max_size=200), cuts=st.lists(st.integers(1, 200)))
def test_random_bytes_break_no_conversation(dialect: Framed, data: bytes, cuts: list[int]) -> None:
    header = bytes([2, 1, 0]) + bytes(28)
    for start in (b"", header + b"\x05r1", header + b"\x20r1{"):
        server = dialect.server(PEER, tcrp.Limits(), 0.0)
        for piece in pieces(start + data, cuts):
            server.receive_data(piece, 0.0)
        server.receive_eof(0.0)
    for start in (b"", b"\x01\x02\x01" + bytes(28) + b"\x01r", b'{"status": 0', b'{"token": '):
        for strict in (True, False):
            client = dialect.client(Join("r", "a"), UDP, 0.0, strict=strict)
            for piece in pieces(start + data, cuts):
                for event in client.receive_data(piece, 0.0):
                    if isinstance(event, Malformed):
                        assert len(str(event.error).splitlines()) == 1
            client.handle_timer(1e9)
            client.receive_eof(1e9)


@given(dialect=dialects(), data=st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
def test_random_datagrams_are_dropped_or_read(dialect: Framed, data: bytes, check_error) -> None:
    with contextlib.suppress(RemoteProtocolError):
        dialect.read_up(data, PEER)
    assert isinstance(dialect.read_down(data, Membership("r", "a", TOKEN, True)), Down)


@given(dialect=dialects(), data=st.binary(max_size=300))
def test_errors_name_a_clause_and_a_place(dialect: Framed, data: bytes, check_error) -> None:
    error = None
    try:
        dialect.read_up(data, PEER)
    except RemoteProtocolError as caught:
        error = caught
    if error is not None:
        check_error(error, len(data))


@given(dialect=dialects(), member=st.builds(Membership, names, names, st.just(TOKEN), st.booleans()),
       kind=st.sampled_from(UpKind), body=st.binary(max_size=40) | names.map(str.encode) | st.just(b""))  # fmt: skip
def test_what_a_client_writes_a_server_reads(dialect: Framed, member: Membership, kind: UpKind, body: bytes) -> None:
    try:
        data = dialect.write_up(member, kind, body if kind is UpKind.CHAT else b"")
    except LocalProtocolError as error:
        wrong: str | None = error.field
    else:
        wrong = None
    if wrong is not None:
        assert kind is UpKind.CHAT or wrong != "message"  # names may hold what ends them, our own words may not
        return
    if data is None:
        assert kind is not UpKind.CHAT
        return
    up = dialect.read_up(data, PEER)
    leaves_in_vain = up.kind is UpKind.LEAVE and not dialect.policy.guests_may_leave and not member.host
    assert up.kind is (UpKind.LEAVE if leaves_in_vain else kind)
    if kind is UpKind.CHAT:
        assert up.body == body
    assert up == Up(up.kind, up.room and member.room, up.token and TOKEN, up.user and member.user, up.body)
    assert dialect.write_up(member, kind, body if kind is UpKind.CHAT else b"") == data


@given(dialect=dialects(), user=names.filter(lambda n: not set(n) & set(":<>[]|")), body=names.map(str.encode))
def test_what_a_server_writes_a_client_reads(dialect: Framed, user: str, body: bytes) -> None:
    member = Membership("room", user, TOKEN, False)
    try:
        sent = dialect.write_up(member, UpKind.CHAT, body)
    except LocalProtocolError:
        return
    assert sent is not None
    data = dialect.write_down(Down(DownKind.CHAT, user, body, None, "room", sent))
    assert data is not None
    read = dialect.read_down(data, member)
    assert read == Down(DownKind.CHAT, read.user and user, body)
    if dialect.answers.down.form in ("text", "binary"):
        assert read.user == user


# -------------------------------------------------------------------------------------------- the canonical one


@given(want=st.from_type(Create) | st.from_type(Join))
def test_a_file_can_say_the_canonical_requests(want: Create | Join) -> None:
    ours = Framed(loads(CANONICAL))
    real = tcrp.dialects.get("tcrp")
    sent = real.client(want, None, 0.0).data_to_send()
    assert ours.client(want, None, 0.0).data_to_send() == sent
    for status in (*Status,):
        sides = [dialect.server(PEER, tcrp.Limits(), 0.0) for dialect in (ours, real)]
        for side in sides:
            assert side.receive_data(sent, 0.0) == [Requested(want)]
            side.send(Ack(status))
            if status is Status.OK:
                side.send(Complete(TOKEN))
        answer = sides[1].data_to_send()
        assert sides[0].data_to_send() == answer
        clients = [dialect.client(want, None, 0.0) for dialect in (ours, real)]
        heard = [client.receive_data(answer, 0.0) for client in clients]
        assert heard[0][-1] == (Joined(TOKEN) if status is Status.OK else Refused(heard[1][0].status))


@given(data=st.binary(max_size=80))
def test_a_file_can_say_the_canonical_datagrams(data: bytes) -> None:
    ours, real = Framed(loads(CANONICAL)), tcrp.dialects.get("tcrp")
    member = Membership("r1", "alice", TOKEN, True)
    for part in (data, bytes([2, 3]) + b"r1tok" + data):
        read = []
        for dialect in (ours, real):
            try:
                read.append(dialect.read_up(part, PEER))
            except RemoteProtocolError:
                read.append(None)
        assert read[0] == read[1]
    for part in (data, b"alice: " + data, b"\x04" + data, b"\x05" + data):
        assert ours.read_down(part, member) == real.read_down(part, member)


def test_a_file_can_say_the_canonical_notices_and_rules() -> None:
    ours, real = Framed(loads(CANONICAL)), tcrp.dialects.get("tcrp")
    for why in Why:
        for kind in (DownKind.CLOSED, DownKind.INFO):
            down = Down(kind, "bob", b"", why, "r")
            assert ours.write_down(down) == (None if why in (Why.JOINED, Why.LEFT) else real.write_down(down))
    told = {why: audience for why, audience in ours.policy.tell.items() if audience is not tcrp.Audience.NOBODY}
    assert replace(ours.policy, tell=told) == real.policy
    assert ours.can == real.can
    assert ours.ports == real.ports


# ------------------------------------------------------------------------------------------------------ readings


def test_not_strict_a_readable_deviation_is_told_and_the_exchange_goes_on() -> None:
    dialect = Framed(Answers("x"))
    replies = b"\x01\x07\x01" + bytes(28) + b"\x01r\x00" + b"\x01\x02\x09" + bytes(28) + b"\x24r" + TOKEN
    events = dialect.client(Join("r", "a"), UDP, 0.0, strict=False).receive_data(replies, 0.0)
    assert [type(event) for event in events] == [Malformed, Accepted, Malformed, Joined]
    assert [event.error.field for event in events if isinstance(event, Malformed)] == ["Operation", "State"]
    (event,) = dialect.client(Join("r", "a"), UDP, 0.0).receive_data(replies, 0.0)
    assert isinstance(event, Malformed)


def test_a_token_that_nothing_delimits_is_whole_after_a_pause() -> None:
    reply = ReplyAnswers(framing="none", steps=1, pause=0.25)
    dialect = Framed(Answers("x", reply=reply, token=TokenAnswers(ends="pause", alphabet="hex", size=8)))
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    assert client.timer() is None
    assert client.receive_data(b"abc", 1.0) == []
    assert client.timer() == 1.25
    assert client.handle_timer(1.2) == []
    assert client.receive_data(b"defgh12345", 1.2) == []
    assert client.handle_timer(client.timer()) == [Joined(b"abcdefgh12345")]
    assert client.closing


def test_a_shorter_token_is_a_deviation() -> None:
    dialect = Framed(Answers("x", reply=ReplyAnswers(framing="none", steps=1)))
    for strict, kinds in ((True, [Malformed]), (False, [Malformed, Joined])):
        client = dialect.client(Join("r", "a"), UDP, 0.0, strict=strict)
        client.receive_data(b"abc", 0.0)
        assert [type(event) for event in client.handle_timer(9.0)] == kinds


def test_the_body_waits_for_the_servers_first_bytes_or_a_pause() -> None:
    dialect = Framed(Answers("x", request=RequestAnswers(stages="header-first"), reply=ReplyAnswers(pause=0.25)))
    answered, waiting = (dialect.client(Join("r", "a"), UDP, 1.0) for _ in range(2))
    for client in (answered, waiting):
        assert len(client.data_to_send()) == 32
        assert client.timer() == 1.25
    answered.receive_data(b"\x01", 1.1)
    assert answered.data_to_send() == b'r{"username": "a"}'
    assert answered.timer() is None
    assert waiting.handle_timer(1.25) == []
    assert waiting.data_to_send() == b'r{"username": "a"}'


def test_an_unframed_reply_without_an_end_is_cut_off() -> None:
    dialect = Framed(Answers("x", reply=ReplyAnswers(framing="none", steps=1), token=TokenAnswers(form="json")))
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    events = []
    for _ in range(9):
        events += client.receive_data(b'{"token": "' + b"x" * 10_000, 0.0)
    assert [type(event) for event in events] == [Malformed]
    assert client.closing


@pytest.mark.parametrize(("alphabet", "size"), [("hex", 64), ("base64url", 43), ("decimal", 20), ("bytes", 32)])
def test_tokens_are_of_the_alphabet_and_size_that_were_asked_for(alphabet: Any, size: int) -> None:
    dialect = Framed(Answers("x", token=TokenAnswers(alphabet=alphabet, size=size)))
    tokens = {dialect.mint() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {size}
    allowed = {
        "hex": b"0123456789abcdef", "decimal": b"0123456789", "bytes": bytes(range(256)),
        "base64url": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=",
    }[alphabet]  # fmt: skip
    assert set(b"".join(tokens)) <= set(allowed)
    assert len(Framed(Answers("x")).mint()) == 36


def test_json_notices_have_their_type() -> None:
    dialect = Framed(Answers(
        "x", down=DownAnswers(form="json", type_key="type", chat_type="CHAT"),
        notices=NoticesAnswers(host_left=NoticeAnswers("others", "{room} is closed", "CLOSE")),
    ))  # fmt: skip
    assert dialect.can.notices
    data = dialect.write_down(Down(DownKind.CLOSED, "alice", b"", Why.HOST_LEFT, "r1"))
    assert data is not None
    assert json.loads(data) == {"type": "CLOSE", "user": "alice", "message": "r1 is closed"}
    member = Membership("r1", "bob", TOKEN, False)
    assert dialect.read_down(data, member) == Down(DownKind.CLOSED, None, b"r1 is closed")
    chat = dialect.write_down(Down(DownKind.CHAT, "alice", b"r1 is closed"))
    assert chat is not None
    assert dialect.read_down(chat, member) == Down(DownKind.CHAT, "alice", b"r1 is closed")
    assert dialect.read_down(b'{"type": "NEWS", "user": "a", "message": "m"}', member).kind is DownKind.UNKNOWN


@pytest.mark.parametrize(
    ("to", "about", "kind"),
    [("member", "bob", DownKind.CLOSED), ("all", "bob", DownKind.CLOSED), ("all", "carol", DownKind.INFO),
     ("others", "bob", DownKind.INFO)],
)  # fmt: skip
def test_a_notice_in_words_ends_the_membership_of_whom_it_is_about(to: Any, about: str, kind: DownKind) -> None:
    dialect = Framed(Answers("x", notices=NoticesAnswers(idle=NoticeAnswers(to, "{user} was idle in {room}"))))
    read = dialect.read_down(f"{about} was idle in r1".encode(), Membership("r1", "bob", TOKEN, False))
    assert read.kind is kind


def test_without_tcp_there_is_one_room_for_whoever_sends() -> None:
    dialect = Framed(loads("""
[ports]
tcp = false
[address]
source = "address"
[up]
layout = ["user-size", "user", "message"]
[down]
form = "mirrored"
[chat]
echo = true
empty = "relayed"
leave = false
"""))  # fmt: skip
    assert dialect.ports.tcp is None
    assert not dialect.can.tcp
    data = dialect.write_up(Membership("", "alice", b"", False), UpKind.CHAT, b"hi")
    assert data == b"\x05alicehi"
    assert dialect.read_up(data, PEER) == Up(UpKind.CHAT, None, None, "alice", b"hi")
    assert dialect.write_down(Down(DownKind.CHAT, "alice", b"hi", None, "", data)) == data


@pytest.mark.parametrize("name", [name for name in tcrp.dialects.names() if name != "tcrp"])
def test_the_canonical_notices_and_keepalives_stay_in_the_canonical_dialect(name: str) -> None:
    dialect = tcrp.dialects.get(name)
    if not isinstance(dialect, Framed):
        pytest.skip("a dialect of its own")
    assert not dialect.can.keepalive
    assert dialect.write_up(Membership("r", "a", TOKEN, True), UpKind.REGISTER) is None
    for why in Why:
        for kind in (DownKind.CLOSED, DownKind.INFO):
            data = dialect.write_down(Down(kind, "a", b"", why, "r"))
            assert data is None or data[0] not in (4, 5)


def test_a_raw_token_may_begin_as_json_does(odd: Callable[[str], Framed]) -> None:
    dialect = odd("raw_token")
    token = b"{" + b"\xff" * (dialect.answers.token.size - 1)
    client = dialect.client(tcrp.Create("r", "alice"), ("127.0.0.1", 50000), 0.0)
    client.data_to_send()
    assert client.receive_data(token, 0.0) == [tcrp.Joined(token)]


def test_new_tokens_are_as_the_file_says(odd: Callable[[str], Framed]) -> None:
    dialect = odd("raw_token")
    make = dialect.policy.token
    assert callable(make)
    assert {len(make()) for _ in range(20)} == {dialect.answers.token.size}
