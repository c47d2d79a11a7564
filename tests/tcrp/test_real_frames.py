"""Captured bytes of a public implementation that others wrote."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

import tcrp
from tcrp import Accepted, ChatMessage, ChatPacket, Create, Frame, FrameReader, Join, Joined, Malformed, Refused
from tests.tcrp.conftest import CheckError

with Path(__file__).with_name("real_frames.toml").open("rb") as _file:
    CAPTURES = tomllib.load(_file)["capture"]


def segments(source: str, what: str, path: str) -> list[bytes]:
    found = [bytes.fromhex(c["hex"]) for c in CAPTURES if (c["from"], c["what"], c["path"]) == (source, what, path)]
    assert found, f"nothing was captured of {what!r} from {source}"
    return found


def frames(data: bytes) -> list[Frame]:
    reader = FrameReader()
    reader.feed(data)
    found = list(iter(reader.next_frame, None))
    assert not reader.started
    return found


REPLIES: list[tuple[str, str, list[Frame]]] = [
    ("A", "create with a password", [
        Frame("r1", 1, 1, b"\x00"), Frame("r1", 1, 2, b"XdBWddkYzQmNyQ6pjtusogGgZEhJIIBODuPD4iBLyfg"),
    ]),
    ("A", "create of a room that exists", [Frame("r1", 1, 1, b"\x01")]),
    ("A", "join of a room that does not exist", [Frame("zz", 2, 1, b"\x02")]),
    ("A", "join with a wrong password", [Frame("r1", 2, 1, b"\x03")]),
    ("A", "join with the password", [
        Frame("r1", 2, 1, b"\x00"), Frame("r1", 2, 2, b"18Rf61j_T4aQgT4SqkOZk4a0I9r6I8sjevSJuNSLeww"),
    ]),
    ("A", "join, refused as malformed", [Frame("r1", 2, 1, b"\x04")]),
    ("A", "create with a raw user name, refused as malformed", [Frame("r8", 1, 1, b"\x04")]),
    ("A", "create sent in three segments", [
        Frame("r3", 1, 1, b"\x00"), Frame("r3", 1, 2, b"oGEDZkuQtR2_q5InFL1Gf_gawW8aiAp_0w3MLpzB3_o"),
    ]),
    ("B", "create with a password", [
        Frame("r1", 1, 1, b"\x00"), Frame("r1", 1, 2, b"b2c0a0c1-0ea1-4597-9291-355002348979"),
    ]),
    ("B", "join with a wrong password", [Frame("r1", 2, 1, b"\x03")]),
    ("B", "join with the password", [
        Frame("r1", 2, 1, b"\x00"), Frame("r1", 2, 2, b"5f82891a-e58c-4ac0-b0b4-f1c1f012a5c8"),
    ]),
    ("B", "create, header and body apart", [
        Frame("r3", 1, 1, b"\x00"), Frame("r3", 1, 2, b"397c5f57-3062-4d81-a5e8-f71a0f742c8f"),
    ]),
    ("B", "create of a room whose name is free again", [
        Frame("r1", 1, 1, b"\x00"), Frame("r1", 1, 2, b"58ccfb9e-f56f-45ed-93cb-be62b52869e8"),
    ]),
    ("B", "join", [
        Frame("r1", 2, 1, b"\x00"), Frame("r1", 2, 2, b"37e6baff-0a49-4ff6-8be3-89053b6af16d"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "what", "expected"), REPLIES)
def test_replies(source: str, what: str, expected: list[Frame]) -> None:
    received = segments(source, what, "reply")
    assert frames(b"".join(received)) == expected
    assert b"".join(map(tcrp.encode_frame, expected)) == b"".join(received)


@pytest.mark.parametrize(("source", "what", "expected"), REPLIES)
@pytest.mark.parametrize("strict", [True, False])
def test_our_client_takes_them(source: str, what: str, expected: list[Frame], strict: bool) -> None:
    want = (Create if expected[0].operation == 1 else Join)(expected[0].room, "alice")
    ours = tcrp.dialects.get("tcrp").client(want, None, 0.0, strict=strict)
    events = [event for segment in segments(source, what, "reply") for event in ours.receive_data(segment, 0.0)]
    if len(expected) == 1:
        assert events == [Refused(expected[0].payload[0])]
    else:
        assert events == [Accepted(), Joined(expected[1].payload)]
    assert ours.closing


def test_every_captured_reply_is_expected_here() -> None:
    captured = {(c["from"], c["what"]) for c in CAPTURES if c["path"] == "reply"}
    assert captured == {(source, what) for source, what, _ in REPLIES}


REQUESTS: list[tuple[str, str, Frame]] = [
    ("A", "create with a password", Frame("r1", 1, 0, b'{"user_name": "alice", "password": "pw"}')),
    ("A", "create sent in three segments", Frame("r3", 1, 0, b'{"user_name": "s", "password": null}')),
    ("A", "operation 9", Frame("r1", 9, 0, b'{"user_name": "x", "password": null}')),
    ("A", "request with state 1", Frame("r7", 1, 1, b'{"user_name": "x", "password": null}')),
    ("A", "create of a room without a name", Frame("", 1, 0, b'{"user_name": "x", "password": null}')),
    ("A", "create with a raw user name, refused as malformed", Frame("r8", 1, 0, b"raw")),
    ("B", "create with a password", Frame("r1", 1, 0, b'{"username": "alice", "password": "pw"}')),
    ("B", "join with the password", Frame("r1", 2, 0, b'{"username": "bob", "password": "pw"}')),
    ("B", "create, header and body apart", Frame("r3", 1, 0, b'{"username": "s", "password": ""}')),
]


@pytest.mark.parametrize(("source", "what", "expected"), REQUESTS)
def test_requests(source: str, what: str, expected: Frame) -> None:
    sent = b"".join(segments(source, what, "request"))
    assert frames(sent) == [expected]
    assert tcrp.encode_frame(expected) == sent


def served(pieces: Iterable[bytes]) -> list[tcrp.Event]:
    ours = tcrp.dialects.get("tcrp").server(("127.0.0.1", 50000), tcrp.Limits(), 0.0)
    return [event for piece in pieces for event in ours.receive_data(piece, 0.0)]


@pytest.mark.parametrize(
    ("source", "what", "want"),
    [
        (
            "A",
            "create with a raw user name, refused as malformed",
            Create("r8", "raw"),
        ),  # the specification allows it
        ("B", "create with a password", Create("r1", "alice", "pw")),
        ("B", "join with the password", Join("r1", "bob", "pw")),
        ("B", "join with a wrong password", Join("r1", "b", "no")),
        ("B", "create, header and body apart", Create("r3", "s")),
        ("B", "create of a room whose name is free again", Create("r1", "alice")),
    ],
)
def test_our_server_understands_the_requests(source: str, what: str, want: tcrp.Want) -> None:
    assert served(segments(source, what, "request")) == [tcrp.Requested(want)]


@pytest.mark.parametrize(
    ("what", "clause"),
    [
        ("create with a password", "TCRP-3.2c"),  # user_name, not username
        ("operation 9", "TCRP-3.7a"),
        ("request with state 1", "TCRP-3.7b"),
        ("create of a room without a name", "TCRP-3.7d"),
        ("a room name that is not UTF-8", "TCRP-2.3b"),
        ("a claim of 2^29 + 1 bytes", "TCRP-2.4a"),
    ],
)
def test_our_server_refuses_the_wrong_ones(what: str, clause: str) -> None:
    (event,) = served(segments("A", what, "request"))
    assert isinstance(event, Malformed)
    assert event.error.clause == clause


TOKENS = {"alice": b"b2c0a0c1-0ea1-4597-9291-355002348979", "bob": b"5f82891a-e58c-4ac0-b0b4-f1c1f012a5c8"}


@pytest.mark.parametrize(
    ("what", "packet", "delivery"),
    [
        ("chat", ChatPacket("r1", TOKENS["alice"], b"hello"), ChatMessage("alice", b"hello")),
        ("chat in Japanese", ChatPacket("r1", TOKENS["bob"], "やあ".encode()), ChatMessage("bob", "やあ".encode())),
    ],
)
def test_chat(what: str, packet: ChatPacket, delivery: ChatMessage) -> None:
    (up,), (down,) = segments("B", what, "up"), segments("B", what, "down")
    assert (tcrp.decode_packet(up), tcrp.encode_packet(packet)) == (packet, up)
    assert (tcrp.decode_delivery(down), tcrp.encode_delivery(delivery)) == (delivery, down)


def test_a_message_that_is_not_utf8_is_kept_as_it_is() -> None:
    (up,) = segments("B", "a message that is not UTF-8", "up")
    assert tcrp.decode_packet(up) == ChatPacket("r1", TOKENS["alice"], b"\xff\xfe")


@pytest.mark.parametrize(("what", "field"), [("one byte", "TokenSize"), ("sizes that do not fit", "room name")])
def test_wrong_datagrams(what: str, field: str) -> None:
    (up,) = segments("B", what, "up")
    with pytest.raises(tcrp.RemoteProtocolError) as caught:
        tcrp.decode_packet(up)
    assert (caught.value.clause, caught.value.field) == ("TCRP-4.2b", field)


def test_a_notice_that_another_program_words_as_bare_text_is_unknown() -> None:
    relayed, *notices = segments("B", "the host leaves, in that program's words", "down")
    assert tcrp.decode_delivery(relayed) == ChatMessage("alice", b"/exit")
    assert len(notices) == 2
    for notice in notices:
        with pytest.raises(tcrp.RemoteProtocolError, match=r"TCRP-4\.6a"):
            tcrp.decode_delivery(notice)


@pytest.mark.parametrize("capture", CAPTURES, ids=[f"{c['from']}-{c['path']}-{n}" for n, c in enumerate(CAPTURES)])
def test_none_of_them_breaks_a_decoder(check_error: CheckError, capture: dict[str, str]) -> None:
    data = bytes.fromhex(capture["hex"])
    for decode in (tcrp.decode_frame, tcrp.decode_packet, tcrp.decode_delivery, tcrp.decode_request):
        try:
            decode(data)
        except tcrp.RemoteProtocolError as error:
            check_error(error, len(data))
