"""The messages of a conversation field by field, as the layouts declare them, with what a finding hinges on marked."""

from typing import NamedTuple

from conformance.report.model import MessageRow
from conformance.trace.description import SEGMENTS, decoded, words
from conformance.trace.recording import BEFORE, KEEP_ALIVE, Step, StepKind, Steps, is_tcp
from conformance.trace.text import printable
from tcrp import Dialect
from tcrp.annotate import Row, format_rows, mark
from tcrp.decoding import Decoded, counted, decode, guess

MOST_MESSAGES = 60
FIRST_MESSAGES = 20
LONGEST_VALUE = 300


class Message(NamedTuple):
    """Bytes that belong together: segments of one direction up to the answer, or one datagram."""

    who: str
    does: StepKind
    data: bytes
    aside: bool
    times: int = 1


class Place(NamedTuple):
    """Where the decisive bytes lie: in which message, from which offset on."""

    number: int
    offset: int


def messages(steps: Steps, dialect: Dialect, decisive: bytes | None, at: int | None, problem: str) -> list[MessageRow]:
    """Every message in the form of `$defs/message` of report.schema.json, in the order in which they began.

    What made the shared rooms and what only kept members alive is left out, and so is what was said before word for
    word. `decisive`: the bytes that a finding hinges on, a message or a part of one; the message that holds them is
    marked, and if `at` is given, an offset in them, the row that holds it says `problem`. Bytes that nobody sent are a
    message of their own.
    """
    found = _gathered(steps)
    place = None if decisive is None else _place(found, decisive)
    rows: list[MessageRow] = []
    for number, message in enumerate(found):
        hinges = place is not None and number == place.number
        if not message.aside or hinges:
            offset = place.offset + at if place is not None and hinges and at is not None else None
            rows.append(_message(message, dialect, hinges, offset, problem))
    if len(rows) > MOST_MESSAGES:
        last = len(rows) - (MOST_MESSAGES - FIRST_MESSAGES)
        kept = [row for row in rows[FIRST_MESSAGES:last] if row["decisive"]]
        gap = counted(last - FIRST_MESSAGES - len(kept), "message")
        note: MessageRow = {"title": f"{gap} left out here", "decisive": False, "rows": []}
        rows = [*rows[:FIRST_MESSAGES], note, *kept, *rows[last:]]
    if decisive and place is None:
        rows.append(_own(decisive, dialect, at, problem))
    return rows


def format_message(message: MessageRow) -> list[str]:
    """The message as lines of text: its title, then a line a field, with `^^` under the byte that is wrong."""
    rows = tuple(
        Row(row["offset"], bytes.fromhex(row["bytes"]), row["field"], row["value"], row["problem"], row["at"])
        for row in message["rows"]
    )
    return [message["title"], *(format_rows(rows).splitlines() if rows else ())]


def _gathered(steps: Steps) -> list[Message]:
    """The messages in the order in which they began; what is said again word for word is counted where it was."""
    found: list[Message] = []
    current: dict[str, int] = {}
    for step in steps:
        if step.does not in SEGMENTS:
            continue
        number = current.get(step.who) if is_tcp(step.who) else None
        if number is not None and found[number].does is step.does:
            found[number] = found[number]._replace(data=found[number].data + step.data)
            continue
        current[step.who] = len(found)
        found.append(Message(step.who, step.does, step.data, _is_aside(step)))
    counts: dict[Message, int] = {}
    for message in found:
        counts[message] = counts.get(message, 0) + 1
    return [message._replace(times=times) for message, times in counts.items()]


def _is_aside(step: Step) -> bool:
    return step.note in (BEFORE, KEEP_ALIVE)


def _place(found: list[Message], decisive: bytes) -> Place | None:
    """The last message that is these bytes, or else begins with them, or else holds them."""
    holding = [Place(number, message.data.find(decisive)) for number, message in enumerate(found)]
    holding = [place for place in holding if place.offset >= 0 and (decisive or not found[place.number].data)]

    def fit(place: Place) -> tuple[bool, bool, bool, int]:
        message = found[place.number]
        return message.data == decisive, place.offset == 0, not message.aside, place.number

    return max(holding, key=fit, default=None)


def _message(message: Message, dialect: Dialect, hinges: bool, offset: int | None, problem: str) -> MessageRow:
    parts = decoded(message.who, message.does, message.data, dialect)
    way = "to the server" if message.does is StepKind.SEND else "from the server"
    times = f" ×{message.times}" if message.times > 1 else ""
    size = counted(len(message.data), "byte")
    title = f"{printable(message.who)} {way}{times}, {size}: {words(parts)}"
    return _as_dict(title, parts, hinges, offset, problem)


def _own(decisive: bytes, dialect: Dialect, at: int | None, problem: str) -> MessageRow:
    kind = guess(decisive).kind
    parts = list(decode(decisive, kind, dialect))
    noun = f"bytes that no single message holds, {counted(len(decisive), 'byte')}"
    return _as_dict(f"{noun}, as {kind}: {words(parts)}", parts, True, at, problem)


def _as_dict(title: str, parts: list[Decoded], hinges: bool, at: int | None, problem: str) -> MessageRow:
    rows = tuple(
        row._replace(offset=row.offset + part.offset, at=None if row.at is None else row.at + part.offset)
        for part in parts
        for row in part.rows
    )
    if at is not None:  # the finding goes before what decoding says about the same field
        holds = [row.offset <= at <= row.offset + len(row.data) for row in rows]
        freed = (row._replace(problem="", at=None) if held else row for row, held in zip(rows, holds, strict=True))
        rows = mark(tuple(freed), at, problem)
    return {
        "title": title,
        "decisive": hinges,
        "rows": [
            {
                "offset": row.offset,
                "bytes": row.data.hex(),
                "field": row.field,
                "value": row.value if len(row.value) <= LONGEST_VALUE else f"{row.value[:LONGEST_VALUE]}…",
                "problem": row.problem,
                "at": row.at,
            }
            for row in rows
        ],
    }
