"""One process of the generator: lets its members in, then obeys commands, until there is nobody to give any."""

import asyncio
import signal
from collections.abc import MutableSequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple

from conformance.load.figures import Figures
from conformance.load.generator import Generator, Settled
from conformance.load.joining import Entrance
from conformance.load.measuring import Measurement
from conformance.load.members import LoadMembers
from conformance.load.plan import Plan, RoomShare, allow_open_files
from conformance.outcome.verdicts import CommandError
from tcrp import dialects
from tcrp.endpoint import Endpoint

STOP = 0
"""The index in the shared numbers that tells all processes to end."""
ENTERED, ROOMS, SENT, DELIVERED, NUMBERS = range(5)
"""Indexes in the numbers of one process, which follow that one, and how many numbers it has."""
IDLE_SECONDS = 0.05
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What `timeout`, Ctrl-C or a closed terminal send to every process at once."""


@dataclass(frozen=True)
class WorkerTask:
    """What a process has to do.

    `number`: of the process, out of `processes`; `dialect`: as tcrp.dialects.to_text makes it; `run`: begins the names
    of the rooms; `at_once`: upper bound of its requests at once; `idle`: the server's idle time in seconds.
    """

    number: int
    processes: int
    server: Endpoint
    dialect: str
    plan: Plan
    share: RoomShare
    run: str
    at_once: int
    idle: float | None = None


class SettleCommand(NamedTuple):
    """Find out whether every member hears. It is answered by Settled."""

    mark: bytes


class PrepareCommand(NamedTuple):
    """Make ready for this run. It is answered by True."""

    mark: bytes
    plan: Plan


class StartCommand(NamedTuple):
    """Begin the run at this time, in nanoseconds of time.monotonic_ns(). It is answered by Figures."""

    start: int


WorkerCommand = SettleCommand | PrepareCommand | StartCommand
WorkerAnswer = bool | Settled | Figures | CommandError


class SharedCounters:
    """The numbers of one process in those that all processes share."""

    def __init__(self, shared: MutableSequence[int], number: int) -> None:
        self._shared = shared
        self._base = 1 + number * NUMBERS

    def stopped(self) -> bool:
        """Whether all is to end."""
        return bool(self._shared[STOP])

    def entered(self, host: bool) -> None:
        """Count a member that is in. `host`: its room is made, too."""
        self._shared[self._base + ENTERED] += 1
        self._shared[self._base + ROOMS] += host

    def tell(self, sent: int, delivered: int) -> None:
        """Set the numbers of messages sent and of deliveries that came."""
        self._shared[self._base + SENT] = sent
        self._shared[self._base + DELIVERED] = delivered


def work(task: WorkerTask, commands: Connection, shared: MutableSequence[int]) -> None:
    """Run the process. Its first answer, True, comes once its members are in. A CommandError is its last."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)  # whoever gives the commands decides
    counters = SharedCounters(shared, task.number)
    members = LoadMembers(dialects.of_text(task.dialect, runs_python=True), task.idle)
    entrance = Entrance(
        task.server, members, task.plan, task.run, at_once=task.at_once, entered=counters.entered,
        stopped=counters.stopped,
    )  # fmt: skip
    try:
        allow_open_files(task.plan, task.processes)
        asyncio.run(entrance.enter(task.share))
        commands.send(True)
        _obey(Generator(members, counters.stopped), commands, counters, task.number)
    except CommandError as trouble:
        commands.send(trouble)
    except (EOFError, BrokenPipeError):
        pass  # nobody is there any more
    finally:
        members.leave()


def _obey(generator: Generator, commands: Connection, counters: SharedCounters, number: int) -> None:
    measurement: Measurement | None = None
    while True:
        while not commands.poll():
            generator.idle(IDLE_SECONDS)
        match commands.recv():
            case SettleCommand(mark):
                commands.send(generator.settle(mark))
            case PrepareCommand(mark, plan):
                measurement = Measurement(generator, mark, plan, number)
                commands.send(True)
            case StartCommand(start):
                assert measurement is not None
                commands.send(measurement.run(start, counters.tell))
            case None:
                return
