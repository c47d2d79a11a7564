"""What the comparison says of each clause: the worst of what was tried, with its evidence."""

from collections.abc import Sequence

from conformance.engine.comparing.likeness import Reaction
from conformance.engine.comparing.subject import Subject
from conformance.engine.health import OUTPUT_LINES, Health
from conformance.outcome.findings import COMPARED, Evidence, Outcome
from conformance.outcome.trouble import exception_of, trouble_of, words_of
from conformance.spec.clauses import PREFIX

COMPARISON = "comparing the server with itself"
"""In place of the test's name."""
_RANK = ("pass", "unsupported", "fail", "crash")


class Verdicts:
    """Takes down what was found, by clause."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._bench = health.bench
        self._found: dict[str, Outcome] = {}
        self._places: dict[tuple[str, ...], str] = {}
        """Where in its code the server's service ended, and the clause under which that is told."""

    def outcomes(self) -> list[Outcome]:
        """All of them, of which none is given twice."""
        found, self._found = list(self._found.values()), {}
        return found

    def is_decided(self, clause: str) -> bool:
        """Whether nothing more is to be tried for this clause."""
        return clause in self._found and self._found[clause].result != "pass"

    def has_failed(self, clause: str) -> bool:
        """Whether the server did not serve any more."""
        return clause in self._found and self._found[clause].result in ("fail", "crash")

    def passed(self, clause: str, request: bytes, words: str) -> None:
        what = f"a request of {len(request)} bytes is answered as before while or after {words}"
        if clause == "2.5a":
            what = f"a request of {len(request)} bytes is answered as the whole when {words}"
        self.add(clause, "pass", f"judged by {COMPARISON}: {what}")

    def served(self, clause: str, count: int) -> None:
        """The chat port is open, and read, after so many datagrams."""
        self.add(
            clause, "pass", f"judged by {COMPARISON}: its UDP port stays open, and all of {count} datagrams were read"
        )

    def unjudged(self, clause: str, why: str) -> None:
        """Nothing can be said."""
        self.add(clause, "unsupported", f"compared with itself: {why}")

    def failed(self, clause: str, words: str, subject: Subject, lost: Sequence[Reaction]) -> None:
        """Service was lost as often as it was tried."""
        expected = f"a request of {len(subject.request)} bytes to be answered as before while or after {words}"
        if clause == "2.5a":
            expected = f"a request of {len(subject.request)} bytes to be answered as the whole when {words}"
        actual = f"{lost[-1]} ({len(lost)} of {len(lost)} times), where the usual is {_usual(subject)}"
        self._finding(clause, "fail", expected, actual, subject.request, len(lost))

    def died(self, clause: str, words: str, data: bytes) -> None:
        """The process has ended."""
        how = self._bench.target.ended() or "the process ended"
        last = words_of(self._bench.target.output(OUTPUT_LINES))
        actual = f"{how}: {last}" if last else how
        self._finding(clause, "crash", f"the server to go on serving after {words}", actual, data, 1)

    def lost(self, clause: str, words: str, actual: str, data: bytes) -> None:
        """The process lives, and its service is lost."""
        self._finding(clause, "fail", f"the server to go on serving after {words}", actual, data, 1)

    def _finding(self, clause: str, result: str, expected: str, actual: str, data: bytes, times: int) -> None:
        output = tuple(self._health.last_words())
        evidence = Evidence(
            self._bench.trace.steps(), names=self._bench.began_with, output=output, ended=True, failed=times,
            runs=times, exception=exception_of(output),
        )  # fmt: skip
        place = trouble_of(output)
        if clause == "6.1g" and place is not None and place in self._places:
            self.unjudged(clause, f"its service ends as under {PREFIX}{self._places[place]} ({evidence.exception})")
            return
        if place is not None:
            self._places.setdefault(place, clause)
        message = f"expected {expected}; {actual}"
        outcome = Outcome(PREFIX + clause, result, COMPARISON, 0.0, 1, expected, actual, data, message, evidence)
        self._found[clause] = outcome._replace(how=COMPARED)

    def add(self, clause: str, result: str, message: str) -> None:
        """The worst that was found of a clause stays."""
        before = self._found.get(clause)
        if before is None or _RANK.index(result) > _RANK.index(before.result):
            self._found[clause] = Outcome(
                PREFIX + clause, result, COMPARISON, 0.0, 1, message=message, how=COMPARED
            )  # fmt: skip


def _usual(subject: Subject) -> str:
    return "an answer" if subject.likeness.answers else "a close"
