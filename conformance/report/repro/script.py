"""A conversation as a program of its own, for Python alone: it says the same again, with the tokens that it gets."""

import ast
import builtins
import itertools
import keyword
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from conformance.outcome.findings import Check
from conformance.report.repro import script_helpers as scripted
from conformance.report.repro.literals import Token, call, fields, literal
from conformance.trace.description import decoded, joined, parted, runs, without_keep_alives, words
from conformance.trace.recording import Step, StepKind, Steps, is_tcp
from conformance.trace.text import printable
from tcrp import Dialect
from tcrp.constants import NoticeKind

GAP = 1.0  # seconds of silence in the recording that the script keeps, too
LISTENING = 0.5  # seconds for which a datagram of the recording is waited for
WIDTH = 96

_SOURCE = Path(scripted.__file__).read_text(encoding="utf-8")
_HELPERS = {node.name: node for node in ast.parse(_SOURCE).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
_TAKEN = {*keyword.kwlist, *vars(builtins), *vars(scripted), "EXPECTED", "ACTUAL", "MARK"}

_TOKENS = """\
What was sent with a token of then is sent with the one that this server gives, cut out of its second reply. \
A reply is a frame: a header of 32 bytes (RoomNameSize 1, Operation 1, State 1, OperationPayloadSize 29), the room \
name, the payload. The payload of the first, the ACK, is the status; that of the second, the COMPLETE, is the token."""

_HEAD = '''\
"""{told}
"""

import socket
import sys
import time

try:
    HOST, TCP, UDP = sys.argv[1:] or {ports!r}
    UDP = int(UDP)
except ValueError:
    print("usage: python", sys.argv[0], "[HOST TCP UDP]", file=sys.stderr)
    sys.exit(2)
sys.stdout.reconfigure(errors="backslashreplace")
PATIENCE = {patience}  # seconds to wait for an answer
PAUSE = {pause}  # seconds between two segments
BEGAN = time.monotonic()


{helpers}


# The conversation
{body}

print("expected:", {expected!r})
print("and got: ", {actual!r}, "(when this was recorded)")
{verdict}
'''


def script(
    steps: Steps, host: str, tcp: int | None, udp: int, *, title: str, quote: str, expected: str, actual: str,
    check: Check | None, dialect: Dialect,
) -> str:  # fmt: skip
    """The program, as UTF-8 text; empty where the dialect has tokens and no frames to cut them out of.

    With a `check` it decides by itself, and its exit code says 0 fixed, 1 failed, 2 cannot be told; without one it
    shows what comes. Keep-alives are left out.
    """
    if not dialect.can.frames and any(step.does is StepKind.TOKEN for step in steps):
        return ""
    tidied = _until(
        lambda step: step.does is not StepKind.CLOSE, without_keep_alives(steps)
    )  # at the end all is closed
    parts = parted(tidied)
    there = {step.who for step in tidied if step.does is not StepKind.NOTE}
    if check is not None and (check.who not in there or (check.kind == "answer" and not dialect.can.frames)):
        check = None
    if check is not None and check.kind == "answer":  # what follows the answer does not matter any more
        who, answering = check.who, (StepKind.SEND, StepKind.HALF_CLOSE, StepKind.HEAR, StepKind.END, StepKind.WAIT)
        parts = parts[0], _until(lambda step: step.who == who and step.does in answering, parts[1])
    writer = _Writer(dialect, host, tidied, check)
    body = "\n".join(line for part in parts for line in writer.code(part))
    verdict = _verdict(check, writer, dialect)
    ports = [host, "-" if tcp is None else str(tcp), str(udp)]
    code = "0 if the server is FIXED, with 1 if it FAILED again" if check else "0: compare what comes"
    usage = f"    python THIS_FILE [HOST TCP UDP]        (without them: {' '.join(ports)})"
    told = [
        title, "", *quote.splitlines(), "",
        "This says again, byte for byte, what was said when the server failed, and shows what comes back.", "",
        usage, "",
        f"Restart the server before. The script ends with {code}, with 2 if that cannot be told.",
        *([_TOKENS] if writer.tokens else []),
    ]  # fmt: skip
    return _HEAD.format(
        told="\n".join(_for_a_docstring(line) for line in told), ports=ports, patience=_patience(steps),
        pause=scripted.PAUSE, helpers="\n\n\n".join(_helpers(f"{body}\n{verdict}")), body=body, verdict=verdict,
        expected=expected, actual=actual,
    )  # fmt: skip


def _until(last: Callable[[Step], bool], steps: Steps) -> Steps:
    """The steps up to the last one that is so; all of them if none is."""
    return steps[: max((number for number, step in enumerate(steps, 1) if last(step)), default=None)]


def _for_a_docstring(text: str) -> str:
    lines = textwrap.wrap(printable(text), WIDTH) if not text.startswith("    ") else [printable(text)]
    return "\n".join(lines).replace("\\", "\\\\").replace('"""', r"\"\"\"")


def _helpers(code: str) -> Iterator[str]:
    """The functions that the code uses, and those that they use."""
    used: set[str] = set()
    trees: list[ast.AST] = [ast.parse(code)]
    while trees:
        named = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
        trees = [_HELPERS[name] for name in named & set(_HELPERS) - used]
        used |= named & set(_HELPERS)
    return (ast.get_source_segment(_SOURCE, node) or "" for name, node in _HELPERS.items() if name in used)


def _patience(steps: Steps) -> float:
    """At least 2 s (TCRP-3.6a), and three times what this server took."""
    answers = (later.at - step.at for step, later in itertools.pairwise(steps) if later.does is StepKind.HEAR)
    return round(max(scripted.PATIENCE, min(30.0, 3 * max(answers, default=0.0))), 1)


class _Writer:
    """Writes the steps as code. `names`: the variable of each connection and peer; `tokens`: those taken so far."""

    def __init__(self, dialect: Dialect, host: str, steps: Steps, check: Check | None) -> None:
        self.dialect = dialect
        self.host = host
        self.check = check
        self.names: dict[str, str] = {}
        self.tokens: list[Token] = []
        self._own: dict[str, Token] = {}
        self._opened: set[str] = set()
        self._last_words = ""
        self._sent = [step.data for step in steps if step.does is StepKind.SEND]
        for step in steps:
            if step.who not in self.names and step.does is not StepKind.NOTE:
                self.names[step.who] = self._name(step.who)

    def _name(self, who: str) -> str:
        """An identifier that no other has."""
        plain = re.sub(r"\W+", "_", who, flags=re.ASCII).strip("_")
        name = plain if plain[:1].isalpha() and not plain.startswith("token") else f"peer_{plain}".strip("_")
        number, taken = 1, {*_TAKEN, *self.names.values()}
        while name in taken:
            number += 1
            name = f"{plain or 'peer'}_{number}" if plain[:1].isalpha() else f"peer_{plain}_{number}"
        return name

    def code(self, steps: Steps) -> Iterator[str]:
        """The steps as lines of code."""
        grouped = list(runs(steps, GAP))
        for index, run in enumerate(grouped):
            step = run[0]
            gap = step.at - grouped[index - 1][-1].at if index else 0.0
            following = grouped[index + 1][0] if index + 1 < len(grouped) else None
            if gap >= GAP and step.does not in (StepKind.HEAR, StepKind.END, StepKind.WAIT):
                yield f"time.sleep({gap:.1f})"
            if step.who not in self._opened and step.does is not StepKind.NOTE:
                self._opened.add(step.who)
                yield from self._open(step)
            judged = self.check is not None and (self.check.kind, self.check.who) == ("answer", step.who)
            if not (
                judged and following is None and step.does in (StepKind.HEAR, StepKind.WAIT)
            ):  # the verdict waits for it
                yield from self._lines(run, gap, following)

    def _open(self, step: Step) -> Iterator[str]:
        local = step.local if step.does in (StepKind.CONNECT, StepKind.OPEN) else ""
        source = [repr(local)] if local not in ("", self.host) else []
        if local.startswith("="):
            source = [f"*{self.names[local[1:]]}.local"] if local[1:] in self._opened else []
        opening = "\n{} = connect({})" if is_tcp(step.who) else "{} = open_udp({})"
        yield opening.format(self.names[step.who], ", ".join([ascii(step.who), *source]))

    def _lines(self, run: Sequence[Step], gap: float, following: Step | None) -> Iterator[str]:
        step, name = run[0], self.names.get(run[0].who, "")
        wait = [f"{2 * gap + LISTENING:.1f}"] if gap > LISTENING / 2 else []
        match step.does:
            case StepKind.SEND:
                yield from self._send(run, name)
            case StepKind.HEAR if is_tcp(step.who) and not self.dialect.can.frames:
                yield f"take({name}, {LISTENING})"
            case StepKind.HEAR if is_tcp(step.who):
                if following is None or (following.who, following.does) != (step.who, StepKind.TOKEN):
                    yield f"answer({name})"
            case StepKind.HEAR:
                yield call("hear", name, literal(step.data), *wait)
            case StepKind.TOKEN:
                yield from self._token(step, name)
            case StepKind.WAIT:
                seconds = float((re.findall(r"\d+(?:\.\d+)?", step.note) or ["1"])[0])
                yield f"{'answer' if is_tcp(step.who) and self.dialect.can.frames else 'take'}({name}, {seconds})"
            case StepKind.END:
                yield f"until_closed({name})"
            case StepKind.HALF_CLOSE | StepKind.RESET | StepKind.CLOSE:
                yield f"{step.does.replace('-', '_')}({name})"
            case StepKind.NOTE:
                yield f"print({'--- ' + step.note!r})"

    def _send(self, run: Sequence[Step], name: str) -> Iterator[str]:
        who, data = run[0].who, joined(run)
        parts = decoded(who, StepKind.SEND, data, self.dialect)
        candidates = [*([self._own[who]] if who in self._own else []), *reversed(self.tokens)]
        terms = [term for part in parts for term in fields(part.rows, candidates)]
        self._own.update((who, token) for token in self.tokens if token.name in terms)
        known = {part: text for one in parts if one.summary for part, text in one.summary.parts if part == "token"}
        comment = f"# {words(parts, known)}"[:WIDTH]
        if comment != self._last_words:
            self._last_words = comment
            yield comment
        cuts = tuple(itertools.accumulate(len(step.data) for step in run[:-1]))
        evenly = range(cuts[0], cuts[-1] + 1, cuts[0]) if len(cuts) > 5 and cuts[0] else cuts
        shown = evenly if tuple(evenly) == cuts else cuts
        yield call("send" if is_tcp(who) else "say", name, terms, *([f"cuts={shown!r}"] if cuts else []))

    def _token(self, step: Step, name: str) -> Iterator[str]:
        """The token is waited for if it is needed later; it may well be right that it does not come again."""
        judged = self.check is not None and (self.check.kind, self.check.who) == ("answer", step.who)
        needed = not self.tokens or any(step.data in data for data in self._sent)
        if judged or not needed:
            yield f"answer({name})"
            return
        token = Token(f"token_{len(self.tokens) + 1}", step.data)
        self.tokens.append(token)
        yield f"{token.name} = token({name})"


def _verdict(check: Check | None, writer: _Writer, dialect: Dialect) -> str:
    """The last lines."""
    if check is None:
        return 'print("compare the above with what was expected")'
    name = writer.names[check.who]
    if check.kind == "answer":
        right = f"status in {tuple(map(int, check.statuses))!r}" + " and found is not None" * check.token
        plain = f" or ({name}.closed and not {name}.heard)" * check.close
        return f"answer({name})\nstatus, found = reply({name})\nfinish({right}{plain})"
    notes = f", {bytes([NoticeKind.INFORMATION])!r}" if dialect.can.notices else ""
    hears = check.kind == "hears"
    return (
        f"MARK = {check.mark!r}\n"
        f"receive({name}, {2.0 if hears else 1.0}, lambda client: holds(client, MARK{notes}))\n"
        f"finish({'' if hears else 'not '}holds({name}, MARK{notes}))"
    )
