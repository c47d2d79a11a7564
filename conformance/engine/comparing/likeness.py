"""What the reactions to equal requests have in common."""

from collections.abc import Sequence
from typing import NamedTuple

NEAR = 3
"""Bytes beside one that varies may vary too: a random value may have the same byte there by chance."""


class Reaction(NamedTuple):
    """What came back on one connection. `closed`: the server closed it; `seconds`: until the first byte, or the close;
    `refused`: there was no connection.
    """

    data: bytes = b""
    closed: bool = False
    seconds: float = 0.0
    refused: bool = False

    @property
    def any(self) -> bool:
        """Whether the server did anything that can be seen."""
        return bool(self.data) or self.closed

    def __str__(self) -> str:
        if self.refused:
            return "no connection"
        if self.data:
            return f"{len(self.data)} bytes: {self.data[:24]!r}"
        return "a close without an answer" if self.closed else f"no answer in {self.seconds:.1f} s"


class Likeness:
    """Up to what varies between these reactions to equal requests, another reaction is the same or not."""

    def __init__(self, samples: Sequence[Reaction]) -> None:
        self._answers = [one.data for one in samples]
        self.answers = all(self._answers)
        """Whether each of them is an answer; else they are closes without one."""
        self.slowest = max((one.seconds for one in samples), default=0.0)
        self.fixed_size = len({len(one) for one in self._answers}) == 1
        self._head = _common(self._answers)
        self._tail = _common([one[::-1] for one in self._answers])
        self._stable = _stable(self._answers) if self.fixed_size else []

    def holds(self, reaction: Reaction) -> bool:
        """Whether this reaction is like those."""
        if not self.answers:
            return reaction.closed and not reaction.data
        if not self.fixed_size:
            head, tail = self._answers[0][: self._head], self._answers[0][len(self._answers[0]) - self._tail :]
            return bool(reaction.data) and reaction.data.startswith(head) and reaction.data.endswith(tail)
        if len(reaction.data) != len(self._answers[0]):
            return False
        return all(reaction.data[at] == self._answers[0][at] for at in self._stable)


def _stable(answers: Sequence[bytes]) -> list[int]:
    """The offsets at which all of these have the same byte, and so have the bytes near them."""
    varies = [len(set(column)) > 1 for column in zip(*answers, strict=True)]
    return [at for at in range(len(varies)) if not any(varies[max(0, at - NEAR) : at + NEAR + 1])]


def _common(answers: Sequence[bytes]) -> int:
    """How many bytes all of these begin with, less those near the first that varies."""
    count = 0
    for column in zip(*answers, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return count if len(set(answers)) == 1 else max(0, count - NEAR)
