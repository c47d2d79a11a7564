"""`--state`: the real process is ended, in every way, and another one goes on with its rooms."""

import asyncio
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reference_server import Server
from tests.reference_server import wire
from tests.reference_server.server_process import ServerProcess, StartServer
from tests.reference_server.test_cli import run
from tests.reference_server.test_server import ask

PASSWORD = '{"username":"a","password":"right"}'
WRONG = '{"username":"a","password":"wrong"}'

Restart = Callable[[ServerProcess], ServerProcess]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def restart(start: StartServer, state: Path) -> Restart:
    """`restart(server)`: another server with the state and the UDP port of one that has ended."""
    return lambda ended: start("--state", str(state), "--udp-port", str(ended.udp[1]))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_members_chat_on_after_a_restart(
    start: StartServer, restart: Restart, state: Path, number: signal.Signals
) -> None:
    server = start("--state", str(state))
    host = wire.token(server.ask(wire.request(1, "r", PASSWORD)), 1, "r")
    guest = wire.token(server.ask(wire.request(2, "r", PASSWORD)), 2, "r")
    gone = wire.token(server.ask(wire.request(2, "r", PASSWORD)), 2, "r")
    hosts, guests, others = (server.datagrams() for _ in range(3))
    hosts.sendall(wire.packet("r", host))
    others.sendall(wire.packet("r", gone, b"before"))
    assert hosts.recv(100) == b"a: before"
    others.sendall(wire.packet("r", gone, b"exit"))
    guests.sendall(wire.packet("r", guest, b"left"))
    assert hosts.recv(100) == b"a: left"
    if number is signal.SIGKILL:
        server.kill()
    else:
        server.stop(number)
        assert server.code == 0

    server = restart(server)
    others.sendall(wire.packet("r", gone, b"nobody hears it"))
    guests.sendall(wire.packet("r", guest, b"after"))
    assert hosts.recv(100) == b"a: after"
    hosts.sendall(wire.packet("r", host, b"hello"))
    assert guests.recv(100) == b"a: hello"  # no notice came before it
    assert server.ask(wire.request(1, "r", "x")) == wire.refusal(1, "r", 1)
    assert server.ask(wire.request(2, "r", WRONG)) == wire.refusal(2, "r", 3)
    wire.token(server.ask(wire.request(2, "r", PASSWORD)), 2, "r")
    hosts.sendall(wire.packet("r", host, b"exit"))
    assert guests.recv(100)[:1] == b"\x04"
    server.create("r")
    assert "Traceback" not in server.stop()


def test_an_address_is_remembered_that_was_learnt_before_the_end(
    start: StartServer, restart: Restart, state: Path
) -> None:
    """A member that only listens hears what is said after a restart, without saying anything."""
    server = start("--state", str(state))
    host, guest = server.create(), server.join()
    hosts, guests = server.datagrams(), server.datagrams()
    hosts.sendall(wire.packet("r", host))
    guests.sendall(wire.packet("r", guest, b"hi"))
    hosts.recv(100)
    server.stop()
    server = restart(server)
    guests.sendall(wire.packet("r", guest, b"still here?"))
    assert hosts.recv(100) == b"b: still here?"


def test_a_second_server_on_the_same_state_is_told_so(start: StartServer, state: Path) -> None:
    server = start("--state", str(state))
    server.create()
    code, out, error = run("--state", str(state), "--tcp-port", "0", "--udp-port", "0")
    assert (code, out) == (1, "")
    assert error == f"tcrp-server: --state {state}: another server uses it: stop that one, or name another file\n"
    server.join()


def test_a_file_that_is_no_state_is_told_in_one_line(state: Path) -> None:
    state.write_text("my thesis")
    code, out, error = run("--state", str(state), "--tcp-port", "0", "--udp-port", "0")
    assert (code, out) == (1, "")
    assert error == f"tcrp-server: --state {state}: it is a file of another program: name another\n"
    assert state.read_text() == "my thesis"


def test_no_port_leaves_the_state_to_others(start: StartServer, state: Path) -> None:
    other = start()
    code, _, error = run("--state", str(state), "--tcp-port", str(other.tcp[1]), "--udp-port", "0")
    assert code == 1
    assert "is in use" in error
    start("--state", str(state)).create()


