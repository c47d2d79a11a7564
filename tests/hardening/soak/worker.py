"""A part of the load in a process of its own, which works in steps: the soak says when each begins, and for how long.

Between two steps nothing moves, so what is measured there belongs to a known number of messages and visits, on a fast
machine and on a slow one. The soak writes a line of JSON for each step to the part's input, the part answers with one.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

ROOT = Path(__file__).parents[3]
Figures = TypeVar("Figures")


class Step(NamedTuple):
    """Work for so many seconds, or until `most` messages or visits are done. `most` 0: finish, and clear away."""

    seconds: float
    most: int


FINISH = Step(0.0, 0)


class Part(Protocol):
    """What a process of the load does: one step after another, then the last one. Each returns its figures so far."""

    def work(self, step: Step) -> Mapping[str, object]: ...

    def finish(self) -> Mapping[str, object]: ...


class Worker:
    """The process of a part, seen from the soak."""

    def __init__(self, module: str, words: Sequence[object]) -> None:
        """`module`: in this package. `words`: its arguments."""
        command = [sys.executable, "-m", f"tests.hardening.soak.{module}", *map(str, words)]
        self._name = module
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def begin(self, step: Step) -> None:
        """Let it work."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(step) + "\n")
        self._process.stdin.flush()

    def figures(self, kind: Callable[..., Figures]) -> Figures:
        """Wait until the step is done. Returns a `kind` of the answer. Raises RuntimeError if the process has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the part {self._name} of the load ended with {self._process.wait()}")
        return kind(**json.loads(line))

    def close(self) -> None:
        """End the process, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def run(part: Part) -> None:
    """Be the process: answer each line of the input, until the last step."""
    for line in sys.stdin:
        step = Step(*json.loads(line))
        print(json.dumps(part.finish() if step == FINISH else part.work(step)), flush=True)
        if step == FINISH:
            return
