"""One process of the generator: enters its rooms, then does what it is told, until there is nobody to tell it."""

import signal
from collections.abc import MutableSequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple

from conformance.load.figures import Figures
from conformance.load.generator import Generator, Run, Settled
from conformance.load.members import Entrance, enter
from conformance.load.plan import Plan, Share, allow_files
from conformance.verdicts import CommandError
from tcrp import dialects
from tcrp.endpoint import Endpoint

STOP = 0
"""Where in the numbers that the processes share it stands that all is to end."""
ENTERED, ROOMS, SENT, DELIVERED, NUMBERS = range(5)
"""What follows for each process."""
IDLE_SECONDS = 0.05


@dataclass(frozen=True)
class Task:
    """What a process has to do. `dialect`: as tcrp.dialects.to_text makes it; `idle`: the server's idle time."""

    number: int
    processes: int
    server: Endpoint
    dialect: str
    plan: Plan
    share: Share
    run: str
    at_once: int
    idle: float | None = None


class Settle(NamedTuple):
    """Command: find out whether everybody hears. Answer: Settled."""

    mark: bytes


class Prepare(NamedTuple):
    """Command: make ready for this run. Answer: True."""

    mark: bytes
    plan: Plan


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What `timeout`, Ctrl-C or a closed terminal send to every process at once."""


class Go(NamedTuple):
    """Command: begin at this time, in nanoseconds of time.monotonic_ns(). Answer: Figures."""

    start: int


Command = Settle | Prepare | Go
Answer = bool | Settled | Figures | CommandError


class Counters:
    """The numbers of one process in those that all share."""

    def __init__(self, shared: MutableSequence[int], number: int) -> None:
        self._shared = shared
        self._base = 1 + number * NUMBERS

    def stopped(self) -> bool:
        return bool(self._shared[STOP])

    def entered(self, host: bool) -> None:
        self._shared[self._base + ENTERED] += 1
        self._shared[self._base + ROOMS] += host

    def tell(self, sent: int, delivered: int) -> None:
        self._shared[self._base + SENT] = sent
        self._shared[self._base + DELIVERED] = delivered


def work(task: Task, commands: Connection, shared: MutableSequence[int]) -> None:
    """The process. Its first answer, True, comes once its members are in; a CommandError is its last."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)  # whoever gives the commands decides
    counters = Counters(shared, task.number)
    entrance = Entrance(
        task.server, dialects.of_text(task.dialect), task.plan, task.run, at_once=task.at_once,
        entered=counters.entered, stopped=counters.stopped, idle=task.idle,
    )  # fmt: skip
    try:
        allow_files(task.plan, task.processes)
        enter(entrance, task.share)
        commands.send(True)
        _obey(Generator(entrance, counters.stopped), commands, counters, task.number)
    except CommandError as trouble:
        commands.send(trouble)
    except (EOFError, BrokenPipeError):
        pass  # nobody is there any more
    finally:
        entrance.leave()


def _obey(generator: Generator, commands: Connection, counters: Counters, number: int) -> None:
    run: Run | None = None
    while True:
        while not commands.poll():
            generator.idle(IDLE_SECONDS)
        match commands.recv():
            case Settle(mark):
                commands.send(generator.settle(mark))
            case Prepare(mark, plan):
                run = Run(generator, mark, plan, number)
                commands.send(True)
            case Go(start):
                assert run is not None
                commands.send(run.go(start, counters.tell))
            case None:
                return