def test_who_cannot_be_saved_is_refused_and_the_others_chat_on(state: Path) -> None:
    async def scenario() -> None:
        async with Server(tcp_port=0, udp_port=0, state=state) as server:
            assert server._store
            assert server._store._file
            file = server._store._file
            wire.token(await ask(server, wire.request(1, "r", "a")), 1, "r")
            (pages,) = file.execute("PRAGMA page_count").fetchone()
            file.execute(f"PRAGMA max_page_count = {pages}")
            refused, joined = wire.refusal(2, "r", 5), 0
            while (answer := await ask(server, wire.request(2, "r", "b" * 255))) != refused:
                wire.token(answer, 2, "r")
                joined += 1
                assert joined < 1000
            answer = await ask(server, wire.request(1, "s", "b" * 255))
            assert answer == wire.refusal(1, "s", 0)  # and no COMPLETE
            several = await asyncio.gather(*(ask(server, wire.request(2, "r", "b" * 255)) for _ in range(5)))
            assert several == [refused] * 5
            assert server._store.count_members() == 1 + joined
            file.execute("PRAGMA max_page_count = 1000000")
            wire.token(await ask(server, wire.request(1, "s", "a")), 1, "s")

    asyncio.run(scenario())


class Joiners:
    """Threads that join a room one after another until the server is gone.

    `tokens`: those that were answered, in no order. `begun`: how many joins were sent. Every fifth request is one that
    is refused: `refused` counts them.
    """

    def __init__(self, server: ServerProcess, joins: int) -> None:
        self.tokens: list[bytes] = []
        self.begun = 0
        self.refused = 0
        self._server = server
        self._left = joins
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._join) for _ in range(8)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        """Wait until so many joins are answered, or no more will be."""
        while len(self.tokens) < count and any(thread.is_alive() for thread in self._threads):
            self._threads[0].join(0.001)

    def finish(self) -> None:
        for thread in self._threads:
            thread.join()

    def _join(self) -> None:
        try:
            while self._take():
                answer = self._server.ask(wire.request(2, "r", "b"))
                if not answer:
                    return
                token = wire.token(answer, 2, "r")
                with self._lock:
                    self.tokens.append(token)
                if len(self.tokens) % 5 == 0:
                    assert self._server.ask(wire.request(1, "r", "b")) in (wire.refusal(1, "r", 1), b"")
                    self.refused += 1
        except (OSError, AssertionError):  # the server ended within the answer
            return

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            self.begun += self._left >= 0
            return self._left >= 0


@pytest.mark.timeout(900)
def test_every_token_that_was_answered_works_after_the_server_was_killed(
    start: StartServer, restart: Restart, state: Path, long: bool
) -> None:
    rounds, joins = (20, 1000) if long else (2, 200)
    for number in range(rounds):
        for file in state.parent.glob("state*"):
            file.unlink()
        server = start("--state", str(state), "--max-members", "2000", "--log-level", "error")
        host = server.create()
        joiners = Joiners(server, joins)
        joiners.wait_for((number + 1) * joins // (rounds + 1))
        server.kill()
        joiners.finish()
        assert 0 < len(joiners.tokens) < joins

        server = restart(server)
        with server.datagrams() as hears, server.datagrams() as speaks:
            hears.sendall(wire.packet("r", host))
            for index, token in enumerate(joiners.tokens):
                speaks.sendall(wire.packet("r", token, b"%d" % index))
                speaks.sendall(wire.packet("r", token, b"exit"))
                assert hears.recv(100) == b"b: %d" % index
            hears.sendall(wire.packet("r", host, b"exit"))
            assert server.ask(wire.request(2, "r", "b")) == wire.refusal(2, "r", 2)
        server.stop()


def test_nothing_but_what_was_asked_for_is_in_the_state_of_a_killed_server(
    start: StartServer, state: Path, long: bool
) -> None:
    """TCRP-6.2a: what was refused leaves nothing behind"""
    joins = 1000 if long else 200
    server = start("--state", str(state), "--max-members", "2000", "--log-level", "error")
    server.create()
    joiners = Joiners(server, joins)
    joiners.wait_for(joins // 2)
    server.kill()
    joiners.finish()
    with sqlite3.connect(state) as file:
        (members,) = file.execute("SELECT count(*) FROM members").fetchone()
        assert file.execute("SELECT name FROM rooms").fetchall() == [("r",)]
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    file.close()
    assert joiners.refused
    assert 1 + len(joiners.tokens) <= members <= 1 + joiners.begun
