"""From verdicts to causes: findings with one cause are one finding, under its root, the most damaging first.

Two findings have one cause if the server says that it ran into trouble at the same place, or if they hinge on the same
change. And where the registry of clauses says that one follows from another (`follows`), it is told under that one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from conformance.clauses import Level
from conformance.findings import PLAIN_CONVERSATION
from conformance.verdicts import Judgement, Verdict

LOUD = (Verdict.CRASH, Verdict.FAIL, Verdict.FLAKY, Verdict.KNOWN, Verdict.WEAK, Verdict.ERROR)

_SOURCE = "py|go|js|mjs|cjs|ts|java|kt|scala|cs|fs|rs|c|cc|cpp|cxx|h|hpp|php|rb|swift|dart|lua|pl|ex|exs|hs|zig|nim"
_PLACE = re.compile(rf"""([\w./\\-]+\.(?:{_SOURCE}))["']?(?:, line |:line | on line |:|\()(\d+)""")
"""`server.py", line 41` and `server.go:41` and `server.cs:line 41` and `server.php on line 41`."""
_TROUBLE = re.compile(
    r"error|exception|panic|traceback|fatal|abort|segmentation|assert|terminate called", re.IGNORECASE
)
_ROUTINE = re.compile(
    r"broken ?pipe|connection ?(was )?(aborted|reset|refused)|forcibly closed|EPIPE|ECONN(RESET|ABORTED|REFUSED)"
    r"|transport endpoint is not connected|timed out|TimeoutError",
    re.IGNORECASE,
)
"""What any server may print of a peer that goes away: it is no trouble of the server's own."""
_FRAME = re.compile(r"\s*(at|from) ")
_PYTHON = re.compile(r'\s*File "')
_LIBRARIES = (
    "/lib/python", "site-packages", "node_modules", "node:internal", "java.base/", "/rustc/", "/usr/lib",
    "/usr/local/go",
)  # fmt: skip
_SECURITY = ("3.8", "3.9", "3.10", "4.2", "4.5b", "5.1b", "5.2b")
_SERVICE = ("2.", "3.1", "3.2", "3.4", "3.5", "3.6", "4.1", "4.4", "4.5", "4.6", "6.")


@dataclass
class Cause:
    """One cause: the clause it is reported under, and what fails because of it."""

    root: Judgement
    also: list[Judgement] = field(default_factory=list)


def trouble_of(output: Sequence[str]) -> tuple[str, ...] | None:
    """Where in its own code the server ran into trouble, as its last words say: file and line. None if they do not.

    Python names the innermost call last, all others name it first. What is told of peers that went away does not count.
    """
    output = _without_routine(output)
    starts = _troubles(output)
    if not starts:
        return None
    if _is_python(output):
        return next(reversed(_places(output)), None)
    return next(iter(_places(output[starts[-1] :]) or _places(output)), None)


def words_of(output: Sequence[str]) -> str | None:
    """The line of its last words that says what the trouble is; the last line if none does. None of no output."""
    said = [line for line in output if line.strip()]
    starts = [] if _is_python(said) else _troubles(said)
    return said[starts[-1] if starts else -1].strip() if said else None


def _without_routine(output: Sequence[str]) -> list[str]:
    """The lines without those that only say that a peer went away, and without the stack that goes with them."""
    kept: list[str] = []
    stack = False  # the lines that follow belong to what was left out
    for line in output:
        if _ROUTINE.search(line) and not _PYTHON.match(line):
            if not line[:1].isspace():  # the last line of a Python traceback: what stands above it goes too
                start = next((n for n in range(len(kept) - 1, -1, -1) if kept[n].startswith("Traceback")), None)
                if start is not None and all(one[:1].isspace() for one in kept[start + 1 :]):
                    del kept[start:]
            stack = True
        elif not (stack and _FRAME.match(line)):
            stack = False
            kept.append(line)
    return kept


def _troubles(output: Sequence[str]) -> list[int]:
    return [n for n, line in enumerate(output) if _TROUBLE.search(line) and not _FRAME.match(line)]


