"""Single settings: refusals, what ends an unframed reply, tokens, notices, a dialect without TCP."""

import json
import secrets
from typing import Any

import pytest

import tcrp
from tcrp import (
    Accepted,
    Create,
    Down,
    DownKind,
    Ended,
    Join,
    Joined,
    Malformed,
    Membership,
    NoticeReason,
    Refused,
    Status,
    TokenAlphabet,
    TokenForm,
    Up,
    UpKind,
)
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import (
    DownSettings,
    NoticeSettings,
    NoticesSettings,
    ReplySettings,
    RequestSettings,
    Settings,
    StatusSettings,
    TokenSettings,
    WordSettings,
)
from tests.tcrp.dialects.conftest import OddDialect
from tests.tcrp.dialects.random_dialects import PEER, TOKEN, UDP, exchange


@pytest.mark.parametrize(
    ("settings", "want", "status"),
    [
        (Settings("x"), Join("r", "a"), Status.WRONG_PASSWORD),
        (Settings("x", status=StatusSettings(form="json", ok=1, refused=0), words=WordSettings(key="message")),
         Join("r", "a"), Status.WRONG_PASSWORD),
        (Settings("x", status=StatusSettings(form="json", ok=1, refused=0)), Create("r", "a"), Status.ROOM_EXISTS),
        (Settings("x", status=StatusSettings(form="json", ok=1, refused=0)), Join("r", "a"), Status.ROOM_NOT_FOUND),
        (Settings("x", status=StatusSettings(form="state", refused=9, room_not_found=8)), Join("r", "a"),
         Status.ROOM_NOT_FOUND),
        (Settings("x", status=StatusSettings(form="text", ok="OK", refused="NO", wrong_password="{user}: wrong")),
         Join("r", "a"), Status.WRONG_PASSWORD),
        (Settings("x", reply=ReplySettings(refusal="text")), Join("r", "a"), Status.WRONG_PASSWORD),
        (Settings("x", reply=ReplySettings(framing="none", refusal="text")), Join("r", "a"), Status.LIMIT_REACHED),
        (Settings("x", reply=ReplySettings(framing="none", steps=1)), Join("r", "a"), Status.ROOM_NOT_FOUND),
        (Settings("x", reply=ReplySettings(framing="none", refused_in="token")), Create("r", "a"), Status.ROOM_EXISTS),
        (Settings("x", token=TokenSettings(form="json", null_when_full=True)), Join("r", "a"), Status.LIMIT_REACHED),
    ],
)  # fmt: skip
def test_a_refusal_means_the_same_on_both_sides(settings: Settings, want: Create | Join, status: Status) -> None:
    _, heard = exchange(Framed(settings), want, status, [])
    last = heard[-1] if isinstance(heard[-1], Refused) else heard[-2]
    assert isinstance(last, Refused)
    assert last.status is status


def test_where_refusals_are_silent_the_close_is_one() -> None:
    dialect = Framed(Settings("x", reply=ReplySettings(refusal="close")))
    _, heard = exchange(dialect, Join("r", "a"), Status.WRONG_PASSWORD, [])
    assert heard == [Refused(-1), Ended(False)]
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    client.receive_data(b"\x01", 0.0)
    assert client.receive_eof(0.0) == [Ended(True)]


def test_not_strict_a_readable_deviation_is_told_and_the_exchange_goes_on() -> None:
    dialect = Framed(Settings("x"))
    replies = b"\x01\x07\x01" + bytes(28) + b"\x01r\x00" + b"\x01\x02\x09" + bytes(28) + b"\x24r" + TOKEN
    events = dialect.client(Join("r", "a"), UDP, 0.0, strict=False).receive_data(replies, 0.0)
    assert [type(event) for event in events] == [Malformed, Accepted, Malformed, Joined]
    assert [event.error.field for event in events if isinstance(event, Malformed)] == ["Operation", "State"]
    (event,) = dialect.client(Join("r", "a"), UDP, 0.0).receive_data(replies, 0.0)
    assert isinstance(event, Malformed)


