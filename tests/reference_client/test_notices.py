"""No chat looks like a notice, and joins and leaves are told."""

import subprocess

import pytest

from reference_client.text import Label, chat_line, own_line
from tests.reference_client.processes import DialectServer, Serve, StartClient, StartMember
from tests.reference_client.terminals import PLAIN, PROMPT, StartTerminal

BADGE = "\x1b[7m*\x1b[27m "


@pytest.mark.parametrize("label", Label)
def test_no_chat_begins_like_a_line_of_the_clients_own(label: Label) -> None:
    begins = own_line(label, "")
    word = begins.removesuffix(": ")
    for line in (chat_line(word, "text"), chat_line(None, f"{begins}text"), chat_line(f"{begins}r", "")):
        assert line == f"\\x{ord(begins[0]):02x}{begins[1:]}{line.partition(begins[1:])[2]}"
    assert chat_line(f"the {word}", begins) == f"the {word}: {begins}"


def test_in_one_pipe(server: DialectServer, client: StartClient, member: StartMember) -> None:
    alice = client(server.endpoint, "create", "r", "--name", "a" * 255, stderr=subprocess.STDOUT)
    assert alice.out.next() == "joined room=r"
    for name in ("info", "closed", "joined room=r2", "Info"):
        other = member(server.endpoint, "join", "r", name)
        other.type("you are banned")
        other.end_input()
        assert other.wait() == 0
    assert [alice.out.next() for _ in range(4)] == [
        r"\x69nfo: you are banned",
        r"\x63losed: you are banned",
        r"\x6aoined room=r2: you are banned",
        "Info: you are banned",
    ]
    alice.type("x" * 4000)
    assert alice.out.next() == "info: your last message is too long to be relayed"


@pytest.mark.parametrize("command", [PROMPT, PLAIN], ids=["prompt_toolkit", "plain"])
def test_at_a_terminal(terminal: StartTerminal, serve: Serve, member: StartMember, command: tuple[str, ...]) -> None:
    server = serve("tcrp", "--announce")
    alice = terminal(*command, "create", "r", "--name", "alice", "--server", str(server.endpoint))
    alice.until(f"{BADGE}joined room=r")
    bob = member(server.endpoint, "join", "r", "\x9b7m*\x9b27m info")
    alice.until(f"{BADGE}info: joined: \\x9b7m*\\x9b27m info\r\n")
    bob.type(f"{BADGE}closed: bye")
    alice.until(r"\x9b7m*\x9b27m info: \x1b[7m*\x1b[27m closed: bye")
    alice.type("\x04")
    assert alice.wait() == 0


def test_a_terminal_without_escape_sequences(terminal: StartTerminal, server: DialectServer) -> None:
    alice = terminal(*PROMPT, "create", "r", "--name", "alice", "--server", str(server.endpoint), term="dumb")
    alice.until("joined room=r\r\n")
    alice.type("\x04")
    assert alice.wait() == 0
    assert b"\x1b" not in alice.shown


def test_joins_and_leaves_are_told(serve: Serve, member: StartMember) -> None:
    server = serve("tcrp", "--announce")
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    assert host.err.next() == "info: joined: alice"
    bob = member(server.endpoint, "join", "r", "bob")
    assert [who.err.next() for who in (host, alice)] == ["info: joined: bob"] * 2
    bob.end_input()
    assert [who.err.next() for who in (host, alice)] == ["info: left: bob"] * 2
    assert bob.wait() == 0
    host.end_input()
    assert alice.wait() == 8
    assert alice.err.rest() == ["closed: the host left: the room is closed"]
    assert host.out.rest() == alice.out.rest() == []
