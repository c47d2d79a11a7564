"""The dialect file of a probe: the settings that were learnt, with the evidence above every key."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from conformance.probe.notebook import Notebook
from tcrp.dialects import file
from tcrp.dialects.file import DialectFileError
from tcrp.dialects.settings import Settings
from tcrp.endpoint import Endpoint

WIDTH = 112
"""Columns of a comment in the file."""
MOST_LEFT_OUT = 10
"""How many settings are left out one by one before all are left out."""
_NEVER_ASKED = {
    "idle.seconds": "idle times are longer than a probe",
    "idle.counts": "idle times are longer than a probe",
    "notices.idle": "idle times are longer than a probe",
    "notices.host-idle": "idle times are longer than a probe",
    "notices.stopped": "the server was not stopped",
    "notices.unreachable": "nobody was made unreachable",
}


def toml(notes: Notebook, settings: Settings, head: Sequence[str]) -> str:
    """The text of the dialect file. `head`: lines for its beginning."""
    about = [*head, *(f"not in this file: {remark}" for remark in notes.remarks)]
    comments = {key: _wrapped([text]) for key, text in notes.comments().items() if key}
    return file.dumps(settings, {"": _wrapped(about), **comments})


def _wrapped(lines: Iterable[str]) -> str:
    out: list[str] = []
    for line in lines:
        clean = "".join(c if c.isprintable() else " " for c in line)
        out += textwrap.wrap(clean, WIDTH, break_on_hyphens=False) or [""]
    return "\n".join(out)


def settings_of(notes: Notebook, name: str, endpoint: Endpoint) -> Settings:
    """The settings that were learnt, as a dialect file can hold them; the rest is as in the canonical dialect.

    Settings that do not go together are taken out of the notebook, with a remark.
    """
    problems = 0
    for key, why in _NEVER_ASKED.items():
        notes.leave_open(key, why)
    while True:
        settings = notes.settings(name, endpoint.tcp, endpoint.udp or Settings().ports.udp)
        try:
            return file.loads(file.dumps(settings), f"{name}.toml")
        except DialectFileError as error:
            problems += 1
            for key in _in_the_way(notes, str(error), problems):
                del notes.learnt[key]
                notes.leave_open(key, "it does not go together with what else was learnt")
                notes.remark(f"{key} is left out: {error}")


def _in_the_way(notes: Notebook, problem: str, number: int) -> list[str]:
    """The keys to leave out because of this problem, the `number`th.

    It is the key that the problem names. If the named one was not learnt, it is all that was learnt of its table; if
    there is none of that either, or too many problems, it is everything.
    """
    named = [key for key in sorted(notes.learnt, key=len, reverse=True) if key in problem]
    tables = re.findall(r"\b([a-z]+)\.[a-z]", problem.partition(": ")[2])
    inside = [key for key in notes.learnt if key.partition(".")[0] in tables]
    every = list(notes.learnt)
    return every if number > MOST_LEFT_OUT else named[:1] or inside or every
