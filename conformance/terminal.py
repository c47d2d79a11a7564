"""What a run prints: a line a clause as it is judged, then the findings, then the sum."""

import sys
import textwrap
from collections import Counter
from collections.abc import Iterable

import pytest

from conformance.clauses import PREFIX, clause
from conformance.findings import Outcome
from conformance.plugin import use
from conformance.results import Results
from conformance.session import PLAIN_CONVERSATION, Session
from conformance.verdicts import Exit, Judgement, Verdict, judge

WIDTH = 100
INDENT = " " * 11
_LOUD = (Verdict.CRASH, Verdict.FAIL, Verdict.WEAK, Verdict.ERROR, Verdict.FLAKY)
_COLOURS = {
    Verdict.PASS: "32", Verdict.FAIL: "1;31", Verdict.CRASH: "1;31", Verdict.ERROR: "1;35", Verdict.FLAKY: "1;31",
    Verdict.WEAK: "33", Verdict.INFO: "36", Verdict.UNSUPPORTED: "2", Verdict.KNOWN: "2",
}  # fmt: skip
_ENDINGS = {
    Exit.CONFORMS: "conforms",
    Exit.FAILED: "does not conform",
    Exit.INTERRUPTED: "interrupted",
    Exit.SUITE_FAULT: "the suite itself failed: please report it",
    Exit.NOTHING: "nothing was judged",
    Exit.UNREACHABLE: "the target is unreachable",
    Exit.DIED: "the target died during the run",
}


class Progress(Results):
    """Collects the outcomes and prints each clause as soon as its tests are done. `verbosity`: -1, 0 or 1."""

    def __init__(self, session: Session, verbosity: int = 0) -> None:
        super().__init__()
        self.session = session
        self.chosen = list(session.chosen)
        self.verbosity = verbosity
        self.colour = sys.stdout.isatty()
        self._current: str | None = None
        self._section: str | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        use(config, self.session)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self._current
        super().pytest_runtest_logreport(report)
        if self._current != before and before is not None:
            self._print_clause(before)

    def add(self, outcome: Outcome) -> None:
        super().add(outcome)
        if outcome.test != PLAIN_CONVERSATION:
            self._current = outcome.clause

    def pytest_sessionfinish(self) -> None:
        if self._current is not None:
            self._print_clause(self._current)
            self._current = None

    def _print_clause(self, clause_id: str) -> None:
        judged = judge(clause(clause_id), self.outcomes[clause_id])
        if self.verbosity < 0:
            return
        if judged.clause.section != self._section:
            self._section = judged.clause.section
            print(f"\n{self._section}")
        short = judged.clause.id.removeprefix(PREFIX)
        print(f"  {self.painted(judged.verdict)} {short:<6} {judged.clause.title}{_why(judged)}", flush=True)
        if self.verbosity > 0:
            for outcome in judged.outcomes:
                tries = f", {outcome.examples} examples" if outcome.examples else ""
                print(f"{INDENT} {outcome.test.rpartition('::')[2]}: {outcome.result}, {outcome.seconds:.2f} s{tries}")

    def painted(self, verdict: Verdict) -> str:
        """A verdict, padded, in colour at a terminal."""
        text = f"{verdict:<11}"
        return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if self.colour else text

    def print_findings(self) -> None:
        """Every finding with what was expected, what came and the bytes; the worst first."""
        judgements = self.judgements()
        for verdict in _LOUD:
            for one in judgements:
                if one.verdict is verdict:
                    self._print_finding(one)

    def _print_finding(self, judged: Judgement) -> None:
        print(f"\n{self.painted(judged.verdict)} {judged.clause.id} {judged.clause.level}: {judged.clause.title}")
        print(_wrapped(judged.clause.quote))
        if judged.outcome is None:
            return
        if judged.outcome.expected is not None:
            print(_wrapped(f"expected  {judged.outcome.expected}", hang=10))
            print(_wrapped(f"actual    {judged.outcome.actual}", hang=10))
        if judged.verdict in (Verdict.ERROR, Verdict.CRASH) and judged.message:
            print(_wrapped(f"message   {judged.message}", hang=10))
        if judged.outcome.data:
            print(_wrapped(f"bytes     {_hex(judged.outcome.data)}", hang=10))

    def print_end(self, code: Exit, seconds: float, report: str) -> None:
        """The sum of the run."""
        print(f"\n{counts(self.judgements())} in {seconds:.1f} s")
        print(f"report: {report}")
        print(f"exit {int(code)}: {_ENDINGS[code]}")


def counts(judgements: Iterable[Judgement]) -> str:
    """`61 pass, 1 fail, 3 unsupported`."""
    found = Counter(one.verdict for one in judgements)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict if found[verdict]) or "nothing judged"


def _why(judged: Judgement) -> str:
    if judged.verdict in (Verdict.UNSUPPORTED, Verdict.INFO) and judged.message:
        return f" ({judged.message})"
    return ""


def _hex(data: str, limit: int = 64) -> str:
    spaced = " ".join(data[at : at + 2] for at in range(0, min(len(data), 2 * limit), 2))
    return spaced if len(data) <= 2 * limit else f"{spaced} ... ({len(data) // 2} bytes)"


def _wrapped(text: str, hang: int = 0) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + " " * hang, break_on_hyphens=False
    )
