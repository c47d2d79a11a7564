"""Our server and our client as processes, in the built-in dialects that are files, and in unusual ones from files."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reference_client.processes import (
    PATIENCE,
    DialectServer,
    PipedProcess,
    Serve,
    Start,
    StartClient,
    StartMember,
)

JSON_DATAGRAMS = """
[ports]
tcp = 8000
[header]
size = "digits"
counts = "body"
[request]
payload = "json-string"
[reply]
steps = 1
framing = "none"
refusal = "text"
[status]
form = "none"
[words]
room-not-found = "there is no {room}"
[token]
ends = "pause"
[address]
learnt = "message"
message = "INITIAL"
[up]
form = "json"
type-key = "type"
register-type = "INITIAL"
chat-type = "CHAT"
leave-type = "LEAVE"
user-key = "user_name"
[down]
form = "json"
type-key = "type"
chat-type = "CHAT"
[chat]
empty = "relayed"
leave = false
[notices]
joined = { to = "others", text = "{user} is here", type = "NEWS" }
left = { to = "others", text = "{user} is gone", type = "NEWS" }
host-left = { to = "others", text = "{room} is closed", type = "CLOSE" }
"""

MIRRORED = """
[header]
size = "digits-nul"
[request]
payload = "length-prefixed"
[reply]
refusal = "close"
room = "announced"
room-size = "characters"
operation = 10
[address]
learnt = "tcp"
source = "address"
[up]
form = "text"
template = "{token}|{user}|{message}"
[down]
form = "mirrored"
[chat]
echo = true
empty = "relayed"
leave = "@quit"
[notices]
joined = { to = "others", text = "* {user} is here" }
left = { to = "others", text = "* {user} is gone" }
host-left = { to = "others", text = "* {room} is closed" }
"""

STAGED = """
[request]
payload = "raw"
stages = "header-first"
[reply]
framing = "none"
refused-in = "token"
[status]
form = "json"
ok = 1
token-ok = 2
[words]
error-key = "error"
[token]
form = "json"
[address]
learnt = "handshake"
source = "anything"
[down]
form = "binary"
[notices]
closed-mark = "!"
info-mark = "?"
joined = { to = "others", text = "{user} is here" }
left = { to = "others", text = "{user} is gone" }
host-left = { to = "others", text = "{room} is closed" }
"""

FILES = {"json-datagrams": JSON_DATAGRAMS, "mirrored": MIRRORED, "staged": STAGED}
SAYS = {
    # dialect: someone joined, someone left, the room is closed
    "model-answer": ("bob がチャットルームに参加しました", None, "チャットルームが閉じられました"),
    "json-status": (None, "bobが部屋から退出しました。", "ホストが退出したため、チャットルーム:部屋を終了します。"),
    "json-datagrams": ("bob is here", "bob is gone", "部屋 is closed"),
    "mirrored": ("* bob is here", "* bob is gone", "* 部屋 is closed"),
    "staged": ("bob is here", "bob is gone", "部屋 is closed"),
}


@pytest.fixture
def serve_file(serve: Serve, tmp_path: Path) -> Callable[[str], DialectServer]:
    """`serve_file(name)`: a server in one of FILES, or in the built-in dialect of this name."""

    def run(name: str) -> DialectServer:
        if name not in FILES:
            return serve(name)
        path = tmp_path / f"{name}.toml"
        path.write_text(FILES[name], "utf-8")
        return serve(str(path))

    return run


@pytest.mark.parametrize("name", list(SAYS))
def test_create_join_chat_leave_and_close(
    serve_file: Callable[[str], DialectServer], client: StartClient, member: StartMember, name: str
) -> None:
    server = serve_file(name)

    def enter(action: str, user: str) -> PipedProcess:
        return member(server.endpoint, action, "部屋", user, *server.options)

    joined, left, closed = SAYS[name]
    refused = client(server.endpoint, "join", "部屋", "--name", "zoe", *server.options)
    assert refused.wait() == 1
    assert "refused" in refused.err.rest()[0]

    alice = enter("create", "alice")
    bob = enter("join", "bob")
    if joined:
        assert alice.err.next() == f"info: {joined}"
    echoes = name == "mirrored"
    for speaker, hearers, said in ((alice, [bob], "alice: こんにちは"), (bob, [alice], "bob: hi ")):
        speaker.type(said.partition(": ")[2])
        for hearer in [*hearers, *([speaker] if echoes else [])]:
            assert hearer.out.next() == said
    carol = enter("join", "carol")
    if joined:  # a member that sends its port on TCP is one only after that
        assert alice.err.next() == f"info: {joined}".replace("bob", "carol")

    bob.end_input()
    assert bob.wait() == 0
    if left:
        assert left in alice.err.until("bob")
        assert left in carol.err.until("bob")
    alice.end_input()
    assert alice.wait() == 0
    assert carol.wait() == 8
    assert closed in carol.err.until("closed: ")
    assert enter("create", "dave").popen.poll() is None  # the name is free


@pytest.mark.parametrize("name", ["model-answer", "json-status", "mirrored"])
def test_nothing_is_sent_but_what_was_typed(
    serve_file: Callable[[str], DialectServer], member: StartMember, name: str
) -> None:
    """There are no registration and no keep-alive, while a canonical client sends a registration at once."""
    server = serve_file(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chat:
        chat.bind(("127.0.0.1", 0))
        chat.settimeout(PATIENCE)
        elsewhere = server.endpoint._replace(udp=chat.getsockname()[1])
        alice = member(elsewhere, "create", "r", "alice", *server.options, "--keepalive", "0.01")
        alice.type("first")
        data, _ = chat.recvfrom(5000)
        assert data.endswith(b"first")
        alice.type("second")
        data, _ = chat.recvfrom(5000)
        assert data.endswith(b"second")


@pytest.mark.parametrize("program", ["reference_server", "reference_client", "conformance", "tcrp"])
def test_a_wrong_file_is_one_line_and_exit_code_4(start: Start, tmp_path: Path, program: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[request]\n\npayload = "jason"\n')
    arguments = {
        "reference_server": ["--tcp-port", "0", "--udp-port", "0"],
        "reference_client": ["join", "r"],
        "conformance": ["run", "-t", "127.0.0.1:1:2"],
        "tcrp": ["decode", "00"],
    }[program]
    process = start(sys.executable, "-m", program, *arguments, "--dialect", str(path))
    assert process.wait() == 4
    (line,) = process.err.rest()
    assert f"{path}:3: request.payload is " in line
    assert "did you mean json?" in line


def test_a_dialect_that_is_neither_a_name_nor_a_file(start: Start) -> None:
    process = start(sys.executable, "-m", "reference_client", "join", "r", "--dialect", "modelanswer")
    assert process.wait() == 4
    (line,) = process.err.rest()
    assert "choose from tcrp, stage1, model-answer, json-status" in line
    assert ".toml" in line
