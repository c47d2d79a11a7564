"""The dialect `model-answer`, byte for byte."""

import pytest

import tcrp
from tcrp import (
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
    NoticeReason,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    TimedOut,
    UpKind,
)

DIALECT = tcrp.dialects.get("model-answer")
PEER = ("127.0.0.1", 40000)
TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"
SIZE = bytes(28)
REQUEST = b"\x06\x02\x00" + SIZE + b"\x25" + "部屋".encode() + b'{"username": "bob", "password": "pw"}'
ACK = b"\x06\x02\x01" + SIZE + b"\x01" + "部屋".encode() + b"\x00"
COMPLETE = b"\x06\x02\x02" + SIZE + b"\x24" + "部屋".encode() + TOKEN
HOST = Membership("r1", "alice", TOKEN, True)
GUEST = HOST._replace(user="bob", host=False)


def serve(*, now: float = 0.0) -> tcrp.Conversation:
    return DIALECT.server(PEER, tcrp.Limits(), now)


def frame(operation: int, room: bytes, payload: bytes, state: int = 0) -> bytes:
    return bytes([len(room), operation, state]) + len(payload).to_bytes(29, "big") + room + payload


def test_ports_and_rules() -> None:
    assert DIALECT.ports == (8000, 8001)
    assert DIALECT.policy.idle.seconds == 300
    assert DIALECT.can.passwords


def test_the_whole_exchange() -> None:
    client = DIALECT.client(Join("部屋", "bob", "pw"), ("127.0.0.1", 41376), 0.0)
    assert client.data_to_send() == REQUEST
    server = serve()
    assert server.receive_data(REQUEST, 0.0) == [Requested(Join("部屋", "bob", "pw"))]
    server.send(Ack(Status.OK))
    assert server.data_to_send() == ACK
    server.send(Complete(TOKEN))
    assert server.data_to_send() == COMPLETE
    assert not server.closing
    assert client.receive_data(ACK + COMPLETE, 0.0)[-1] == Joined(TOKEN)
    assert client.closing
    assert client.data_to_send() == b"\xa1\xa0"
    assert server.receive_data(b"\xa1", 0.0) == []
    assert server.receive_data(b"\xa0", 0.0) == [Bound(("127.0.0.1", 41376))]
    assert server.closing


def test_who_never_says_its_port() -> None:
    for end in ("eof", "time"):
        server = serve()
        server.receive_data(REQUEST, 5.0)
        server.send(Ack(Status.OK))
        server.send(Complete(TOKEN))
        if end == "eof":
            assert server.receive_eof(5.0) == [Ended(True)]
        else:
            assert server.timer() == 65.0
            assert server.handle_timer(65.0) == [TimedOut(60.0)]
        assert server.closing


def test_port_0_is_none() -> None:
    server = serve()
    server.receive_data(REQUEST, 0.0)
    server.send(Ack(Status.OK))
    server.send(Complete(TOKEN))
    (event,) = server.receive_data(b"\0\0", 0.0)
    assert isinstance(event, Malformed)
    assert server.closing


def test_a_port_that_came_too_soon_counts_once_the_token_left() -> None:
    server = serve()
    assert server.receive_data(REQUEST + b"\xa1\xa0", 0.0) == [Requested(Join("部屋", "bob", "pw"))]
    server.send(Ack(Status.OK))
    server.send(Complete(TOKEN))
    assert server.timer() == 0.0
    assert server.handle_timer(0.0) == [Bound(("127.0.0.1", 41376))]
    assert server.closing


def test_without_a_password_there_is_an_empty_one() -> None:
    assert DIALECT.client(Create("r1", "a"), PEER, 0.0).data_to_send() == frame(
        1, b"r1", b'{"username": "a", "password": ""}'
    )


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (frame(1, b"r1", b"alice"), frame(1, b"r1", b"\x03", 1)),
        (frame(1, b"r1", b'{"username": '), frame(1, b"r1", b"\x03", 1)),
        (frame(9, b"r1", b'{"username": "a"}'), b""),
        (frame(1, b"r1", b'{"username": "a"}', 1), b""),
        (b"\x02\x01\x00\xff" + SIZE, b""),
    ],
)
def test_what_does_not_parse(request_: bytes, answer: bytes) -> None:
    server = serve()
    (event,) = server.receive_data(request_, 0.0)
    assert isinstance(event, Malformed)
    assert (server.data_to_send(), server.closing) == (answer, True)


