"""tcrp-client in pipes: what it reads and writes where, and every exit status."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tcrp.endpoint import Endpoint
from tests.reference_client.odd_server import TOKEN, WELCOME, StartOdd, answering, drain
from tests.reference_client.processes import DialectServer, StartClient, StartMember

# 0: left


def test_lines_are_messages_and_end_of_input_leaves(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    alice.type("hello", "", "部屋 を", "a\tb", "\x1b[31mred\x9b\u202e", r"C:\new", "windows\r")
    host.type("WELCOME")
    assert alice.out.next() == "host: WELCOME"
    alice.end_input()
    assert alice.wait() == 0
    assert alice.err.rest() == []
    seen = [host.out.next() for _ in range(6)]
    assert seen == [
        "alice: hello",
        "alice: 部屋 を",
        r"alice: a\tb",
        r"alice: \x1b[31mred\x9b\u202e",
        r"alice: C:\new",
        "alice: windows",
    ]
    host.end_input()
    assert host.wait() == 0


def test_what_was_read_before_the_end_is_sent_first_and_in_order(
    server: DialectServer, member: StartMember, client: StartClient
) -> None:
    host = member(server.endpoint, "create", "r", "host")
    lines = [str(number) for number in range(1000)]
    alice = client(server.endpoint, "join", "r", "--name", "alice")
    alice.type("\n".join(lines))
    alice.write(b"no newline at the end")
    alice.end_input()
    assert alice.wait() == 0
    assert [host.out.next() for _ in range(1001)] == [f"alice: {line}" for line in [*lines, "no newline at the end"]]


@pytest.mark.parametrize("source", ["file", "/dev/null", "closed"])
def test_input_that_is_no_pipe(
    server: DialectServer, member: StartMember, client: StartClient, tmp_path: Path, source: str
) -> None:
    host = member(server.endpoint, "create", "r", "host")
    path = tmp_path / "lines"
    path.write_text("from a file\n")
    if source == "closed":
        command = [sys.executable, "-m", "reference_client", "join", "r", "--server", str(server.endpoint)]
        done = subprocess.run(["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, b"joined room=r\n")
        return
    with (path if source == "file" else Path(source)).open() as stream:
        alice = client(server.endpoint, "join", "r", "--name", "alice", stdin=stream)
        assert alice.wait() == 0
    if source == "file":
        assert host.out.next() == "alice: from a file"


def test_the_line_exit_leaves_and_only_that(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    alice.type("EXIT", "exit now", " exit", "exit", "too late")
    assert alice.wait() == 0
    bob = member(server.endpoint, "join", "r", "bob")
    bob.type("next")
    assert [host.out.next() for _ in range(4)] == ["alice: EXIT", "alice: exit now", "alice:  exit", "bob: next"]


def test_lines_that_cannot_be_sent_do_not_end_the_chat(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    alice.type("x" * 5000, b"caf\xe9", "y" * 3_000_000, "fine")
    long, binary, endless = (alice.err.next() or "" for _ in range(3))
    assert long.startswith("not sent: the message has 5000 bytes: at most 4")
    assert binary == "not sent: the line is not UTF-8: byte 0xe9 at 3, unexpected end of data"
    assert endless.startswith("not sent: the line has 3000000 bytes: more than 1048576")
    assert host.out.next() == "alice: fine"
    assert alice.popen.poll() is None


def test_nobody_reads_stdout_any_more(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    reader, writer = socket.socketpair()
    with reader, writer:
        alice = member(server.endpoint, "join", "r", "alice", stdout=writer)
    host.type("into the void")
    assert alice.wait() == 0
    assert alice.err.rest() == []


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_stdout_is_full(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    with Path("/dev/full").open("w") as full:
        alice = member(server.endpoint, "join", "r", "alice", stdout=full)
    host.type("hello")
    assert alice.wait() == 0
    assert alice.err.rest() == ["stdout: No space left on device"]


def test_a_locale_that_does_not_know_the_characters(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    env = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PATH": "/usr/bin:/bin"}
    alice = member(server.endpoint, "join", "r", "alice", env=env)
    host.type("部屋")
    assert alice.out.next() == r"host: \u90e8\u5c4b"


def test_passwords_from_a_file(server: DialectServer, member: StartMember, client: StartClient, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("秘密 word\n")
    member(server.endpoint, "create", "r", "host", "--password-file", str(path))
    alice = member(server.endpoint, "join", "r", "alice", "--password-file", str(path))
    alice.end_input()
    assert alice.wait() == 0
    path.write_text("秘密 word\n\n")  # only the last newline is not part of the password
    bob = client(server.endpoint, "join", "r", "--name", "bob", "--password-file", str(path))
    assert bob.wait() == 1
    assert bob.err.rest() == ["tcrp-client: refused: the password is wrong"]


def test_information_goes_to_stderr(server: DialectServer, member: StartMember) -> None:
    alice = member(server.endpoint, "create", "r", "a" * 255)
    alice.type("x" * 4000)
    assert (alice.err.next() or "").startswith("info: ")
    alice.end_input()
    assert alice.wait() == 0
    assert alice.out.rest() == []


def test_the_default_name_is_the_login_name(server: DialectServer, member: StartMember, client: StartClient) -> None:
    host = member(server.endpoint, "create", "r", "host")
    for login, name in (("karin", "karin"), ("é" * 200, "é" * 127), ("bad\x07\nname", "badname"), ("\x01", "guest")):
        guest = client(server.endpoint, "join", "r", env={"LOGNAME": login, "PATH": "/usr/bin:/bin"})
        guest.type("hello")
        guest.end_input()
        assert guest.wait() == 0
        assert host.out.next() == f"{name}: hello"


def test_options_before_the_action_and_after_it(
    server: DialectServer, member: StartMember, client: StartClient
) -> None:
    host = member(server.endpoint, "create", "r", "host")
    command = ["--name", "alice", "join", "--keepalive", "5", "r", "--timeout", "9"]
    alice = client(server.endpoint, *command)
    alice.type("hello")
    alice.end_input()
    assert alice.wait() == 0
    assert host.out.next() == "alice: hello"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(client: StartClient, option: str) -> None:
    process = client(None, option)
    assert process.wait() == 0
    text = "\n".join(process.out.rest())
    assert ("A line `exit` leaves" in text) == (option == "--help")
    assert ("tcrp-client 0." in text) == (option == "--version")


# 1: refused


@pytest.mark.parametrize("arguments", [("create", "r"), ("join", "nowhere")])
def test_refused(server: DialectServer, member: StartMember, client: StartClient, arguments: tuple[str, str]) -> None:
    member(server.endpoint, "create", "r", "host")
    process = client(server.endpoint, *arguments)
    assert process.wait() == 1
    (line,) = process.err.rest()
    assert line.startswith("tcrp-client: refused: ")
    assert process.out.rest() == []


# 2: interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_politely(server: DialectServer, member: StartMember, number: signal.Signals) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    host.popen.send_signal(number)
    assert host.wait() == 2
    assert host.err.rest() == []
    assert alice.wait() == 8  # the host has sent that it leaves


def test_a_signal_while_connecting(odd: StartOdd, client: StartClient) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        process.popen.send_signal(signal.SIGINT)
        drain(connection)

    server = odd(serve)
    process = client(server.endpoint, "join", "r")
    assert process.wait() == 2
    assert process.err.rest() == []


# 4: usage


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "arguments are required: action"),
        (["destroy", "r"], "invalid choice: 'destroy'"),
        (["join"], "join needs the name of a room"),
        (["join", "r", "s"], "unrecognized arguments: s"),
        (["join", "r", "--nmae", "x"], "unrecognized arguments: --nmae"),
        (["join", "x" * 256], "the room name has 256 bytes: at most 255"),
        (["join", "部" * 86], "the room name has 258 bytes: at most 255"),
        (["create", ""], "the room name is empty: 1 to 255 bytes"),
        (["join", b"\xff"], "holds a lone surrogate"),
        (["join", "r", "--name", ""], "the user name has 0 bytes: 1 to 255"),
        (["join", "r", "--name", "x" * 256], "the user name has 256 bytes: 1 to 255"),
        (["join", "r", "--name", "a\nb"], "the user name holds the control character U+000A"),
        (["list"], "dialect tcrp cannot list rooms"),
        (["list", "r"], "list takes no room, and 'r' is one"),
        (["create", "r", "--capacity", "3"], "--capacity: dialect tcrp has nothing of the kind"),
        (["create", "r", "--capacity", "many"], "argument --capacity: invalid int value: 'many'"),
        (["join", "r", "--invite", "token"], "--invite: dialect tcrp has nothing of the kind"),
        (["join", "r", "--password-file", "/nonexistent"], "--password-file /nonexistent: No such file or directory"),
        (["join", "r", "--password-file", "/dev/null", "--password-prompt"], "not allowed with argument"),
        (["join", "r", "--dialect", "klingon"], "--dialect: there is no dialect 'klingon': choose from tcrp"),
        (["join", "r", "--server", "::1"], "--server: "),
        (["join", "r", "--server", "host:99999"], "--server: the TCP port is '99999': a number from 1 to 65535"),
        (["join", "r", "--server", "host:-:9002"], "--server: dialect tcrp needs a TCP port"),
        (["join", "r", "--timeout", "-1"], "argument --timeout: '-1' is not a number of seconds above 0"),
        (["join", "r", "--keepalive", "nan"], "argument --keepalive: 'nan' is not a number of seconds above 0"),
        (["join", "r", "--tui"], "--tui needs a terminal"),
    ],
)
def test_usage(client: StartClient, arguments: list[str | bytes], says: str) -> None:
    process = client(None, *arguments)
    assert process.wait() == 4
    (line,) = process.err.rest()
    assert line.startswith("tcrp-client: ")
    assert says in line
    assert process.out.rest() == []


def test_an_empty_password_file_makes_no_open_room(client: StartClient, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"\n")
    process = client(None, "create", "r", "--password-file", str(path))
    assert process.wait() == 4
    assert process.err.rest() == [f"tcrp-client: --password-file {path}: it is empty"]


def test_a_password_file_that_is_not_text(client: StartClient, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"ab\xff")
    process = client(None, "join", "r", "--password-file", str(path))
    assert process.wait() == 4
    assert process.err.rest() == [f"tcrp-client: --password-file {path}: not UTF-8 at byte 2"]


def test_nobody_to_ask_for_the_password(client: StartClient) -> None:
    process = client(None, "join", "r", "--password-prompt", start_new_session=True)
    assert process.wait() == 4
    (line,) = process.err.rest()
    assert "there is no terminal to ask on: use --password-file" in line


# 6: unreachable


def test_nobody_listens(odd: StartOdd, client: StartClient) -> None:
    server = odd(drain)
    server.close()
    process = client(server.endpoint, "join", "r")
    assert process.wait() == 6
    (line,) = process.err.rest()
    assert line == f"tcrp-client: unreachable: tcp 127.0.0.1:{server.endpoint.tcp}: connection refused"


def test_no_such_host(client: StartClient) -> None:
    process = client(Endpoint("a..b", 1, 2), "join", "r")
    assert process.wait() == 6
    (line,) = process.err.rest()
    assert line.startswith("tcrp-client: unreachable: the host 'a..b' has no address")


@pytest.mark.parametrize("answer", [b"", b"\xff" * 40])
def test_a_server_of_another_kind(odd: StartOdd, client: StartClient, answer: bytes) -> None:
    process = client(odd(answering(answer)).endpoint, "join", "r")
    assert process.wait() == 6
    (line,) = process.err.rest()
    assert line.startswith("tcrp-client: ")
    assert process.out.rest() == []


def test_a_server_that_never_answers(odd: StartOdd, client: StartClient) -> None:
    process = client(odd(drain).endpoint, "join", "r", "--timeout", "0.2")
    assert process.wait() == 6
    (line,) = process.err.rest()
    assert "does not answer within 0.2 s" in line


def test_the_chat_port_closes(odd: StartOdd, client: StartClient) -> None:
    server = odd(answering(WELCOME))
    process = client(server.endpoint, "join", "r", "--keepalive", "0.05")
    server.packet()
    server.udp.close()
    assert process.wait() == 6
    joined, line = process.err.rest()
    assert joined == "joined room=r"
    assert line.startswith("tcrp-client: unreachable: the chat port udp 127.0.0.1:")


# 8: the room was closed


def test_the_host_leaves_while_input_is_open(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    alice = member(server.endpoint, "join", "r", "alice")
    host.end_input()
    assert host.wait() == 0
    assert alice.wait() == 8
    (line,) = alice.err.rest()
    assert line.startswith("closed: ")


def test_the_server_stops(server: DialectServer, member: StartMember) -> None:
    host = member(server.endpoint, "create", "r", "host")
    server.process.popen.send_signal(signal.SIGTERM)
    assert host.wait() == 8


# secrets


def test_the_token_is_never_shown(odd: StartOdd, client: StartClient, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("sesame\n")
    server = odd(answering(WELCOME))
    process = client(
        server.endpoint, "join", "r", "--password-file", str(path), env={"PYTHONASYNCIODEBUG": "1", "PATH": "/bin"}
    )
    _, source = server.packet()
    process.type("x" * 5000, "hello")
    server.udp.sendto(b"nonsense", source)
    assert process.err.until("unknown: nonsense")
    process.end_input()
    assert process.wait() == 0
    process.err.rest()
    shown = "\n".join(process.err.seen + process.out.rest())
    assert "5000" in shown
    assert TOKEN.decode() not in shown
    assert "sesame" not in shown
