"""On which answers of a learnt dialect a clause rests: said once, for each answer that a probe may fail to learn.

A clause is judged only if all its answers were learnt. How a refusal looks is not listed here, since a test may need
one of several: the assertions look it up (conformance.dialect.knowledge). Chat as a whole is not listed either: a test
that needs it is marked so.
"""

from typing import NamedTuple

from conformance.dialect.knowledge import Knowledge
from conformance.spec.clauses import PREFIX


class Ground(NamedTuple):
    """Answers of a dialect, by their keys in a dialect file, and the clauses that rest on them.

    `3.2` names every clause of its group.
    """

    keys: tuple[str, ...]
    clauses: tuple[str, ...]


def why_no_ground(knowledge: Knowledge, clause_id: str) -> str | None:
    """Why a clause is not judged in this dialect: `not learnt: ` and what; None if all that it rests on was learnt."""
    name = clause_id.removeprefix(PREFIX)
    for one in _GROUNDS:
        if _is_named(name, one.clauses) and (why := knowledge.why_not(one.keys)) is not None:
            return why
    return None


def is_about_refusals(clause_id: str) -> bool:
    """Whether the clause says how a request is refused. To others it is enough that a request is refused at all."""
    return _is_named(clause_id.removeprefix(PREFIX), _ABOUT_REFUSALS)


def _is_named(name: str, clauses: tuple[str, ...]) -> bool:
    return any(name == one or (name.startswith(one) and name[len(one) :].isalpha()) for one in clauses)


_ABOUT_REFUSALS = (
    "2.4a", "2.4d", "3.1a", "3.2c", "3.2g", "3.3b", "3.4c", "3.4d", "3.4e", "3.5b", "3.7a", "3.7b", "3.7c", "3.7d",
    "3.7e", "3.10a",
)  # fmt: skip
_GROUNDS = (
    Ground(("request.user-key",), ("3.2", "3.3", "3.8d", "4.6a")),
    Ground(("request.password-key",), ("3.2b", "3.2e", "3.10a")),
    Ground(("request.no-password",), ("3.2b",)),
    Ground(("token.form", "token.key"), ("3.5a", "3.8")),
    Ground(("token.size",), ("3.8b", "3.8c")),
    Ground(("reply.closes",), ("3.6a", "2.6b")),
    Ground(("reply.room", "reply.room-size"), ("2.3a", "2.3b", "3.4a")),
    Ground(("reply.operation",), ("3.4a",)),
    Ground(("address.learnt",), ("4.2f", "4.3", "4.4", "3.8e")),
    Ground(("address.source",), ("3.8e", "4.2e")),
    Ground(("down.user",), ("3.8d", "4.6a")),
    Ground(("chat.echo",), ("4.5d",)),
    Ground(("chat.empty",), ("4.4",)),
    Ground(("chat.leave",), ("5.1", "5.2", "5.4", "5.5", "3.8f")),
    Ground(("chat.guests-may-leave",), ("5.1", "5.3e")),
    Ground(("notices.host-left",), ("5.2a", "5.4a", "5.4b")),
    Ground(("notices.left", "notices.joined"), ("4.6c", "5.1c")),
)
