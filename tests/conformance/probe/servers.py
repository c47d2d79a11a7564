"""Servers to probe: those of tests/probed as processes, and small ones without TCP in this process."""

import json
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.net.ports import parse_ready
from conformance.net.target import ProcessTarget
from conformance.probe.probe import Probed, probe
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint
from tests.conformance.probe.combinations import Options

SERVER = Path(__file__).parents[2] / "probed" / "server.py"
PORTS = Ports(9001, 9002)


def command_of(options: Options) -> str:
    """The command of a server of tests/probed."""
    return shlex.join([sys.executable, str(SERVER), json.dumps(options)])


def probed(server: str) -> Probed:
    """What a probe finds that starts this command."""
    target = ProcessTarget(server, None, PORTS)
    target.start()
    try:
        return probe(target)
    finally:
        target.stop()


@contextmanager
def started(words: list[str]) -> Iterator[tuple[subprocess.Popen[str], Endpoint]]:
    """A server that somebody else has started."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ports = parse_ready(process.stdout.readline(), PORTS)
            assert ports is not None
            yield process, Endpoint("127.0.0.1", *ports)
        finally:
            process.kill()


@contextmanager
def running(options: Options) -> Iterator[Endpoint]:
    with started(shlex.split(command_of(options))) as (_, endpoint):
        yield endpoint


@contextmanager
def udp_alone(serve: Callable[[socket.socket], None]) -> Iterator[Endpoint]:
    """A server without TCP, until an empty datagram comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        serving = threading.Thread(target=serve, args=(sock,), daemon=True)
        serving.start()
        yield Endpoint("127.0.0.1", None, sock.getsockname()[1])
        sock.sendto(b"", sock.getsockname())
        serving.join()
