"""A conversation as a ladder: who sent what to whom, and when, one line a message.

         ms  client    server
        0.0  tcp 1   ─────▶    77 B  CREATE REQUEST: room 'room-1', user 'alicia'
        1.2  tcp 1   ◀─────    47 B  CREATE ACK: status 0 OK

A part that a client said before and that is the same again, a room or a token, is not repeated.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from conformance.trace.description import (
    SEGMENTS,
    SETTLED,
    decoded,
    in_short,
    joined,
    listed,
    parted,
    runs,
    without_keep_alives,
    words,
)
from conformance.trace.recording import Step, StepKind, Steps, is_tcp
from conformance.trace.text import printable
from tcrp import Dialect, dialects
from tcrp.decoding import Decoded

MOST_LINES = 24
FIRST_LINES = 8
NAME_WIDTH = 12
MOST_CUTS = 6

TO_SERVER, FROM_SERVER, NO_ARROW = "─────▶", "◀─────", " " * 6
REPEATED = ("room", "token")

_DOES = {
    StepKind.HALF_CLOSE: (TO_SERVER, "half-closes: no more bytes follow"),
    StepKind.RESET: (TO_SERVER, "resets the connection"),
    StepKind.CLOSE: (TO_SERVER, "closes"),
    StepKind.CONNECT: (TO_SERVER, "connects"),
    StepKind.OPEN: (NO_ARROW, "opens a UDP socket"),
    StepKind.END: (FROM_SERVER, "closed by the server"),
    StepKind.WAIT: (NO_ARROW, "nothing comes"),
    StepKind.TOKEN: (NO_ARROW, "takes this for the token"),
    StepKind.NOTE: (NO_ARROW, ""),
}


class Line(NamedTuple):
    """One line. `at`: seconds; `key`: what makes it equal to another."""

    at: float
    who: str
    arrow: str
    size: str
    text: str
    key: object


def ladder(steps: Steps, *, width: int = 100, dialect: Dialect | None = None) -> list[str]:
    """The conversation as lines of at most `width` columns; a long one keeps its beginning and its end."""
    before, shown = parted(without_keep_alives(steps))
    shown = in_short(shown)
    writer = _Writer(dialect or dialects.get())
    folded = _folded([line for run in runs(_worth_showing(shown, writer.dialect)) for line in writer.lines(run)])
    began = folded[0][0].at if folded else 0.0
    column = min(NAME_WIDTH, max((cell_len(printable(line.who)) for line, _ in folded), default=0))
    column = max(column, len("client"))
    lines = [f"{'ms':>7}  {'client':<{column}}  {'':6}  server"]
    if before:
        lines.append(_fit(f"before: {_before(before, writer.dialect)}", width))
    rows = [_format(line, count, began, column, width) for line, count in folded]
    if len(rows) > MOST_LINES:
        last = MOST_LINES - FIRST_LINES - 1
        left_out = f"{'⋮':>7}  {len(rows) - FIRST_LINES - last} lines are left out"
        rows = [*rows[:FIRST_LINES], left_out, *rows[-last:]]
    return [*lines, *rows]


def _worth_showing(steps: Steps, dialect: Dialect) -> Iterator[Step]:
    """Without what goes without saying: connecting before sending, closing once all is said."""
    heard: set[str] = set()
    usual = next((step.local for step in steps if step.does is StepKind.OPEN), "")
    last = max((number for number, step in enumerate(steps) if step.does is not StepKind.CLOSE), default=0)
    for number, step in enumerate(steps[: last + 1]):
        following = next((later.does for later in steps[number + 1 :] if later.who == step.who), None)
        if step.does in (StepKind.HEAR, StepKind.END):
            heard.add(step.who)
        if (
            (step.does is StepKind.CONNECT and following is StepKind.SEND and not step.local)
            or (step.does is StepKind.OPEN and (not step.local or (step.local == usual and usual[0] != "=")))
            or (step.does is StepKind.CLOSE and is_tcp(step.who) and step.who in heard)
            or (step.does is StepKind.TOKEN and dialect.can.frames)
        ):
            continue
        yield step


class _Writer:
    """Remembers what each has said already, and what of a message is still to come."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._known: dict[str, dict[str, str]] = {}
        self._pending: dict[tuple[str, StepKind], bytes] = {}

    def lines(self, run: Sequence[Step]) -> Iterator[Line]:
        first = run[0]
        if first.does not in SEGMENTS:
            arrow, text = _DOES[first.does]
            yield Line(first.at, first.who, arrow, "", _other(first, text), (first.who, first.does, first.note))
            return
        part: list[Step] = []
        for step in run:
            part.append(step)
            if step is run[-1] or all(one.whole for one in self._decoded(part)):
                yield self._message(part)
                part = []

    def _decoded(self, part: Sequence[Step]) -> list[Decoded]:
        """What the part says, together with what came before and was not whole."""
        pending = self._pending.get((part[0].who, part[0].does), b"")
        return decoded(part[0].who, part[0].does, pending + joined(part), self.dialect)

    def _message(self, part: Sequence[Step]) -> Line:
        who, does, data = part[0].who, part[0].does, joined(part)
        found = self._decoded(part)
        known = self._known.setdefault(who, {})
        text = words(found, known)
        for said in (one.summary for one in found if one.summary is not None):
            known.update((name, value) for name, value in said.parts if name in REPEATED)
        pending = self._pending.pop((who, does), b"")
        if pending:
            text = f"the rest: {text}"
        if is_tcp(who) and not all(one.whole for one in found):
            self._pending[who, does] = pending + data
        if does is StepKind.SEND and len(part) > 1:
            text = f"{_cuts(part)}: {text}"
        if part[0].note:
            text = f"{'from ' if does is StepKind.HEAR else ''}{printable(part[0].note)}: {text}"
        arrow = TO_SERVER if does is StepKind.SEND else FROM_SERVER
        return Line(part[0].at, who, arrow, f"{len(data)} B", text, (who, does, data, part[0].note))


