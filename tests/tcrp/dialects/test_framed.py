"""Any settings: one side understands the other however the bytes are cut, and random bytes break neither."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Accepted,
    Bound,
    Create,
    Down,
    DownKind,
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
)
from tcrp.dialects.framed import Framed
from tests.tcrp.conftest import CheckError
from tests.tcrp.dialects.random_dialects import PEER, TOKEN, UDP, dialects, exchange, names, pieces, wants


@given(dialect=dialects(), want=wants, cuts=st.lists(st.integers(1, 200), max_size=4) | st.none())
def test_who_is_let_in_has_the_token(dialect: Framed, want: Create | Join, cuts: list[int] | None) -> None:
    served, heard = exchange(dialect, want, TOKEN, cuts)
    declares = {"request": UDP, "tcp": PEER}.get(dialect.settings.address.learnt)
    assert served[0] == Requested(want, declares)
    handshakes = dialect.settings.address.learnt == "handshake"
    assert served[1:] == ([Bound(("127.0.0.1", UDP[1]))] if handshakes else [])
    assert heard == [*([Accepted()] if dialect.settings.reply.steps == 2 else []), Joined(TOKEN)]


@given(dialect=dialects(), want=wants, status=st.sampled_from(list(Status)[1:]), cuts=st.lists(st.integers(1, 200)))
def test_who_is_refused_has_no_token(dialect: Framed, want: Create | Join, status: Status, cuts: list[int]) -> None:
    served, heard = exchange(dialect, want, status, cuts)
    assert len(served) == 1
    assert not any(isinstance(event, Joined) for event in heard)
    refused = [event for event in heard if isinstance(event, Refused)]
    silent = dialect.settings.reply.refusal == "close"
    if not silent and dialect.settings.status.form not in (
        "none",
        "state",
    ):  # any other event than Joined
        assert refused, heard


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
def test_random_datagrams_are_dropped_or_read(dialect: Framed, data: bytes, check_error: CheckError) -> None:
    with contextlib.suppress(RemoteProtocolError):
        dialect.read_up(data, PEER)
    assert isinstance(dialect.read_down(data, Membership("r", "a", TOKEN, True)), Down)


@given(dialect=dialects(), data=st.binary(max_size=300))
def test_errors_name_a_clause_and_a_place(dialect: Framed, data: bytes, check_error: CheckError) -> None:
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
        assert kind is UpKind.CHAT or wrong != "message"  # a name may hold the text that ends it
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
    if dialect.settings.down.form in ("text", "binary"):
        assert read.user == user


@pytest.mark.parametrize("name", ["model-answer", "json-status"])
def test_a_reply_that_is_too_long_is_refused_from_its_header(name: str) -> None:
    ours = tcrp.dialects.get(name).client(Join("r1", "alice"), UDP, 0.0)
    (event,) = ours.receive_data(bytes([0, 2, 1]) + (2**29).to_bytes(29, "big"), 0.0)
    assert isinstance(event, Malformed)
    assert (event.error.field, event.error.limit) == ("OperationPayloadSize", 64 * 1024)
    assert ours.closing
