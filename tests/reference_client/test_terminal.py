"""tcrp-client at a terminal, which is a pty here: with prompt_toolkit and without it."""

import errno
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reference_client.processes import PATIENCE, DialectServer, StartMember

WITHOUT = "import sys; sys.modules[{!r}] = None; from reference_client.cli import main; sys.exit(main())"
PLAIN = ("-c", WITHOUT.format("prompt_toolkit"))
PROMPT = ("-m", "reference_client")


def _take_terminal() -> None:
    """Make stdin the controlling terminal of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class TerminalProcess:
    """tcrp-client on a pty of its own, which is its controlling terminal. `shown`: what it wrote there."""

    def __init__(self, *command: str) -> None:
        self._fd, slave = pty.openpty()
        self.shown = b""
        self.popen = subprocess.Popen(
            [sys.executable, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "LANG": "C.UTF-8"},
        )
        os.close(slave)

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, text: str) -> None:
        """Read until the text is shown, and remove what is shown up to there."""
        while text.encode() not in self.shown:
            if not self._read():
                raise AssertionError(f"ended without {text!r}: {self.shown!r}")
        self.shown = self.shown.partition(text.encode())[2]

    def wait(self) -> int:
        """The exit status. Reads what is shown until then, because a full pty would keep the process from ending."""
        while self._read():
            pass
        return self.popen.wait(PATIENCE)

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)
        os.close(self._fd)

    def _read(self) -> bool:
        assert select.select([self._fd], [], [], PATIENCE)[0], f"nothing more is shown after {self.shown!r}"
        try:
            data = os.read(self._fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux reports the close of the other side so
                raise
            data = b""
        self.shown += data
        return bool(data)


StartTerminal = Callable[..., TerminalProcess]
"""`terminal("-m", "reference_client", "join", "r", ...)`: arguments of Python."""


@pytest.fixture
def terminal() -> Iterator[StartTerminal]:
    started: list[TerminalProcess] = []

    def run(*command: str) -> TerminalProcess:
        started.append(TerminalProcess(*command))
        return started[-1]

    yield run
    for each in started:
        each.close()


@pytest.fixture(params=[PROMPT, PLAIN], ids=["prompt_toolkit", "plain"])
def alice(
    request: pytest.FixtureRequest, terminal: StartTerminal, server: DialectServer, member: StartMember
) -> TerminalProcess:
    """The host of room r at a terminal, ready to type."""
    process = terminal(*request.param, "create", "r", "--name", "alice", "--server", str(server.endpoint))
    process.until("joined room=r\r\n")
    if request.param is PROMPT:
        process.until("alice:")
    return process


def test_lines_go_out_and_come_in(alice: TerminalProcess, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "join", "r", "bob")
    alice.type("hello 部屋\r")
    assert bob.out.next() == "alice: hello 部屋"
    bob.type("answer\x1b[2J")
    alice.until(r"bob: answer\x1b[2J")
    alice.type("still here\r")
    assert bob.out.next() == "alice: still here"
    alice.type("exit\r")
    assert alice.wait() == 0
    assert bob.wait() == 8


def test_end_of_input_leaves(alice: TerminalProcess, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "join", "r", "bob")
    alice.type("\x04")
    assert alice.wait() == 0
    assert bob.wait() == 8


def test_interrupt_leaves(alice: TerminalProcess, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "join", "r", "bob")
    alice.type("half a line\x03")
    assert alice.wait() == 2
    assert bob.wait() == 8
    assert b"Traceback" not in alice.shown


def test_a_signal_leaves(alice: TerminalProcess, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "join", "r", "bob")
    alice.popen.send_signal(signal.SIGINT)
    assert alice.wait() == 2
    assert bob.wait() == 8
    assert b"Traceback" not in alice.shown


def test_the_room_closes_while_a_line_is_typed(alice: TerminalProcess, server: DialectServer) -> None:
    alice.type("half a line")
    server.process.popen.send_signal(signal.SIGTERM)
    alice.until("closed: ")
    assert alice.wait() == 8
    assert b"Traceback" not in alice.shown


def test_empty_lines_are_not_sent(alice: TerminalProcess, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "join", "r", "bob")
    alice.type("\r\rfine\r")
    assert bob.out.next() == "alice: fine"


def test_password_prompt(terminal: StartTerminal, server: DialectServer, member: StartMember, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("sesame")
    host = member(server.endpoint, "create", "r", "host", "--password-file", str(path))
    command = (*PROMPT, "join", "r", "--name", "alice", "--password-prompt", "--server", str(server.endpoint))
    for typed, status in (("guess\r", 1), ("\x03", 2), ("\x04", 4)):
        process = terminal(*command)
        process.until("password: ")
        process.type(typed)
        assert process.wait() == status
        assert b"guess" not in process.shown
        assert b"Traceback" not in process.shown
    process = terminal(*command)
    process.until("password: ")
    process.type("sesame\r")
    process.until("joined room=r")
    process.until("alice:")
    process.type("in\r")
    assert host.out.next() == "alice: in"
    assert b"sesame" not in process.shown


def test_full_screen(terminal: StartTerminal, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "create", "r", "bob")
    process = terminal(*PROMPT, "join", "r", "--name", "alice", "--tui", "--server", str(server.endpoint))
    process.until("exit leaves")
    process.type("hello\r")
    assert bob.out.next() == "alice: hello"
    bob.type("answer")
    process.until("answer")
    bob.end_input()
    assert process.wait() == 8
    assert b"closed: " in process.shown
    assert b"Traceback" not in process.shown


def test_a_signal_ends_the_full_screen(terminal: StartTerminal, server: DialectServer, member: StartMember) -> None:
    process = terminal(*PROMPT, "create", "r", "--name", "alice", "--tui", "--server", str(server.endpoint))
    process.until("exit leaves")
    bob = member(server.endpoint, "join", "r", "bob")
    process.popen.send_signal(signal.SIGTERM)
    assert process.wait() == 2
    assert b"\x1b[?1049l" in process.shown  # the terminal leaves the full screen
    assert bob.wait() == 8


def test_full_screen_without_textual(terminal: StartTerminal) -> None:
    process = terminal("-c", WITHOUT.format("textual"), "join", "r", "--tui")
    assert process.wait() == 4
    assert process.shown == b"tcrp-client: --tui needs textual: pip install 'tcrp[tui]'\r\n"
