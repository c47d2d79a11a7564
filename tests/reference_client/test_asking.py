"""What is asked at a terminal, and what is said where there is none."""

import signal
from pathlib import Path

import pytest

from tests.reference_client.processes import DialectServer, Serve, StartClient, StartMember
from tests.reference_client.terminals import PLAIN, PROMPT, StartTerminal, TerminalProcess


def answer(process: TerminalProcess, **answers: str) -> None:
    """Answer questions that contain these words, in this order."""
    for word, text in answers.items():
        process.until(word)
        process.until(": ")
        process.type(f"{text}\r")


@pytest.fixture(params=[PROMPT, PLAIN], ids=["prompt_toolkit", "plain"])
def command(request: pytest.FixtureRequest) -> tuple[str, ...]:
    chosen: tuple[str, ...] = request.param
    return chosen


def test_everything(
    terminal: StartTerminal, server: DialectServer, member: StartMember, command: tuple[str, ...], tmp_path: Path
) -> None:
    alice = terminal(*command)
    answer(alice, server=str(server.endpoint), name="alice", create="create", room="部屋", password="sesame")
    alice.until("joined room=部屋")
    path = tmp_path / "password"
    path.write_text("sesame\n")
    bob = member(server.endpoint, "join", "部屋", "bob", "--password-file", str(path))
    if command is PROMPT:
        alice.until("alice:")
    alice.type("hello\r")
    assert bob.out.next() == "alice: hello"
    assert b"sesame" not in alice.shown


def test_defaults_and_answers_that_will_not_do(
    terminal: StartTerminal, server: DialectServer, member: StartMember
) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = terminal(*PROMPT, "--name", "alice")
    answer(alice, server="nonsense:x:y")
    alice.until("the TCP port is 'x'")
    answer(alice, server=str(server.endpoint), create="what?")
    answer(alice, create="", room="")
    answer(alice, room="r")
    alice.until("joined room=r")
    alice.until("alice:")
    alice.type("hi\r")
    assert host.out.next() == "alice: hi"


def test_what_the_arguments_say_is_not_asked(terminal: StartTerminal, server: DialectServer) -> None:
    alice = terminal(*PROMPT, "--name", "alice", "--server", str(server.endpoint))
    answer(alice, create="c", room="r", password="")
    alice.until("joined room=r")
    bob = terminal(*PROMPT, "join", "--name", "bob", "--server", str(server.endpoint))
    answer(bob, room="r")
    bob.until("joined room=r")


def test_dialects_ask_for_what_they_need(terminal: StartTerminal, serve: Serve) -> None:
    server = serve("stage1")
    alice = terminal(*PROMPT, *server.options)
    answer(alice, server=str(server.endpoint), name="alice")
    alice.until("joined room=")
    server = serve("json-envelope")
    alice = terminal(*PROMPT, *server.options)
    answer(alice, server=str(server.endpoint), name="alice")
    alice.until("create, join, list [join]: ")
    alice.type("l\r")
    assert alice.wait() == 0
    server = serve("fixed-fields")
    alice = terminal(*PROMPT, *server.options)
    answer(alice, server=str(server.endpoint), name="alice", create="join", room="r", invitation="x" * 36)
    alice.until("there is no room of this name")
    assert alice.wait() == 1


@pytest.mark.parametrize(("key", "status"), [("\x03", 2), ("\x04", 4)])
def test_giving_up(terminal: StartTerminal, key: str, status: int) -> None:
    alice = terminal(*PROMPT)
    alice.until("[127.0.0.1]: ")
    alice.type(key)
    assert alice.wait() == status
    assert b"Traceback" not in alice.shown
    assert (b"no answer" in alice.shown) == (status == 4)


def test_without_a_terminal_it_says_what_is_missing(client: StartClient) -> None:
    status, line = client(None).failure()
    assert status == 4
    what = "create ROOM, join ROOM or list (there is no terminal to ask at)"
    assert line == f"tcrp-client: the following arguments are required: action: {what}"
    assert client(None, "join").failure() == (4, "tcrp-client: join needs the name of a room")


