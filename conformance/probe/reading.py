"""What an unknown answer looks like: frames, JSON, words or bytes; and what in it may be a token."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

HEADER = 32
LEAST_TOKEN = 8
MOST_TOKEN = 1024
_TOKEN_KEY = re.compile("token|session|uuid|secret|ticket|key$|^id$|_id$", re.IGNORECASE)
_NO_TOKEN_KEY = re.compile("message|error|msg|text|reason|detail|status|state|room|user|name", re.IGNORECASE)

Kind = Literal["byte", "json", "text", "bytes", "nothing"]


class How(NamedTuple):
    """How frames are to be read. `room`: whether the room's bytes are there, or are only announced."""

    size: Literal["binary", "digits", "digits-nul"] = "binary"
    counts: Literal["payload", "body"] = "payload"
    room: Literal["echoed", "announced"] = "echoed"
    characters: bool = False


@dataclass(frozen=True)
class Part:
    """One frame, or one part of an unframed answer. Unframed: `state` and `operation` are -1."""

    payload: bytes
    state: int = -1
    operation: int = -1
    room_size: int = 0
    room: bytes = b""

    @property
    def kind(self) -> Kind:
        if not self.payload:
            return "nothing"
        if self.value is not None or self.payload == b"null":
            return "json"
        if len(self.payload) == 1:
            return "byte"
        return "text" if is_text(self.payload) else "bytes"

    @property
    def value(self) -> Any:
        """The JSON value that the payload is; None for none. Bare digits are text: a token may be some."""
        found = read_json(self.payload)
        return None if isinstance(found, int | float) and not isinstance(found, bool) else found

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object that the payload is, or an empty one."""
        value = self.value
        return value if isinstance(value, dict) else {}

    @property
    def text(self) -> str:
        return self.payload.decode(errors="backslashreplace")


@dataclass(frozen=True)
class Reply:
    """An answer in parts. `how` is None where it has no frames. `whole`: nothing is left over."""

    data: bytes
    parts: tuple[Part, ...] = ()
    how: How | None = None
    whole: bool = True

    @property
    def framed(self) -> bool:
        return self.how is not None

    @property
    def last(self) -> Part:
        return self.parts[-1] if self.parts else Part(b"")


class Token(NamedTuple):
    """A token as it stands in an answer: in which part, under which JSON key ("" where it is the payload)."""

    value: bytes
    part: int
    key: str


def read(data: bytes, room: str, pieces: list[bytes] | None = None) -> Reply:
    """The answer to a request about this room, in parts. `pieces`: as they came, a hint where nothing else parts it."""
    ways = itertools.product(
        ("echoed", "announced"), ("binary", "digits", "digits-nul"), ("payload", "body"), (False, True)
    )
    for presence, size, counts, characters in ways:
        how = How(size, counts, presence, characters)  # type: ignore[arg-type]
        if (parts := _frames(data, how, room)) is not None:
            return Reply(data, parts, how)
    return Reply(data, tuple(Part(part) for part in _unframed(data, pieces or [])))


def _frames(data: bytes, how: How, room: str) -> tuple[Part, ...] | None:
    parts: list[Part] = []
    name = room.encode()
    while data:
        if len(data) < HEADER:
            return None
        number = _number(data[3:HEADER], how.size)
        if number is None or number > MOST_TOKEN * 64:
            return None
        announced = data[0]
        there = 0 if how.room == "announced" else announced
        if how.characters:
            if announced != len(room) or announced == len(name):
                return None
            there = 0 if how.room == "announced" else len(name)
        if how.counts == "body":
            number -= announced
        end = HEADER + there + number
        if number < 0 or end > len(data):
            return None
        found = data[HEADER : HEADER + there]
        if there and found != name:
            return None
        parts.append(Part(data[HEADER + there : end], data[2], data[1], announced, found))
        data = data[end:]
    return tuple(parts) or None


def _number(data: bytes, form: str) -> int | None:
    if form == "binary":
        number = int.from_bytes(data, "big")
        return number if number < 1 << 29 else None
    digits = data.rstrip(b"\0") if form == "digits-nul" else data
    if not digits.isdigit() or (form == "digits-nul" and digits == data):
        return None
    return int(digits)


def _unframed(data: bytes, pieces: list[bytes]) -> Iterator[bytes]:
    """JSON values one after another; or a status byte and the rest; or as the segments came; or all of it."""
    while data[:1] in (b"{", b"["):
        end = _end_of_json(data)
        if end is None:
            break
        yield data[:end]
        data = data[end:]
        pieces = []
    if not data:
        return
    if len(data) > LEAST_TOKEN and data[0] < 32 and is_text(data[1:]):
        yield data[:1]
        data = data[1:]
    elif len(pieces) == 2 and len(pieces[0]) < 64 and b"".join(pieces) == data:
        yield from pieces
        return
    yield data


def _end_of_json(data: bytes) -> int | None:
    try:
        text = data.decode()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return len(text[:end].encode())


def read_json(data: bytes) -> Any:
    """The JSON value that the bytes are, or None."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def is_text(data: bytes) -> bool:
    """Whether the bytes are words that can be printed."""
    try:
        return all(c.isprintable() or c in "\r\n\t" for c in data.decode())
    except UnicodeDecodeError:
        return False


