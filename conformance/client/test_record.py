"""What a test has to say beside its finding: what it judged, what it did not judge and why, what it noticed."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any


class TestRecord:
    """The record of one test."""

    __test__ = False  # it is no test of pytest

    def __init__(self) -> None:
        self.judged = 0
        """How many times something was judged."""
        self.waived: list[str] = []
        """Why something was not judged: it means something else in this dialect."""
        self.unlearnt: str | None = None
        """What the verdict would have to rest on, and nobody has learnt of this server: it is not judged then."""
        self.notes: list[str] = []
        self.examples = 0
        self.passed: list[Mapping[str, Any]] = []
        """The examples that passed, in the order in which they were drawn."""

    def judge(self) -> None:
        """Something is judged now."""
        self.judged += 1

    def waive(self, reason: str) -> None:
        """What was asked means something else in this dialect, so that the answer is not judged."""
        if reason not in self.waived:
            self.waived.append(reason)

    def rest_on_unlearnt(self, why: str) -> None:
        """What was asked rests on an answer of the dialect that was not learnt."""
        self.unlearnt = self.unlearnt or why

    def note(self, text: str) -> None:
        """Report this reading with the verdict."""
        self.notes.append(text)

    @contextlib.contextmanager
    def example(self, drawn: Mapping[str, Any]) -> Iterator[None]:
        """One example of the test runs. It has passed unless it raises, and has judged unless it waived something."""
        self.examples += 1
        before, self.waived = self.waived, []
        try:
            yield
            self.passed.append(drawn)
            self.judged += not self.waived
        finally:
            self.waived = [*before, *(reason for reason in self.waived if reason not in before)]

    @property
    def latest(self) -> Mapping[str, Any] | None:
        """The example that passed last."""
        return self.passed[-1] if self.passed else None
