"""Whether silent rooms and members make the messages of the others more expensive."""

import secrets
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.crowd import admit_member, fill_rooms, make_relay
from benchmarks.report import Section, progress
from relay import Relay
from tcrp.messages import Create, Join

ROOMS, MEMBERS = 10_000, 10
FEW_ROOMS = 10
ROUNDS = 7
CALLS = 2_000
IDLE_SECONDS = 10.0
"""The idle time of the crowd. It must be longer than filling the rooms takes."""
PAUSE_LIMIT = 0.05
"""Seconds that a member may wait at most while others are removed."""


def run() -> list[Section]:
    """Measure the cost of single calls, and the removal of all members at once."""
    return [_costs(), _eviction()]


def _costs() -> Section:
    """The cost of the same calls among few rooms and among many. Both take turns."""
    progress("a message, a join and a leave among few rooms and among many")
    relays = {}
    for rooms in (FEW_ROOMS, ROOMS):
        relays[rooms] = make_relay(rooms + CALLS)
        fill_rooms(relays[rooms], rooms, MEMBERS, 9, 0.0)
    rows = []
    for name, work in (
        ("message relayed", _relay_message),
        ("member joins and leaves", _join_and_leave),
        ("idle check", _check_idle),
    ):
        taken: dict[int, list[float]] = {rooms: [] for rooms in relays}
        for _ in range(ROUNDS):
            for rooms, relay in relays.items():
                step = work(relay)
                started = time.process_time()
                for _ in range(CALLS):
                    step()
                taken[rooms].append((time.process_time() - started) / CALLS * 1e6)
        few, many = (statistics.median(times) for times in taken.values())
        rows.append((name, f"{few:.2f}", f"{many:.2f}", f"{many / few:.2f}"))
    columns = ("CPU us a call", f"{FEW_ROOMS} rooms of {MEMBERS}", f"{ROOMS} rooms of {MEMBERS}", "ratio")
    return Section("Cost among many rooms", columns, rows, ("The rules alone, without sockets.",))


def _relay_message(relay: Relay) -> Callable[[], object]:
    name = f"r-{secrets.token_hex(4)}"
    tokens = [admit_member(relay, want, "127.0.0.1", 0.0) for want in (Create(name, "a"), Join(name, "b"))]
    head = [bytes((len(name), len(token))) + name.encode() + token for token in tokens]
    for port, start in enumerate(head, 1000):
        relay.receive_datagram(start, ("127.0.0.1", port), 0.0)
    said, source = head[0] + b"hello", ("127.0.0.1", 1000)
    return lambda: relay.receive_datagram(said, source, 0.0)


def _join_and_leave(relay: Relay) -> Callable[[], object]:
    name = f"r-{secrets.token_hex(4)}"
    admit_member(relay, Create(name, "host"), "127.0.0.1", 0.0)

    def step() -> None:
        token = admit_member(relay, Join(name, "guest"), "127.0.0.1", 0.0)
        relay.receive_datagram(
            bytes((len(name), len(token))) + name.encode() + token + b"exit", ("127.0.0.1", 1000), 0.0
        )

    return step


def _check_idle(relay: Relay) -> Callable[[], object]:
    return lambda: relay.expire(1.0)


def _eviction() -> Section:
    """All members but two become idle at once, while these two go on talking through the same socket."""
    count = ROOMS * MEMBERS
    progress(f"{count} members are removed while two others talk")
    words = [sys.executable, "-m", "benchmarks.crowd", str(ROOMS), str(MEMBERS), str(IDLE_SECONDS)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port, size, due, *tokens = server.stdout.readline().split()
        trips = _talk(int(port), [token.encode() for token in tokens], server.stdout.fileno())
        seconds = time.monotonic() - float(due)
        server.stdin.close()
    ordinary = [trip for began, trip in trips if began < float(due)]
    removing = [trip for began, trip in trips if began >= float(due)]
    rows = [
        ("bytes a member", size, ""),
        (f"seconds to remove {count} members", f"{seconds:.2f}", ""),
        ("median round trip of the others before, ms", f"{statistics.median(ordinary) * 1e3:.2f}", ""),
        ("longest round trip of the others before, ms", f"{max(ordinary) * 1e3:.1f}", ""),
        ("median round trip of the others meanwhile, ms", f"{statistics.median(removing) * 1e3:.2f}", ""),
        (
            "longest round trip of the others meanwhile, ms",
            f"{max(removing) * 1e3:.1f}",
            f"{max(removing) / PAUSE_LIMIT:.2f} of the {PAUSE_LIMIT * 1e3:.0f} ms allowed",
        ),
    ]
    return Section(
        f"{count} members in {ROOMS} rooms",
        ("", "measured", ""),
        rows,
        ("Bytes are what the process grew by. Each member has its own address and token, and is told of its end.",),
    )


def _talk(port: int, tokens: list[bytes], stdout: int) -> list[tuple[float, float]]:
    """When each round trip began and how many seconds it took, until the server says that the crowd is gone."""
    with socket.socket(type=socket.SOCK_DGRAM) as alice, socket.socket(type=socket.SOCK_DGRAM) as bob:
        starts = [bytes((4, len(token))) + b"pair" + token for token in tokens]
        for sock, start in ((alice, starts[0]), (bob, starts[1])):
            sock.connect(("127.0.0.1", port))
            sock.settimeout(5.0)
            sock.send(start)
        trips: list[tuple[float, float]] = []
        while not select.select([stdout], [], [], 0)[0]:
            began = time.monotonic()
            alice.send(starts[0] + b"hello")
            bob.recv(100)
            trips.append((began, time.monotonic() - began))
            if len(trips) % 100 == 0:
                bob.send(starts[1])  # keeps bob a member
            time.sleep(0.001)
        return trips
