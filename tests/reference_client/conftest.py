"""Real processes on real sockets: servers, clients in pipes, and odd servers."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tcrp.endpoint import Endpoint
from tests.reference_client.odd_server import Handler, OddServer, StartOdd
from tests.reference_client.processes import DialectServer, PipedProcess, Serve, Start, StartClient, StartMember
from tests.reference_client.terminals import StartTerminal, TerminalProcess


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[PipedProcess] = []

    def run(*command: str | bytes, **options: Any) -> PipedProcess:
        started.append(PipedProcess(*command, **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def serve(start: Start) -> Serve:
    return lambda dialect, *options: DialectServer(start, dialect, "--no-announce", *options)


@pytest.fixture
def server(serve: Serve) -> DialectServer:
    """A server in the canonical dialect."""
    return serve("tcrp")


@pytest.fixture
def client(start: Start) -> StartClient:
    def run(endpoint: Endpoint | None, *arguments: str | bytes, **options: Any) -> PipedProcess:
        where = ["--server", str(endpoint)] if endpoint else []
        return start(sys.executable, "-m", "reference_client", *arguments, *where, **options)

    return run


@pytest.fixture
def member(client: StartClient) -> StartMember:
    def run(endpoint: Endpoint, action: str, room: str, name: str, *more: str, **options: Any) -> PipedProcess:
        process = client(endpoint, action, room, "--name", name, *more, **options)
        assert process.err.next() == f"joined room={room}"
        return process

    return run


@pytest.fixture
def odd() -> Iterator[StartOdd]:
    started: list[OddServer] = []

    def run(handle: Handler) -> OddServer:
        started.append(OddServer(handle))
        return started[-1]

    yield run
    for server in started:
        server.close()


@pytest.fixture
def terminal() -> Iterator[StartTerminal]:
    started: list[TerminalProcess] = []

    def run(*command: str, **options: str) -> TerminalProcess:
        started.append(TerminalProcess(*command, **options))
        return started[-1]

    yield run
    for each in started:
        each.close()
