"""Captured bytes of programs that others wrote, against dialects that files describe, on both sides."""

import contextlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

import tcrp
from tcrp import (
    Ack,
    Address,
    Bound,
    Complete,
    Create,
    Down,
    DownKind,
    Event,
    Join,
    Joined,
    Malformed,
    Membership,
    Refused,
    Requested,
    Status,
    Up,
    UpKind,
)
from tcrp.dialects import Dialect
from tests.tcrp.dialects.conftest import Captured, OddDialect

Spoken: TypeAlias = Callable[[str], Dialect]
PEER = ("127.0.0.1", 40000)


class Exchange(NamedTuple):
    """A captured exchange: what the client wanted, its UDP address, and the token or the status that it got."""

    source: str
    what: str
    want: Create | Join
    udp: tuple[str, int] | None
    answer: bytes | Status
    sends_the_same: bool = True


def local(port: int) -> tuple[str, int]:
    return "127.0.0.1", port


EXCHANGES = [
    # model-answer
    Exchange("B", "create with a password", Create("r1", "alice", "pw"), local(41376),
             b"b2c0a0c1-0ea1-4597-9291-355002348979"),
    Exchange("B", "join with the password", Join("r1", "bob", "pw"), local(43685),
             b"5f82891a-e58c-4ac0-b0b4-f1c1f012a5c8"),
    Exchange("B", "join with a wrong password", Join("r1", "b", "no"), local(1), Status.WRONG_PASSWORD),
    Exchange("B", "create, header and body apart", Create("r3", "s"), local(1),
             b"397c5f57-3062-4d81-a5e8-f71a0f742c8f"),
    Exchange("B", "create of a room whose name is free again", Create("r1", "alice"), local(1),
             b"58ccfb9e-f56f-45ed-93cb-be62b52869e8"),
    Exchange("B", "join", Join("r1", "carol"), local(1), b"37e6baff-0a49-4ff6-8be3-89053b6af16d"),
    # json-status
    Exchange("C", "create", Create("room1", "alice"), local(55001),
             b"a424d91dd55e41ea789fcb364ba75e87ec41b2b42957a737d65f2f49d6fa86fc"),
    Exchange("C", "join", Join("room1", "bob"), local(42229),
             b"7d910dd37f04b9bbb14b276f9c96b74409abf9a5d534858b4b7e3b75ef6ac8d4"),
    Exchange("C", "join of a room that was closed", Join("room1", "dave"), local(54225), Status.ROOM_NOT_FOUND),
    Exchange("C", "create of a room that exists", Create("room1", "bob"), local(44769), Status.ROOM_EXISTS),
    Exchange("C", "create with state 7", Create("room1", "alice"), local(60687),
             b"d80e334d6035a37246843db16c0e2650b71bb102df4496288f062a81e9c54a83", False),
    Exchange("C", "create in Japanese", Create("部屋あ", "アリス"), local(32903),
             b"f4cda2f3eaebe862e440b70e480cc41bff5fa2be8caf9fc172361a9fafebbecf"),
    Exchange("C", "join in Japanese", Join("部屋あ", "ボブ"), local(58942),
             b"6d34faefbe672e7d9aaf71c9d511db9c4d5bd47a09985b03bac44683336b563f"),
    Exchange("C", "create of a room without a name", Create("", "alice"), local(38701),
             b"168c95be07b6b53d408aa0c9c2547cccd8e9962ea3e59044d099ec9cd2881ff6"),
    Exchange("D", "create", Create("room1", "alice"), local(38758),
             b"c7ecd417aca8b3f84e521abad2c3bac1ef2339a4e461ecbc09710b125fc4f811"),
    Exchange("D", "join", Join("room1", "bob"), local(49368),
             b"ca7f91c7b3ed6a9d38b50954df0c9f26850b2bc870d3b15c09f0cda1fca3984d"),
    Exchange("D", "create of a room that exists", Create("room1", "bob"), None, Status.ROOM_EXISTS),
    Exchange("D", "join of a room that does not exist", Join("nope", "bob"), None, Status.ROOM_NOT_FOUND),
    # user_name
    Exchange("A", "create with a password", Create("r1", "alice", "pw"), None,
             b"XdBWddkYzQmNyQ6pjtusogGgZEhJIIBODuPD4iBLyfg"),
    Exchange("A", "create of a room that exists", Create("r1", "x"), None, Status.ROOM_EXISTS),
    Exchange("A", "join of a room that does not exist", Join("zz", "x"), None, Status.ROOM_NOT_FOUND),
    Exchange("A", "join with a wrong password", Join("r1", "b", "no"), None, Status.WRONG_PASSWORD),
    Exchange("A", "join with the password", Join("r1", "bob", "pw"), None,
             b"18Rf61j_T4aQgT4SqkOZk4a0I9r6I8sjevSJuNSLeww"),
    Exchange("A", "create sent in three segments", Create("r3", "s"), None,
             b"oGEDZkuQtR2_q5InFL1Gf_gawW8aiAp_0w3MLpzB3_o"),
    # raw_token
    Exchange("E", "create", Create("room1", "alice"), None,
             bytes.fromhex("f5bb5fe0f77f9a638091349975c650440796db5a659705c32196e3735cf1af26"), False),
    Exchange("E", "join", Join("room1", "bob"), None,
             bytes.fromhex("3810d3943e275486e795c26af9f3cc5f17a1c6cb31fbb0d3cd1efd8e30ea5cd2")),
    Exchange("E", "join of a room that does not exist", Join("nope", "bob"), None, Status.ROOM_NOT_FOUND),
    # staged
    Exchange("F", "create", Create("r1", "alice"), local(51669), b"d91c4391-e5e9-4285-881c-db919824a15d"),
    Exchange("F", "join", Join("r1", "bob"), local(48037), b"f3dfdd12-2e45-41de-9bd7-6c4e778d9815"),
    Exchange("F", "create of a room that exists", Create("r1", "x"), local(1), Status.ROOM_EXISTS),
    Exchange("F", "join of a room that does not exist", Join("zz", "x"), local(1), Status.ROOM_NOT_FOUND),
    Exchange("F", "create in Japanese", Create("部屋", "al"), local(54930), b"817c7eae-5ea0-458d-ad65-6d6d466bd1c8"),
    Exchange("F", "create in one piece", Create("r5", "x"), local(55762), b"362e6e64-a99b-470f-b207-265c4fdabaca"),
]  # fmt: skip

