"""The bytes of sections 2, 4 and 5: golden ones written by hand from the specification, and sizes at their limits."""

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import (
    ChatMessage,
    ChatPacket,
    Disconnect,
    Frame,
    Header,
    Information,
    LocalProtocolError,
    RemoteProtocolError,
)

ZEROS = "00" * 28
HEYA = "e983a8e5b18b"  # 部屋

HEADERS = [
    ("02 01 00" + ZEROS + "28", Header(2, 1, 0, 40)),
    ("ff ff ff" + "ff" * 29, Header(255, 255, 255, 2**232 - 1)),
    ("00 00 00" + ZEROS + "00", Header(0, 0, 0, 0)),
    ("06 02 01" + ZEROS + "01", Header(6, 2, 1, 1)),
    ("01 01 00" + "00" * 27 + "0100", Header(1, 1, 0, 256)),
    ("01 01 00" + "00" * 25 + "20000000", Header(1, 1, 0, 2**29)),
    ("01 01 00" + "00" * 25 + "20000001", Header(1, 1, 0, 2**29 + 1)),
    ("01 01 00 80" + "00" * 28, Header(1, 1, 0, 2**231)),
]

FRAMES = [
    ("02 01 00" + ZEROS + "03 7231 626f62", Frame("r1", 1, 0, b"bob")),
    ("06 02 01" + ZEROS + "01" + HEYA + "00", Frame("部屋", 2, 1, b"\x00")),
    ("06 01 02" + ZEROS + "04" + HEYA + "deadbeef", Frame("部屋", 1, 2, b"\xde\xad\xbe\xef")),
    ("00 00 00" + ZEROS + "00", Frame("", 0, 0, b"")),
    ("01 ff fe" + ZEROS + "00 61", Frame("a", 255, 254, b"")),
    ("ff 01 00" + ZEROS + "00" + "61" * 255, Frame("a" * 255, 1, 0, b"")),
    ("01 01 00" + "00" * 27 + "0100 61" + "78" * 256, Frame("a", 1, 0, b"x" * 256)),
    ("01 01 00" + ZEROS + "03 20 00ff0a", Frame(" ", 1, 0, b"\x00\xff\n")),
]

PACKETS = [
    ("02 06 7231 736563726574 68656c6c6f", ChatPacket("r1", b"secret", b"hello")),
    ("06 04" + HEYA + "deadbeef e38284", ChatPacket("部屋", b"\xde\xad\xbe\xef", b"\xe3\x82\x84")),
    ("02 03 7231 746f6b", ChatPacket("r1", b"tok", b"")),
    ("02 03 7231 746f6b 65786974", ChatPacket("r1", b"tok", b"exit")),
    ("00 00", ChatPacket("", b"", b"")),
    ("01 ff 61" + "00" * 255 + "ff", ChatPacket("a", b"\x00" * 255, b"\xff")),
    ("01 01 61 74" + "6d" * 4092, ChatPacket("a", b"t", b"m" * 4092)),
]

DELIVERIES = [
    ("616c696365 3a20 68656c6c6f", ChatMessage("alice", b"hello")),
    (HEYA + "3a20 e38284", ChatMessage("部屋", b"\xe3\x82\x84")),
    ("61 3a20", ChatMessage("a", b"")),
    ("61 3a20 62 3a20 63", ChatMessage("a", b"b: c")),
    ("613a 3a20 62", ChatMessage("a:", b"b")),
    ("61 3a20 fffe00", ChatMessage("a", b"\xff\xfe\x00")),
    ("c280 3a20 78", ChatMessage("\x80", b"x")),
    ("61 3a20" + "6d" * 4091, ChatMessage("a", b"m" * 4091)),
    ("04" + HEYA, Disconnect("部屋")),
    ("04", Disconnect("")),
    ("05 613a2062", Information("a: b")),
    ("05" + "78" * 4093, Information("x" * 4093)),
]


@pytest.mark.parametrize(("hexes", "header"), HEADERS)
def test_header(hexes: str, header: Header) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_header(data), tcrp.encode_header(header)) == (header, data)
    assert len(data) == tcrp.HEADER_SIZE


@pytest.mark.parametrize(("hexes", "frame"), FRAMES)
def test_frame(hexes: str, frame: Frame) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_frame(data), tcrp.encode_frame(frame)) == (frame, data)


@pytest.mark.parametrize(("hexes", "packet"), PACKETS)
def test_packet(hexes: str, packet: ChatPacket) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_packet(data), tcrp.encode_packet(packet)) == (packet, data)


@pytest.mark.parametrize(("hexes", "delivery"), DELIVERIES)
def test_delivery(hexes: str, delivery: ChatMessage | Disconnect | Information) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_delivery(data), tcrp.encode_delivery(delivery)) == (delivery, data)
    assert type(tcrp.decode_delivery(data)) is type(delivery)


@pytest.mark.parametrize(("hexes", "status"), [*((f"0{s.value}", s) for s in tcrp.Status), ("07", 7), ("ff", 255)])
def test_status(hexes: str, status: int) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_status(data), tcrp.encode_status(status)) == (status, data)
    assert isinstance(tcrp.decode_status(data), tcrp.Status) == (status < 7)


