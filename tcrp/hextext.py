"""Bytes from text: plain hex, or the output of hexdump -C, xxd, od -A x -t x1 and Wireshark.

Plain hex consists of groups of hex digits, an even number in each, separated by white space, colons or commas; a group
may begin with `0x` or `\\x`. In a dump every line begins with its offset, and the first offset is 0. The offset of the
next line says how many bytes a line holds.
"""

import re

_GROUP = re.compile(r"(?:0x|\\x)?([0-9a-f]+)", re.IGNORECASE)
_PLAIN_HEX = re.compile(r"[\s:,]*+(?:(?>(?:0x|\\x)?[0-9a-f]++)[\s:,]*+)*+", re.IGNORECASE)  # never backtracks
_GAP = re.compile(r"[\s:,]*")
_DUMP_LINE = re.compile(r"\s*(?:0x)?(?P<offset>[0-9a-f]{4,})(?P<gap>:[ \t]+|[ \t]+|:?$)(?P<rest>.*)", re.IGNORECASE)
_TEXT_COLUMN = re.compile(r" {2,}[|>].*| {3,}.*")
_XXD_TEXT_COLUMN = re.compile(r" {2,}.*")


class HexError(ValueError):
    """The text is not hex. The message says at which character or line."""


def looks_like_hex(text: str) -> bool:
    """Whether the text is meant as hex: plain hex and nothing else, or a dump."""
    return bool(text.strip()) and (_PLAIN_HEX.fullmatch(text) is not None or _dump_lines(text) is not None)


def parse_hex(text: str) -> bytes:
    """The bytes that the text describes. Raises HexError."""
    lines = _dump_lines(text)
    return _parse_plain(text) if lines is None else _parse_dump(lines)


def _parse_plain(text: str) -> bytes:
    data = bytearray()
    position = _end_of_gap(text, 0)
    while position < len(text):
        group = _GROUP.match(text, position)
        if group is None:
            raise HexError(f"{text[position]!r} at character {position} is not a hex digit")
        if len(group[1]) % 2:
            raise HexError(
                f"an odd number of hex digits: {group[1][-1]!r} at character {group.end() - 1} lacks the other half"
            )
        data += bytes.fromhex(group[1])
        position = _end_of_gap(text, group.end())
    return bytes(data)


def _end_of_gap(text: str, start: int) -> int:
    gap = _GAP.match(text, start)
    return gap.end() if gap else start


def _dump_lines(text: str) -> list[re.Match[str]] | None:
    """The lines of a dump, or None if the text is not one.

    In a dump every line has an offset, and that of the first line is 0. A single line must also have the gap after its
    offset that plain hex does not have.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    found = [match for line in lines if (match := _DUMP_LINE.fullmatch(line))]
    stars = sum(line.strip() == "*" for line in lines)
    if not found or len(found) + stars != len(lines) or found[0]["offset"].strip("0"):
        return None
    if stars:
        raise HexError("a line '*' leaves bytes out: dump again with hexdump -v, xxd or od -v")
    return found if len(found) > 1 or found[0]["gap"].startswith(":") or len(found[0]["gap"]) > 1 else None


def _parse_dump(lines: list[re.Match[str]]) -> bytes:
    base = _base(lines)
    data = bytearray()
    for number, line in enumerate(lines, 1):
        found = _line_bytes(line)
        if found is None:
            raise HexError(
                f"line {number} of the dump does not hold single bytes: dump again with hexdump -C, xxd or od -t x1"
            )
        data += found
        if number < len(lines) and _offset(lines[number], base) != len(data):
            raise HexError(
                f"line {number + 1} of the dump begins with offset {lines[number]['offset']}, "
                f"but {len(data)} bytes (0x{len(data):x}) stand before it"
            )
    return bytes(data)


def _base(lines: list[re.Match[str]]) -> int:
    """The base of the offsets: 16, or 8 if only 8 fits the first line. By default od writes octal offsets."""
    found = _line_bytes(lines[0])
    if len(lines) == 1 or found is None:
        return 16
    return 8 if _offset(lines[1], 16) > len(found) >= _offset(lines[1], 8) else 16


def _offset(line: re.Match[str], base: int) -> int:
    try:
        return int(line["offset"], base)
    except ValueError:  # 8 and 9 are not octal digits
        return -1


def _line_bytes(line: re.Match[str]) -> bytes | None:
    """The bytes of a line, without the text column. None if it holds words, whose byte order depends on the machine."""
    colon = line["gap"].startswith(":")
    groups = (_XXD_TEXT_COLUMN if colon else _TEXT_COLUMN).sub("", line["rest"]).split()
    if any(len(group) % 2 or not (colon or len(group) == 2) for group in groups):
        return None
    try:
        return bytes.fromhex("".join(groups))
    except ValueError:
        return None
