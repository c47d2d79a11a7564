"""Bytes written as text: plain hex, or the output of hexdump -C, xxd, od -A x -t x1 and Wireshark.

Plain hex is groups of an even number of hex digits, separated by white space, colons or commas; a group may begin
with `0x` or `\\x`. Every line of a dump begins with its offset, the first with 0, and holds as many bytes as the next
line's offset says.
"""

import re

_GROUP = re.compile(r"(?:0x|\\x)?([0-9a-f]+)", re.IGNORECASE)
_PLAIN = re.compile(r"[\s:,]*+(?:(?>(?:0x|\\x)?[0-9a-f]++)[\s:,]*+)*+", re.IGNORECASE)  # never backtracks
_BETWEEN = re.compile(r"[\s:,]*")
_DUMP_LINE = re.compile(r"\s*(?:0x)?(?P<offset>[0-9a-f]{4,})(?P<gap>:[ \t]+|[ \t]+|:?$)(?P<rest>.*)", re.IGNORECASE)
_BESIDE = re.compile(r" {2,}[|>].*| {3,}.*")
_BESIDE_XXD = re.compile(r" {2,}.*")


class HexError(ValueError):
    """The text is not hex; the message says where it stops being so."""


def looks_like_hex(text: str) -> bool:
    """Whether `parse_hex` is what this text is meant for: it holds nothing else, or it is a dump."""
    return bool(text.strip()) and (_PLAIN.fullmatch(text) is not None or _dump_lines(text) is not None)


def parse_hex(text: str) -> bytes:
    """The bytes that the text spells. Raises HexError."""
    lines = _dump_lines(text)
    return _plain(text) if lines is None else _dump(lines)


def _plain(text: str) -> bytes:
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
    gap = _BETWEEN.match(text, start)
    return gap.end() if gap else start


def _dump_lines(text: str) -> list[re.Match[str]] | None:
    """The lines of a dump, or None if it is none: every line has an offset, the first 0, and no plain hex looks so."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [match for line in lines if (match := _DUMP_LINE.fullmatch(line))]
    stars = sum(line.strip() == "*" for line in lines)
    if not found or len(found) + stars != len(lines) or found[0]["offset"].strip("0"):
        return None
    if stars:
        raise HexError("a line '*' leaves bytes out: dump again with hexdump -v, xxd or od -v")
    return found if len(found) > 1 or found[0]["gap"].startswith(":") or len(found[0]["gap"]) > 1 else None


def _dump(lines: list[re.Match[str]]) -> bytes:
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
    """16, or 8 where only that fits the first line: od counts in octal unless told otherwise."""
    found = _line_bytes(lines[0])
    if len(lines) == 1 or found is None:
        return 16
    return 8 if _offset(lines[1], 16) > len(found) >= _offset(lines[1], 8) else 16


def _offset(line: re.Match[str], base: int) -> int:
    try:
        return int(line["offset"], base)
    except ValueError:  # 8 and 9 are no octal digits
        return -1


def _line_bytes(line: re.Match[str]) -> bytes | None:
    """The bytes before the text that stands beside them; None for words, whose byte order is the machine's."""
    colon = line["gap"].startswith(":")
    groups = (_BESIDE_XXD if colon else _BESIDE).sub("", line["rest"]).split()
    if any(len(group) % 2 or not (colon or len(group) == 2) for group in groups):
        return None
    try:
        return bytes.fromhex("".join(groups))
    except ValueError:
        return None