def test_the_statuses_are_the_seven_of_the_specification() -> None:
    assert [(s.name, s.value) for s in tcrp.Status] == [
        ("OK", 0), ("ROOM_EXISTS", 1), ("ROOM_NOT_FOUND", 2), ("WRONG_PASSWORD", 3),
        ("MALFORMED", 4), ("SERVER_ERROR", 5), ("LIMIT_REACHED", 6),
    ]  # fmt: skip


@given(...)
def test_frame_round_trip(frame: Frame) -> None:
    assert tcrp.decode_frame(tcrp.encode_frame(frame)) == frame


@given(...)
def test_packet_round_trip(packet: ChatPacket) -> None:
    assert tcrp.decode_packet(tcrp.encode_packet(packet)) == packet


@given(...)
def test_delivery_round_trip(delivery: ChatMessage | Disconnect | Information) -> None:
    decoded = tcrp.decode_delivery(tcrp.encode_delivery(delivery))
    assert (type(decoded), decoded) == (type(delivery), delivery)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**232 - 1))
def test_header_round_trip(room: int, operation: int, state: int, payload: int) -> None:
    data = bytes([room, operation, state]) + payload.to_bytes(29, "big")
    header = Header(room, operation, state, payload)
    assert (tcrp.decode_header(data), tcrp.encode_header(header)) == (header, data)


def test_a_user_name_that_holds_the_separator_ends_at_it() -> None:
    data = tcrp.encode_delivery(ChatMessage("a: b", b"c"))
    assert tcrp.decode_delivery(data) == ChatMessage("a", b"b: c")


# ------------------------------------------------------------------------------------------- sizes at their limits


@pytest.mark.parametrize("size", [0, 1, 255, 256, 4094, 4095, 4096, 4097])
def test_payload_sizes(size: int) -> None:
    data = bytes.fromhex("01 01 00") + size.to_bytes(29, "big") + b"r" + b"p" * size
    frame = Frame("r", 1, 0, b"p" * size)
    assert (tcrp.decode_frame(data), tcrp.encode_frame(frame)) == (frame, data)


@pytest.mark.parametrize("size", [0, 1, 255])
def test_room_and_token_sizes(size: int) -> None:
    data = bytes([size, size]) + b"r" * size + b"t" * size + b"m"
    packet = ChatPacket("r" * size, b"t" * size, b"m")
    assert (tcrp.decode_packet(data), tcrp.encode_packet(packet)) == (packet, data)


@pytest.mark.parametrize("room", ["r" * 256, "屋" * 86])
def test_a_room_name_of_more_than_255_bytes_cannot_be_said(room: str) -> None:
    encoders: list[Callable[[], bytes]] = [
        lambda: tcrp.encode_frame(Frame(room, 1, 0, b"")),
        lambda: tcrp.encode_packet(ChatPacket(room, b"t", b"")),
        lambda: tcrp.check_room(room),
    ]
    for encode in encoders:
        with pytest.raises(LocalProtocolError, match=r"room name has 25[68] bytes: at most 255 \(TCRP-2\.3b\)"):
            encode()


def test_a_token_of_256_bytes_cannot_be_said_and_is_not_shown() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        tcrp.encode_packet(ChatPacket("r", b"s3cret" * 43, b""))
    assert (caught.value.field, caught.value.clause, caught.value.value) == ("token", "TCRP-3.8c", 258)
    assert "s3cret" not in str(caught.value)


def test_no_error_holds_what_should_have_been_a_token_or_a_payload() -> None:
    with pytest.raises(LocalProtocolError) as token:
        tcrp.encode_packet(ChatPacket("r", "s3cret", b""))  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError) as payload:
        tcrp.encode_frame(Frame("r", 1, 2, "s3cret"))  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError) as room:
        tcrp.decode_packet(b"\x07\x01\xffs3cretr")  # mixed up sizes: the token stands in the place of the room name
    for caught in (token, payload, room):
        assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(("size", "fits"), [(4095, True), (4096, True), (4097, False), (65507, False)])
def test_datagram_up_sizes(size: int, fits: bool) -> None:
    data, packet = b"\x01\x01rt" + b"m" * (size - 4), ChatPacket("r", b"t", b"m" * (size - 4))
    if fits:
        assert (tcrp.decode_packet(data), tcrp.encode_packet(packet)) == (packet, data)
        return
    with pytest.raises(RemoteProtocolError) as remote:
        tcrp.decode_packet(data)
    with pytest.raises(LocalProtocolError) as local:
        tcrp.encode_packet(packet)
    assert (remote.value.clause, remote.value.value, remote.value.limit) == ("TCRP-4.2a", size, 4096)
    assert (local.value.clause, local.value.field, local.value.limit) == ("TCRP-4.1", "message", 4092)


