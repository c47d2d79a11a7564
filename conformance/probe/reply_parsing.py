"""A reply of unknown form in its parts: frames, JSON values, texts or bytes; and what in it may be a token."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from conformance.probe.payloads import is_text, read_json

HEADER_SIZE = 32
LEAST_TOKEN = 8
"""Bytes of the shortest token that is found outside of JSON."""
MOST_TOKEN = 1024
_TOKEN_KEY = re.compile("token|session|uuid|secret|ticket|key$|^id$|_id$", re.IGNORECASE)
_NO_TOKEN_KEY = re.compile("message|error|msg|text|reason|detail|status|state|room|user|name", re.IGNORECASE)

PayloadKind = Literal["byte", "json", "text", "bytes", "nothing"]
SizeForm = Literal["binary", "digits", "digits-nul"]
"""How the 29 bytes of a header's size field are written: a big-endian number, digits with leading zeros, or digits and
NULs.
"""
CountForm = Literal["payload", "body"]
"""What a header's size field counts: the payload alone, or the room name too."""
RoomForm = Literal["echoed", "announced"]
"""Whether the room's bytes stand in the frame, or only their number in the header."""

SIZE_FORMS: tuple[SizeForm, ...] = ("binary", "digits", "digits-nul")
COUNT_FORMS: tuple[CountForm, ...] = ("payload", "body")
ROOM_FORMS: tuple[RoomForm, ...] = ("echoed", "announced")


class FrameForm(NamedTuple):
    """How the frames of a server are written. `characters`: the room's size counts characters, not bytes."""

    size: SizeForm = "binary"
    counts: CountForm = "payload"
    room: RoomForm = "echoed"
    characters: bool = False


@dataclass(frozen=True)
class ReplyPart:
    """One frame of a reply, or one part of an unframed reply. Unframed: `state` and `operation` are -1.

    `room_size`: the RoomNameSize in the header; `room`: the room's bytes, as far as they are there.
    """

    payload: bytes
    state: int = -1
    operation: int = -1
    room_size: int = 0
    room: bytes = b""

    @property
    def kind(self) -> PayloadKind:
        """What the payload is."""
        if not self.payload:
            return "nothing"
        if self.value is not None or self.payload == b"null":
            return "json"
        if len(self.payload) == 1:
            return "byte"
        return "text" if is_text(self.payload) else "bytes"

    @property
    def value(self) -> Any:
        """The JSON value that the payload is, or None. Bare digits are a text: they may be a token."""
        found = read_json(self.payload)
        return None if isinstance(found, int | float) and not isinstance(found, bool) else found

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object that the payload is, or an empty one."""
        value = self.value
        return value if isinstance(value, dict) else {}

    @property
    def text(self) -> str:
        """The payload as UTF-8, with `\\x00` in place of bytes that are none."""
        return self.payload.decode(errors="backslashreplace")


@dataclass(frozen=True)
class ParsedReply:
    """A reply in parts. `form` is None where it has no frames."""

    data: bytes
    parts: tuple[ReplyPart, ...] = ()
    form: FrameForm | None = None

    @property
    def framed(self) -> bool:
        """Whether it consists of frames."""
        return self.form is not None

    @property
    def last(self) -> ReplyPart:
        """The last part, or an empty one."""
        return self.parts[-1] if self.parts else ReplyPart(b"")


class TokenCandidate(NamedTuple):
    """What may be a token. `part`: the index of the part it stands in; `key`: its JSON key, or "" where it is the whole
    payload.
    """

    value: bytes
    part: int
    key: str


def parse_reply(data: bytes, room: str, pieces: Sequence[bytes] = ()) -> ParsedReply:
    """The reply to a request about this room, in parts. `pieces`: the reply as it was received, which parts an
    unframed reply where nothing else does.
    """
    forms = itertools.product(ROOM_FORMS, SIZE_FORMS, COUNT_FORMS, (False, True))
    for room_form, size, counts, characters in forms:
        form = FrameForm(size, counts, room_form, characters)
        if (parts := _frames(data, form, room)) is not None:
            return ParsedReply(data, parts, form)
    return ParsedReply(data, tuple(ReplyPart(part) for part in _unframed(data, pieces)))


def _frames(data: bytes, form: FrameForm, room: str) -> tuple[ReplyPart, ...] | None:
    parts: list[ReplyPart] = []
    name = room.encode()
    while data:
        if len(data) < HEADER_SIZE:
            return None
        number = _number(data[3:HEADER_SIZE], form.size)
        if number is None or number > MOST_TOKEN * 64:
            return None
        announced = data[0]
        there = 0 if form.room == "announced" else announced
        if form.characters:
            if announced != len(room) or announced == len(name):
                return None
            there = 0 if form.room == "announced" else len(name)
        if form.counts == "body":
            number -= announced
        end = HEADER_SIZE + there + number
        if number < 0 or end > len(data):
            return None
        found = data[HEADER_SIZE : HEADER_SIZE + there]
        if there and found != name:
            return None
        parts.append(ReplyPart(data[HEADER_SIZE + there : end], data[2], data[1], announced, found))
        data = data[end:]
    return tuple(parts) or None


def _number(data: bytes, form: SizeForm) -> int | None:
    if form == "binary":
        number = int.from_bytes(data, "big")
        return number if number < 1 << 29 else None
    digits = data.rstrip(b"\0") if form == "digits-nul" else data
    if not digits.isdigit() or (form == "digits-nul" and digits == data):
        return None
    return int(digits)


def _unframed(data: bytes, pieces: Sequence[bytes]) -> Iterator[bytes]:
    """The parts: JSON values one after another; or a status byte and the rest; or the two pieces; or all of it."""
    while data[:1] in (b"{", b"["):
        end = _end_of_json(data)
        if end is None:
            break
        yield data[:end]
        data = data[end:]
        pieces = ()
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


def find_tokens(reply: ParsedReply) -> list[TokenCandidate]:
    """What may be a token in the reply, the likeliest first. An empty list: the reply looks like a refusal."""
    found: list[tuple[int, TokenCandidate]] = []
    for index in reversed(range(len(reply.parts))):
        part = reply.parts[index]
        for key, value in part.fields.items():
            text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
            if isinstance(value, bool) or not 1 <= len(text.encode()) <= MOST_TOKEN:
                continue
            if _TOKEN_KEY.search(key):
                found.append((0, TokenCandidate(text.encode(), index, key)))
            elif isinstance(value, str) and not _NO_TOKEN_KEY.search(key) and _looks_random(text.encode()):
                found.append((1, TokenCandidate(text.encode(), index, key)))
        bare = part.value.encode() if isinstance(part.value, str) else part.payload
        if (bare is not part.payload or part.kind in ("text", "bytes")) and _looks_random(bare):
            found.append((1, TokenCandidate(part.payload, index, "")))
    return [token for _, token in sorted(found, key=lambda one: one[0])]


def _looks_random(data: bytes) -> bool:
    """Whether it has no spaces and is no word: a refusal is written in words."""
    if not LEAST_TOKEN <= len(data) <= MOST_TOKEN:
        return False
    if not is_text(data):
        return b"\0" * 8 not in data and not data.startswith((b"\x16\x03", b"\x15\x03", b"SSH-"))
    text = data.decode()
    return text.isascii() and not any(c.isspace() for c in text) and not text.isalpha() and "HTTP/" not in text