@pytest.fixture
def locked(server: DialectServer, member: StartMember, tmp_path: Path) -> DialectServer:
    """A server with a room r whose password is sesame."""
    path = tmp_path / "password"
    path.write_text("sesame\n")
    member(server.endpoint, "create", "r", "host", "--password-file", str(path))
    return server


def test_a_missing_password_is_asked_for(
    terminal: StartTerminal, locked: DialectServer, command: tuple[str, ...]
) -> None:
    alice = terminal(*command, "join", "r", "--name", "alice", "--server", str(locked.endpoint))
    answer(alice, password="guess")
    alice.until("the password is wrong")
    answer(alice, password="sesame")
    alice.until("joined room=r")


def test_passwords_that_stay_wrong_or_away(terminal: StartTerminal, locked: DialectServer) -> None:
    alice = terminal(*PROMPT, "join", "r", "--server", str(locked.endpoint))
    for _ in range(3):
        answer(alice, password="guess")
    assert alice.wait() == 1
    alice = terminal(*PROMPT, "join", "r", "--server", str(locked.endpoint))
    answer(alice, password="")
    assert alice.wait() == 1
    assert b"the room has one, and none was given" in alice.shown


def test_without_a_terminal_a_missing_password_is_named(client: StartClient, locked: DialectServer) -> None:
    status, line = client(locked.endpoint, "join", "r").failure()
    assert status == 1
    assert line == (
        "tcrp-client: refused: the password is wrong: the room has one, and none was given: use --password-file, "
        "or --password-prompt at a terminal"
    )


def test_joining_again_after_a_restart(
    terminal: StartTerminal, server: DialectServer, member: StartMember, command: tuple[str, ...]
) -> None:
    alice = terminal(
        *command,
        "create",
        "r",
        "--name",
        "alice",
        "--keepalive",
        "1",
        "--recheck",
        "1",
        "--server",
        str(server.endpoint),
    )
    alice.until("joined room=r")
    server.restart()
    alice.until("closed: the server has forgotten room 'r'")
    alice.until("join again? [Y/n]: ")
    alice.type("\r")
    alice.until("room r is gone: create it? [Y/n]: ")
    alice.type("y\r")
    alice.until("joined room=r")
    if command is PROMPT:
        alice.until("alice:")
    bob = member(server.endpoint, "join", "r", "bob", "--keepalive", "1", "--recheck", "1")
    alice.type("back\r")
    assert bob.out.next() == "alice: back"
    server.process.popen.send_signal(signal.SIGKILL)
    alice.until("unreachable: the chat port")
    alice.until("join again? [Y/n]: ")
    alice.type("\r")
    alice.until("connection refused")
    alice.until("join again? [Y/n]: ")
    alice.type("n\r")
    assert alice.wait() == 6
    assert b"Traceback" not in alice.shown


def test_joining_again_in_the_full_screen_shows_what_was_said(
    terminal: StartTerminal, server: DialectServer, member: StartMember
) -> None:
    arguments = ("--keepalive", "1", "--recheck", "1", "--server", str(server.endpoint))
    alice = terminal(*PROMPT, "--tui", "create", "r", "--name", "alice", *arguments)
    alice.until("exit leaves")
    alice.type("precious words\r")
    alice.until("precious words")
    server.restart()
    alice.until("join again? [Y/n]: ")
    alice.type("\r")
    alice.until("create it? [Y/n]: ")
    alice.type("\r")
    alice.until("precious words")
    alice.until("exit leaves")
    alice.type("\x04")
    assert alice.wait() == 0


def test_without_a_terminal_a_restart_closes(server: DialectServer, member: StartMember) -> None:
    alice = member(server.endpoint, "create", "r", "alice", "--keepalive", "1", "--recheck", "1")
    server.restart()
    assert alice.wait() == 8
    assert alice.err.rest() == [
        "closed: the server has forgotten room 'r': it was restarted, or you were away for too long"
    ]
