"""What a good reply looks like: its frames, and the token in it."""

import re

from conformance.probe.notebook import Sure, shown
from conformance.probe.questions.requests.asking import AnsweredRequest, Requester, TokenExample

_ALPHABETS = (
    ("uuid", re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)),
    ("decimal", re.compile(rb"\d+")),
    ("hex", re.compile(rb"[0-9a-fA-F]+")),
    ("base64url", re.compile(rb"[\w+/=-]+")),
)
_TEXT = re.compile(rb"[\x20-\x7e]+")
MOST_SIZE = 255
"""Bytes of the longest token that a datagram and a dialect file can hold."""


def learn_framing(requester: Requester, join: AnsweredRequest | None, wide: AnsweredRequest | None) -> None:
    """Learn how replies are framed. Needs an example.

    `join`: the reply to a JOIN; `wide`: the reply to a CREATE of a room whose name has fewer characters than bytes.
    """
    example, notes = requester.facts.example, requester.notes
    assert example is not None
    good = example.first
    reply, exchange = good.reply, good.exchange
    notes.learn("reply.framing", "header" if reply.framed else "none",
                "it parses as frames to its end" if reply.framed else "the answer has no header", good.got)  # fmt: skip
    notes.learn("reply.steps", min(2, len(reply.parts)), f"{len(reply.parts)} in the answer", good.got)
    if exchange.closed or exchange.closed_after_port:
        notes.learn("reply.closes", "server", "it closed after the answer")
    else:
        why = f"it was still open {exchange.waited:.1f} s after the answer"
        notes.learn("reply.closes", "client", why, sure=Sure.LIKELY)
    if len(reply.parts) > 2:
        notes.remark(f"the answer has {len(reply.parts)} parts, a dialect file knows two")
    if reply.framed:
        _learn_frames(requester, good, join, wide)


def _learn_frames(
    requester: Requester, good: AnsweredRequest, join: AnsweredRequest | None, wide: AnsweredRequest | None
) -> None:
    notes, shape = requester.notes, requester.facts.shape
    first, last, form = good.reply.parts[0], good.reply.last, good.reply.form
    assert form is not None
    if len(good.reply.parts) == 2:
        notes.learn("reply.ack-state", first.state, "State of the first frame", good.got)
    notes.learn("reply.token-state", last.state, "State of the frame with the token", good.got)
    absent = last.room_size == 0
    presence = "absent" if absent else "announced" if form.room == "announced" else "echoed"
    notes.learn("reply.room", presence, f"RoomNameSize {last.room_size} for a name of {len(good.room)} bytes", good.got)
    joined = join.reply.last.operation if join is not None and join.reply.parts else None
    if last.operation == shape.create and joined in (None, shape.join):
        notes.learn("reply.operation", "echoed", "as in the request, of JOIN too" if join else "as in the request",
                    good.got, sure=Sure.SURE if joined is not None else Sure.LIKELY)  # fmt: skip
    else:
        notes.learn("reply.operation", last.operation, "the same in every answer", good.got)
    if wide is not None and wide.reply.parts and wide.reply.framed and not absent:
        size = wide.reply.last.room_size
        unit = "characters" if size == len(wide.room) else "bytes"
        why = f"RoomNameSize {size} for a name of {len(wide.room)} characters and {len(wide.room.encode())} bytes"
        notes.learn("reply.room-size", unit, why, wide.got)


def learn_token(requester: Requester) -> None:
    """Learn what tokens look like. Needs an example."""
    example, notes = requester.facts.example, requester.notes
    assert example is not None
    place = example.place
    values = _tokens_of(requester, example)
    why = "what differs in the answers to two CREATEs" if len(set(values)) > 1 else "what the answer holds"
    payload = example.first.reply.parts[place.part].payload
    if place.key:
        notes.learn("token.form", "json", why, payload)
        notes.learn("token.key", place.key, why, payload)
    else:
        notes.learn("token.form", "raw", why, payload)
    alphabet = next((name for name, form in _ALPHABETS if all(form.fullmatch(value) for value in values)), None)
    sizes = sorted(set(map(len, values)))
    if len(sizes) > 1 and alphabet == "uuid":
        alphabet = "base64url"
    told = alphabet or ("base64url" if all(map(_TEXT.fullmatch, values)) else "bytes")
    notes.learn("token.alphabet", told, "of the characters in it", values[0])
    if alphabet is None and told != "bytes":
        notes.doubt("token.alphabet", "it holds characters of no alphabet that a dialect file knows")
    if sizes[-1] <= MOST_SIZE:
        notes.learn("token.size", sizes[-1], "bytes of it", values[0])
    seen = f"{' and '.join(map(str, sizes[:4]))}{' and others' if len(sizes) > 4 else ''} bytes"
    if sizes[-1] > MOST_SIZE:
        notes.doubt("token", f"what came in its place has {seen}, more than a token can have")
    elif len(sizes) > 1:
        notes.doubt("token.size", f"it varies: {seen}")
    if not example.first.reply.framed and not place.key:
        fixed = len(sizes) == 1 and sizes[0] <= MOST_SIZE
        notes.learn("token.ends", "size" if fixed else "pause", f"sizes seen: {seen}", sure=Sure.LIKELY)
    if example.constant:
        notes.remark(f"every answer holds the same token, {shown(place.value)}")


def _tokens_of(requester: Requester, example: TokenExample) -> list[bytes]:
    """All tokens that came: of the example, and of other users and rooms with names of other lengths.

    The example's second one is missing where that reply is not built as the first.
    """
    second = example.second
    found = requester.token_in(second.got, second.room, second.exchange.pieces)
    return [example.place.value, *([found] if found else []), *requester.tokens]
