"""One soak: the server, the parts of the load, step after step, and what was measured between the steps."""

import math
import re
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path as File
from typing import Final, NamedTuple

from tests.hardening.soak.chat import ChatFigures
from tests.hardening.soak.churn import ChurnFigures
from tests.hardening.soak.judging import Left, Sample, most_rooms, problems
from tests.hardening.soak.path import Loopback, Path, Taken
from tests.hardening.soak.worker import FINISH, Step, Worker
from tests.hardening.victim import Victim

PATIENCE: Final = 10.0
"""Seconds in which the server may close what its peers have closed."""


class Plan(NamedTuple):
    """`steps`: how many, if they end within `longest`, in seconds. `seconds`: of each step. `messages`, `visits`: the
    most in each. `rate`: messages a second. `visit_rate`: visits a second, 0: as fast as they go. `password_every`:
    see `Churn`. `options`: of the server, beside those that a soak needs. `program`: the module that is the server,
    and its first arguments.
    """

    steps: int
    seconds: float
    messages: int
    visits: int
    rate: float
    visit_rate: float
    password_every: int
    options: Sequence[str] = ()
    program: Sequence[str] = ("reference_server",)
    longest: float = math.inf


class Progress(NamedTuple):
    """The state after a step. `elapsed`: seconds since the first began, `cpu`: those of a core that the server used."""

    elapsed: float
    cpu: float
    sample: Sample
    chat: ChatFigures
    churn: ChurnFigures
    taken: Taken


class Result(NamedTuple):
    """`samples`: of each step. `last`: the state when everybody had left; `left`: what the server still had then."""

    samples: list[Sample]
    last: Progress
    left: Left
    problems: list[str]


def soak(
    plan: Plan,
    folder: File,
    tell: Callable[[Progress], None] = lambda _: None,
    path: Callable[[Victim], Path] = lambda victim: Loopback(victim.endpoint),
) -> Result:
    """Soak a server of its own. `tell` hears of every step. `path`: the way that the members take.

    Raises RuntimeError if a part of the load breaks, because the server has ended or the machine has no more.
    """
    # residents come from one exempt address, since they speak faster than one address may; visitors are limited
    options = ["--exempt", "127.0.0.1/32", "--metrics", "127.0.0.1:0", *plan.options]
    victim = Victim(folder, *options, program=plan.program)
    workers: list[Worker] = []
    samples: list[Sample] = []
    try:
        files_before = victim.open_files()
        way = path(victim)
        where = way.endpoint
        workers.append(chat := Worker("chat", (*where, plan.rate)))
        workers.append(churn := Worker("churn", (*where, plan.visit_rate, plan.password_every)))
        chat.begin(Step(plan.seconds, 0))  # until its rooms are there
        chat.figures(ChatFigures)
        began, cpu = time.monotonic(), victim.cpu_seconds()

        def state(step: Callable[[int], Step], sample: Callable[[], Sample]) -> Progress:
            chat.begin(step(plan.messages))
            churn.begin(step(plan.visits))
            chatted, visited = chat.figures(ChatFigures), churn.figures(ChurnFigures)
            elapsed, used = time.monotonic() - began, victim.cpu_seconds() - cpu
            return Progress(elapsed, used, sample(), chatted, visited, way.taken())

        for _ in range(plan.steps):
            progress = state(lambda most: Step(plan.seconds, most), lambda: _sample(victim))
            samples.append(progress.sample)
            tell(progress)
            if progress.elapsed >= plan.longest:
                break
        last = state(lambda _: FINISH, lambda: samples[-1])
        files, rooms, members = _left(victim, files_before, most_rooms(last.churn, last.taken))
    finally:
        for worker in workers:
            worker.close()
        code = victim.end()
    left = Left(files_before, files, rooms, members, code, b"Traceback" in victim.logged())
    return Result(samples, last, left, problems(samples, last.chat, last.churn, last.taken, left))


def _sample(victim: Victim) -> Sample:
    # first what is counted, then the connection that asks
    memory, files = victim.memory(), victim.open_files()
    return Sample(memory, files, _page(victim, "/healthz") == "ok\n")


def _left(victim: Victim, most_files: int, most_rooms: int) -> tuple[int, int, int]:
    """Descriptors, rooms and members: the fewest that were seen until they are no more than may be or patience ends.

    A look at the metrics is a descriptor itself, which the server closes a moment later.
    """
    until, files = time.monotonic() + PATIENCE, victim.open_files()
    while True:
        page = _page(victim, "/metrics")
        rooms, members = (_number(page, name) for name in ("tcrp_rooms", "tcrp_members"))
        if (files <= most_files and rooms <= most_rooms) or time.monotonic() > until:
            return files, rooms, members
        time.sleep(0.05)
        files = min(files, victim.open_files())


def _number(page: str, name: str) -> int:
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the metrics say nothing of {name}")
    return int(float(found[1]))


def _page(victim: Victim, path: str) -> str:
    """A page of the metrics; empty if it does not come."""
    connection = HTTPConnection(victim.endpoint.host, victim.metrics, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (OSError, HTTPException):
        return ""
    finally:
        connection.close()
