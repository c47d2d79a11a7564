"""Annotated dumps: rows of fields, and their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp import layouts
from tcrp.annotate import Row, annotate, bytes_text, format_rows, mark

HEAD = bytes.fromhex("06 02 01" + "00" * 28 + "01")
LAYOUTS = {
    "header": layouts.header_layout,
    "frame": layouts.frame_layout,
    "packet": layouts.packet_layout,
    "chat": layouts.chat_layout,
    "notice": layouts.notice_layout,
    "status": layouts.status_layout,
}


def test_a_frame() -> None:
    assert annotate(HEAD + "部屋".encode() + b"\x00", layouts.frame_layout) == (
        Row(0, b"\x06", "RoomNameSize", "6"),
        Row(1, b"\x02", "Operation", "2 JOIN"),
        Row(2, b"\x01", "State", "1 ACK"),
        Row(3, bytes(28) + b"\x01", "OperationPayloadSize", "1"),
        Row(32, "部屋".encode(), "room name", "'部屋'"),
        Row(38, b"\x00", "payload", r"'\x00'"),
    )


def test_a_packet_shows_its_token() -> None:
    assert annotate(b"\x02\x03r1tok\xff", layouts.packet_layout) == (
        Row(0, b"\x02", "RoomNameSize", "2"),
        Row(1, b"\x03", "TokenSize", "3"),
        Row(2, b"r1", "room name", "'r1'"),
        Row(4, b"tok", "token", "'tok'"),
        Row(7, b"\xff", "message", r"b'\xff'"),
    )


def test_chat_and_notices() -> None:
    assert [row[1:4] for row in annotate(b"a: b: c", layouts.chat_layout)] == [
        (b"a", "user name", "'a'"),
        (b": ", "separator", "': '"),
        (b"b: c", "message", "'b: c'"),
    ]
    assert [row.value for row in annotate(b"\x04bye", layouts.notice_layout)] == ["4 DISCONNECT", "'bye'"]
    assert [row.value for row in annotate(b"\x63", layouts.status_layout)] == ["99 (unknown)"]
    assert [row.value for row in annotate(b"\x03", layouts.status_layout)] == ["3 WRONG_PASSWORD"]


def test_a_huge_size_is_told_briefly() -> None:
    assert annotate(b"\xff" * 32, layouts.header_layout)[-1].value == "about 2^231"


@pytest.mark.parametrize(
    ("data", "offset", "rest", "field", "problem"),
    [
        (b"", 0, b"", "RoomNameSize", "the RoomNameSize ends after 0 of 1 bytes"),
        (HEAD[:2], 2, b"", "State", "the State ends after 0 of 1 bytes"),
        (HEAD[:10], 3, bytes(7), "OperationPayloadSize", "the OperationPayloadSize ends after 7 of 29 bytes"),
        (HEAD + b"\xe9\x83", 32, b"\xe9\x83", "room name", "the room name ends after 2 of 6 bytes"),
        (HEAD + b"abcdef", 38, b"", "payload", "the payload ends after 0 of 1 bytes"),
        (b"\xff" * 32, 32, b"", "room name", "the room name ends after 0 of 255 bytes"),
        (b"\x00" + b"\xff" * 31 + b"x", 32, b"x", "payload", "the payload ends after 1 of about 2^231 bytes"),
    ],
)
def test_truncated_bytes_go_as_far_as_they_go(data: bytes, offset: int, rest: bytes, field: str, problem: str) -> None:
    *before, last = annotate(data, layouts.frame_layout)
    assert (last.offset, last.data, last.field, last.problem, last.at) == (offset, rest, field, problem, len(data))
    assert all(not row.problem for row in before)


def test_a_part_that_is_text_is_shown() -> None:
    assert annotate(HEAD + b"abc", layouts.frame_layout)[-1].value == "'abc'"
    assert annotate(HEAD[:10], layouts.frame_layout)[-1].value == ""


def test_bytes_left_over_have_a_row() -> None:
    assert annotate(HEAD + b"xy", layouts.header_layout)[-1] == Row(
        32, b"xy", "trailing bytes", "", "2 bytes are left over", 32
    )


def test_chat_without_a_separator() -> None:
    (row,) = annotate(b"alice:hello", layouts.chat_layout)
    assert (row.field, row.problem, row.at) == ("user name", "no b': ' in what follows", 11)


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.binary(max_size=80))
def test_the_rows_are_all_of_the_bytes_in_order(name: str, data: bytes) -> None:
    rows = annotate(data, LAYOUTS[name])
    assert b"".join(row.data for row in rows) == data
    offset = 0
    for row in rows:
        assert row.offset == offset
        offset += len(row.data)
    assert [bool(row.problem) for row in rows[:-1]] == [False] * (len(rows) - 1)
    carets = bool(rows[-1].problem) and rows[-1].at != len(data)
    assert len(format_rows(rows).splitlines()) == len(rows) + 1 + bool(rows[-1].problem) + carets


def test_mark_finds_the_row() -> None:
    rows = annotate(HEAD + "部屋".encode() + b"\x00", layouts.frame_layout)
    for offset, field in [(0, "RoomNameSize"), (2, "State"), (3, "OperationPayloadSize"), (31, "OperationPayloadSize"),
                          (32, "room name"), (37, "room name"), (38, "payload"), (39, "payload")]:  # fmt: skip
        (marked,) = [row for row in mark(rows, offset, "wrong") if row.problem]
        assert (marked.field, marked.problem, marked.at) == (field, "wrong", offset)


def test_mark_keeps_what_a_row_says_and_makes_a_row_behind_all() -> None:
    rows = annotate(HEAD[:10], layouts.frame_layout)
    assert mark(rows, 10, "wrong") == mark(rows, 4, "wrong") == rows
    assert mark(rows, 99, "wrong") == (*rows, Row(99, b"", "", "", "wrong", 99))


def test_the_text() -> None:
    data = bytes.fromhex("02 01 00" + "00" * 28 + "28 7231 7b2275")
    assert (
        format_rows(annotate(data, layouts.frame_layout))
        == """\
