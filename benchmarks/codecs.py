"""Our codecs, beside slices written by hand that check nothing, and beside the constructs that declare the layouts."""

import json
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from timeit import Timer
from typing import Any, NamedTuple

import tcrp
from benchmarks.report import Section
from tcrp import ChatPacket, Down, DownKind, Frame, Membership, UpKind, layouts

ROUNDS = 15
ROUND_SECONDS = 0.01
WAYS = ("tcrp", "slice", "construct")
"""What is compared."""

SOURCE = ("127.0.0.1", 50000)
TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
MESSAGE = b"hello, everybody in here"
FRAME = Frame("lobby", 1, 0, b'{"username": "alice", "password": "secret"}')
PACKET = ChatPacket("lobby", TOKEN, MESSAGE)
CHAT = Down(DownKind.CHAT, "alice", MESSAGE)


class Case(NamedTuple):
    """One function, in each of WAYS.

    `ours` is called with `args`, `sliced` with the first of them, `declared` with `declared_arg`.
    """

    name: str
    ours: Callable[..., object]
    sliced: Callable[..., object]
    declared: Callable[[Any], object]
    args: tuple[object, ...]
    declared_arg: object


# ------------------------------------------------------------------------------------------------- slices by hand


def slice_frame(data: bytes) -> tuple[object, ...]:
    room_end = 32 + data[0]
    payload_end = room_end + int.from_bytes(data[3:32], "big")
    return data[32:room_end].decode(), data[1], data[2], data[room_end:payload_end]


def join_frame(frame: Frame) -> bytes:
    room = frame.room.encode()
    return (
        bytes((len(room), frame.operation, frame.state)) + len(frame.payload).to_bytes(29, "big") + room + frame.payload
    )


def slice_packet(data: bytes) -> tuple[object, ...]:
    room_end = 2 + data[0]
    token_end = room_end + data[1]
    return data[2:room_end].decode(), data[room_end:token_end], data[token_end:]


def join_packet(packet: ChatPacket) -> bytes:
    room = packet.room.encode()
    return bytes((len(room), len(packet.token))) + room + packet.token + packet.message


def join_chat(down: Down) -> bytes:
    return down.user.encode() + b": " + down.body  # type: ignore[union-attr]


def slice_stage1(data: bytes) -> tuple[object, ...]:
    user_end = 1 + data[0]
    return data[1:user_end].decode(), data[user_end:]


def slice_colons(data: bytes) -> tuple[object, ...]:
    token, user, message = data.split(b":")
    return token, user.decode(), message


def slice_fixed(data: bytes) -> tuple[object, ...]:
    return data[:32], data[32:287].rstrip(b"\0").decode(), data[287:].rstrip(b"\0")


def slice_envelope(data: bytes) -> tuple[object, ...]:
    room, token, message = slice_packet(data)
    fields = json.loads(message)  # type: ignore[arg-type]
    return room, token, fields["type"], fields["user_name"], fields["chat_data"]


SLICES = {
    "tcrp": slice_packet,
    "stage1": slice_stage1,
    "model-answer": slice_packet,
    "json-status": slice_packet,
    "json-envelope": slice_envelope,
    "fixed-fields": slice_colons,
    "fixed-width": slice_fixed,
}


# ------------------------------------------------------------------------------------------------------ the cases


def canonical_cases() -> Iterator[Case]:
    """The functions of the canonical dialect."""
    dialect = tcrp.dialects.get("tcrp")
    frame, packet = tcrp.encode_frame(FRAME), tcrp.encode_packet(PACKET)
    build_frame = {**FRAME._asdict(), "room": FRAME.room.encode()}
    build_packet = {**PACKET._asdict(), "room": PACKET.room.encode()}
    build_chat = {"user": b"alice", "message": MESSAGE}
    parse_frame, parse_packet = layouts.frame_layout.parse, layouts.packet_layout.parse
    yield Case("decode_frame", tcrp.decode_frame, slice_frame, parse_frame, (frame,), frame)
    yield Case("encode_frame", tcrp.encode_frame, join_frame, layouts.frame_layout.build, (FRAME,), build_frame)
    yield Case("decode_packet", tcrp.decode_packet, slice_packet, parse_packet, (packet,), packet)
    yield Case("encode_packet", tcrp.encode_packet, join_packet, layouts.packet_layout.build, (PACKET,), build_packet)
    yield Case("read_up", dialect.read_up, slice_packet, parse_packet, (packet, SOURCE), packet)
    yield Case("write_down, of chat", dialect.write_down, join_chat, layouts.chat_layout.build, (CHAT,), build_chat)


def dialect_cases() -> Iterator[Case]:
    """`read_up` of every built-in dialect."""
    for name in tcrp.dialects.names():
        dialect = tcrp.dialects.get(name)
        data = dialect.write_up(Membership("lobby", "alice", TOKEN, True), UpKind.CHAT, MESSAGE)
        layout = dialect.layouts.up
        assert data is not None
        assert layout is not None
        yield Case(name, dialect.read_up, SLICES[name], layout.parse, (data, SOURCE), data)


# ------------------------------------------------------------------------------------------------------ measuring


def nanoseconds(case: Case) -> dict[str, float]:
    """The median time of a call in each of WAYS, in ns. The ways take turns."""
    timers = {
        "tcrp": _timer(case.ours, case.args),
        "slice": _timer(case.sliced, case.args[:1]),
        "construct": _timer(case.declared, (case.declared_arg,)),
    }
    calls = {way: max(1, int(ROUND_SECONDS / (timer.timeit(100) / 100))) for way, timer in timers.items()}
    rounds = [{way: timers[way].timeit(calls[way]) / calls[way] * 1e9 for way in WAYS} for _ in range(ROUNDS)]
    return {way: median(found[way] for found in rounds) for way in WAYS}


def _timer(function: Callable[..., object], args: Sequence[object]) -> Timer:
    names = [f"a{number}" for number in range(len(args))]
    scope = {"function": function, **dict(zip(names, args, strict=True))}
    return Timer(f"function({', '.join(names)})", globals=scope)


def _row(case: Case) -> list[str]:
    found = nanoseconds(case)
    ratios = found["tcrp"] / found["slice"], found["construct"] / found["tcrp"]
    return [case.name, *(f"{found[way]:.0f}" for way in WAYS), *(f"{ratio:.1f}" for ratio in ratios)]


COLUMNS = ("tcrp, ns", "slice, ns", "construct, ns", "tcrp / slice", "construct / tcrp")
NOTE = (
    f"Nanoseconds a call, the loop included: the median of {ROUNDS} rounds of {ROUND_SECONDS * 1000:.0f} ms, in which "
    "the three take turns."
)
NOTE_WAYS = (
    "slice: cuts the bytes, decodes the room name and makes a tuple (or joins the bytes), and checks nothing. "
    "construct: the declaration, interpreted, without what it cannot say: UTF-8 and limits."
)


def run() -> list[Section]:
    """Measure all cases."""
    return [
        Section(
            "Codecs",
            ("function", *COLUMNS),
            [_row(case) for case in canonical_cases()],
            (
                NOTE,
                NOTE_WAYS,
            ),
        ),
        Section(
            "The relay's look at a datagram (read_up) in each dialect",
            ("dialect", *COLUMNS),
            [_row(case) for case in dialect_cases()],
            (NOTE, "json-envelope: slice reads the JSON too, construct only what is around it."),
        ),
    ]
