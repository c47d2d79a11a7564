"""The generator's processes, as whoever commands them sees them."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from conformance.endpoint import Target
from conformance.load import marking
from conformance.load.figures import Figures, total
from conformance.load.generator import Settled
from conformance.load.members import AT_ONCE, Limited
from conformance.load.plan import Plan, allow_files, shares
from conformance.load.worker import (
    DELIVERED,
    ENDS,
    ENTERED,
    NUMBERS,
    ROOMS,
    SENT,
    STOP,
    Answer,
    Command,
    Go,
    Prepare,
    Settle,
    Task,
    work,
)
from conformance.verdicts import CommandError, Exit
from tcrp import Dialect, dialects

LEAD_SECONDS = 0.1
"""From the command to begin to the first message."""
POLL_SECONDS = 0.1
LEAVE_SECONDS = 30.0
Wanted = TypeVar("Wanted")
Watch = Callable[["Crew"], None]
"""Called again and again while something goes on."""


class Crew:
    """The processes of one load. `watch` is called while they work; what it raises ends the waiting."""

    def __init__(self, target: Target, dialect: Dialect, plan: Plan, count: int, watch: Watch) -> None:
        self.plan = plan
        self.count = count
        self._target = target
        self._dialect = dialect
        self._watch = watch
        self._shared = multiprocessing.get_context("spawn").RawArray("Q", 1 + count * NUMBERS)
        self._pipes: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def enter(self, idle: float | None) -> None:
        """Start the processes and let everybody in. CommandError if the server does not take them all."""
        allow_files(self.plan, self.count)
        run = os.urandom(2).hex()[:3]
        context = multiprocessing.get_context("spawn")
        with _deaf_to_interrupts():
            for number, share in enumerate(shares(self.plan.rooms, self.count)):
                mine, theirs = context.Pipe()
                task = Task(
                    number, self.count, self._target.endpoint, dialects.to_text(self._dialect), self.plan, share, run,
                    max(1, AT_ONCE // self.count), idle,
                )  # fmt: skip
                process = context.Process(target=work, args=(task, theirs, self._shared), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(mine)
                self._processes.append(process)
        try:
            self._answers(bool)
        except Limited as limited:
            raise self._limit(limited) from None

    def _limit(self, limited: Limited) -> CommandError:
        if limited.place == 0:
            what = f"the server took {self.number(ROOMS):,} rooms of {self.plan.rooms:,}: lower --rooms"
        else:
            what = f"the server took {limited.place} members of {self.plan.members} in a room: lower --members"
        return CommandError(f"{what}, or raise the server's limit", Exit.NOTHING)

    def settle(self) -> Settled:
        """Let everybody hear something. CommandError if nobody does."""
        found = self._ask(Settle(marking.new_mark()), Settled)
        deaf = sum(one.deaf for one in found)
        if deaf == self.plan.everybody and not self.stopped:
            raise CommandError("the members are in, and none of them hears a message of another", Exit.UNREACHABLE)
        return Settled(deaf, all(one.understood or one.deaf for one in found))

    def measure(self, plan: Plan) -> Figures:
        """One run with the members that are in."""
        self._ask(Prepare(marking.new_mark(), plan), bool)
        start = time.monotonic_ns() + round(LEAD_SECONDS * 1e9)
        return total(self._ask(Go(start), Figures))

    @property
    def stopped(self) -> bool:
        return bool(self._shared[STOP])

    def stop(self) -> None:
        """Nothing more is sent; who measures sums up what there is."""
        self._shared[STOP] = 1

    def number(self, which: int) -> int:
        """ENTERED, ROOMS, SENT or DELIVERED, of all processes."""
        return sum(self._shared[1 + number * NUMBERS + which] for number in range(self.count))

    def close(self) -> None:
        """Everybody leaves, and the processes end."""
        self.stop()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
        deadline = time.monotonic() + LEAVE_SECONDS
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
        for pipe in self._pipes:
            pipe.close()

    def _ask(self, command: Command, kind: type[Wanted]) -> list[Wanted]:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(command)
        return self._answers(kind)

    def _answers(self, kind: type[Wanted]) -> list[Wanted]:
        """One answer of each process. The first CommandError of any is raised once all have ended what they did."""
        answers: dict[Connection, Answer] = {}
        trouble: CommandError | None = None
        while len(answers) < len(self._pipes):
            for pipe in wait([pipe for pipe in self._pipes if pipe not in answers], POLL_SECONDS):
                assert isinstance(pipe, Connection)
                try:
                    answers[pipe] = pipe.recv()
                except (EOFError, ConnectionError):
                    answers[pipe] = CommandError("a process of the generator has ended", Exit.SUITE_FAULT)
                if isinstance(answer := answers[pipe], CommandError) and trouble is None:
                    trouble = answer
                    self.stop()
            self._watch(self)
        if trouble is not None:
            raise trouble
        return [answer for answer in answers.values() if isinstance(answer, kind)]


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Whoever is started meanwhile does not hear of Ctrl-C and the like, not even while it is being loaded."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["DELIVERED", "ENTERED", "ROOMS", "SENT", "Crew"]
