"""What a state file costs: chat and joins, with `--state` and without."""

import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from benchmarks.contestants.start import OURS, RunningServer, run_server
from benchmarks.relaying import ROUNDS, SCENARIOS, cpu_nanoseconds, measure
from benchmarks.report import Section, progress
from tcrp import dialects
from tcrp.messages import Create, Join

AT_ONCE: Final = (16, 1)
"""Connections that join at the same time."""
JOINS_PER_TURN: Final = 400
MEMBERS: Final = len(AT_ONCE) * (ROUNDS + 1) * JOINS_PER_TURN + 1
MEMORY: Final = "in memory"
STATE: Final = "with --state"


def run() -> list[Section]:
    """Measure both servers in turns. Needs Linux."""
    if not Path("/proc/self/schedstat").exists():
        return [Section("A state file", ("",), (("needs Linux, which says what CPU a process has used, in ns",),))]
    with tempfile.TemporaryDirectory() as folder:
        options = ("--max-members", str(MEMBERS), "--idle-timeout", "3600")
        rows = []
        for scenario in SCENARIOS:
            commands = {MEMORY: OURS, STATE: (*OURS, "--state", str(Path(folder) / scenario.title))}
            rows.append(_row(f"chat, {scenario.title}: us a delivery", measure(scenario, commands, None)))
        commands = {MEMORY: (*OURS, *options), STATE: (*OURS, *options, "--state", str(Path(folder) / "joins"))}
        for at_once, (cpu, rate) in _measure_joins(commands).items():
            rows.append(_row(f"joins, {at_once} at once: us a join", cpu))
            rows.append(_row(f"joins, {at_once} at once: joins a second", rate))
    how = (
        f"{ROUNDS} rounds, both servers in turns; the ratio of medians, and the least and the greatest ratio of a "
        "round. us are those of CPU, user and system, of the server. Chat is that of the section on relaying. "
        f"{JOINS_PER_TURN} joins of one room in a turn, each saved before it is answered. "
        "Generator and server share the machine."
    )
    return [Section("A state file", ("", MEMORY, STATE, "state / memory", "rounds"), rows, (how,))]


def _row(title: str, values: Mapping[str, list[float]]) -> tuple[str, ...]:
    memory, state = values[MEMORY], values[STATE]
    ratios = [one / other for one, other in zip(state, memory, strict=True)]
    digits = 0 if median(memory) > 100 else 1
    return (
        title,
        f"{median(memory):.{digits}f}",
        f"{median(state):.{digits}f}",
        f"{median(state) / median(memory):.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
    )


Measured: TypeAlias = dict[str, list[float]]
"""By server: one value for each round."""


def _measure_joins(commands: Mapping[str, tuple[str, ...]]) -> dict[int, tuple[Measured, Measured]]:
    """us of CPU a join, and joins a second, by how many join at once."""
    progress("joins with a state file and without")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(run_server(command)) for name, command in commands.items()}
        for server in servers.values():
            _ask(server, [_request(Create("room", "host"))])
        return {at_once: _measure_turns(servers, at_once) for at_once in AT_ONCE}


def _measure_turns(servers: Mapping[str, RunningServer], at_once: int) -> tuple[Measured, Measured]:
    cpu: Measured = {name: [] for name in servers}
    rate: Measured = {name: [] for name in servers}
    for number in range(ROUNDS + 1):
        for name, server in servers.items():
            before, began = cpu_nanoseconds(server.pid), time.perf_counter()
            for _ in range(JOINS_PER_TURN // at_once):
                _ask(server, [_request(Join("room", "guest"))] * at_once)
            seconds = time.perf_counter() - began
            if number:  # the first round warms up
                cpu[name].append((cpu_nanoseconds(server.pid) - before) / JOINS_PER_TURN / 1000)
                rate[name].append(JOINS_PER_TURN / seconds)
    return cpu, rate


def _request(want: Create | Join) -> bytes:
    return dialects.get().client(want, None, 0.0).data_to_send()


def _ask(server: RunningServer, requests: list[bytes]) -> None:
    """Make these requests at the same time. RuntimeError if one of them is refused."""
    assert server.endpoint.tcp is not None
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in requests]
        for sock, request in zip(socks, requests, strict=True):
            sock.connect((server.endpoint.host, server.endpoint.tcp))
            sock.sendall(request)
        for sock in socks:
            answer = b""
            while part := sock.recv(4096):
                answer += part
            if len(answer) < 80:  # a COMPLETE alone has 72 bytes
                raise RuntimeError(f"{server.endpoint} refuses a request: {answer!r}")
