"""A dialect file can describe the canonical dialect."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    Ack,
    Complete,
    Create,
    Down,
    DownKind,
    Join,
    Joined,
    Membership,
    NoticeReason,
    Refused,
    RemoteProtocolError,
    Requested,
    Status,
    Up,
)
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tests.tcrp.dialects.random_dialects import PEER, TOKEN

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
        heard, real_heard = (client.receive_data(answer, 0.0) for client in clients)
        if status is Status.OK:
            assert heard[-1] == Joined(TOKEN)
        else:
            assert isinstance(real_heard[0], Refused)
            assert heard[-1] == Refused(real_heard[0].status)


@given(data=st.binary(max_size=80))
def test_a_file_can_say_the_canonical_datagrams(data: bytes) -> None:
    ours, real = Framed(loads(CANONICAL)), tcrp.dialects.get("tcrp")
    member = Membership("r1", "alice", TOKEN, True)
    for part in (data, bytes([2, 3]) + b"r1tok" + data):
        read: list[Up | None] = []
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
    for why in NoticeReason:
        for kind in (DownKind.CLOSED, DownKind.INFO):
            down = Down(kind, "bob", b"", why, "r")
            if kind is DownKind.INFO and why in (NoticeReason.IDLE, NoticeReason.UNREACHABLE):
                closed = real.write_down(down._replace(kind=DownKind.CLOSED))  # a file has one text for each reason
                expected = closed and b"\x05" + closed[1:]
            else:
                expected = None if why in (NoticeReason.JOINED, NoticeReason.LEFT) else real.write_down(down)
            assert ours.write_down(down) == expected
    told = {why: audience for why, audience in ours.policy.tell.items() if audience is not tcrp.Audience.NOBODY}
    assert replace(ours.policy, tell=told) == real.policy
    assert ours.can == real.can
    assert ours.ports == real.ports
