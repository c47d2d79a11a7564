"""tcrp-client at a terminal: with prompt_toolkit and without it."""

import signal
from pathlib import Path

import pytest

from tests.reference_client.processes import DialectServer, StartMember
from tests.reference_client.terminals import PLAIN, PROMPT, WITHOUT, StartTerminal, TerminalProcess


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
    hint = b"install tcrp with the extra 'tui', in a clone: pip install '.[tui]'"
    assert process.shown == b"tcrp-client: --tui needs textual: " + hint + b"\r\n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_pasted_block_is_sent_line_by_line(
    terminal: StartTerminal, server: DialectServer, member: StartMember, end: str
) -> None:
    bob = member(server.endpoint, "create", "r", "bob")
    alice = terminal(*PROMPT, "join", "r", "--name", "alice", "--server", str(server.endpoint))
    alice.until("joined room=r")
    alice.until("alice:")
    alice.type("so ")
    alice.paste(f"one\r\ntwo\r\rthree\nfour{end}")
    assert [bob.out.next() for _ in range(3)] == ["alice: so one", "alice: two", "alice: three"]
    alice.type("!\r")
    if end:
        assert bob.out.next() == "alice: four"
    assert bob.out.next() == ("alice: !" if end else "alice: four!")
    alice.paste("no line end")
    alice.type(" here\r")
    assert bob.out.next() == "alice: no line end here"


def test_pasted_lines_are_seen(terminal: StartTerminal, server: DialectServer) -> None:
    alice = terminal(*PROMPT, "create", "r", "--name", "alice", "--server", str(server.endpoint))
    alice.until("joined room=r")
    alice.until("alice:")
    alice.paste("one\ntwo\nexit\n")
    assert alice.wait() == 0
    shown = [alice.shown.index(word) for word in (b"one", b"two", b"exit")]
    assert shown == sorted(shown)


def test_a_block_pasted_at_a_plain_terminal(
    terminal: StartTerminal, server: DialectServer, member: StartMember
) -> None:
    bob = member(server.endpoint, "create", "r", "bob")
    alice = terminal(*PLAIN, "join", "r", "--name", "alice", "--server", str(server.endpoint))
    alice.until("joined room=r")
    alice.type("one\rtwo\rthree\r")
    assert [bob.out.next() for _ in range(3)] == ["alice: one", "alice: two", "alice: three"]


def test_a_block_pasted_in_the_full_screen(terminal: StartTerminal, server: DialectServer, member: StartMember) -> None:
    bob = member(server.endpoint, "create", "r", "bob")
    alice = terminal(*PROMPT, "join", "r", "--name", "alice", "--tui", "--server", str(server.endpoint))
    alice.until("exit leaves")
    alice.paste("one\ntwo\nthree")
    assert [bob.out.next() for _ in range(2)] == ["alice: one", "alice: two"]
    alice.until("three")
    alice.type("\r")
    assert bob.out.next() == "alice: three"


def test_the_full_screen_follows_the_size_of_the_terminal(
    terminal: StartTerminal, server: DialectServer, member: StartMember
) -> None:
    bob = member(server.endpoint, "create", "r", "bob")
    alice = terminal(*PROMPT, "join", "r", "--name", "alice", "--tui", "--server", str(server.endpoint))
    alice.until("exit leaves")
    alice.resize(40, 12)
    alice.until("exit leaves")
    bob.type("thirty characters of one line, and then some more")
    alice.until("thirty characters of one line, ")
    alice.until("and then some more")
    alice.type("\x04")
    assert alice.wait() == 0