IDS = [f"{e.source} {e.what}" for e in EXCHANGES]


@pytest.fixture
def spoken(odd: OddDialect) -> Spoken:
    """spoken(source): the dialect of a program, which is named by a letter."""
    by_source = {"A": "user_name", "E": "raw_token", "F": "staged"}
    built_in = {"B": "model-answer", "C": "json-status", "D": "json-status"}
    return lambda source: odd(by_source[source]) if source in by_source else tcrp.dialects.get(built_in[source])


@pytest.mark.parametrize("exchange", EXCHANGES, ids=IDS)
@pytest.mark.parametrize("size", [None, 1], ids=["as it came", "byte by byte"])
def test_our_server_answers_their_client_as_theirs_did(
    captured: Captured, spoken: Spoken, exchange: Exchange, size: int | None
) -> None:
    requests = captured(exchange.source, exchange.what, "request")
    assert requests
    ours = spoken(exchange.source).server(PEER, tcrp.Limits(), 0.0)
    events: list[Event] = []
    answered = b""
    for segment in requests:
        for piece in [segment] if size is None else [segment[n : n + 1] for n in range(len(segment))]:
            for event in ours.receive_data(piece, 0.0):
                events.append(event)
                if isinstance(event, Requested):
                    if isinstance(exchange.answer, Status):
                        ours.send(Ack(exchange.answer))
                    else:
                        ours.send(Ack(Status.OK))
                        ours.send(Complete(exchange.answer))
            answered += ours.data_to_send()
    assert answered == b"".join(captured(exchange.source, exchange.what, "reply"))
    declared: Address | None = exchange.udp if exchange.source in "CD" else None
    if exchange.udp is None and exchange.source == "D":
        declared = declared_in(events)
    assert events[0] == Requested(exchange.want, declared)
    if ours.closing and exchange.source in "BF" and not isinstance(exchange.answer, Status):
        assert exchange.udp is not None
        assert events[1:] == [Bound(("127.0.0.1", exchange.udp[1]))]
    else:
        assert events[1:] == []


