"""The generator's processes, as seen by the one that commands them."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from conformance.load import marking
from conformance.load.figures import Figures, total
from conformance.load.generator import Settled
from conformance.load.joining import AT_ONCE, LimitReached
from conformance.load.plan import Plan, allow_open_files, share_rooms
from conformance.load.worker import (
    DELIVERED,
    ENDS,
    ENTERED,
    NUMBERS,
    ROOMS,
    SENT,
    STOP,
    PrepareCommand,
    SettleCommand,
    StartCommand,
    WorkerAnswer,
    WorkerCommand,
    WorkerTask,
    work,
)
from conformance.net import guard
from conformance.net.target import Target
from conformance.outcome.verdicts import CommandError, Exit
from tcrp import Dialect, dialects

LEAD_SECONDS = 0.1
"""Seconds from the command to begin to the first message."""
POLL_SECONDS = 0.1
LEAVE_SECONDS = 30.0
"""How long the processes may take to let their members leave."""
KILL_SECONDS = 2.0
Wanted = TypeVar("Wanted")


class WorkerPool:
    """The processes of one load. `watch` is called again and again while they work; what it raises ends the waiting."""

    def __init__(self, target: Target, dialect: Dialect, plan: Plan, count: int, watch: Callable[[], None]) -> None:
        self._plan = plan
        self._count = count
        self._target = target
        self._dialect = dialect
        self._watch = watch
        self._shared = multiprocessing.get_context("spawn").RawArray("Q", 1 + count * NUMBERS)
        self._pipes: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []

    def enter(self, idle: float | None) -> None:
        """Start the processes and let all members in. `idle`: the server's idle time in seconds.

        Raises CommandError if the server does not take them all.
        """
        allow_open_files(self._plan, self._count)
        run = os.urandom(2).hex()[:3]
        context = multiprocessing.get_context("spawn")
        guard.keep(self, self._kill)
        with _deaf_to_interrupts():
            for number, share in enumerate(share_rooms(self._plan.rooms, self._count)):
                mine, theirs = context.Pipe()
                task = WorkerTask(
                    number, self._count, self._target.endpoint, dialects.to_text(self._dialect), self._plan, share, run,
                    max(1, AT_ONCE // self._count), idle,
                )  # fmt: skip
                process = context.Process(target=work, args=(task, theirs, self._shared), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(mine)
                self._processes.append(process)
        try:
            self._answers(bool)
        except LimitReached as limit:
            raise self._in_words(limit) from None

    def _in_words(self, limit: LimitReached) -> CommandError:
        if limit.place == 0:
            what = f"the server took {self._sum(ROOMS):,} rooms of {self._plan.rooms:,}: lower --rooms"
        else:
            what = f"the server took {limit.place} members of {self._plan.members} in a room: lower --members"
        return CommandError(f"{what}, or raise the server's limit", Exit.NOTHING)

    def settle(self) -> Settled:
        """Let every member hear something. Raises CommandError if none does."""
        found = self._ask(SettleCommand(marking.new_mark()), Settled)
        deaf = sum(one.deaf for one in found)
        if deaf == self._plan.all_members and not self.stopped:
            raise CommandError("the members are in, and none of them hears a message of another", Exit.UNREACHABLE)
        return Settled(deaf, all(one.understood or one.deaf for one in found))

    def measure(self, plan: Plan) -> Figures:
        """Make one run with the members that are in."""
        self._ask(PrepareCommand(marking.new_mark(), plan), bool)
        start = time.monotonic_ns() + round(LEAD_SECONDS * 1e9)
        return total(self._ask(StartCommand(start), Figures))

    @property
    def stopped(self) -> bool:
        """Whether all is to end."""
        return bool(self._shared[STOP])

    def stop(self) -> None:
        """End all: nothing more is sent, and a run that goes on sums up what there is."""
        self._shared[STOP] = 1

    @property
    def entered(self) -> int:
        """How many members are in."""
        return self._sum(ENTERED)

    @property
    def sent(self) -> int:
        """How many messages of the run were sent."""
        return self._sum(SENT)

    @property
    def delivered(self) -> int:
        """How many deliveries of the run have come."""
        return self._sum(DELIVERED)

    def _sum(self, which: int) -> int:
        """A number, summed over all processes."""
        return sum(self._shared[1 + number * NUMBERS + which] for number in range(self._count))

    def close(self) -> None:
        """Let all members leave, and end the processes."""
        self.stop()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
        deadline = time.monotonic() + LEAVE_SECONDS
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
        self._kill()
        guard.release(self)
        for pipe in self._pipes:
            pipe.close()

    def _kill(self) -> None:
        """End the processes at once."""
        for process in self._processes:
            if process.is_alive():
                process.kill()
                process.join(KILL_SECONDS)

    def _ask(self, command: WorkerCommand, kind: type[Wanted]) -> list[Wanted]:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(command)
        return self._answers(kind)

    def _answers(self, kind: type[Wanted]) -> list[Wanted]:
        """One answer of each process. If any is a CommandError, the first is raised once all have answered."""
        answers: dict[Connection, WorkerAnswer] = {}
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
            self._watch()
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
