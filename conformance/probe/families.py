"""The built-in dialects as questions: does the server speak this one, and do the answers that were learnt fit it?"""

from collections.abc import Iterator

from conformance.probe.conversations import Died, Line
from conformance.probe.learning import Notebook, answer, differences, plain
from conformance.probe.verifying import Verified, verify
from tcrp import Dialect
from tcrp.dialects import DEFAULT, get, names
from tcrp.dialects.answers import Answers
from tcrp.errors import ProtocolError

_OPEN = (
    "reply.bad-payload", "reply.bad-header", "reply.refusal-state", "reply.malformed-state", "chat.utf8-only",
    "notices.", "status.form", "chat.leave-relayed",
)  # fmt: skip
"""What the canonical dialect leaves to the server, or says by code."""


def unlike(notes: Notebook, dialect: Dialect) -> list[str] | None:
    """Where a built-in dialect's answers are not what was learnt; None: it has no answers to compare."""
    answers = getattr(dialect, "answers", None)
    if isinstance(answers, Answers):
        return differences(notes, answers)
    if dialect.name != DEFAULT:
        return None
    found = [one for one in differences(notes, Answers(name=DEFAULT)) if not one.startswith(_OPEN)]
    mark = notes.value("notices.closed-mark")
    told = notes.value("notices.host-left")
    if told is not None and mark != "\x04":
        what = "nobody is told" if told.to == "nobody" else f"the notice begins {plain(told.text[:1])}"
        found.append(f"notices.host-left: {what}, there '\\x04' begins it")
    return found


def nearest(notes: Notebook) -> tuple[Dialect, list[str]] | None:
    """The built-in dialect with the fewest differences to what was learnt."""
    compared = [(dialect, found) for dialect in map(get, names()) if (found := unlike(notes, dialect)) is not None]
    return min(compared, key=lambda one: (len(one[1]), one[0].name != DEFAULT), default=None)


def spoken(line: Line, *, tcp: bool) -> Iterator[tuple[Dialect, Verified]]:
    """Hold the plain conversation of every built-in dialect that is code, on TCP or without it."""
    for dialect in map(get, names()):
        if (
            dialect.can.tcp is not tcp
            or dialect.name == DEFAULT
            or isinstance(getattr(dialect, "answers", None), Answers)
        ):
            continue
        line.tell(f"does it speak {dialect.name}?")
        try:
            yield dialect, verify(line, dialect)
        except (Died, ProtocolError):
            if not line.target.owned:
                raise
            line.renew()


__all__ = ["answer", "nearest", "spoken", "unlike"]
