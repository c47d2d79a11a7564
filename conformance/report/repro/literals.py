"""Bytes as Python expressions that a person can read, with the names of tokens in place of recorded tokens."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tcrp.annotate import Row

CHUNK, ESCAPED_CHUNK = 64, 20
"""Bytes of one literal, of text and of others."""
SHORTEST = 8
"""Bytes of a token that is looked for where no layout says that one stands there."""

_RUNS = re.compile(rb"\0{8,}|(.{1,4}?)\1{11,}", re.DOTALL)


class Token(NamedTuple):
    """A token of the recording and its name in the script."""

    name: str
    data: bytes


def literal(data: bytes) -> list[str]:
    """Terms whose sum is the bytes; none for none."""
    terms: list[str] = []
    end = 0
    for run in _RUNS.finditer(data):
        terms += _chunks(data[end : run.start()])
        size, unit, end = len(run[0]), run[1] or b"\0", run.end()
        terms.append(f"bytes({size})" if unit == b"\0" else f"{unit!r} * {size // len(unit)}")
    return terms + _chunks(data[end:])


def _chunks(data: bytes) -> list[str]:
    size = CHUNK if data.isascii() and data.decode("ascii").isprintable() else ESCAPED_CHUNK
    return [repr(data[at : at + size]) for at in range(0, len(data), size)]


def fields(rows: Iterable[Row], tokens: Sequence[Token]) -> list[str]:
    """The same, field by field: numbers in hex, and what was made of a token made of its name, its size too."""
    kept = list(rows)
    stated = next((row for row in kept if row.field == "token"), None)
    made = token_terms(stated.data, tokens) if stated else None
    terms: list[str] = []
    for row in kept:
        sized = _size(row, stated, made, tokens) if stated and row.field == "TokenSize" else ""
        if sized:
            terms.append(f"size({sized})")
        elif row is stated and made:
            terms += made
        elif row.value[:1] in ("", "'", '"', "b"):
            terms += _with_tokens(row.data, tokens)
        else:
            zeros = len(row.data) - len(row.data.lstrip(b"\0")) if len(row.data) > 8 else 0
            terms += [f"bytes({zeros})"] if zeros else []
            digits = "".join(f"\\x{byte:02x}" for byte in row.data[zeros:])
            if terms and terms[-1].startswith("b'\\x") and not zeros and row is not kept[0]:
                terms[-1] = f"{terms[-1][:-1]}{digits}'"  # numbers that follow each other
            elif digits:
                terms.append(f"b'{digits}'")
    return terms


def _size(row: Row, stated: Row, made: list[str] | None, tokens: Sequence[Token]) -> str:
    """Of what the size byte is the size; empty where it is not."""
    claimed = row.data[0] if row.data else -1
    if made and claimed == len(stated.data):
        return " + ".join(made)
    whole = (token.name for token in tokens if len(token.data) == claimed and token.data.startswith(stated.data))
    return next(whole, "") if stated.problem else ""


def token_terms(data: bytes, tokens: Sequence[Token]) -> list[str] | None:
    """How these bytes were made of one of the tokens, the first that fits: as it is, else changed a little."""
    for token in tokens:
        if data == token.data:
            return [token.name]
    for name, whole in tokens if data else ():
        if data == whole.swapcase():
            return [f"{name}.swapcase()"]
        if data.startswith(whole):
            return [name, *literal(data[len(whole) :])]
        if whole.startswith(data):
            return [f"{name}[:{len(data)}]" if len(data) < 4 else f"{name}[:-{len(whole) - len(data)}]"]
        if len(data) == len(whole) and sum(map(int.__ne__, data, whole)) == 1:
            at = next(at for at, (one, other) in enumerate(zip(data, whole, strict=True)) if one != other)
            at = at if at < len(data) - 1 else -1
            changed = f"bytes([{name}[{at}] ^ {data[at] ^ whole[at]}])"
            after = [] if at == -1 else [f"{name}[{at + 1}:]"]
            return [*([f"{name}[:{at}]"] if at else []), changed, *after]
    return None


def _with_tokens(data: bytes, tokens: Sequence[Token]) -> list[str]:
    for token in tokens:
        if len(token.data) >= SHORTEST and token.data in data:
            before, _, after = data.partition(token.data)
            return [*_with_tokens(before, tokens), token.name, *_with_tokens(after, tokens)]
    return literal(data)


def call(function: str, *arguments: str | list[str], width: int = 100) -> str:
    """A call of a function as lines of code; an argument that is a list is the sum of its terms."""
    sums = [argument if isinstance(argument, str) else " + ".join(argument) or 'b""' for argument in arguments]
    line = f"{function}({', '.join(sums)})"
    if len(line) <= width:
        return line
    lines = [f"{function}("]
    for argument in arguments:
        terms = [argument] if isinstance(argument, str) else argument
        current = f"    {terms[0]}"
        for term in terms[1:]:
            if len(current) + len(term) + 3 > width:
                lines.append(current)
                current = f"    + {term}"
            else:
                current += f" + {term}"
        lines.append(f"{current},")
    return "\n".join([*lines, ")"])
