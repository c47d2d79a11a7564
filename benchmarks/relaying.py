"""CPU per delivered datagram, compared with a C loop that only receives and sends (`udp_loop.c`)."""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.contestants.start import (
    DUAL_STACK,
    OTHERS,
    OURS,
    PORTABLE,
    WILDCARD,
    RunningServer,
    run_server,
    why_unusable,
)
from benchmarks.report import Section, progress
from reference_client.sockets import converse, open_tcp
from tcrp import dialects
from tcrp.endpoint import Endpoint
from tcrp.events import Joined
from tcrp.messages import Create, Join, Membership, UpKind

ROUNDS: Final = 9
C_LOOP: Final = "C loop"
DELIVERIES_PER_TURN: Final = 2500
"""Datagrams that receivers get in one turn of one server."""
SILENCE_SECONDS: Final = 0.5
"""Seconds without a datagram after which the missing ones count as lost."""
PAUSE_SECONDS: Final = 0.001
"""Seconds between two looks for datagrams, and after a turn."""
BURST: Final = 64
"""Messages that members send in a row."""
TEXT: Final = b"a message of the length that people write when they chat"
MEMBER: Final = Membership("room", "someone", b"0" * 36, True)
"""The membership with which the C loop's members speak. The loop does not look at it."""


class Scenario(NamedTuple):
    """A room of `members`, who send `burst` messages in a row and then wait until all have heard them."""

    members: int
    burst: int

    @property
    def title(self) -> str:
        """The heading of the scenario's column."""
        return f"{self.members} members" + (", one by one" if self.burst == 1 else "")


SCENARIOS: Final = (Scenario(2, BURST), Scenario(2, 1), Scenario(10, BURST), Scenario(50, BURST))


def run() -> list[Section]:
    """Measure every server that can run here in every scenario. Needs Linux."""
    if not Path("/proc/self/schedstat").exists():
        return [Section("Relaying", ("",), (("needs Linux, which says what CPU a process has used, in ns",),))]
    commands = {
        "tcrp-server": OURS,
        "tcrp-server on 0.0.0.0": WILDCARD,
        "tcrp-server on ::": DUAL_STACK,
        "tcrp-server without sendmmsg": PORTABLE,
        **OTHERS,
    }
    usable = {name: command for name, command in commands.items() if why_unusable(command) is None}
    with compiled_c_loop() as loop:
        costs = {scenario: measure(scenario, usable, loop) for scenario in SCENARIOS}
    rows = [[name, *(cost_cell(costs[scenario], name) for scenario in SCENARIOS)] for name in (C_LOOP, *usable)]
    rows += [[name, why_unusable(command) or "", *[""] * (len(SCENARIOS) - 1)] for name, command in commands.items()
             if name not in usable]  # fmt: skip
    how = (
        "us of CPU, user and system, of the server for each datagram that a receiver got; in brackets how many times "
        f"the C loop's that is. {ROUNDS} rounds, in each every server in turn; ratios of medians. Members say {BURST} "
        "messages in a row and wait until all have heard them, or say them one by one. Nobody sleeps in a system call "
        "for what comes, so the cost of waking receivers is in none of the figures."
    )
    notes = [how]
    if loop is None:
        notes.append("No C compiler `cc` here, so there is no C loop to compare with.")
    return [
        Section(
            "Relaying: CPU of the server per delivered datagram",
            ["", *(scenario.title for scenario in SCENARIOS)],
            rows,
            notes,
        )
    ]


def cost_cell(costs: dict[str, list[float]], name: str) -> str:
    """The median cost of a server, and how many times the C loop's it is."""
    if name not in costs:
        return "no cc"
    cost = median(costs[name])
    return f"{cost:.1f} ({cost / median(costs[C_LOOP]):.2f})" if C_LOOP in costs else f"{cost:.1f}"


