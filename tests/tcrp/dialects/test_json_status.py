"""The dialect `json-status`, byte for byte."""

import json

import pytest

import tcrp
from tcrp import (
    Ack,
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
    NoticeReason,
    Refused,
    Requested,
    Status,
    UpKind,
)

DIALECT = tcrp.dialects.get("json-status")
PEER = ("127.0.0.1", 40000)
UDP = ("127.0.0.1", 50000)
TOKEN = b"ab" * 32
SIZE = bytes(28)
ROOM = "部屋あ"
REQUEST = (
    b"\x09\x01\x00" + SIZE + b"\x49" + ROOM.encode() + b'{"user_name": "\\u30a2\\u30ea\\u30b9", '
    b'"user_address": ["127.0.0.1", 50000]}'
)
GOOD = (
    b"\x03\x01\x02" + SIZE + b"\xb9"
    b'{"status": 202, "message": "\\u30ea\\u30af\\u30a8\\u30b9\\u30c8\\u3092\\u5b8c\\u4e86\\u3057\\u307e\\u3057\\u305f'
    b'\\u3002", "token": "' + TOKEN + b'"}'
)
GUEST = Membership("r1", "bob", TOKEN, False)


def payload_of(reply: bytes) -> dict[str, object]:
    found = json.loads(reply[32:])
    assert isinstance(found, dict)
    assert reply[3:32] == len(reply[32:]).to_bytes(29, "big")
    return found


def refused(want: bytes, status: Status) -> bytes:
    server = DIALECT.server(PEER, tcrp.Limits(), 0.0)
    server.receive_data(want, 0.0)
    server.send(Ack(status))
    assert not server.closing  # the client closes, and asks again on another connection
    return server.data_to_send()


def test_the_request_and_its_reply() -> None:
    client = DIALECT.client(Create(ROOM, "アリス"), UDP, 0.0)
    assert client.data_to_send() == REQUEST
    server = DIALECT.server(PEER, tcrp.Limits(), 0.0)
    assert server.receive_data(REQUEST, 0.0) == [Requested(Create(ROOM, "アリス"), UDP)]
    server.send(Ack(Status.OK))
    assert server.data_to_send() == b""
    server.send(Complete(TOKEN))
    assert (server.data_to_send(), server.closing) == (GOOD, False)
    assert client.receive_data(GOOD, 0.0) == [Joined(TOKEN)]
    assert client.closing
    assert server.receive_eof(0.0) == [Ended(False)]
    assert server.closing


def test_a_client_that_does_not_close_is_not_waited_for_for_ever() -> None:
    server = DIALECT.server(PEER, tcrp.Limits(silence=60.0), 0.0)
    server.receive_data(REQUEST, 5.0)
    server.send(Ack(Status.OK))
    server.send(Complete(TOKEN))
    assert server.receive_data(REQUEST, 6.0) == []
    assert (server.timer(), server.handle_timer(64.9), server.closing) == (65.0, [], False)
    assert (server.handle_timer(65.0), server.timer(), server.closing) == ([], None, True)


def test_refusals() -> None:
    """RoomNameSize counts characters, and the room name is left out."""
    reply = refused(REQUEST, Status.ROOM_EXISTS)
    assert reply[:3] == b"\x03\x01\x00"
    assert payload_of(reply) == {"status": 400, "message": f"部屋 {ROOM} はすでに存在します"}
    client = DIALECT.client(Create(ROOM, "a"), UDP, 0.0)
    assert client.receive_data(reply, 0.0) == [Refused(Status.ROOM_EXISTS, f"部屋 {ROOM} はすでに存在します")]
    join = REQUEST[:1] + b"\x02" + REQUEST[2:]
    reply = refused(join, Status.ROOM_NOT_FOUND)
    assert reply[:3] == b"\x03\x02\x00"
    assert payload_of(reply) == {"status": 400, "message": f"部屋 {ROOM} は存在しません"}
    client = DIALECT.client(Join(ROOM, "a"), UDP, 0.0)
    assert client.receive_data(reply, 0.0) == [Refused(Status.ROOM_NOT_FOUND, f"部屋 {ROOM} は存在しません")]


def test_a_room_that_is_full_gives_a_token_of_null() -> None:
    reply = refused(REQUEST, Status.LIMIT_REACHED)
    assert reply[:3] == b"\x03\x01\x02"
    assert payload_of(reply) == {"status": 202, "message": "リクエストを完了しました。", "token": None}
    client = DIALECT.client(Create(ROOM, "a"), UDP, 0.0)
    assert client.receive_data(reply, 0.0) == [Refused(Status.LIMIT_REACHED, "リクエストを完了しました。")]


