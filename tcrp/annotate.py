"""Bytes beside the fields they are, row by row, as the layouts of `tcrp.layouts` declare them.

    offset  bytes                                 field                 value
         0  02                                    RoomNameSize          2
         1  01                                    Operation             1 CREATE
         2  00                                    State                 0 REQUEST
         3  00 00 00 00 00 … 00 00 28 (29 bytes)  OperationPayloadSize  40
        32  72 31                                 room name             'r1'
        34  7b 22 75                              payload               '{"u'
         !  at 37: the payload ends after 3 of 40 bytes

Truncated and wrong bytes are annotated as far as they go. Everything is shown, tokens and passwords included:
this is for reading captured bytes, not for logs.
"""

from enum import IntEnum
from io import BytesIO
from typing import Any, NamedTuple

from construct import Bytes, Construct, ConstructError, Renamed, SizeofError, StreamError, Struct

from tcrp.constants import NoticeKind, Operation, State, Status

_MEANINGS: dict[str, type[IntEnum]] = {
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
    """One field. `offset` is in bytes from the start of what was annotated, `problem` says what is wrong with it.

    `at`: the offset of what is wrong, which may lie inside the field or just behind it.
    """

    offset: int
    data: bytes
    field: str
    value: str
    problem: str = ""
    at: int | None = None


def annotate(data: bytes, layout: Struct) -> tuple[Row, ...]:
    """A row for each field; where the bytes end early, do not fit the layout or are left over, the last row says so."""
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
            text = show(rest) if isinstance(_inner(field), Bytes) else ""
            at = len(data) if isinstance(error, StreamError) else start
            rows.append(Row(start, rest, name, text, _why(field, values, len(rest), error), at))
            return tuple(rows)
        values[field.name or ""] = value
        rows.append(Row(start, data[start : stream.tell()], name, _value(name, value)))
    if rest := stream.read():
        at = len(data) - len(rest)
        rows.append(Row(at, rest, "trailing bytes", "", f"{len(rest)} bytes are left over", at))
    return tuple(rows)


def mark(rows: tuple[Row, ...], offset: int, problem: str) -> tuple[Row, ...]:
    """The same rows, where the one that holds `offset` says `problem`, unless it already says one. The last row holds
    its own end too; an offset behind that gets a row of its own.
    """
    for index, row in enumerate(rows):
        end = row.offset + len(row.data)
        if row.offset <= offset < end or offset == row.at or (offset == end and row is rows[-1]):
            marked = row if row.problem else row._replace(problem=problem, at=offset)
            return (*rows[:index], marked, *rows[index + 1 :])
    return (*rows, Row(offset, b"", "", "", problem, offset))


def format_rows(rows: tuple[Row, ...]) -> str:
    """The rows as lines of text. Long fields are cut, and then their size is said; the byte that a problem is about
    is among those that are left, and `^^` stands under it.
    """
    lines = [_line("offset", "bytes", "field", "value")]
    for row in rows:
        text, column = _hex(row.data, None if row.at is None else row.at - row.offset)
        lines.append(_line(str(row.offset), text, row.field, _cut(row.value)))
        if row.problem:
            if column is not None:
                lines.append(f"{'':{8 + column}}^^")
            lines.append(f"{'!':>6}  at {row.at}: {row.problem}")
    return "\n".join(lines)


def _inner(field: Construct) -> Construct:
    while isinstance(field, Renamed):
        field = field.subcon
    return field


def _why(field: Construct, values: dict[str, Any], found: int, error: ConstructError) -> str:
    try:
        size = int(field.sizeof(**values))
    except SizeofError:
        size = 0
    if found < size:
        return f"the {field.docs or field.name} ends after {found} of {_number(size)} bytes"
    return str(error).splitlines()[-1]


def _value(name: str, value: object) -> str:
    if isinstance(value, int):
        meanings = _MEANINGS.get(name)
        if meanings is None:
            return _number(value)
        return f"{value} {meanings(value).name}" if value in list(meanings) else f"{value} (unknown)"
    return show(value) if isinstance(value, bytes) else repr(value)


def show(data: bytes) -> str:
    """Bytes as quoted text if they are UTF-8, else as Python writes bytes. Control characters are escaped."""
    try:
        return repr(data.decode())
    except UnicodeDecodeError:
        return repr(data)


def _number(value: int) -> str:
    return str(value) if value < 1 << 64 else f"about 2^{value.bit_length() - 1}"


def _hex(data: bytes, spot: int | None) -> tuple[str, int | None]:
    """The bytes as they are shown, and where in that the byte at `spot` stands, if there is one."""
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


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else f"{value[:_VALUE_WIDTH]}…"


def _line(offset: str, data: str, field: str, value: str) -> str:
    return f"{offset:>6}  {data:<{_BYTES_WIDTH}}  {field:<{_FIELD_WIDTH}}  {value}".rstrip()