@contextmanager
def compiled_c_loop() -> Iterator[str | None]:
    """The path of the compiled C loop; None if there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "udp_loop")
        subprocess.run([compiler, "-O2", "-o", program, str(Path(__file__).with_name("udp_loop.c"))], check=True)
        yield program


def measure(scenario: Scenario, commands: dict[str, tuple[str, ...]], loop: str | None) -> dict[str, list[float]]:
    """us of CPU per delivered datagram, by server: one value for each round."""
    progress(f"relaying: {scenario.title}")
    with ExitStack() as stack:
        rooms = {}
        if loop is not None:
            rooms[C_LOOP] = stack.enter_context(MeasuredRoom.open((loop, str(scenario.members)), scenario))
        for name, command in commands.items():
            rooms[name] = stack.enter_context(MeasuredRoom.open(command, scenario))
        costs: dict[str, list[float]] = {name: [] for name in rooms}
        for number in range(ROUNDS + 1):
            for name, room in rooms.items():
                cost = room.turn()
                if number:  # the first round warms up
                    costs[name].append(cost)
        return costs


class MeasuredRoom:
    """One server, one room in it, and its members' sockets."""

    def __init__(self, server: RunningServer, scenario: Scenario, sockets: Sequence[socket.socket]) -> None:
        self._server = server
        self._scenario = scenario
        self._sockets = sockets
        self._others = scenario.members - 1
        address = server.endpoint.host, server.endpoint.udp
        dialect = dialects.get()
        self._datagrams = []
        for number, sock in enumerate(sockets):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind(("127.0.0.1", 0))
            sock.connect(address)
            member = MEMBER if server.endpoint.tcp is None else asyncio.run(enter(server.endpoint, number))
            sock.send(dialect.write_up(member, UpKind.REGISTER) or b"")
            sock.setblocking(False)
            self._datagrams.append(dialect.write_up(member, UpKind.CHAT, TEXT) or b"")

    @classmethod
    @contextmanager
    def open(cls, command: tuple[str, ...], scenario: Scenario) -> Iterator["MeasuredRoom"]:
        with ExitStack() as stack:
            server = stack.enter_context(run_server(command))
            opened = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(scenario.members)]
            yield cls(server, scenario, opened)

    def turn(self) -> float:
        """Let the members talk, and return us of CPU per delivered datagram."""
        messages = max(DELIVERIES_PER_TURN // self._others, self._scenario.burst)
        heard = 0
        before = cpu_nanoseconds(self._server.pid)
        for start in range(0, messages, self._scenario.burst):
            for number in range(start, start + self._scenario.burst):
                speaker = number % len(self._sockets)
                self._sockets[speaker].send(self._datagrams[speaker])
            heard += self._count_heard(self._scenario.burst * self._others)
        if not heard:
            raise RuntimeError(f"{self._server.endpoint} relays nothing")
        time.sleep(PAUSE_SECONDS)
        return (cpu_nanoseconds(self._server.pid) - before) / heard / 1000

    def _count_heard(self, due: int) -> int:
        """Count the datagrams that arrive, until all `due` ones have or no more do.

        No system call waits for them: the server would pay for waking this process, and a fast server would pay less,
        because this process would still be awake.
        """
        heard, last = 0, time.monotonic()
        while heard < due and time.monotonic() - last < SILENCE_SECONDS:
            before = heard
            for sock in self._sockets:
                try:
                    while True:
                        sock.recv(4096)
                        heard += 1
                except BlockingIOError:
                    pass
            if heard > before:
                last = time.monotonic()
            if heard < due and self._scenario.burst > 1:
                time.sleep(PAUSE_SECONDS)
        return heard


async def enter(endpoint: Endpoint, number: int) -> Membership:
    """Enter the room over TCP. Member 0 creates it, the others join it. RuntimeError if the server refuses."""
    assert endpoint.tcp is not None
    user = f"member{number}"
    want = Join(MEMBER.room, user) if number else Create(MEMBER.room, user)
    conversation = dialects.get().client(want, None, asyncio.get_running_loop().time())
    with await open_tcp(endpoint.host, endpoint.tcp) as tcp:
        async with aclosing(converse(tcp, conversation)) as events:
            async for event in events:
                if isinstance(event, Joined):
                    return Membership(want.room, user, event.token, not number)
    raise RuntimeError(f"{endpoint} does not let {user} in")


def cpu_nanoseconds(pid: int) -> int:
    """The time that all threads of a process have run, in ns of user and system code."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