@pytest.mark.parametrize(("size", "fits"), [(4093, True), (4094, True), (4095, False), (4096, False), (4097, False)])
@pytest.mark.parametrize("kind", ["chat", "disconnect", "information"])
def test_datagram_down_sizes(kind: str, size: int, fits: bool) -> None:
    delivery: ChatMessage | Disconnect | Information
    if kind == "chat":
        data, delivery = b"u: " + b"m" * (size - 3), ChatMessage("u", b"m" * (size - 3))
    elif kind == "disconnect":
        data, delivery = b"\x04" + b"m" * (size - 1), Disconnect("m" * (size - 1))
    else:
        data, delivery = b"\x05" + b"m" * (size - 1), Information("m" * (size - 1))
    if fits:
        assert (tcrp.decode_delivery(data), tcrp.encode_delivery(delivery)) == (delivery, data)
        return
    with pytest.raises(RemoteProtocolError) as remote:
        tcrp.decode_delivery(data)
    with pytest.raises(LocalProtocolError):
        tcrp.encode_delivery(delivery)
    assert (remote.value.clause, remote.value.value, remote.value.limit) == ("TCRP-4.6e", size, 4094)


@pytest.mark.parametrize("size", [0, 1, 255, 256])
def test_user_name_and_token_sizes(size: int) -> None:
    if 1 <= size <= 255:
        assert tcrp.check_user("u" * size) == b"u" * size
        assert tcrp.check_token(b"t" * size) == b"t" * size
        return
    with pytest.raises(LocalProtocolError, match=f"the user name has {size} bytes: 1 to 255"):
        tcrp.check_user("u" * size)
    with pytest.raises(RemoteProtocolError, match=f"the token has {size} bytes: 1 to 255"):
        tcrp.check_token(b"t" * size)


@pytest.mark.parametrize("size", [0, 1, 1024, 2**29 - 1, 2**29])
def test_a_claim_up_to_the_limit_passes(size: int) -> None:
    tcrp.check_payload_size(size)


@pytest.mark.parametrize("size", [2**29 + 1, 2**32, 2**64, 2**231, 2**232 - 1])
def test_a_claim_over_the_limit_is_refused_from_the_header_alone(size: int) -> None:
    header = bytes.fromhex("01 01 00") + size.to_bytes(29, "big")
    for refuse in (
        lambda: tcrp.check_payload_size(tcrp.decode_header(header).payload_size),
        lambda: tcrp.decode_frame(header),
    ):
        with pytest.raises(RemoteProtocolError) as caught:
            refuse()
        error = caught.value
        assert (error.clause, error.field, error.offset) == ("TCRP-2.4a", "OperationPayloadSize", 3)
        assert (error.value, error.limit, error.status) == (size, 2**29, tcrp.Status.MALFORMED)


def test_a_claim_over_ones_own_limit_is_another_clause_and_status() -> None:
    tcrp.check_payload_size(1024, 1024)
    with pytest.raises(RemoteProtocolError) as caught:
        tcrp.check_payload_size(1025, 1024)
    assert (caught.value.clause, caught.value.status) == ("TCRP-2.4d", tcrp.Status.LIMIT_REACHED)


def test_a_payload_over_the_limit_cannot_be_said() -> None:
    with pytest.raises(LocalProtocolError, match="the payload has 536870913 bytes: at most 536870912 fit"):
        tcrp.encode_frame(Frame("r", 1, 0, bytes(2**29 + 1)))  # untouched zeros take no memory


def test_decoding_a_claim_allocates_nothing() -> None:
    data = bytes.fromhex("01 01 00") + (2**29).to_bytes(29, "big") + b"r"
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match="the payload ends after 0 of 536870912 bytes"):
            tcrp.decode_frame(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sample", FRAMES[:3])
def test_every_truncation_and_every_surplus_of_a_frame_is_refused_where_it_is(sample: tuple[str, Frame]) -> None:
    data = bytes.fromhex(sample[0])
    room_end = 32 + data[0]
    for size in range(len(data)):
        with pytest.raises(RemoteProtocolError, match="ends after") as caught:
            tcrp.decode_frame(data[:size])
        field = "header" if size < 32 else "room name" if size < room_end else "payload"
        assert (caught.value.field, caught.value.clause) == (field, "TCRP-2.1" if size < 32 else "TCRP-2.2")
    with pytest.raises(RemoteProtocolError, match="2 bytes are left over") as caught:
        tcrp.decode_frame(data + b"xx")
    assert caught.value.offset == len(data)


def test_every_truncation_of_a_packet_is_refused_where_it_is() -> None:
    data = b"\x02\x03r1tok"
    fields = ["RoomNameSize", "TokenSize", "room name", "room name", "token", "token", "token"]
    for size, field in enumerate(fields):
        with pytest.raises(RemoteProtocolError) as caught:
            tcrp.decode_packet(data[:size])
        assert (caught.value.clause, caught.value.field) == ("TCRP-4.2b", field)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_header_is_exactly_32_bytes(size: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        tcrp.decode_header(bytes(size))
    assert caught.value.clause == "TCRP-2.1"