def declared_in(events: list[Event]) -> Address | None:
    """The UDP address in the request that these events begin with."""
    assert isinstance(events[0], Requested)
    return events[0].udp


@pytest.mark.parametrize("exchange", EXCHANGES, ids=IDS)
@pytest.mark.parametrize("strict", [True, False])
def test_our_client_asks_as_theirs_and_understands_their_server(
    captured: Captured, spoken: Spoken, exchange: Exchange, strict: bool
) -> None:
    requests = b"".join(captured(exchange.source, exchange.what, "request"))
    udp: Address | None = exchange.udp or local(1)
    if exchange.source == "D" and exchange.udp is None:
        udp = declared_in(spoken("D").server(PEER, tcrp.Limits(), 0.0).receive_data(requests, 0.0))
    ours = spoken(exchange.source).client(exchange.want, udp, 0.0, strict=strict)
    sent = ours.data_to_send()
    events = []
    for segment in captured(exchange.source, exchange.what, "reply"):
        events += ours.receive_data(segment, 0.0)
        sent += ours.data_to_send()
    if isinstance(exchange.answer, Status) and not ours.closing:
        events += ours.receive_eof(0.0)
    last = next(event for event in events if isinstance(event, Joined | Refused))
    if isinstance(exchange.answer, Status):
        assert isinstance(last, Refused)
        assert last.status is exchange.answer
    else:
        assert last == Joined(exchange.answer)
    assert not any(isinstance(event, Malformed) for event in events)
    assert ours.closing
    if exchange.sends_the_same:
        assert sent[: len(requests)] == requests


@pytest.mark.parametrize("source", ["A", "B", "C", "D", "E", "F"])
def test_nothing_captured_breaks_either_side(spoken: Spoken, source: str) -> None:
    here = Path(__file__).parent
    captures = [
        bytes.fromhex(c["hex"])
        for path in (here / "captures.toml", here.parent / "real_frames.toml")
        for c in tomllib.loads(path.read_text("utf-8"))["capture"]
    ]
    dialect = spoken(source)
    member = Membership("r1", "alice", b"token", True)
    for data in captures:
        dialect.server(PEER, tcrp.Limits(), 0.0).receive_data(data, 0.0)
        client = dialect.client(Join("r1", "bob"), local(1), 0.0)
        client.receive_data(data, 0.0)
        client.receive_eof(0.0)
        dialect.read_down(data, member)
        with contextlib.suppress(tcrp.RemoteProtocolError):
            dialect.read_up(data, PEER)


def token_of(captured: Captured, source: str, what: str) -> bytes:
    answer = next(e.answer for e in EXCHANGES if (e.source, e.what) == (source, what))
    assert isinstance(answer, bytes)
    return answer


CHAT = [
    # source, what, room, whose token, user, message
    ("B", "chat", "r1", "create with a password", "alice", b"hello"),
    ("B", "chat in Japanese", "r1", "join with the password", "bob", "やあ".encode()),
    ("C", "chat of the guest", "room1", "join", "bob", "hey あ".encode()),
    ("C", "chat of the host", "room1", "create", "alice", b"hello2"),
    ("D", "chat of the guest", "room1", "join", "bob", "hey あ".encode()),
    ("E", "chat of the guest", "room1", "join", "bob", b"hi alice"),
    ("E", "chat of the host", "room1", "create", "alice", b"hello bob"),
    ("F", "chat of the host", "r1", "create", "alice", b"hello"),
    ("F", "a message that is not UTF-8", "r1", "create", "alice", b"\xff\xfe"),
]


@pytest.mark.parametrize(("source", "what", "room", "whose", "user", "message"), CHAT)
def test_chat(
    captured: Captured, spoken: Spoken, source: str, what: str, room: str, whose: str, user: str, message: bytes
) -> None:
    dialect = spoken(source)
    (up,), (down,) = captured(source, what, "up"), captured(source, what, "down")
    token = token_of(captured, source, whose)
    member = Membership(room, user, token, True)
    assert dialect.read_up(up, PEER) == Up(UpKind.CHAT, room, token, None, message)
    assert dialect.write_up(member, UpKind.CHAT, message) == up
    assert dialect.write_down(Down(DownKind.CHAT, user, message, None, room, up)) == down
    assert dialect.read_down(down, member) == Down(DownKind.CHAT, user, message)


