"""Annotated dumps: each field of a layout on a row of its own, with its bytes, its name and its value.

    offset  bytes                                 field                 value
         0  02                                    RoomNameSize          2
         1  01                                    Operation             1 CREATE
         2  00                                    State                 0 REQUEST
         3  00 00 00 00 00 … 00 00 28 (29 bytes)  OperationPayloadSize  40
        32  72 31                                 room name             'r1'
        34  7b 22 75                              payload               '{"u'
         !  at 37: the payload ends after 3 of 40 bytes

Truncated and wrong bytes are annotated up to the field that does not fit. Tokens and passwords are shown: a dump is for
reading captured bytes, not for logs.
"""

from enum import IntEnum
from io import BytesIO
from typing import Any, NamedTuple

from construct import Bytes, Construct, ConstructError, Renamed, SizeofError, StreamError, Struct

from tcrp.constants import NoticeKind, Operation, State, Status

_ENUMS: dict[str, type[IntEnum]] = {
    "Operation": Operation,
    "State": State,
    "status": Status,
    "kind": NoticeKind,
}
_BYTES_WIDTH = 36
_FIELD_WIDTH = 20
_VALUE_WIDTH = 72
_HEAD, _TAIL = 5, 3


class Row(NamedTuple):
    """One field of an annotated dump.

    `offset`: where the field begins, in bytes from the start of the annotated bytes.
    `problem`: what is wrong with the field, or "".
    `at`: the offset of the problem, which lies inside the field or right after it; None if there is no problem.
    """

    offset: int
    data: bytes
    field: str
    value: str
    problem: str = ""
    at: int | None = None


def annotate(data: bytes, layout: Struct) -> tuple[Row, ...]:
    """The bytes as rows, one for each field of the layout.

    If the bytes end early or do not fit the layout, the row of that field is the last and has a problem. Bytes that are
    left over get a row with a problem.
    """
    stream = BytesIO(data)
    values: dict[str, Any] = {}
    rows: list[Row] = []
    for field in layout.subcons:
        start = stream.tell()
        name = field.docs or field.name or ""
        try:
            value = field.parse_stream(stream, **values)
        except ConstructError as error:
            rest = data[start:]
            text = bytes_text(rest) if isinstance(_unwrapped(field), Bytes) else ""
            at = len(data) if isinstance(error, StreamError) else start
            rows.append(Row(start, rest, name, text, _problem(field, values, len(rest), error), at))
            return tuple(rows)
        values[field.name or ""] = value
        rows.append(Row(start, data[start : stream.tell()], name, _value_text(name, value)))
    if rest := stream.read():
        at = len(data) - len(rest)
        rows.append(Row(at, rest, "trailing bytes", "", f"{len(rest)} bytes are left over", at))
    return tuple(rows)


def mark(rows: tuple[Row, ...], offset: int, problem: str) -> tuple[Row, ...]:
    """The same rows, with `problem` on the row that holds the byte at `offset`.

    A problem that the row already has stays. An offset right after the last row belongs to that row; an offset further
    on gets a new row.
    """
    for index, row in enumerate(rows):
        end = row.offset + len(row.data)
        if row.offset <= offset < end or offset == row.at or (offset == end and row is rows[-1]):
            marked = row if row.problem else row._replace(problem=problem, at=offset)
            return (*rows[:index], marked, *rows[index + 1 :])
    return (*rows, Row(offset, b"", "", "", problem, offset))


def format_rows(rows: tuple[Row, ...]) -> str:
    """The rows as lines of text. Long fields are shortened and show their size. The byte of a problem is never left
    out, and `^^` marks it on the next line.
    """
    lines = [_line("offset", "bytes", "field", "value")]
    for row in rows:
        text, column = _hex_text(row.data, None if row.at is None else row.at - row.offset)
        lines.append(_line(str(row.offset), text, row.field, _shortened(row.value)))
        if row.problem:
            if column is not None:
                lines.append(f"{'':{8 + column}}^^")
            lines.append(f"{'!':>6}  at {row.at}: {row.problem}")
    return "\n".join(lines)


def _unwrapped(field: Construct) -> Construct:
    while isinstance(field, Renamed):
        field = field.subcon
    return field


def _problem(field: Construct, values: dict[str, Any], found: int, error: ConstructError) -> str:
    try:
        size = int(field.sizeof(**values))
    except SizeofError:
        size = 0
    if found < size:
        return f"the {field.docs or field.name} ends after {found} of {_number_text(size)} bytes"
    return str(error).splitlines()[-1]


def _value_text(name: str, value: object) -> str:
    if isinstance(value, int):
        enum = _ENUMS.get(name)
        if enum is None:
            return _number_text(value)
        return f"{value} {enum(value).name}" if value in list(enum) else f"{value} (unknown)"
    return bytes_text(value) if isinstance(value, bytes) else repr(value)


def bytes_text(data: bytes) -> str:
    """Bytes as quoted text if they are UTF-8, else as a Python bytes literal. Control characters are escaped."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def _number_text(value: int) -> str:
    return str(value) if value < 1 << 64 else f"about 2^{value.bit_length() - 1}"


def _hex_text(data: bytes, spot: int | None) -> tuple[str, int | None]:
    """The bytes as hex, shortened if there are many, and the column of the byte at `spot` in that text, or None."""
    size = len(data)
    if size * 3 - 1 <= _BYTES_WIDTH:
        parts, note = [range(size)], ""
    else:
        parts, note = [range(_HEAD), range(size - _TAIL, size)], f" ({size} bytes)"
        if spot is not None and _HEAD <= spot < size - _TAIL:
            parts = [range(2), range(spot - 1, spot + 2), range(size - 1, size)]
    text, column = "", None
    for part in parts:
        text += " … " if text else ""
        if spot is not None and spot in part:
            column = len(text) + 3 * part.index(spot)
        text += data[part.start : part.stop].hex(" ")
    return text + note, column


def _shortened(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else f"{value[:_VALUE_WIDTH]}…"


def _line(offset: str, data: str, field: str, value: str) -> str:
    return f"{offset:>6}  {data:<{_BYTES_WIDTH}}  {field:<{_FIELD_WIDTH}}  {value}".rstrip()