def _is_python(output: Sequence[str]) -> bool:
    return any(_PYTHON.match(line) for line in output)


def _places(output: Sequence[str]) -> list[tuple[str, ...]]:
    """Files and lines, of the server's own code if any is."""
    found = [(match.groups(), line) for line in output for match in _PLACE.finditer(line)]
    own = [place for place, line in found if not any(name in line for name in _LIBRARIES)]
    return own or [place for place, _ in found]


def causes(judgements: Iterable[Judgement]) -> list[Cause]:
    """Every finding once, under its root, the most damaging first.

    What is known hides nothing that is new, and a fault of the suite nothing of the server.
    """
    loud = [one for one in judgements if one.verdict in LOUD]
    apart = (Verdict.KNOWN, Verdict.ERROR)
    parts = [[one for one in loud if one.verdict is verdict] for verdict in apart]
    parts.append([one for one in loud if one.verdict not in apart])
    return sorted((cause for part in parts for cause in _causes(part)), key=lambda cause: damage(cause.root))


def _causes(loud: list[Judgement]) -> list[Cause]:
    groups = _groups(loud)
    found = {_head(group).clause.id: Cause(_head(group)) for group in groups}
    for group in groups:
        root = found[_root(group, groups).clause.id]
        root.also += [one for one in group if one is not root.root]
    for cause in found.values():
        cause.also.sort(key=lambda one: _sortable(one.clause.names()[0]))
    told = {one.clause.id for cause in found.values() for one in cause.also}
    return [cause for clause, cause in found.items() if clause not in told]


def damage(judgement: Judgement) -> tuple[int, int, str]:
    """What to mend first: the service itself, then who may read and speak, then the rest."""
    name = judgement.clause.names()[0]
    kind = 0 if _blocks(judgement) else 1 if name.startswith(_SECURITY) else 2 if name.startswith(_SERVICE) else 3
    weight = {Verdict.CRASH: 0, Verdict.FAIL: 1, Verdict.FLAKY: 1, Verdict.KNOWN: 5, Verdict.WEAK: 3, Verdict.ERROR: 4}
    return weight[judgement.verdict], kind, _sortable(name)


def _blocks(judgement: Judgement) -> bool:
    return judgement.outcome is not None and judgement.outcome.test == PLAIN_CONVERSATION


def _sortable(name: str) -> str:
    return ".".join(part.zfill(3) for part in re.split(r"\.", name))


def _groups(loud: list[Judgement]) -> list[list[Judgement]]:
    """Those that share a place or a hinge, together."""
    groups: list[list[Judgement]] = []
    for one in loud:
        with_it = [group for group in groups if any(_keys(one) & _keys(other) for other in group)]
        merged = [one, *(member for group in with_it for member in group)]
        groups = [group for group in groups if group not in with_it]
        groups.append(merged)
    return groups


def _head(group: list[Judgement]) -> Judgement:
    """What the group is told as: the most damaging of those that follow from no other of it."""
    first = [one for one in group if not any(_follows(one, other) for other in group)]
    return min(first or group, key=damage)


def _root(group: list[Judgement], groups: list[list[Judgement]]) -> Judgement:
    """From what the group's head follows in the end; of several such, the most damaging."""
    passed = [group]
    while above := [
        other for other in groups if other not in passed and any(_follows(_head(passed[-1]), one) for one in other)
    ]:
        passed.append(min(above, key=lambda other: damage(_head(other))))
    return _head(passed[-1])


def _keys(judgement: Judgement) -> set[tuple[str, ...]]:
    evidence = judgement.outcome.evidence if judgement.outcome else None
    if evidence is None:
        return set()
    keys: set[tuple[str, ...]] = set()
    if not evidence.usual and (place := trouble_of(evidence.output)) is not None:
        keys.add(("trouble", *place))
    if evidence.advice:
        keys.add(("hinge", evidence.advice))
    return keys


def _follows(one: Judgement, other: Judgement) -> bool:
    """Whether a break of the one is what a break of the other leads to."""
    return other.clause.id in one.clause.follows and other.clause.level is not Level.SHOULD
