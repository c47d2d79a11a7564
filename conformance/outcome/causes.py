"""From verdicts to causes: what is shown to have one cause is one finding, the most damaging first.

Two findings are one only on proof: one change makes both conversations pass, or one place in the server's code ended
its service in both. Whatever else may belong together stands apart, and says so. A crash, segmentation (2.5a), leaving
(5.x) and staying up (6.x) are never told under another finding: whoever mends that one must still see them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from conformance.outcome.findings import PLAIN_CONVERSATION, Outcome
from conformance.outcome.trouble import trouble_of
from conformance.outcome.verdicts import FOUND, Judgement, Verdict
from conformance.spec.clauses import Level

_HARMS_OTHERS = ("6.", "4.2", "4.5b", "3.8", "3.9", "3.10", "5.1b", "5.2b", "5.4b", "2.4a", "4.7a")
"""One client silences or blocks others, hears what is not for it, or takes what is another's."""
_SERVICE = ("2.", "3.1", "3.4", "3.5", "3.6", "4.", "5.", "3.2a", "3.2b", "3.3a")
"""One's own requests and messages."""
_ALWAYS_APART = ("2.5a", "5.", "6.")


@dataclass
class Cause:
    """One cause: the clause it is reported under, what fails because of it, and what may have the same cause."""

    root: Judgement
    also: list[Judgement] = field(default_factory=list)
    may_share: list[str] = field(default_factory=list)


def causes(judgements: Iterable[Judgement]) -> list[Cause]:
    """Every finding once, under its root, the most damaging first.

    What is known hides nothing that is new, and a fault of the suite nothing of the server.
    """
    loud = [one for judgement in judgements if judgement.verdict in FOUND for one in _by_killer(judgement)]
    apart = (Verdict.KNOWN, Verdict.ERROR)
    parts = [[one for one in loud if one.verdict is verdict] for verdict in apart]
    parts.append([one for one in loud if one.verdict not in apart])
    found = sorted((cause for part in parts for cause in _causes(part)), key=lambda cause: damage(cause.root))
    for cause in found:
        cause.may_share = _may_share(cause, found)
    return found


def _by_killer(judgement: Judgement) -> list[Judgement]:
    """The judgement once for each place in the server's code that ended its service under this clause."""
    places: dict[tuple[str, ...] | None, Outcome] = {}
    for outcome in judgement.outcomes:
        if outcome.result in ("fail", "crash") and outcome.evidence is not None and outcome.evidence.ended:
            places.setdefault(_place_of(outcome), outcome)
    if len(places) < 2:
        return [judgement]
    return [replace(judgement, outcome=outcome) for outcome in places.values()]


def _causes(loud: list[Judgement]) -> list[Cause]:
    found: list[Cause] = []
    for group in _groups(loud):
        group.sort(key=damage)
        alone = [one for one in group if _stands_alone(one)]
        root = Cause((alone or group)[0])
        root.also = [one for one in group if one is not root.root and not _stands_alone(one)]
        root.also.sort(key=lambda one: _sortable(one.clause.names()[0]))
        found += [root, *(Cause(one) for one in alone[1:])]
    return found


def _stands_alone(judgement: Judgement) -> bool:
    """Whether it is never told under another finding."""
    return judgement.verdict is Verdict.CRASH or judgement.clause.names()[0].startswith(_ALWAYS_APART)


def _may_share(cause: Cause, found: Sequence[Cause]) -> list[str]:
    """The clauses of other findings that may have the same cause: the registry says that this one follows from them, or
    the server reports trouble at the same place.
    """
    shared: list[str] = []
    for other in found:
        if other is cause or other.root.clause.id == cause.root.clause.id:
            continue
        place = _reported_place(cause.root)
        if _follows(cause.root, other.root) or (place is not None and place == _reported_place(other.root)):
            shared.append(other.root.clause.id)
    return shared


def damage(judgement: Judgement) -> tuple[int, int, str]:
    """What to mend first: what harms others, then one's own requests and messages, then corner cases."""
    name = judgement.clause.names()[0]
    harms = name.startswith(_HARMS_OTHERS) or _ended(judgement)
    kind = 0 if _blocks(judgement) else 1 if harms else 2 if name.startswith(_SERVICE) else 3
    weight = {Verdict.CRASH: 0, Verdict.FAIL: 1, Verdict.FLAKY: 1, Verdict.KNOWN: 5, Verdict.WEAK: 3, Verdict.ERROR: 4}
    return weight[judgement.verdict], kind, _order(name, harms)


def _order(name: str, harms: bool) -> str:
    """Of what harms others, what ends their service comes first."""
    first = "0" if harms and name.startswith("6.") else "1"
    return first + _sortable(name)


def _ended(judgement: Judgement) -> bool:
    evidence = judgement.outcome.evidence if judgement.outcome else None
    return evidence is not None and evidence.ended


def _blocks(judgement: Judgement) -> bool:
    return judgement.outcome is not None and judgement.outcome.test == PLAIN_CONVERSATION


def _sortable(name: str) -> str:
    return ".".join(part.zfill(3) for part in re.split(r"\.", name))


def _groups(loud: list[Judgement]) -> list[list[Judgement]]:
    """Those that are proven to have one cause, together."""
    groups: list[list[Judgement]] = []
    for one in loud:
        with_it = [group for group in groups if any(_keys(one) & _keys(other) for other in group)]
        merged = [one, *(member for group in with_it for member in group)]
        groups = [group for group in groups if group not in with_it]
        groups.append(merged)
    return groups


def _keys(judgement: Judgement) -> set[tuple[str, ...]]:
    """What a finding is merged by: the place that ended the service, or the one change with which it passes."""
    evidence = judgement.outcome.evidence if judgement.outcome else None
    if evidence is None:
        return set()
    keys: set[tuple[str, ...]] = set()
    if evidence.ended and judgement.outcome is not None and (place := _place_of(judgement.outcome)):
        keys.add(("killer", *place))
    if evidence.hinge and evidence.advice:
        keys.add(("hinge", evidence.advice))
    return keys


def _place_of(outcome: Outcome) -> tuple[str, ...] | None:
    """Where the server's service ended, as far as it says so."""
    trouble = outcome.evidence.exception if outcome.evidence else None
    return (trouble.file, str(trouble.line)) if trouble is not None and trouble.file else None


def _reported_place(judgement: Judgement) -> tuple[str, ...] | None:
    evidence = judgement.outcome.evidence if judgement.outcome else None
    return None if evidence is None or evidence.usual else trouble_of(evidence.output)


def _follows(one: Judgement, other: Judgement) -> bool:
    """Whether a break of the one is what a break of the other leads to."""
    return other.clause.id in one.clause.follows and other.clause.level is not Level.SHOULD
