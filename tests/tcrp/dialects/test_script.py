"""Conversations that are written as generators: any segmentation, every end, every error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcrp import Ack, Complete, Create, Join, LocalProtocolError, Status, dialects
from tcrp.conversation import Limits
from tcrp.dialects.base import Dialect
from tcrp.dialects.script import MAX_SIZE, Rest, Say, Script, ScriptedConversation, Take, Until
from tcrp.events import Accepted, Ended, Event, Joined, Malformed, Refused, Requested, TimedOut
from tests.python_dialects.paths import EXAMPLES

PEER = ("127.0.0.1", 1)
TOKEN = b"0123456789abcdef"


@pytest.fixture(params=sorted(EXAMPLES))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return dialects.get(str(EXAMPLES[request.param]))


def talk(dialect: Dialect, want: Create | Join, status: Status, cut: int) -> tuple[list[Event], list[Event]]:
    """What the client and the server are told, if the bytes come in segments of `cut`."""
    client, server = dialect.client(want, None, 0.0), dialect.server(PEER, Limits(), 0.0)
    told: tuple[list[Event], list[Event]] = [], []
    for _ in range(20):
        for ours, theirs, events in ((client, server, told[1]), (server, client, told[0])):
            data = ours.data_to_send()
            for at in range(0, len(data), cut):
                events += theirs.receive_data(data[at : at + cut], 0.0)
            if events and isinstance(events[-1], Requested) and theirs is server:
                server.send(Ack(status))
                if status is Status.OK:
                    server.send(Complete(TOKEN))
                events.append(Ended(False))  # asked once
    return told


@settings(deadline=None, max_examples=20)
@given(cut=st.integers(1, 400), join=st.booleans())
def test_any_segmentation_gives_the_same_events(cut: int, join: bool) -> None:
    for path in EXAMPLES.values():
        dialect = dialects.get(str(path))
        want = (Join if join else Create)("room", "alice", "secret" if dialect.can.passwords else None)
        client, server = talk(dialect, want, Status.OK, cut)
        assert server == [Requested(want), Ended(False)]
        assert client == [Accepted(), Joined(TOKEN)]


@pytest.mark.parametrize("status", [Status.ROOM_EXISTS, Status.LIMIT_REACHED])
def test_a_refusal_is_told_with_its_status(dialect: Dialect, status: Status) -> None:
    client, _ = talk(dialect, Create("room", "alice"), status, 7)
    (refused,) = client
    assert isinstance(refused, Refused)
    assert refused.status == status


def test_what_a_dialect_cannot_say_is_the_callers_fault() -> None:
    with pytest.raises(LocalProtocolError, match="dialect short_header has no password"):
        dialects.get(str(EXAMPLES["short-header"])).client(Create("r", "alice", "secret"), None, 0.0)
    with pytest.raises(LocalProtocolError, match="spaces"):
        dialects.get(str(EXAMPLES["password-round"])).client(Create("a room", "alice"), None, 0.0)


def server_of(script: Script, limits: Limits | None = None) -> ScriptedConversation:
    return ScriptedConversation(script, limits or Limits(payload=1024, handshake=5.0, silence=60.0), 0.0)


def takes(size: int) -> Script:
    yield Take(size)
    yield Say(b"thanks")


def test_a_size_beyond_the_limits_is_refused_before_its_bytes_come() -> None:
    conversation = server_of(takes(1 << 200))
    (event,) = conversation.receive_data(b"x", 0.0)
    assert isinstance(event, Malformed)
    assert "at most" in str(event.error)
    assert conversation.closing


def test_a_line_that_does_not_end_is_refused() -> None:
    def line() -> Script:
        yield Until(b"\n")

    conversation = server_of(line())
    assert conversation.receive_data(b"x" * MAX_SIZE, 0.0) == []
    assert isinstance(conversation.receive_data(b"x", 0.0)[0], Malformed)


def test_the_rest_is_what_comes_up_to_the_end() -> None:
    def rest() -> Script:
        data = yield Rest()
        yield Joined(data)

    conversation = ScriptedConversation(rest(), None, 0.0)
    assert conversation.receive_data(b"ab", 0.0) == []
    assert conversation.receive_data(b"c", 0.0) == []
    assert conversation.receive_eof(0.0) == [Joined(b"abc"), Ended(False)]


def test_an_end_before_all_has_come_is_early() -> None:
    conversation = server_of(takes(4))
    conversation.receive_data(b"abc", 0.0)
    assert conversation.receive_eof(0.0) == [Ended(True)]
    assert conversation.closing


def test_text_that_is_none_is_malformed() -> None:
    def text() -> Script:
        (yield Take(2)).decode()

    (event,) = server_of(text()).receive_data(b"\xff\xfe", 0.0)
    assert isinstance(event, Malformed)
    assert "utf-8" in str(event.error)


def test_time_counts_from_the_first_byte() -> None:
    conversation = server_of(takes(4))
    assert conversation.timer() == 60.0
    conversation.receive_data(b"a", 30.0)
    assert conversation.timer() == 35.0
    assert conversation.handle_timer(34.0) == []
    assert conversation.handle_timer(35.0) == [TimedOut(5.0)]


def test_a_reply_that_is_not_due_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no reply is due"):
        server_of(takes(4)).send(Ack(Status.OK))