@pytest.mark.parametrize(
    ("room", "payload", "want"),
    [
        (b"", b'{"username": "", "password": ""}', Join("", "")),
        (b"r", b'{"username": "a"}', Join("r", "a")),
        (b"r", b'{"username": "a\\nb", "password": "", "more": 1}', Join("r", "a\nb")),
    ],
)
def test_names_may_be_anything(room: bytes, payload: bytes, want: Join) -> None:
    assert serve().receive_data(frame(2, room, payload), 0.0) == [Requested(want)]
    assert DIALECT.client(want, PEER, 0.0).data_to_send()


@pytest.mark.parametrize(("byte", "status"), [(1, Status.ROOM_EXISTS), (3, Status.MALFORMED), (9, 9)])
def test_refusals_of_create(byte: int, status: int) -> None:
    client = DIALECT.client(Create("r1", "a"), PEER, 0.0)
    assert client.receive_data(frame(1, b"r1", bytes([byte]), 1), 0.0) == [Refused(status)]
    assert client.data_to_send() == frame(1, b"r1", b'{"username": "a", "password": ""}')


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (b"/exit", UpKind.LEAVE),
        (b" /EXIT\r\n", UpKind.LEAVE),
        ("　/Exit".encode(), UpKind.LEAVE),
        (b"exit", UpKind.CHAT),
        (b"/exit now", UpKind.CHAT),
        (b"", UpKind.CHAT),
    ],
)
def test_up(message: bytes, kind: UpKind) -> None:
    data = b"\x02\x24r1" + TOKEN + message
    up = DIALECT.read_up(data, PEER)
    assert (up.kind, up.room, up.token, up.user, up.body) == (kind, "r1", TOKEN, None, message)
    if kind is UpKind.CHAT:
        assert DIALECT.write_up(HOST, UpKind.CHAT, message) == data
    else:
        with pytest.raises(LocalProtocolError):
            DIALECT.write_up(HOST, UpKind.CHAT, message)
        assert DIALECT.write_up(GUEST, UpKind.CHAT, message) == data


def test_only_the_host_can_leave_and_nobody_registers() -> None:
    assert DIALECT.write_up(HOST, UpKind.LEAVE) == b"\x02\x24r1" + TOKEN + b"/exit"
    assert DIALECT.write_up(GUEST, UpKind.LEAVE) is None
    assert DIALECT.write_up(GUEST, UpKind.REGISTER) is None


def test_what_is_not_utf8_is_neither_relayed_nor_sent() -> None:
    with pytest.raises(RemoteProtocolError):
        DIALECT.read_up(b"\x02\x24r1" + TOKEN + b"\xff", PEER)
    with pytest.raises(LocalProtocolError):
        DIALECT.write_up(HOST, UpKind.CHAT, b"\xff")


@pytest.mark.parametrize(
    ("down", "data"),
    [
        (Down(DownKind.CHAT, "alice", b"hi"), b"alice: hi"),
        (Down(DownKind.CHAT, "alice", b""), b"alice: "),
        (Down(DownKind.CHAT, "", "やあ".encode()), ": やあ".encode()),
    ],
)
def test_chat(down: Down, data: bytes) -> None:
    assert (DIALECT.write_down(down), DIALECT.read_down(data, GUEST)) == (data, down)


@pytest.mark.parametrize(
    ("why", "kind", "text"),
    [
        (NoticeReason.JOINED, DownKind.INFO, "bob がチャットルームに参加しました"),
        (NoticeReason.HOST_LEFT, DownKind.CLOSED, "チャットルームが閉じられました"),
        (NoticeReason.HOST_IDLE, DownKind.CLOSED, "チャットルームが閉じられました"),
        (NoticeReason.STOPPED, DownKind.CLOSED, "チャットルームが閉じられました"),
        (NoticeReason.IDLE, DownKind.CLOSED, "しばらく発言しなかったので、チャットルームから退出させました"),
    ],
)
def test_notices(why: NoticeReason, kind: DownKind, text: str) -> None:
    assert DIALECT.write_down(Down(kind, "bob", b"", why, "r1")) == text.encode()
    assert DIALECT.read_down(text.encode(), GUEST) == Down(kind, None, text.encode())


@pytest.mark.parametrize("why", [NoticeReason.LEFT, NoticeReason.UNREACHABLE, NoticeReason.TOO_LONG])
def test_of_these_nobody_is_told(why: NoticeReason) -> None:
    assert DIALECT.write_down(Down(DownKind.INFO, "bob", b"", why, "r1")) is None
