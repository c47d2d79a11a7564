"""What a probe has to say: lines for the screen, and a dialect file with the evidence above every key."""

import re
import textwrap
from collections.abc import Iterator

from conformance.probe.conversations import Line
from conformance.probe.learning import Notebook, Sure, plain, shown
from conformance.probe.reading import Reply, what_it_looks_like
from tcrp.dialects import file
from tcrp.dialects.answers import Answers
from tcrp.dialects.file import DialectFileError

WIDTH = 112
_ROW = 16
MOST_LEFT_OUT = 10
_NEVER = {
    "idle.seconds": "idle times are longer than a probe",
    "idle.counts": "idle times are longer than a probe",
    "notices.idle": "idle times are longer than a probe",
    "notices.host-idle": "idle times are longer than a probe",
    "notices.stopped": "the server was not stopped",
    "notices.unreachable": "nobody was made unreachable",
}


def toml(notes: Notebook, answers: Answers, head: list[str]) -> str:
    """The dialect file. What does not go together is left as in the canonical dialect, and said."""
    comments = notes.comments()
    about = [*head, *(f"not in this file: {remark}" for remark in notes.remarks)]
    about += [f"{key} is assumed: {why}" for key, why in _NEVER.items() if key not in notes.learnt]
    comments[""] = _wrapped(about)
    wrapped = {key: _wrapped([text]) for key, text in comments.items() if key}
    return file.dumps(answers, {"": comments[""], **wrapped})


def _wrapped(lines: list[str]) -> str:
    out: list[str] = []
    for line in lines:
        clean = "".join(c if c.isprintable() else " " for c in line)
        out += textwrap.wrap(clean, WIDTH, break_on_hyphens=False) or [""]
    return "\n".join(out)


def checked(notes: Notebook, answers: Answers) -> tuple[Answers, list[str]]:
    """The answers as a file can hold them, and what was in the way."""
    problems: list[str] = []
    while True:
        try:
            return file.loads(file.dumps(answers), f"{answers.name}.toml"), problems
        except DialectFileError as error:
            problem = str(error)
            problems.append(problem)
            for key in _in_the_way(notes, problem, len(problems)):
                del notes.learnt[key]
                notes.remark(f"{key} is left out: {problem}")
            answers = notes.answers(answers.name, answers.ports.tcp or None, answers.ports.udp)


def _in_the_way(notes: Notebook, problem: str, number: int) -> list[str]:
    """The keys to leave out: the one that is named; else, where what is in the way was not learnt, all of its table;
    and all there are where that does not help.
    """
    named = [key for key in sorted(notes.learnt, key=len, reverse=True) if key in problem]
    tables = re.findall(r"\b([a-z]+)\.[a-z]", problem.partition(": ")[2])
    inside = [key for key in notes.learnt if key.partition(".")[0] in tables]
    every = list(notes.learnt)
    return every if number > MOST_LEFT_OUT else named[:1] or inside or every


def table(notes: Notebook) -> Iterator[str]:
    """A line a table of the dialect file: what was learnt, and how sure."""
    rows: dict[str, list[str]] = {}
    for key, learnt in notes.learnt.items():
        head, _, rest = key.partition(".")
        mark = "" if learnt.sure is Sure.SURE else "?" if learnt.sure is Sure.LIKELY else "??"
        rows.setdefault(head, []).append(f"{rest} {plain(learnt.value)}{mark}")
    for head, items in rows.items():
        lines = textwrap.wrap(" · ".join(items), WIDTH - _ROW, break_on_hyphens=False)
        for number, line in enumerate(lines):
            yield f"  {head if not number else '':<{_ROW - 2}}{line}"


def open_questions(notes: Notebook) -> Iterator[str]:
    """What could not be learnt, and why."""
    for key, why in notes.unknown.items():
        yield f"  not learnt  {key}: {why}"
    yield "  not learnt  idle: idle times are longer than a probe (60 s assumed)"


def unreadable(sent: bytes, got: bytes, reply: Reply) -> Iterator[str]:
    """Bytes in which nobody here sees a token, beside what they were the answer to."""
    if reply.framed:
        frames = "; ".join(f"State {part.state}, payload {shown(part.payload)!r}" for part in reply.parts)
        yield f"  it answers with frames: {frames}"
    else:
        yield f"  {what_it_looks_like(got)}:"
    yield from _hex("sent", sent)
    yield from _hex("came", got)


def overheard(line: Line) -> Iterator[str]:
    """What comes of some datagrams on a port of which nothing is known: two clients say something, who hears what?"""
    names = ("alicia", "bob")
    sockets = [line.socket(name) for name in names]
    try:
        for what, ways in (
            ("a name with its size, and a message", [bytes([len(name)]) + name.encode() + b"hello" for name in names]),
            ("plain text", [f"{name}: hello".encode() for name in names]),
            ("JSON", [f'{{"username": "{name}", "message": "hello"}}'.encode() for name in names]),
        ):
            for one in sockets:
                one.inbox.clear()
            for one, data in zip(sockets, ways, strict=True):
                line.send(one, data, what)
            line.hush()
            for one in sockets:
                for data in one.inbox[:2]:
                    yield f"  {what}: {one.name} heard {shown(data)}"
    finally:
        line.drop(sockets)


def _hex(name: str, data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), 128), 16):
        part = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"    {name if not start else '':<5} {start:4}  {part.hex(' '):<47}  {text}"
    if len(data) > 128:
        yield f"          ...   {len(data)} bytes"
