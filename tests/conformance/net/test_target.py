"""Servers that the suite starts: when they are ready, how they ended, what they printed, how they are started again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.net import time_wait
from conformance.net.ports import CHOSEN_PORTS, free_ports, is_listening, parse_ready
from conformance.net.target import ProcessTarget, Unreachable
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint

DEFAULTS = Ports(9001, 9002)
SILENT = """
import socket, sys, time
tcp, udp, both = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "both"
accepting = socket.create_server(("127.0.0.1", tcp))
if both:
    chat = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    chat.bind(("127.0.0.1", udp))
print("I say nothing of being there", flush=True)
while True:
    accepting.accept()
    print("somebody came", flush=True)
"""


Start = Callable[..., ProcessTarget]
"""Writes a program and returns the target that starts it with these words of the command line."""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Start]:
    made: list[ProcessTarget] = []

    def start(source: str, *words: str, endpoint: Endpoint | None = None, ready_timeout: float = 10.0) -> ProcessTarget:
        path = tmp_path / "server.py"
        path.write_text(source)
        command = f"{sys.executable} {path} {' '.join(words)}"
        made.append(ProcessTarget(command, endpoint, DEFAULTS, ready_timeout))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def wait_for_its_end(target: ProcessTarget) -> str:
    while (how := target.ended()) is None:
        time.sleep(0.01)
    return how


def test_without_a_ready_line_open_ports_are_enough_and_nobody_connects(target: Start) -> None:
    server = target(SILENT, "{tcp}", "{udp}", "both")
    server.start()
    assert is_listening(server.endpoint)
    while not server.output():  # its ports are open before it says so
        time.sleep(0.01)
    assert server.output() == ["I say nothing of being there"]


def test_without_udp_it_is_ready_in_the_end(target: Start) -> None:
    server = target(SILENT, "{tcp}", "{udp}", "tcp only")
    server.start()
    assert is_listening(server.endpoint, udp=False)  # another program may have taken the free UDP port


def test_ports_of_its_own_choice_are_known_from_the_address(target: Start) -> None:
    with pytest.raises(Unreachable, match=r"not ready after 0.3 s: no line beginning with 'ready '"):
        target(SILENT, "0", "0", "both", ready_timeout=0.3).start()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize(
    ("source", "patience", "why"),
    [
        ("import time; time.sleep(60)", 0.3, "no line beginning with 'ready ', and another program is on"),
        ("raise SystemExit('no port')", 30, "exit code 1 before it was ready; it said: no port; another program is on"),
    ],
)
def test_another_program_on_its_ports_is_not_taken_for_it(
    target: Start, kind: socket.SocketKind, source: str, patience: float, why: str
) -> None:
    endpoint = Endpoint("127.0.0.1", *free_ports("127.0.0.1"))
    name, port = ("TCP", endpoint.tcp) if kind == socket.SOCK_STREAM else ("UDP", endpoint.udp)
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", port))
        if name == "TCP":
            other.listen()
        owner = rf" \(process {os.getpid()}: " if sys.platform == "linux" else ""
        with pytest.raises(Unreachable, match=f"{why} {name} port {port}{owner}"):
            target(source, endpoint=endpoint, ready_timeout=patience).start()


def test_the_ready_line_wins_and_is_no_output(target: Start) -> None:
    server = target('import time; print("ready tcp=127.0.0.1:5 udp=127.0.0.1:6", flush=True); time.sleep(60)')
    server.start()
    assert server.endpoint == Endpoint("127.0.0.1", 5, 6)
    assert server.output() == []


def test_beside_another_program_the_ready_line_tells(target: Start) -> None:
    endpoint = Endpoint("127.0.0.1", *free_ports("127.0.0.1"))
    with socket.create_server(("127.0.0.1", endpoint.tcp)):
        server = target('import time; print("ready now", flush=True); time.sleep(60)', endpoint=endpoint)
        server.start()
        assert server.endpoint == endpoint


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("ready tcp=127.0.0.1:9001 udp=127.0.0.1:9002 dialect=tcrp", (9001, 9002)),
        ("ready tcp=- udp=127.0.0.1:7", (None, 7)),
        ("ready tcp=[::1]:1 udp=[::1]:2", (1, 2)),
        ("ready to go", None),
        ("ready tcp=127.0.0.1:x udp=127.0.0.1:2", None),
        ("ready tcp=127.0.0.1:1", None),
    ],
)
def test_a_ready_line(line: str, ports: tuple[int | None, int] | None) -> None:
    assert parse_ready(line, DEFAULTS) == ports


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("raise SystemExit(3)", "the process ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "the process ended by signal SIGKILL"),
    ],
)
def test_how_it_ended(target: Start, source: str, how: str) -> None:
    server = target(f"print('ready now', flush=True)\n{source}")
    server.start()
    assert wait_for_its_end(server) == how


def test_what_it_said_belongs_to_the_test_in_which_it_said_it(target: Start) -> None:
    server = target("""
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("second", file=sys.stderr, flush=True) or sys.exit(5))
print("ready now", flush=True)
print("first", flush=True)
while True:
    time.sleep(1)
