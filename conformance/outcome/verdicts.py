"""From outcomes of tests to one verdict a clause, and from verdicts to an exit code."""

import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path

from conformance.outcome.findings import OUT_OF_TIME, TOO_LARGE, Outcome
from conformance.spec.clauses import Clause, Level


class Verdict(StrEnum):
    """What is said of a clause."""

    PASS = "pass"
    FAIL = "fail"  # a MUST is broken
    WEAK = "weak"  # a SHOULD is not kept
    INFO = "info"  # a reading, not judged
    UNSUPPORTED = "unsupported"  # could not be judged, with the reason
    KNOWN = "known"  # broken, and listed as such
    FLAKY = "flaky"  # broken sometimes
    CRASH = "crash"  # the server ended
    ERROR = "error"  # the suite's own fault


KEPT = frozenset({Verdict.PASS, Verdict.INFO})
"""The rule is kept, or there is nothing to keep."""
BROKEN = frozenset({Verdict.FAIL, Verdict.WEAK, Verdict.FLAKY, Verdict.CRASH, Verdict.KNOWN})
"""The server does otherwise than the clause says, listed as such or not."""
MEND = frozenset({Verdict.FAIL, Verdict.FLAKY, Verdict.CRASH, Verdict.ERROR})
"""Something must be mended, in the server or in the suite."""
FOUND = BROKEN | {Verdict.ERROR}
"""A report has a finding for it."""


def counts(judgements: Iterable["Judgement"]) -> str:
    """`61 pass, 1 fail, 3 unsupported`."""
    found = Counter(str(one.verdict) for one in judgements)
    return counted_verdicts({str(verdict): found[verdict] for verdict in Verdict})


def counted_verdicts(found: Mapping[str, int]) -> str:
    """The same, from the number of clauses of each verdict."""
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in found if found[verdict]) or "nothing judged"


class Exit(IntEnum):
    """Exit codes of `tcrp-conformance`; of those that apply the first, in this order, is given."""

    USAGE = 4
    NOTHING = 5
    UNREACHABLE = 6
    INTERRUPTED = 2
    SUITE_FAULT = 3
    DIED = 7
    FAILED = 1
    CONFORMS = 0


class CommandError(Exception):
    """A command cannot begin, or not go on: one line, and the exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["CommandError"], tuple[str, Exit]]:
        return type(self), (str(self), self.code)


def in_a_line(error: BaseException) -> str:
    """An error that nobody expected, in one line, with its place."""
    if isinstance(error, OSError) and error.strerror:
        file = f": {error.filename}" if error.filename is not None else ""
        return f"{error.strerror}{file}"
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(one.filename).name}:{one.lineno})" for one in last)
    text = " ".join(str(error).split())
    return f"the suite itself failed, please report it: {type(error).__name__}{f': {text}' if text else ''}{place}"


@dataclass
class Judgement:
    """One clause's verdict, with the outcome that decides it."""

    clause: Clause
    verdict: Verdict
    outcome: Outcome | None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def message(self) -> str | None:
        return self.outcome.message if self.outcome else None

    @property
    def runs(self) -> tuple[int, int]:
        """Of a finding, how many runs of how many failed; else how many tests of how many that could judge."""
        if self.outcome is not None and self.outcome.evidence is not None:
            return self.outcome.evidence.failed, self.outcome.evidence.runs
        judged = [one for one in self.outcomes if one.result != "unsupported"]
        return sum(one.result != "pass" for one in judged), len(judged)


_WORST_FIRST = ("error", "crash", "fail", "unsupported", "pass")


def judge(clause: Clause, outcomes: Iterable[Outcome]) -> Judgement:
    """The worst outcome decides; a test that passes outweighs one that could not judge, but for want of time, or of a
    path that carries what it sends.
    """
    outcomes = list(outcomes)
    results = {outcome.result for outcome in outcomes}
    unjudged = any(_is_cut_short(one) or _is_too_large(one) for one in outcomes) or "pass" not in results
    order = [r for r in _WORST_FIRST if r != "unsupported" or unjudged]
    result = next((r for r in order if r in results), None)
    deciding = [outcome for outcome in outcomes if outcome.result == result]
    decisive = min(
        deciding, key=lambda one: (_is_flaky(one), not _is_cut_short(one), not _is_too_large(one)), default=None
    )
    verdict = _verdict(clause, result)
    if verdict is Verdict.FAIL and decisive is not None and _is_flaky(decisive):
        verdict = Verdict.FLAKY
    return Judgement(clause, verdict, decisive, outcomes)


def _is_flaky(outcome: Outcome) -> bool:
    return outcome.evidence is not None and outcome.evidence.failed < outcome.evidence.runs


def _verdict(clause: Clause, result: str | None) -> Verdict:
    match result, clause.level:
        case "error", _:
            return Verdict.ERROR
        case "crash", _:
            return Verdict.CRASH
        case "fail", Level.MUST:
            return Verdict.FAIL
        case "fail", Level.SHOULD:
            return Verdict.WEAK
        case (("fail" | "pass"), Level.MAY):
            return Verdict.INFO
        case "pass", _:
            return Verdict.PASS
        case _:
            return Verdict.UNSUPPORTED


def is_cut_short(judgement: Judgement) -> bool:
    """Whether the time of the run was over before all tests of this clause were held."""
    return judgement.outcome is not None and _is_cut_short(judgement.outcome)


def _is_cut_short(outcome: Outcome) -> bool:
    return outcome.result == "unsupported" and (outcome.message or "").startswith(OUT_OF_TIME)


def _is_too_large(outcome: Outcome) -> bool:
    return outcome.result == "unsupported" and (outcome.message or "").startswith(TOO_LARGE)


def counts_as_failure(judgement: Judgement, level: Level) -> bool:
    """Whether a rule at least as binding as `level` is broken, and not listed as such. A MUST always is."""
    match judgement.verdict:
        case Verdict.FAIL | Verdict.FLAKY:
            return True
        case Verdict.WEAK:
            return level is not Level.MUST
        case Verdict.INFO:
            return level is Level.MAY and judgement.outcome is not None and judgement.outcome.result == "fail"
        case _:
            return False


def exit_code(
    judgements: Iterable[Judgement], level: Level = Level.MUST, *, interrupted: bool = False, died: bool = False,
    red: bool = False,
) -> Exit:  # fmt: skip
    """What the run as a whole says. `level`: the least binding level whose break counts as failure; `red`: something
    else makes it one, a deviation that is listed and does not deviate. A run that time has ended never conforms.
    """
    judgements = list(judgements)
    verdicts = {judgement.verdict for judgement in judgements}
    if not interrupted and verdicts <= {Verdict.UNSUPPORTED}:
        return Exit.NOTHING
    if interrupted:
        return Exit.INTERRUPTED
    if Verdict.ERROR in verdicts:
        return Exit.SUITE_FAULT
    if died or Verdict.CRASH in verdicts:
        return Exit.DIED
    if red or any(counts_as_failure(one, level) for one in judgements):
        return Exit.FAILED
    if any(map(is_cut_short, judgements)):
        return Exit.NOTHING
    return Exit.CONFORMS
