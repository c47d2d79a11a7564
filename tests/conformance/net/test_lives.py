"""Servers that do not live as processes usually do: in the background, deaf to signals, late with UDP, without end in
what they print. None of them stays.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.net import guard
from conformance.net.offspring import CAN_BE_WATCHED
from conformance.net.ports import free_ports, has_udp, is_listening
from conformance.net.target import AddressTarget, ProcessTarget, Unreachable
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint

linux = pytest.mark.skipif(not CAN_BE_WATCHED, reason="the background can be watched on Linux alone")

SERVE = """
import os, signal, socket, sys, time

def serve():
    tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", int(sys.argv[2])))
    print("serving", os.getpid(), flush=True)
    tcp.accept()[0].close()  # whoever comes ends it
    os.kill(os.getpid(), signal.SIGUSR1)

"""
DAEMON = """
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
if sys.argv[3] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
serve()
"""
Start = Callable[..., ProcessTarget]
"""Makes a target of a program, which begins with SERVE, and of further words of its command line."""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Start]:
    made: list[ProcessTarget] = []

    def make(source: str, *words: str) -> ProcessTarget:
        path = tmp_path / "server.py"
        path.write_text(SERVE + source)
        command = f"{sys.executable} {path} {{tcp}} {{udp}} {' '.join(words)}"
        made.append(ProcessTarget(command, None, Ports(9001, 9002)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def pid_of(server: ProcessTarget) -> int:
    """The process that has said that it serves."""
    while not (said := [line.split()[1] for line in server.output() if line.startswith("serving ")]):
        time.sleep(0.01)
    return int(said[0])


def wait_for_the_end_of(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(0.01)


@linux
@pytest.mark.parametrize("how", ["plain", "deaf"])
def test_a_server_in_the_background_is_watched_and_ended(target: Start, how: str) -> None:
    server = target(DAEMON, how)
    server.start()
    pid = pid_of(server)
    assert server.ended() is None
    assert is_listening(server.endpoint)
    assert server.restart()
    wait_for_the_end_of(pid)
    pid = pid_of(server)
    server.stop()
    wait_for_the_end_of(pid)
    assert guard.is_empty()


@linux
def test_how_a_server_in_the_background_ended_is_known(target: Start) -> None:
    server = target(DAEMON, "plain")
    server.start()
    assert server.ended() is None  # so that it is known while it lives
    assert server.endpoint.tcp is not None
    socket.create_connection((server.endpoint.host, server.endpoint.tcp)).close()
    while (how := server.ended()) is None:
        time.sleep(0.01)
    assert how == "the process ended by signal SIGUSR1"


def test_a_command_that_leaves_nothing_behind_is_told_to_stay_in_the_foreground(target: Start) -> None:
    server = target("raise SystemExit(0)")
    with pytest.raises(
        Unreachable, match="ended with exit code 0 before it was ready; if it goes on in the background"
    ):
        server.start()


def test_a_helper_that_outlives_its_server_is_not_taken_for_it(target: Start) -> None:
    server = target("""
import subprocess
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("helped by", helper.pid, flush=True)
serve()
""")
    server.start()
    while not (said := [line.split()[2] for line in server.output() if line.startswith("helped by ")]):
        time.sleep(0.01)
    assert server.endpoint.tcp is not None
    socket.create_connection((server.endpoint.host, server.endpoint.tcp)).close()
    while (how := server.ended()) is None:
        time.sleep(0.01)
    assert how == "the process ended by signal SIGUSR1"
    server.stop()
    if CAN_BE_WATCHED:
        wait_for_the_end_of(int(said[0]))


def test_one_that_ignores_sigterm_is_ended_and_the_next_time_it_is_not_waited_for(target: Start) -> None:
    server = target("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nserve()")
    server.start()
    pid = pid_of(server)
    assert server.stop(patience=0.2) == -signal.SIGKILL
    wait_for_the_end_of(pid)
    server.start()
    assert server.stop() == -signal.SIGKILL


def test_stopping_that_is_interrupted_ends_it_all_the_same(target: Start) -> None:
    server = target("signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGALRM))\nserve()")
    server.start()
    pid = pid_of(server)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            server.stop()
    finally:
        signal.signal(signal.SIGALRM, before)
    wait_for_the_end_of(pid)


def test_udp_that_is_bound_later_than_tcp_is_waited_for(target: Start) -> None:
    late = """
tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if sys.argv[3] == "says so":
    print("ready now", flush=True)
time.sleep(0.5)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", int(sys.argv[2])))
time.sleep(600)
"""
    for how in ("open ports", "says so"):
        server = target(late, f"'{how}'")
        server.start()
        assert has_udp(server.endpoint)


def test_udp_that_is_bound_later_is_waited_for_at_an_address_too(target: Start) -> None:
    server = target("serve()")
    server.start()
    tcp, _ = server.endpoint.tcp, server.stop()
    udp = free_ports("127.0.0.1")[1]
    source = f"""
import socket, time
tcp = socket.create_server(("127.0.0.1", {tcp}))
print(flush=True)
time.sleep(0.5)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", {udp}))
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"\n"
            address = AddressTarget(Endpoint("127.0.0.1", tcp, udp))
            address.start()
            assert has_udp(address.endpoint)
        finally:
            other.kill()


def test_a_gigabyte_without_a_line_feed_does_not_stay_in_memory(target: Start) -> None:
    server = target("""
import threading
def flood():
    for _ in range(1 << 10):
        os.write(1, b"x" * (1 << 20))
    print("\\nend of the flood", flush=True)
threading.Thread(target=flood, daemon=True).start()
serve()
""")
    server.start()
    while "end of the flood" not in server.output():
        assert sum(map(len, server.output(1000))) < 1 << 20
        time.sleep(0.01)