offset  bytes                                 field                 value
     0  02                                    RoomNameSize          2
     1  01                                    Operation             1 CREATE
     2  00                                    State                 0 REQUEST
     3  00 00 00 00 00 … 00 00 28 (29 bytes)  OperationPayloadSize  40
    32  72 31                                 room name             'r1'
    34  7b 22 75                              payload               '{"u'
     !  at 37: the payload ends after 3 of 40 bytes"""
    )


@pytest.mark.parametrize("size", [12, 13, 4096])
def test_long_fields_are_cut(size: int) -> None:
    line = format_rows(
        annotate(b"\x00" * 3 + size.to_bytes(29, "big") + b"m" * size, layouts.frame_layout)
    ).splitlines()[-1]
    assert ("… 6d 6d 6d (" in line) == (size > 12)
    assert (f"({size} bytes)" in line) == (size > 12)
    assert len(line) < 150


@pytest.mark.parametrize(
    ("size", "at", "shown"),
    [
        (3, 1, "     0  61 ff 61"),
        (13, 0, "     0  ff 61 61 61 61 … 61 61 61 (13 bytes)"),
        (13, 4, "     0  61 61 61 61 ff … 61 61 61 (13 bytes)"),
        (13, 5, "     0  61 61 … 61 ff 61 … 61 (13 bytes)"),
        (13, 9, "     0  61 61 … 61 ff 61 … 61 (13 bytes)"),
        (13, 12, "     0  61 61 61 61 61 … 61 61 ff (13 bytes)"),
        (4096, 2000, "     0  61 61 … 61 ff 61 … 61 (4096 bytes)"),
    ],
)
def test_the_byte_that_is_wrong_is_shown_and_stands_above_the_carets(size: int, at: int, shown: str) -> None:
    data = b"a" * at + b"\xff" + b"a" * (size - at - 1)
    _, line, carets, problem = format_rows((Row(0, data, "text", "", "wrong", at),)).splitlines()
    assert line.startswith(shown)
    assert line[carets.index("^") :].startswith("ff")
    assert (carets.strip(), problem) == ("^^", f"     !  at {at}: wrong")
    assert len(line) < 60


def test_show() -> None:
    assert bytes_text("部屋\n\x1b\u202e".encode()) == r"'部屋\n\x1b\u202e'"
    assert bytes_text(b"\xff") == r"b'\xff'"
