"""CPU per delivered datagram, against a C loop that only receives and sends (`udp_loop.c`)."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.contestants.start import OTHERS, OURS, PORTABLE, Running, missing, running
from benchmarks.report import Section, progress
from tcrp import dialects
from tcrp.events import Joined
from tcrp.messages import Create, Join, Membership, UpKind

ROUNDS: Final = 9
FLOOR: Final = "C loop"
DELIVERIES: Final = 2500
"""In one turn of one server."""
SILENCE: Final = 0.5
"""Seconds without a datagram after which those that are missing count as lost."""
PAUSE: Final = 0.001
BURST: Final = 64
TEXT: Final = b"a message of the length that people write when they chat"
MEMBER: Final = Membership("room", "someone", b"0" * 36, True)
"""What the C loop's members say that they are: it does not look."""


class Load(NamedTuple):
    """A room of so many `members`, who say `burst` messages in a row and then wait until all have heard them."""

    members: int
    burst: int

    @property
    def title(self) -> str:
        return f"{self.members} members" + (", one by one" if self.burst == 1 else "")


LOADS: Final = (Load(2, BURST), Load(2, 1), Load(10, BURST), Load(50, BURST))


def run() -> list[Section]:
    if not Path("/proc/self/schedstat").exists():
        return [Section("Relaying", ("",), (("needs Linux, which says what CPU a process has used, in ns",),))]
    commands = {"tcrp-server": OURS, "tcrp-server without sendmmsg": PORTABLE, **OTHERS}
    usable = {name: command for name, command in commands.items() if missing(command) is None}
    with floor() as loop:
        costs = {load: measure(load, usable, loop) for load in LOADS}
    rows = [[name, *(cell(costs[load], name) for load in LOADS)] for name in (FLOOR, *usable)]
    rows += [[name, missing(command) or "", *[""] * (len(LOADS) - 1)] for name, command in commands.items()
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
            "Relaying: CPU of the server per delivered datagram", ["", *(load.title for load in LOADS)], rows, notes
        )
    ]


def cell(costs: dict[str, list[float]], name: str) -> str:
    if name not in costs:
        return "no cc"
    cost = median(costs[name])
    return f"{cost:.1f} ({cost / median(costs[FLOOR]):.2f})" if FLOOR in costs else f"{cost:.1f}"


@contextmanager
def floor() -> Iterator[str | None]:
    """The C loop, compiled; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "udp_loop")
        subprocess.run([compiler, "-O2", "-o", program, str(Path(__file__).with_name("udp_loop.c"))], check=True)
        yield program


def measure(load: Load, commands: dict[str, tuple[str, ...]], loop: str | None) -> dict[str, list[float]]:
    """us per delivered datagram by server, one for each round."""
    progress(f"relaying: {load.title}")
    with ExitStack() as stack:
        rooms = {}
        if loop is not None:
            rooms[FLOOR] = stack.enter_context(Room.open((loop, str(load.members)), load))
        for name, command in commands.items():
            rooms[name] = stack.enter_context(Room.open(command, load))
        costs: dict[str, list[float]] = {name: [] for name in rooms}
        for number in range(ROUNDS + 1):
            for name, room in rooms.items():
                cost = room.turn()
                if number:  # the first one warms up
                    costs[name].append(cost)
        return costs


class Room:
    """One server, one room in it, and its members' sockets."""

    def __init__(self, server: Running, load: Load, sockets: Sequence[socket.socket]) -> None:
        self._server = server
        self._load = load
        self._sockets = sockets
        self._others = load.members - 1
        address = server.endpoint.host, server.endpoint.udp
        dialect = dialects.get()
        self._datagrams = []
        for number, sock in enumerate(sockets):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind(("127.0.0.1", 0))
            sock.connect(address)
            member = MEMBER if server.endpoint.tcp is None else enter(server, number)
            sock.send(dialect.write_up(member, UpKind.REGISTER) or b"")
            sock.setblocking(False)
            self._datagrams.append(dialect.write_up(member, UpKind.CHAT, TEXT) or b"")

    @classmethod
    @contextmanager
    def open(cls, command: tuple[str, ...], load: Load) -> Iterator["Room"]:
        with ExitStack() as stack:
            server = stack.enter_context(running(command))
            opened = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(load.members)]
            yield cls(server, load, opened)

    def turn(self) -> float:
        """us of CPU per delivered datagram."""
        messages = max(DELIVERIES // self._others, self._load.burst)
        heard = 0
        before = cpu(self._server.pid)
        for start in range(0, messages, self._load.burst):
            for number in range(start, start + self._load.burst):
                speaker = number % len(self._sockets)
                self._sockets[speaker].send(self._datagrams[speaker])
            heard += self._hear(self._load.burst * self._others)
        if not heard:
            raise RuntimeError(f"{self._server.endpoint} relays nothing")
        time.sleep(PAUSE)
        return (cpu(self._server.pid) - before) / heard / 1000

    def _hear(self, due: int) -> int:
        """Count what came, until all of it did or nothing more does. Nobody waits in a system call for it: to wake
        the driver would cost the server, and the faster server less, since then it is still awake.
        """
        heard, last = 0, time.monotonic()
        while heard < due and time.monotonic() - last < SILENCE:
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
            if heard < due and self._load.burst > 1:
                time.sleep(PAUSE)
        return heard


def enter(server: Running, number: int) -> Membership:
    """Go into the room over TCP; the first creates it."""
    user = f"member{number}"
    want = Join(MEMBER.room, user) if number else Create(MEMBER.room, user)
    conversation = dialects.get().client(want, None, 0.0)
    with socket.create_connection((server.endpoint.host, server.endpoint.tcp)) as tcp:
        tcp.sendall(conversation.data_to_send())
        while data := tcp.recv(4096):
            for event in conversation.receive_data(data, 0.0):
                if isinstance(event, Joined):
                    return Membership(want.room, user, event.token, not number)
    raise RuntimeError(f"{server.endpoint} does not let {user} in")


def cpu(pid: int) -> int:
    """ns that all threads of a process have run, in user and in system code."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