@pytest.mark.parametrize(
    "payload",
    [b"alice", b"{}", b'{"user_name": "a"}', b'{"user_name": "a", "user_address": ["127.0.0.1"]}',
     b'{"user_name": "a", "user_address": ["127.0.0.1", "50000"]}', b'{"user_name": "a", "user_address": [1, 2]}',
     b'{"user_name": 1, "user_address": ["127.0.0.1", 50000]}'],
)  # fmt: skip
def test_what_does_not_parse_has_state_3(payload: bytes) -> None:
    server = DIALECT.server(PEER, tcrp.Limits(), 0.0)
    request = b"\x02\x01\x00" + len(payload).to_bytes(29, "big") + b"r1" + payload
    (event,) = server.receive_data(request, 0.0)
    assert isinstance(event, Malformed)
    reply = server.data_to_send()
    assert reply[:3] == b"\x02\x01\x03"
    words = "リクエストを完了できませんでした。\n入力し直してください。"
    assert payload_of(reply) == {"status": 500, "message": words}
    client = DIALECT.client(Create("r1", "a"), UDP, 0.0)
    assert client.receive_data(reply + GOOD, 0.0) == [Refused(Status.MALFORMED, words)]  # a second frame is not read


def test_any_state_will_do_and_no_other_operation() -> None:
    for state in (0, 1, 7):
        server = DIALECT.server(PEER, tcrp.Limits(), 0.0)
        assert server.receive_data(REQUEST[:2] + bytes([state]) + REQUEST[3:], 0.0) == [
            Requested(Create(ROOM, "アリス"), UDP)
        ]
    server = DIALECT.server(PEER, tcrp.Limits(), 0.0)
    (event,) = server.receive_data(b"\x02\x09\x00" + SIZE + b"\x02r1{}", 0.0)
    assert isinstance(event, Malformed)
    reply = server.data_to_send()
    assert reply[:3] == b"\x02\x09\x00"
    assert payload_of(reply) == {"status": 400, "message": "部屋 r1 は存在しません"}


def test_a_room_in_the_reply_is_no_json() -> None:
    client = DIALECT.client(Join("r1", "a"), UDP, 0.0)
    (event,) = client.receive_data(b"\x02\x02\x02" + SIZE + b'\x0er1{"status": 202', 0.0)
    assert isinstance(event, Malformed)
    assert client.receive_eof(0.0) == [Ended(False)]


def test_passwords_and_undeclared_addresses_cannot_be_said() -> None:
    with pytest.raises(LocalProtocolError):
        DIALECT.client(Join("r1", "a", "secret"), UDP, 0.0)
    with pytest.raises(LocalProtocolError):
        DIALECT.client(Join("r1", "a"), None, 0.0)
    assert not DIALECT.can.passwords


@pytest.mark.parametrize(
    ("message", "kind"), [(b"hi", UpKind.CHAT), (b"exit", UpKind.LEAVE), (b"EXIT", UpKind.CHAT), (b"", UpKind.CHAT)]
)
def test_up(message: bytes, kind: UpKind) -> None:
    data = b"\x02\x40r1" + TOKEN + message
    assert DIALECT.read_up(data, PEER).kind is kind
    assert DIALECT.write_up(GUEST, kind, message) == data


def test_chat() -> None:
    down = Down(DownKind.CHAT, "alice", b"hi")
    assert (DIALECT.write_down(down), DIALECT.read_down(b"alice: hi", GUEST)) == (b"alice: hi", down)


LEFT = "aliceがr1から退出しました。"
CLOSED = "ホストが退出したため、チャットルーム:r1を終了します。"


@pytest.mark.parametrize(
    ("why", "kind", "text"),
    [
        (NoticeReason.LEFT, DownKind.INFO, LEFT),
        (NoticeReason.HOST_LEFT, DownKind.CLOSED, f"{LEFT}\n{CLOSED}"),
        (NoticeReason.STOPPED, DownKind.CLOSED, CLOSED),
    ],
)
def test_notices(why: NoticeReason, kind: DownKind, text: str) -> None:
    assert DIALECT.write_down(Down(kind, "alice", b"", why, "r1")) == text.encode()
    assert DIALECT.read_down(text.encode(), GUEST) == Down(kind, None, text.encode())


@pytest.mark.parametrize(
    "why",
    [NoticeReason.JOINED, NoticeReason.IDLE, NoticeReason.HOST_IDLE, NoticeReason.UNREACHABLE, NoticeReason.TOO_LONG],
)
def test_of_these_nobody_is_told(why: NoticeReason) -> None:
    assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", why, "r1")) is None
