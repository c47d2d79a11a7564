"""A report without tokens, passwords and names of rooms and users, for others to read.

Bytes of the wire and words of the server are left out as a whole: a wrong server may show a name cut, doubled or
decoded otherwise, and nothing would find it. In sentences everything that is quoted is masked, and whatever is known to
be a name, a password or a token. MASK stands in its place.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, cast

from conformance.report.model import ExceptionRow, FindingRow, Report, StepRow
from conformance.trace.identities import Identities
from conformance.trace.recording import is_tcp
from tcrp import HEADER_SIZE

MASK = "[redacted]"
SECRET_OPTIONS = ("exec",)
"""Options whose text may hold a password."""
_USERS = ("alicia", "alice", "bob", "bobby", "carol", "charles", "dagmar", "eve")
"""Names that tests of the suite give to users."""
_SHORTEST = 2
"""Characters of a name that is masked where it stands without quotes."""
_QUOTED = re.compile(
    r"""(?<!\w)b?'(?:[^'\\\n]|\\.)*'(?!\w)|b?"(?:[^"\\\n]|\\.)*"|“[^”\n]*”|‘[^’\n]*’|«[^»\n]*»|`[^`\n]*`""", re.DOTALL
)
_LOOKS_SECRET = re.compile(
    r"\b[A-Za-z]+-[0-9a-f]{6}-\d+\b"  # a room of this suite
    r"|(?<![\w./-])(?=[\w+/=-]*\d)[\w+/=-]{16,}"  # a token, or hex of any kind
    r"|\b(?:[0-9a-f]{2} ){3,}[0-9a-f]{2}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b"
    r"|[^\W\d_a-zA-Z]+"  # letters that no word of ours has
)
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def redacted(report: Report, identities: Identities | None = None) -> Report:
    """The report without what others must not read. It still fits report.schema.json. No replay file, script or dialect
    file belongs to it any more: they hold the bytes. `identities`: those of the run, as far as they are known.
    """
    secrets = _secrets(report, identities or Identities())

    def words(text: str | None) -> Any:
        return None if text is None else _masked(text, secrets)

    clauses = [
        {**row, "bytes": None, "replay": None, **{name: words(row[name]) for name in ("expected", "actual", "message")}}
        for row in report["clauses"]
    ]
    options = {
        name: MASK if name in SECRET_OPTIONS and value is not None else value
        for name, value in report["options"].items()
    }
    findings = [_finding(row, secrets) for row in report["findings"]]
    return cast(Report, {**report, "options": options, "clauses": clauses, "findings": findings})


def _finding(row: FindingRow, secrets: re.Pattern[str]) -> dict[str, Any]:
    def words(text: str | None) -> str | None:
        return None if text is None else _masked(text, secrets)

    said = ("expected", "actual", "message", "summary", "seen_once", "hinge", "advice")
    also = [{**one, "expected": words(one["expected"]), "actual": words(one["actual"])} for one in row["also"]]
    return {
        **row,
        **{name: words(cast(dict[str, str | None], row)[name]) for name in said},
        "bytes": None, "example": None, "killer": _killer(row["killer"]), "exception": _exception(row["exception"]),
        "conversation": [], "ladder": [], "messages": [], "output": [], "replay": None, "script": None, "also": also,
    }  # fmt: skip


def _killer(step: StepRow | None) -> StepRow | None:
    if step is None:
        return None
    who = step["who"] if is_tcp(step["who"]) else MASK
    return {**step, "who": who, "bytes": "", "note": MASK if step["note"] else ""}


def _exception(row: ExceptionRow | None) -> ExceptionRow | None:
    """The type and the place. The folder may be that of a person, and the words may quote a request."""
    if row is None:
        return None
    return {**row, "message": MASK if row["message"] else "", "file": row["file"] and PurePath(row["file"]).name}


def _masked(text: str, secrets: re.Pattern[str]) -> str:
    for pattern in (secrets, _QUOTED, _LOOKS_SECRET):
        text = pattern.sub(MASK, text)
    return text


def _secrets(report: Report, identities: Identities) -> re.Pattern[str]:
    """Every name, password and token that is known or that the conversations show, and what exceptions have said."""
    found = {*_USERS, *identities.rooms, *identities.users, *identities.passwords}
    for token in identities.tokens:
        found.update(_forms(token))
    for finding in report["findings"]:
        if (trouble := finding["exception"]) is not None:
            found.add(trouble["message"])
            found.add(trouble["file"] or "")
        killer = [finding["killer"]] if finding["killer"] is not None else []
        for step in (*finding["conversation"], *killer):
            if not is_tcp(step["who"]):
                found.add(re.sub(r" \d+$", "", step["who"]))
            found.update(_texts(bytes.fromhex(step["bytes"]), token=step["does"] == "token"))
    kept = {"stranger"}  # no name: what a peer is called that is nobody
    words = sorted((one for one in found - kept if len(one) >= _SHORTEST), key=len, reverse=True)
    return re.compile("|".join(_bounded(one) for one in words))


def _bounded(word: str) -> str:
    """The pattern of a word that is no part of a longer one."""
    before = r"(?<!\w)" if word[0].isalnum() else ""
    after = r"(?!\w)" if word[-1].isalnum() else ""
    return before + re.escape(word) + after


def _texts(data: bytes, *, token: bool) -> Iterator[str]:
    """The names and tokens in a message, as text and as hex. Which layout it has is not known: all are tried."""
    parts: list[bytes] = [data] if token else list(_parts(data))
    for part in parts:
        yield from _forms(part)


def _forms(part: bytes) -> tuple[str, ...]:
    """How bytes may be written in a sentence."""
    return part.hex(), part.hex(" "), part.decode(errors="replace"), repr(part)[2:-1]


def _parts(data: bytes) -> Iterable[bytes]:
    if not data:
        return
    yield from _TEXT.findall(data)
    yield data[HEADER_SIZE : HEADER_SIZE + data[0]]
    if len(data) > 2:
        room, token = data[0], data[1]
        yield data[2 : 2 + room]
        yield data[2 + room : 2 + room + token]