""")
    server.start()
    while server.output() != ["first"]:
        time.sleep(0.01)
    server.begin()
    assert server.output() == []
    server.terminate()
    assert wait_for_its_end(server) == "the process ended with exit code 5"
    assert server.output() == ["second"]


ONCE_TAKEN = """
import pathlib, sys
tries = pathlib.Path(sys.argv[2])
with tries.open("a") as file:
    print(sys.argv[1], file=file)
if len(tries.read_text().split()) < int(sys.argv[3]):
    sys.exit("the port is in use")
print(f"ready tcp=127.0.0.1:{sys.argv[1]} udp=127.0.0.1:6", flush=True)
"""


def test_a_server_whose_chosen_port_was_taken_meanwhile_gets_another(target: Start, tmp_path: Path) -> None:
    server = target(ONCE_TAKEN, "{tcp}", str(tmp_path / "tries"), "3")
    server.start()
    tries = [int(port) for port in (tmp_path / "tries").read_text().split()]
    assert len(tries) == 3
    assert len(set(tries)) > 1
    assert server.endpoint.tcp == tries[-1]


@pytest.mark.parametrize(("port", "starts"), [("{tcp}", 3), ("9001", 1)])
def test_a_server_that_never_starts_is_given_up(target: Start, tmp_path: Path, port: str, starts: int) -> None:
    server = target(ONCE_TAKEN, port, str(tmp_path / "tries"), "9")
    with pytest.raises(Unreachable, match="ended with exit code 1 before it was ready; it said: the port is in use"):
        server.start()
    assert len((tmp_path / "tries").read_text().split()) == starts


def test_free_ports_are_none_that_the_system_gives_to_whoever_asks_for_any() -> None:
    ports = free_ports("127.0.0.1")
    assert len(set(ports)) == 2
    assert all(port in CHOSEN_PORTS for port in ports)


def test_it_is_started_again_on_other_ports_with_nothing_of_before(target: Start) -> None:
    server = target(SILENT, "{tcp}", "{udp}", "both")
    server.start()
    before = server.endpoint
    assert server.renewable
    assert server.restart()
    assert is_listening(server.endpoint)
    assert not is_listening(before)


def test_on_a_port_that_was_given_it_comes_back_there(target: Start) -> None:
    endpoint = Endpoint("127.0.0.1", *free_ports("127.0.0.1"))
    server = target(SILENT, str(endpoint.tcp), str(endpoint.udp), "both", endpoint=endpoint)
    server.start()
    assert server.renewable == time_wait.can_free()
    assert server.restart()
    assert server.endpoint == endpoint
    assert is_listening(endpoint)


def test_a_server_elsewhere_is_not_started_anew_for_each_look(target: Start) -> None:
    server = target("", endpoint=Endpoint("192.0.2.1", 9001, 9002))
    assert not server.renewable


def test_it_is_ended_with_all_that_it_has_started(target: Start, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    server = target(f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
print("ready now", flush=True)
time.sleep(600)
""")
    server.start()
    children = [int(pid) for pid in pids.read_text().split()]
    server.terminate()
    os.kill(children[0], 9)
    assert server.stop() == -9
    assert server.stopped
    assert server.stop() is None
    for pid in children:
        while _runs(pid):
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether the process runs. A zombie does not: only its new parent can remove it."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")
