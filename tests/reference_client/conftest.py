"""Real processes on real sockets: the reference server, clients in pipes and at a pty, and servers that are odd."""

import contextlib
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

import pytest

from tcrp import Frame, Operation, State, decode_packet, encode_frame
from tcrp.endpoint import Endpoint
from tcrp.messages import ChatPacket

PATIENCE = 30.0
"""Seconds after which a test fails instead of waiting on; no test waits that long when all is well."""
TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


class Lines:
    """The lines of a stream, read by a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._queue: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def next(self) -> str | None:
        """The next line, or None at the end."""
        line = self._queue.get(timeout=PATIENCE)
        if line is not None:
            self.seen.append(line)
        return line

    def rest(self) -> list[str]:
        """All lines that are left, once the stream has ended."""
        return list(iter(self.next, None))

    def until(self, text: str) -> str:
        """The first line that contains the text."""
        for line in iter(self.next, None):
            if text in line:
                return line
        raise AssertionError(f"the stream ended without {text!r}: {self.seen}")

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line.decode().removesuffix("\n"))
        self._queue.put(None)


class Process:
    """A process whose output is read while it runs."""

    def __init__(self, *command: str, **options: object) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.popen = subprocess.Popen(command, **{**pipes, **options})  # type: ignore[call-overload]
        self.out = Lines(self.popen.stdout) if self.popen.stdout else None
        self.err = Lines(self.popen.stderr) if self.popen.stderr else None

    def type(self, *lines: str | bytes) -> None:
        for line in lines:
            self.popen.stdin.write((line.encode() if isinstance(line, str) else line) + b"\n")
        self.popen.stdin.flush()

    def end_input(self) -> None:
        self.popen.stdin.close()

    def wait(self) -> int:
        return int(self.popen.wait(PATIENCE))

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)
        if self.popen.stdin:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts processes and kills those that are left."""
    started: list[Process] = []

    def run(*command: str, **options: object) -> Process:
        started.append(Process(*command, **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()


class Server(NamedTuple):
    process: Process
    endpoint: Endpoint


@pytest.fixture
def server(start: Callable[..., Process]) -> Server:
    """The reference server."""
    process = start(
        sys.executable, "-m", "reference_server", "--tcp-port", "0", "--udp-port", "0", stderr=subprocess.DEVNULL
    )
    ready = process.out.next() or ""
    found = re.match(r"ready tcp=127\.0\.0\.1:(\d+) udp=127\.0\.0\.1:(\d+)", ready)
    assert found, ready
    return Server(process, Endpoint("127.0.0.1", int(found[1]), int(found[2])))


@pytest.fixture
def client(start: Callable[..., Process]) -> Callable[..., Process]:
    """Starts `tcrp-client` in pipes: client(endpoint, "join", "r", ...)."""

    def run(endpoint: Endpoint | None, *arguments: str, **options: object) -> Process:
        where = ["--server", str(endpoint)] if endpoint else []
        return start(sys.executable, "-m", "reference_client", *arguments, *where, **options)

    return run


@pytest.fixture
def member(client: Callable[..., Process]) -> Callable[..., Process]:
    """The same, and waits until it is in."""

    def run(endpoint: Endpoint, action: str, room: str, name: str, *more: str, **options: object) -> Process:
        process = client(endpoint, action, room, "--name", name, *more, **options)
        assert process.err.next() == f"joined room={room}"
        return process

    return run


class OddServer:
    """Both sockets of a server whose TCP does what `serve` does with each connection. UDP is left to the test."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(PATIENCE)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        self._connections: list[socket.socket] = []
        self.endpoint = Endpoint("127.0.0.1", self._listener.getsockname()[1], self.udp.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def packet(self) -> tuple[ChatPacket, tuple[str, int]]:
        """The next datagram and its source."""
        data, source = self.udp.recvfrom(65535)
        return decode_packet(data), source

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, self.udp, *self._connections):
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._serve(connection)


@pytest.fixture
def odd() -> Iterator[Callable[[Callable[[socket.socket], None]], OddServer]]:
    """Starts odd servers."""
    started: list[OddServer] = []

    def run(serve: Callable[[socket.socket], None]) -> OddServer:
        started.append(OddServer(serve))
        return started[-1]

    yield run
    for server in started:
        server.close()


def _frame(state: State, payload: bytes) -> bytes:
    return encode_frame(Frame("r", Operation.JOIN, state, payload))


@pytest.fixture
def ack() -> Callable[[int], bytes]:
    """The ACK of a JOIN of room r, with this status."""
    return lambda status: _frame(State.ACK, bytes([status]))


@pytest.fixture
def welcome() -> bytes:
    """ACK and COMPLETE of a JOIN of room r, with the token TOKEN."""
    return _frame(State.ACK, b"\0") + _frame(State.COMPLETE, TOKEN)


@pytest.fixture
def token() -> bytes:
    return TOKEN