def test_leaving_and_notices_of_json_status(captured: Captured, spoken: Spoken) -> None:
    dialect = spoken("C")
    guest = Membership("room1", "bob", token_of(captured, "C", "join"), False)
    (up,), (down,) = captured("C", "the guest leaves", "up"), captured("C", "the guest leaves", "down")
    assert dialect.write_up(guest, UpKind.LEAVE) == up
    assert dialect.read_up(up, PEER).kind is UpKind.LEAVE
    assert dialect.write_down(Down(DownKind.INFO, "bob", b"", tcrp.NoticeReason.LEFT, "room1")) == down
    assert dialect.read_down(down, guest) == Down(DownKind.INFO, None, down)
    host = guest._replace(user="alice", token=token_of(captured, "C", "create"), host=True)
    (up,), (down,) = captured("C", "the host leaves", "up"), captured("C", "the host leaves", "down")
    assert dialect.write_up(host, UpKind.LEAVE) == up
    assert dialect.write_down(Down(DownKind.CLOSED, "alice", b"", tcrp.NoticeReason.HOST_LEFT, "room1")) == down
    assert dialect.read_down(down, guest) == Down(DownKind.CLOSED, None, down)
    for notice in captured("D", "the guest leaves", "down"):  # it lacks the full stop of this dialect's notice
        assert dialect.read_down(notice, guest).kind is DownKind.UNKNOWN


def test_leaving_and_notices_of_model_answer(captured: Captured, spoken: Spoken) -> None:
    dialect = spoken("B")
    host = Membership("r1", "alice", token_of(captured, "B", "create with a password"), True)
    (up,) = captured("B", "the host leaves, in that program's words", "up")
    chat, *notices = captured("B", "the host leaves, in that program's words", "down")
    assert dialect.write_up(host, UpKind.LEAVE) == up
    assert dialect.read_up(up, PEER) == Up(UpKind.LEAVE, "r1", host.token, None, b"/exit")
    assert dialect.write_down(Down(DownKind.CHAT, "alice", b"/exit")) == chat
    for notice in notices:
        assert dialect.write_down(Down(DownKind.CLOSED, "alice", b"", tcrp.NoticeReason.HOST_LEFT, "r1")) == notice
        assert dialect.read_down(notice, host) == Down(DownKind.CLOSED, None, notice)


def test_the_notice_of_staged(captured: Captured, spoken: Spoken) -> None:
    (notice,) = captured("F", "the host idles", "down")
    dialect, member = spoken("F"), Membership("r1", "bob", b"t", False)
    assert dialect.write_down(Down(DownKind.CLOSED, "alice", b"", tcrp.NoticeReason.HOST_IDLE, "r1")) == notice
    assert dialect.read_down(notice, member) == Down(DownKind.CLOSED, None, notice)
    assert dialect.read_down(notice, member._replace(room="r2")).kind is DownKind.UNKNOWN


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("A", "operation 9"),
        ("A", "request with state 1"),
        ("A", "create of a room without a name"),
        ("A", "a claim of 2^29 + 1 bytes"),
        ("A", "a room name that is not UTF-8"),
        ("A", "create with a raw user name, refused as malformed"),
        ("C", "operation 9"),
        ("E", "a room name that is not UTF-8"),
    ],
)
def test_our_server_refuses_what_theirs_refused_in_their_bytes(
    captured: Captured, spoken: Spoken, source: str, what: str
) -> None:
    ours = spoken(source).server(PEER, tcrp.Limits(), 0.0)
    (event,) = ours.receive_data(b"".join(captured(source, what, "request")), 0.0)
    assert isinstance(event, Malformed)
    assert ours.data_to_send() == b"".join(captured(source, what, "reply"))
    ours.receive_eof(0.0)
    assert ours.closing
