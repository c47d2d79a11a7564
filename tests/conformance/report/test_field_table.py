"""The messages of a conversation, field by field."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.report.field_table import MOST_MESSAGES, format_message, messages
from conformance.report.model import MessageRow
from conformance.trace.recording import BEFORE, KEEP_ALIVE, Step, StepKind, Steps
from tcrp import Create, dialects
from tests.conformance.schemas import REPORT_SCHEMA

DIALECT = dialects.get()
TOKEN = b"0123456789abcdef"
CREATE = DIALECT.client(Create("r", "alicia"), None, 0.0).data_to_send()
ACK = bytes([1, 1, 1]) + bytes(28) + b"\x01r\x00"
COMPLETE = bytes([1, 1, 2]) + bytes(28) + bytes([len(TOKEN)]) + b"r" + TOKEN
REGISTER = bytes([1, len(TOKEN)]) + b"r" + TOKEN
CHAT = REGISTER + b"hello"

VALIDATOR = jsonschema.Draft202012Validator({"$ref": "#/$defs/message", "$defs": REPORT_SCHEMA["$defs"]})


def steps(*rows: tuple[Any, ...]) -> Steps:
    return tuple(Step(0.0, who, does, data, "", *note) for who, does, data, *note in rows)


TALK = steps(
    ("tcp 1", StepKind.SEND, CREATE[:1]),
    ("tcp 2", StepKind.SEND, b"\x01"),
    ("tcp 1", StepKind.SEND, CREATE[1:]),
    ("tcp 1", StepKind.HEAR, ACK + COMPLETE[:5]),
    ("tcp 1", StepKind.HEAR, COMPLETE[5:]),
    ("alicia", StepKind.SEND, REGISTER),
    ("alicia", StepKind.SEND, REGISTER),
    ("alicia", StepKind.SEND, CHAT),
    ("bob", StepKind.HEAR, b"alicia: hello"),
)


def dump(
    recorded: Steps = TALK, decisive: bytes | None = None, at: int | None = None, problem: str = "wrong"
) -> list[MessageRow]:
    found = messages(recorded, DIALECT, decisive, at, problem)
    for message in found:
        VALIDATOR.validate(message)
    json.dumps(found)
    return found


def data_of(message: MessageRow) -> bytes:
    return bytes.fromhex("".join(row["bytes"] for row in message["rows"]))


def test_every_message_in_either_direction() -> None:
    replies = "CREATE ACK: room 'r', status 0 OK, then CREATE COMPLETE: room 'r', token '01234…'"
    found = dump()
    assert [message["title"] for message in found] == [
        "tcp 1 to the server, 55 bytes: CREATE REQUEST: room 'r', user 'alicia'",
        "tcp 2 to the server, 1 byte: 1 byte that is no frame: the header ends after 1 of 32 bytes (TCRP-2.1)",
        f"tcp 1 from the server, 83 bytes: {replies}",
        "alicia to the server ×2, 19 bytes: REGISTER: room 'r', token '01234…'",
        "alicia to the server, 24 bytes: CHAT: room 'r', token '01234…', message 'hello'",
        "bob from the server, 13 bytes: CHAT: user 'alicia', message 'hello'",
    ]
    assert [data_of(message) for message in found] == [
        CREATE, b"\x01", ACK + COMPLETE, REGISTER, CHAT, b"alicia: hello",
    ]  # fmt: skip
    assert not any(message["decisive"] for message in found)


def test_the_offsets_of_a_second_frame_go_on() -> None:
    rows = dump()[2]["rows"]
    assert [(row["offset"], row["field"], row["value"]) for row in rows[5:8]] == [
        (33, "payload", r"'\x00'"),
        (34, "RoomNameSize", "1"),
        (35, "Operation", "1 CREATE"),
    ]


@pytest.mark.parametrize(
    ("decisive", "title", "at", "field"),
    [
        (CREATE, "tcp 1 to", 1, "Operation"),
        (CREATE[:20], "tcp 1 to", 0, "RoomNameSize"),
        (ACK + COMPLETE, "tcp 1 from", 36, "State"),
        (COMPLETE, "tcp 1 from", 2, "State"),
        (REGISTER, "alicia to the server ×2", 2, "room name"),
        (CHAT, "alicia to the server, 24", 19, "message"),
        (TOKEN, "alicia to the server, 24", 3, "token"),
        (b"alicia: hello", "bob from", 6, "separator"),
        (b"hello", "bob from", 0, "message"),
    ],
)
def test_what_a_finding_hinges_on_is_marked(decisive: bytes, title: str, at: int, field: str) -> None:
    (message,) = [message for message in dump(decisive=decisive, at=at) if message["decisive"]]
    assert message["title"].startswith(title)
    (row,) = [row for row in message["rows"] if row["problem"]]
    assert (row["field"], row["problem"]) == (field, "wrong")
    assert row["at"] == data_of(message).rindex(decisive) + at
    lines = format_message(message)
    assert lines[0] == message["title"]
    under = lines.index(next(line for line in lines if line.strip() == "^^"))
    assert lines[under - 1][8:].split("  ")[0].strip()
    column = lines[under].index("^^")
    assert lines[under - 1][column : column + 2] == f"{data_of(message)[row['at']]:02x}"
    assert lines[under + 1] == f"     !  at {row['at']}: wrong"


def test_the_finding_goes_before_what_decoding_says() -> None:
    (message,) = dump(steps(("bob", StepKind.HEAR, b"alicia; hello")), b"alicia; hello", 6, "no separator")
    (row,) = message["rows"]
    assert (row["problem"], row["at"]) == ("no separator", 6)
    assert "neither chat" in message["title"]


def test_without_an_offset_only_the_message_is_marked() -> None:
    (message,) = [message for message in dump(decisive=CHAT) if message["decisive"]]
    assert not any(row["problem"] for row in message["rows"])


def test_bytes_that_were_never_sent_are_a_message_of_their_own() -> None:
    found = dump(decisive=b"\x02\x03r2tokhi", at=1, problem="no such token")
    assert len(found) == 7
    assert found[-1]["decisive"]
    assert found[-1]["title"].startswith("bytes that no single message holds, 9 bytes, as packet: CHAT: room 'r2'")
    assert [row["problem"] for row in found[-1]["rows"]] == ["", "no such token", "", "", ""]


def test_no_bytes_are_decisive_only_if_they_were_sent() -> None:
    assert not any(message["decisive"] for message in dump(decisive=b""))
    (message,) = dump(steps(("bob", StepKind.SEND, b"")), b"")
    assert message["decisive"]


def test_what_is_aside_is_left_out_unless_it_is_decisive() -> None:
    recorded = steps(("bob", StepKind.SEND, CHAT, BEFORE), ("bob", StepKind.SEND, REGISTER, KEEP_ALIVE))
    assert dump(recorded) == []
    assert [message["decisive"] for message in dump(recorded, CHAT)] == [True]
    both = (*recorded, *steps(("bob", StepKind.SEND, CHAT + b"!")))
    assert [message["title"][:26] for message in dump(both, REGISTER[:9]) if message["decisive"]] == [
        "bob to the server, 25 byte"
    ]


def test_of_many_messages_the_middle_is_left_out_but_not_what_is_decisive() -> None:
    recorded = steps(*(("bob", StepKind.SEND, CHAT + b"%03d" % number) for number in range(200)))
    found = dump(recorded, CHAT + b"100")
    assert len(found) == MOST_MESSAGES + 2
    assert [message["title"] for message in found if not message["rows"]] == ["139 messages left out here"]
    (message,) = [message for message in found if message["decisive"]]
    assert data_of(message) == CHAT + b"100"
    assert data_of(found[-1]).endswith(b"199")


def test_long_values_are_cut_and_the_bytes_are_not() -> None:
    (message,) = dump(steps(("bob", StepKind.HEAR, b"alicia: " + b"x" * 4000)), b"x" * 4000, 2000)
    assert data_of(message) == b"alicia: " + b"x" * 4000
    assert len(message["rows"][-1]["value"]) < 400
    assert all(len(line) < 160 for line in format_message(message))


STEP = st.builds(
    Step,
    st.just(0.0),
    st.sampled_from(["tcp 1", "bob"]),
    st.sampled_from(StepKind),
    st.binary(max_size=60),
    st.just(""),
    st.sampled_from(["", BEFORE, KEEP_ALIVE]),
)


@settings(deadline=None)
@given(
    recorded=st.lists(STEP, max_size=12).map(tuple),
    decisive=st.none() | st.binary(max_size=60),
    at=st.none() | st.integers(0, 80),
)
def test_any_steps_have_a_dump(recorded: Steps, decisive: bytes | None, at: int | None) -> None:
    found = dump(recorded, decisive, at)
    assert sum(message["decisive"] for message in found) == 1 or not decisive
    for message in found:
        format_message(message)