def test_a_token_that_nothing_delimits_is_whole_after_a_pause() -> None:
    reply = ReplySettings(framing="none", steps=1, pause=0.25)
    dialect = Framed(Settings("x", reply=reply, token=TokenSettings(ends="pause", alphabet="hex", size=8)))
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    assert client.timer() is None
    assert client.receive_data(b"abc", 1.0) == []
    assert client.timer() == 1.25
    assert client.handle_timer(1.2) == []
    assert client.receive_data(b"defgh12345", 1.2) == []
    due = client.timer()
    assert due is not None
    assert client.handle_timer(due) == [Joined(b"abcdefgh12345")]
    assert client.closing


def test_a_shorter_token_is_a_deviation() -> None:
    dialect = Framed(Settings("x", reply=ReplySettings(framing="none", steps=1)))
    for strict, kinds in ((True, [Malformed]), (False, [Malformed, Joined])):
        client = dialect.client(Join("r", "a"), UDP, 0.0, strict=strict)
        client.receive_data(b"abc", 0.0)
        assert [type(event) for event in client.handle_timer(9.0)] == kinds


def test_the_body_waits_for_the_servers_first_bytes_or_a_pause() -> None:
    dialect = Framed(Settings("x", request=RequestSettings(stages="header-first"), reply=ReplySettings(pause=0.25)))
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
    dialect = Framed(Settings("x", reply=ReplySettings(framing="none", steps=1), token=TokenSettings(form="json")))
    client = dialect.client(Join("r", "a"), UDP, 0.0)
    events = []
    for _ in range(9):
        events += client.receive_data(b'{"token": "' + b"x" * 10_000, 0.0)
    assert [type(event) for event in events] == [Malformed]
    assert client.closing


@pytest.mark.parametrize(("alphabet", "size"), [("hex", 64), ("base64url", 43), ("decimal", 20), ("bytes", 32)])
def test_tokens_are_of_the_alphabet_and_size_that_were_asked_for(alphabet: Any, size: int) -> None:
    form = Framed(Settings("x", token=TokenSettings(alphabet=alphabet, size=size))).policy.token
    tokens = {form.make(secrets.token_bytes(form.random_size)) for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {size}
    allowed = {
        "hex": b"0123456789abcdef", "decimal": b"0123456789", "bytes": bytes(range(256)),
        "base64url": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=",
    }[alphabet]  # fmt: skip
    assert set(b"".join(tokens)) <= set(allowed)
    assert Framed(Settings("x")).policy.token == TokenForm(TokenAlphabet.UUID, 36)


def test_json_notices_have_their_type() -> None:
    dialect = Framed(Settings(
        "x", down=DownSettings(form="json", type_key="type", chat_type="CHAT"),
        notices=NoticesSettings(host_left=NoticeSettings("others", "{room} is closed", "CLOSE")),
    ))  # fmt: skip
    assert dialect.can.notices
    data = dialect.write_down(Down(DownKind.CLOSED, "alice", b"", NoticeReason.HOST_LEFT, "r1"))
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
    dialect = Framed(Settings("x", notices=NoticesSettings(idle=NoticeSettings(to, "{user} was idle in {room}"))))
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
    for why in NoticeReason:
        for kind in (DownKind.CLOSED, DownKind.INFO):
            data = dialect.write_down(Down(kind, "a", b"", why, "r"))
            assert data is None or data[0] not in (4, 5)


def test_a_raw_token_may_begin_as_json_does(odd: OddDialect) -> None:
    dialect = odd("raw_token")
    token = b"{" + b"\xff" * (dialect.settings.token.size - 1)
    client = dialect.client(tcrp.Create("r", "alice"), ("127.0.0.1", 50000), 0.0)
    client.data_to_send()
    assert client.receive_data(token, 0.0) == [tcrp.Joined(token)]


def test_new_tokens_are_as_the_file_says(odd: OddDialect) -> None:
    dialect = odd("raw_token")
    form = dialect.policy.token
    tokens = [form.make(secrets.token_bytes(form.random_size)) for _ in range(20)]
    assert {len(token) for token in tokens} == {dialect.settings.token.size}
