"""What a probe found, and the lines that say so on the screen."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.outcome.verdicts import Exit
from conformance.probe.dialect_file import toml
from conformance.probe.notebook import Notebook, Sure, plain, shown
from conformance.probe.payloads import what_it_looks_like
from conformance.probe.questions.built_in import Compared
from conformance.probe.questions.chat.talk import ChatFacts
from conformance.probe.questions.requests.asking import AnsweredRequest
from conformance.probe.verifying import Verified
from conformance.probe.wire.server import Killer
from conformance.probe.wire.tcp import RawExchange
from conformance.probe.wire.wire import Wire
from tcrp import Dialect
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import Settings

WIDTH = 112
"""Columns of the table of settings."""
LABEL_WIDTH = 16
MOST_DIFFERENCES = 4
"""How many differences to the nearest built-in dialect are shown."""
MOST_BYTES = 128
"""How many bytes of an answer that cannot be read are shown."""


@dataclass
class Probed:
    """What a probe found. `dialect` is None if nothing was understood.

    `name`: a built-in dialect's; else `toml` is the text of a dialect file. `part`: what does not work, in words;
    `died`: the server did, and after what; `killers`: all that it did not survive, oldest first; `exchanges`: every
    request with its answer. `lines`: all of it, for a person; `seconds`: how long it took.
    """

    dialect: Dialect | None = None
    name: str | None = None
    toml: str | None = None
    part: str = ""
    died: str | None = None
    killers: list[Killer] = field(default_factory=list)
    exchanges: list[RawExchange] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    notes: Notebook = field(default_factory=Notebook)
    seconds: float = 0.0

    @property
    def code(self) -> Exit:
        """The exit code of `tcrp-conformance probe`."""
        if self.died is not None:
            return Exit.DIED
        return Exit.FAILED if self.dialect is None else Exit.CONFORMS


class ResultWriter:
    """Fills in the result of a probe: each method is one of its endings, and returns the result."""

    def __init__(self, wire: Wire, result: Probed, chat: ChatFacts) -> None:
        self._wire = wire
        self._chat = chat
        self._result = result
        self._notes = result.notes

    def built_in(self, dialect: Dialect, verified: Verified) -> Probed:
        """The server speaks a built-in dialect."""
        self._result.dialect, self._result.name = dialect, dialect.name
        self._result.lines = [f"dialect: {dialect.name}; {verified}", *_table(self._notes), *self._rest()]
        return self._result

    def described(self, settings: Settings, verified: Verified, near: Compared | None) -> Probed:
        """The server speaks a dialect of its own. `near`: the nearest built-in one."""
        result = self._result
        head = [
            f"How the server at {self._wire.server.target.endpoint} talks, as far as it could be asked.", str(verified),
        ]  # fmt: skip
        if self._chat.missing:
            head.append(f"Chat is not described: {self._chat.missing}.")
        result.dialect = Framed(settings)
        result.toml = toml(self._notes, settings, head)
        result.part = self._chat.missing or verified.failed
        result.lines = [
            f"dialect: a file of its own; {verified}", *_nearest(near), *_table(self._notes), *self._rest(),
        ]  # fmt: skip
        return result

    def half_understood(self, good: AnsweredRequest, verified: Verified) -> Probed:
        """What looks like a token is none, or leads to nothing. `good`: the reply with it."""
        result = self.nothing(f"a CREATE got what looks like a token, and yet: {verified.failed}")
        result.lines += [*_table(self._notes), *self._rest(), *_unreadable(good)]
        return result

    def not_understood(self, first_unread: AnsweredRequest | None) -> Probed:
        """No request got a token. `first_unread`: the first reply of all, if any came."""
        if first_unread is None:
            exchanges = self._wire.tcp.exchanges
            closed = sum(one.closed for one in exchanges)
            how = "closed without an answer" if closed * 2 > len(exchanges) else "not answered"
            return self.nothing(f"{len(exchanges)} requests of different kinds were {how}")
        result = self.nothing("no request got a token; the first answer")
        result.lines += _unreadable(first_unread)
        return result

    def nothing(self, why: str) -> Probed:
        """No dialect was found."""
        self._result.lines = [f"no dialect: {why}", *self._killers()]
        return self._result

    def gone(self, why: str, first_unread: AnsweredRequest | None = None) -> Probed:
        """The server died before anything was found. `first_unread`: the first reply of all, if any came."""
        self._wire.server.died = why
        result = self.nothing(f"the server died: {why}")
        result.lines += _unreadable(first_unread) if first_unread is not None else ()
        return result

    def _rest(self) -> Iterator[str]:
        """What the table does not say."""
        reasons: dict[str, list[str]] = {}
        for key, why in self._notes.not_learnt.items():
            reasons.setdefault(why, []).append(key)
        for why, keys in reasons.items():
            yield f"  not learnt  {', '.join(keys)}: {why}"
        for remark in self._notes.remarks:
            yield f"  also seen   {remark}"
        if self._chat.missing:
            yield f"  in part     {self._chat.missing}"
        yield from self._killers()
        if self._wire.server.died is not None:
            yield f"  the server died: {self._wire.server.died}"

    def _killers(self) -> Iterator[str]:
        for killer in dict.fromkeys(self._wire.server.killers):
            yield f"  ended by    {killer}"


def _table(notes: Notebook) -> Iterator[str]:
    """The settings, a paragraph for each table of the dialect file. `?`: likely, `??`: assumed."""
    rows: dict[str, list[str]] = {}
    for key, learnt in notes.learnt.items():
        head, _, rest = key.partition(".")
        mark = "" if learnt.sure is Sure.SURE else "?" if learnt.sure is Sure.LIKELY else "??"
        rows.setdefault(head, []).append(f"{rest} {plain(learnt.value)}{mark}")
    for head, items in rows.items():
        lines = textwrap.wrap(" · ".join(items), WIDTH - LABEL_WIDTH, break_on_hyphens=False)
        for number, line in enumerate(lines):
            yield f"  {head if not number else '':<{LABEL_WIDTH - 2}}{line}"


def _nearest(near: Compared | None) -> Iterator[str]:
    if near is None:
        return
    found = near.differences
    if not found:
        yield f"  all that was learnt is as in {near.dialect.name}"
        return
    rest = f" and {len(found) - MOST_DIFFERENCES} more" if len(found) > MOST_DIFFERENCES else ""
    yield f"  nearest: {near.dialect.name}, but {'; '.join(found[:MOST_DIFFERENCES])}{rest}"


def _unreadable(answered: AnsweredRequest) -> Iterator[str]:
    """A reply without a token that is known, beside the request."""
    if answered.reply.framed:
        frames = "; ".join(f"State {part.state}, payload {shown(part.payload)!r}" for part in answered.reply.parts)
        yield f"  it answers with frames: {frames}"
    else:
        yield f"  {what_it_looks_like(answered.got)}:"
    yield from _hex("sent", answered.sent)
    yield from _hex("came", answered.got)


def _hex(name: str, data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), MOST_BYTES), 16):
        part = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"    {name if not start else '':<5} {start:4}  {part.hex(' '):<47}  {text}"
    if len(data) > MOST_BYTES:
        yield f"          ...   {len(data)} bytes"