def _other(step: Step, text: str) -> str:
    note = printable(step.note)
    if step.does is StepKind.NOTE and step.who == SETTLED:
        return f"{note} register until each hears the others"
    match step.does:
        case StepKind.WAIT:
            return f"{text} for {note}" if note else text
        case StepKind.END:
            return "reset by the server" if note == "reset" else text
        case StepKind.TOKEN:
            return f"{text}: {step.data[:6]!r}…"
        case StepKind.CONNECT | StepKind.OPEN if step.local:
            return f"{text} from {step.local.replace('=', 'the port of ')}"
    return f"{text} ({note})" if text and note else text or note


def _cuts(part: Sequence[Step]) -> str:
    """Where the segments begin."""
    cuts, end = [], 0
    for step in part[:-1]:
        end += len(step.data)
        cuts.append(str(end))
    if len(cuts) > MOST_CUTS:
        return f"cut at {', '.join(cuts[: MOST_CUTS // 2])}, … {cuts[-1]}"
    return f"cut at {', '.join(cuts)}"


def _folded(lines: list[Line]) -> list[tuple[Line, int]]:
    """Equal lines that follow each other, counted."""
    folded: list[tuple[Line, int]] = []
    for line in lines:
        if folded and folded[-1][0].key == line.key:
            folded[-1] = (folded[-1][0], folded[-1][1] + 1)
        else:
            folded.append((line, 1))
    return folded


def _before(steps: Steps, dialect: Dialect) -> str:
    """Who is in which room."""
    rooms: dict[str, list[str]] = {}
    for step in steps:
        if step.does is StepKind.SEND and not is_tcp(step.who):
            said = decoded(step.who, step.does, step.data, dialect)[0].summary
            members = rooms.setdefault(f" in room {dict(said.parts).get('room', '?')}" if said else "", [])
            if printable(step.who) not in members:
                members.append(printable(step.who))
    return ", ".join(f"{listed(members)}{room}" for room, members in rooms.items()) or f"{len(steps)} steps"


def _format(line: Line, count: int, began: float, column: int, width: int) -> str:
    who = _fit(printable(line.who), column)
    who += " " * (column - cell_len(who))
    text = f"×{count} {line.text}" if count > 1 else line.text
    return _fit(f"{(line.at - began) * 1000:7.1f}  {who}  {line.arrow}  {line.size:>6}  {text}", width)


def _fit(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