def tokens(reply: Reply) -> list[Token]:
    """What may be a token in the answer, the likeliest first; an empty list: it is no good one, as far as one sees."""
    found: list[tuple[int, Token]] = []
    for index in reversed(range(len(reply.parts))):
        part = reply.parts[index]
        for key, value in part.fields.items():
            text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
            if isinstance(value, bool) or not 1 <= len(text.encode()) <= MOST_TOKEN:
                continue
            if _TOKEN_KEY.search(key):
                found.append((0, Token(text.encode(), index, key)))
            elif isinstance(value, str) and not _NO_TOKEN_KEY.search(key) and _looks_random(text.encode()):
                found.append((1, Token(text.encode(), index, key)))
        bare = part.value.encode() if isinstance(part.value, str) else part.payload
        if (bare is not part.payload or part.kind in ("text", "bytes")) and _looks_random(bare):
            found.append((1, Token(part.payload, index, "")))
    return [token for _, token in sorted(found, key=lambda one: one[0])]


def _looks_random(data: bytes) -> bool:
    """No spaces, not a word: what refuses is written in words."""
    if not LEAST_TOKEN <= len(data) <= MOST_TOKEN:
        return False
    if not is_text(data):
        return b"\0" * 8 not in data and not data.startswith((b"\x16\x03", b"\x15\x03", b"SSH-"))
    text = data.decode()
    return text.isascii() and not any(c.isspace() for c in text) and not text.isalpha() and "HTTP/" not in text


def template(text: str, *, room: str, users: tuple[str, ...] = (), message: str | None = None) -> str:
    """The text with places for what is known to stand in it."""
    for user in sorted(users, key=len, reverse=True):
        text = text.replace(user, "{user}")
    text = text.replace(room, "{room}") if room else text
    return text.replace(message, "{message}") if message else text


def what_it_looks_like(data: bytes) -> str:
    """Another protocol's banner, or what can be said of bytes that nobody here can read."""
    if data.startswith(b"HTTP/") or b"HTTP/1." in data[:200]:
        return "it answers as an HTTP server does"
    if data.startswith((b"\x15\x03", b"\x16\x03")):
        return "it answers with a TLS record: the connection is to be encrypted"
    if data.startswith(b"SSH-"):
        return "it answers as an SSH server does"
    if data[:4].isdigit() and data[3:4] in b" -":
        return "it answers with a three-digit code, as mail and FTP servers do"
    if is_text(data):
        return "it answers in words"
    return "it answers with bytes that are no frame, no JSON and no text: encrypted, or another protocol"
