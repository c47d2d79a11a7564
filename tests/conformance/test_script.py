"""A recorded conversation as a program of its own: it is run against servers that are wrong and against a right one."""

import ast
import contextlib
import dataclasses
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.findings import Check
from conformance.literals import Token, call, fields, literal, token_terms
from conformance.recording import BEFORE, KEEP_ALIVE, Does, Recorder, Step, Steps
from conformance.script import script
from tcrp import Create, Join, Joined, Membership, UpKind, dialects
from tcrp.annotate import annotate
from tcrp.dialects import Can
from tcrp.layouts import packet_layout

DIALECT = dialects.get()
FAULTS = Path(__file__).parents[1] / "faults" / "server.py"
REFERENCE = [str(Path(sys.executable).with_name("tcrp-server")), "--tcp-port", "0", "--udp-port", "0"]
PATIENCE = 5.0
RIGHT, WRONG, UNTOLD = (0, "FIXED"), (1, "FAILED"), (2, "CANNOT BE TOLD")


class Ports(NamedTuple):
    """Where a server listens."""

    tcp: int
    udp: int


@contextlib.contextmanager
def running(fault: str | None) -> Iterator[Ports]:
    """The server with this fault, or the reference server."""
    command = [sys.executable, str(FAULTS), "--fault", fault] if fault else REFERENCE
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"ready tcp=127\.0\.0\.1:(\d+) udp=127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield Ports(int(found[1]), int(found[2]))
        finally:
            process.kill()


class Talk:
    """Talks with a server and takes down what is said."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.recorder = Recorder()
        self.members: dict[str, Membership] = {}
        self.sockets: dict[str, socket.socket] = {}

    def ask(self, data: bytes, want: Create | Join, cuts: tuple[int, ...] = ()) -> str:
        """One exchange on its own connection; the member, if there is a token, is `want.user`. Returns its name."""
        take, who = self.recorder.take, self.recorder.connection()
        conversation = DIALECT.client(want, None, 0.0)
        with socket.create_connection(("127.0.0.1", self.ports.tcp), PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            take(who, Does.CONNECT)
            for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
                time.sleep(0.05 if start else 0)  # so that the server sees them apart
                with contextlib.suppress(OSError):
                    connection.sendall(data[start:end])
                take(who, Does.SEND, data[start:end])
            connection.settimeout(1.0)
            while not conversation.closing:
                try:
                    received = connection.recv(65536)
                except TimeoutError:
                    take(who, Does.WAIT, note="1.0 s")
                    break
                except OSError:
                    received = b""
                take(who, Does.HEAR if received else Does.END, received)
                if not received:
                    break
                for event in conversation.receive_data(received, 0.0):
                    if isinstance(event, Joined):
                        take(who, Does.TOKEN, event.token)
                        self.members[want.user] = Membership(want.room, want.user, event.token, False)
        take(who, Does.CLOSE)
        return who

    def enter(self, want: Create | Join, cuts: tuple[int, ...] = ()) -> str:
        return self.ask(DIALECT.client(want, None, 0.0).data_to_send(), want, cuts)

    def open(self, user: str) -> str:
        who = self.recorder.peer(user)
        self.sockets[who] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sockets[who].bind(("127.0.0.1", 0))
        self.recorder.take(who, Does.OPEN, local="127.0.0.1")
        return who

    def send(self, who: str, data: bytes, note: str = "") -> None:
        self.sockets[who].sendto(data, ("127.0.0.1", self.ports.udp))
        self.recorder.take(who, Does.SEND, data, note=note)

    def hear(self, who: str, seconds: float = PATIENCE) -> bytes | None:
        self.sockets[who].settimeout(seconds)
        try:
            data = self.sockets[who].recv(65536)
        except TimeoutError:
            self.recorder.take(who, Does.WAIT, note=f"{seconds} s")
            return None
        self.recorder.take(who, Does.HEAR, data)
        return data

    def room(self) -> None:
        """alicia and bob in a room, each of whom has said where it is."""
        for want in (Create("the room", "alicia"), Join("the room", "bob")):
            self.enter(want)
            self.open(want.user)
            self.say(want.user, b"")

    def say(self, user: str, message: bytes, who: str | None = None, **changes: bytes) -> None:
        member = self.members[user]._replace(**changes)
        data = DIALECT.write_up(member, UpKind.CHAT if message else UpKind.REGISTER, message)
        assert data is not None
        self.send(who or user, data)

    def done(self) -> Steps:
        for one in self.sockets.values():
            one.close()
        return self.recorder.steps()


def header_in_pieces(talk: Talk) -> Check:
    who = talk.enter(Create("the room", "alicia"), cuts=(1, 32))
    return Check("answer", who, statuses=(0,), token=True)


def copy_to_the_sender(talk: Talk) -> Check:
    talk.room()
    talk.say("alicia", b"4f2a0001 hello")
    assert talk.hear("bob") == b"alicia: 4f2a0001 hello"
    assert talk.hear("alicia") == b"alicia: 4f2a0001 hello"
    return Check("silent", "alicia", b"4f2a0001")


def long_message(talk: Talk) -> Check:
    talk.room()
    talk.say("alicia", b"4f2a0001")
    assert talk.hear("bob") == b"alicia: 4f2a0001"
    talk.say("alicia", b"4f2a0002" + b"\0x" * 600)
    assert talk.hear("bob", 0.5) is None
    return Check("hears", "bob", b"4f2a0002")


def forged_token(talk: Talk) -> Check:
    """The token of then would be unknown to any server: it must be made of the new one as it was of the old one."""
    with talk.recorder.prologue():
        talk.room()
    talk.say("alicia", b"4f2a0001", talk.open("stranger"), token=talk.members["alicia"].token[:-1])
    assert talk.hear("bob") is not None
    return Check("silent", "bob", b"4f2a0001")


def bad_operation(talk: Talk) -> Check:
    want = Create("the room", "alicia")
    request = DIALECT.client(want, None, 0.0).data_to_send()
    who = talk.ask(b"\x08\x09" + request[2:], want)
    return Check("answer", who, statuses=(4,), close=True)


Told = Callable[[Talk], Check]
CASES = [
    ("header-in-one-recv", header_in_pieces),
    ("sender-hears-itself", copy_to_the_sender),
    ("message-over-1000-bytes-dropped", long_message),
    ("token-prefix-served", forged_token),
    ("unknown-operation-creates", bad_operation),
]


def write(recorded: Steps, ports: Ports, check: Check | None, **texts: str) -> str:
    said = {"title": "a title", "quote": "a clause", "expected": "this", "actual": "that", **texts}
    return script(recorded, "127.0.0.1", ports.tcp, ports.udp, check=check, dialect=DIALECT, **said)


def run(folder: Path, text: str, *words: str) -> tuple[int, str]:
    """Its exit code and all that it said, by a Python that has nothing but its standard library."""
    path = folder / "finding.py"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-I", "-S", "-W", "error", "-W", "ignore::ResourceWarning", str(path), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def outcome(folder: Path, text: str, ports: Ports) -> tuple[int, str]:
    code, output = run(folder, text, "127.0.0.1", str(ports.tcp), str(ports.udp))
    return code, output.splitlines()[-1].partition(":")[0]


@pytest.mark.parametrize(("fault", "told"), CASES, ids=[fault for fault, _ in CASES])
def test_it_fails_again_where_it_failed_and_not_on_a_right_server(tmp_path: Path, fault: str, told: Told) -> None:
    with running(fault) as ports:
        talk = Talk(ports)
        check = told(talk)
        text = write(talk.done(), ports, check)
    with running(fault) as ports:
        assert outcome(tmp_path, text, ports) == WRONG
    with running(None) as ports:
        assert outcome(tmp_path, text, ports) == RIGHT


@pytest.fixture(scope="module")
def right() -> Iterator[Ports]:
    with running(None) as ports:
        yield ports


def conversation(ports: Ports) -> Steps:
    talk = Talk(ports)
    talk.room()
    talk.send("bob", b"\x08\x00the room", note=KEEP_ALIVE)
    talk.say("alicia", b"4f2a0001 hello")
    assert talk.hear("bob") is not None
    return talk.done()


def test_without_a_check_it_shows_what_comes(tmp_path: Path) -> None:
    with running(None) as ports:
        text = write(conversation(ports), ports, None)
    with running(None) as ports:
        code, output = run(tmp_path, text, "127.0.0.1", str(ports.tcp), str(ports.udp))
    assert code == 0
    assert "bob <- server, 22 bytes" in output
    assert "61 6c 69 63 69 61 3a 20 34 66 32 61 30 30 30 31  alicia: 4f2a0001" in output
    assert "NOT HEARD" not in output
    assert output.splitlines()[-3:] == [
        "expected: this",
        "and got:  that (when this was recorded)",
        "compare the above with what was expected",
    ]
    assert "bytes(28)" in text
    assert "size(token_1) + b'the room' + token_1" in text
    assert r"\x08\x00the room" not in text  # the keep-alive


def test_a_room_that_still_stands_is_told(tmp_path: Path, right: Ports) -> None:
    recorded = conversation(right)
    code, output = run(tmp_path, write(recorded, right, None))
    assert code == 2
    assert "restart the server" in output.splitlines()[-1]


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with running(None) as ports:
        recorded = conversation(ports)
    code, output = run(tmp_path, write(recorded, ports, Check("silent", "alicia", b"x")))
    assert (code, output.splitlines()[-1].partition(":")[0]) == UNTOLD
    assert f"port {ports.tcp}" in output


@pytest.mark.parametrize("words", [("127.0.0.1",), ("127.0.0.1", "1", "x")])
def test_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, output = run(tmp_path, write((), Ports(1, 2), None), *words)
    assert (code, output.splitlines()) == (2, [f"usage: python {tmp_path / 'finding.py'} [HOST TCP UDP]"])


def test_half_closes_resets_and_closes_are_made_again(tmp_path: Path, right: Ports) -> None:
    request = DIALECT.client(Create("half", "alicia"), None, 0.0).data_to_send()
    steps = (
        Step(0, "tcp 1", Does.CONNECT),
        Step(0, "tcp 1", Does.SEND, request),
        Step(0, "tcp 1", Does.HALF_CLOSE),
        Step(0, "tcp 1", Does.HEAR, b"."),
        Step(0, "tcp 1", Does.END),
        Step(0, "tcp 2", Does.SEND, request[:20]),
        Step(0, "tcp 2", Does.RESET),
        Step(0, "tcp 3", Does.CONNECT),
        Step(0, "tcp 3", Does.CLOSE),
        Step(0, "bob", Does.OPEN, local="=tcp 1"),
        Step(0, "bob", Does.SEND),
        Step(0, "bob", Does.NOTE, note="the end"),
    )
    code, output = run(tmp_path, write(steps, right, Check("silent", "bob", b"x")))
    assert (code, output.splitlines()[-1]) == RIGHT
    said = [line.partition(" ms  ")[2] for line in output.splitlines() if " ms  " in line]
    assert [line for line in said if line.startswith("tcp 1")][:3] == [
        "tcp 1 connects", f"tcp 1 -> server, {len(request)} bytes", "tcp 1 half-closes",
    ]  # fmt: skip
    assert said[-7:] == [
        "tcp 1 <- server: closed", "tcp 2 connects", "tcp 2 -> server, 20 bytes", "tcp 2 resets the connection",
        "tcp 3 connects", "tcp 3 closes", "bob -> server, 0 bytes",
    ]  # fmt: skip
    assert "--- the end" in output


def test_the_size_of_a_token_of_another_length_is_its_own() -> None:
    tokens = [Token("token_1", b"short"), Token("token_2", b"0123456789")]
    rows = annotate(b"\x01\x0ar0123456789hi", packet_layout)
    assert fields(rows, tokens) == [r"b'\x01'", "size(token_2)", "b'r'", "token_2", "b'hi'"]
    cut = annotate(b"\x01\x0ar012345", packet_layout)  # the datagram ends within the token
    assert fields(cut, tokens) == [r"b'\x01'", "size(token_2)", "b'r'", "token_2[:-4]"]
    lying = annotate(b"\x01\xffr0123456789", packet_layout)
    assert fields(lying, tokens) == [r"b'\x01\xff'", "b'r'", "token_2"]
    unknown = annotate(b"\x01\x03rabchi", packet_layout)
    assert fields(unknown, tokens) == [r"b'\x01\x03'", "b'r'", "b'abc'", "b'hi'"]


TOKENS = st.lists(st.binary(min_size=1, max_size=40), unique=True, min_size=1, max_size=3).map(
    lambda found: [Token(f"token_{number}", data) for number, data in enumerate(found)]
)


def evaluated(terms: list[str], tokens: list[Token]) -> bytes:
    names = {token.name: token.data for token in tokens} | {"size": lambda part: bytes([len(part)])}
    return eval(" + ".join(terms) or "b''", names)


@settings(deadline=None)
@given(tokens=TOKENS, data=st.data())
def test_what_was_made_of_a_token_is_made_of_it_again(tokens: list[Token], data: st.DataObject) -> None:
    token = data.draw(st.sampled_from(tokens)).data
    at = data.draw(st.integers(0, len(token) - 1))
    flipped = token[:at] + bytes([token[at] ^ data.draw(st.integers(1, 255))]) + token[at + 1 :]
    made = data.draw(st.sampled_from([token, token[:-1], token[:1], token + b" ", token.swapcase(), flipped]))
    terms = token_terms(made, tokens)
    assert terms or not made
    assert not terms or evaluated(terms, tokens) == made


@settings(deadline=None)
@given(tokens=TOKENS, data=st.binary(max_size=300) | st.binary(max_size=3).map(lambda part: part * 90))
def test_bytes_are_written_as_they_are(tokens: list[Token], data: bytes) -> None:
    assert evaluated(literal(data), []) == data
    assert evaluated(fields(annotate(data, packet_layout), tokens), tokens) == data
    line = call("bytes", literal(data))
    assert eval(line) == data if data else eval(line) == b""
    assert max(map(len, line.splitlines())) < 300


HOSTILE = [
    '"""',
    "\\",
    "'''\n\"",
    "a\0b\x1b[2J\r\n\x0c",
    "\ud800",
    "\u202e",
    "{told}",
    "\\N{x} \\u12 \\",
    '""""" "',
    "部屋 %s",
]


def hostile_steps(texts: list[str]) -> Steps:
    return (
        Step(0, "print", Does.SEND, b"x"),
        Step(0, "tcp 1", Does.SEND, b"\x01\x01\x00" + bytes(28) + b"\x03" + "".join(texts).encode(errors="replace")),
        *(Step(0, text, Does.SEND, b"\xff") for text in texts),
        *(Step(0, "x", Does.NOTE, note=text) for text in texts),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_not_break_it(text: str) -> None:
    check = Check("silent", text, text.encode(errors="replace"))
    words = dict.fromkeys(("title", "quote", "expected", "actual"), text)
    compile(write(hostile_steps([text]), Ports(1, 2), check, **words).encode(), "finding.py", "exec")


def test_a_script_with_all_hostile_texts_runs(tmp_path: Path, right: Ports) -> None:
    words = dict.fromkeys(("title", "quote", "expected", "actual"), "".join(HOSTILE))
    check = Check("silent", HOSTILE[-1], "".join(HOSTILE).encode(errors="replace"))
    code, output = run(tmp_path, write(hostile_steps(HOSTILE), right, check, **words))
    assert (code, output.splitlines()[-1]) == RIGHT


WHO = (
    st.sampled_from(["tcp 1", "tcp 2", "bob", "bob 2", "bob_2", "2", "", "部屋", "部 屋", "if", "say", "token_1"])
    | st.text()
)
STEP = st.builds(
    Step, st.floats(0, 99), WHO, st.sampled_from(Does), st.binary(max_size=80),
    st.sampled_from(["", "=tcp 1", "127.0.0.2"]), st.text() | st.just(BEFORE) | st.just("2.0 s"),
)  # fmt: skip


@settings(deadline=None)
@given(
    recorded=st.lists(STEP, max_size=20).map(tuple), title=st.text(), quote=st.text(), expected=st.text(),
    check=st.builds(Check, st.sampled_from(["hears", "silent", "answer"]), st.sampled_from(["tcp 1", "bob"])),
)  # fmt: skip
def test_any_steps_make_a_program(recorded: Steps, title: str, quote: str, expected: str, check: Check) -> None:
    text = write(recorded, Ports(1, 2), check, title=title, quote=quote, expected=expected)
    compile(text.encode(), "finding.py", "exec")
    ast.parse(text, feature_version=(3, 8))


def test_tokens_need_frames_to_be_cut_out_of() -> None:
    other = dataclasses.replace(DIALECT, name="other", can=Can(frames=False))
    texts = {"title": "", "quote": "", "expected": "", "actual": ""}
    steps = (Step(0, "tcp 1", Does.HEAR, b"tok"), Step(0, "tcp 1", Does.TOKEN, b"tok"))
    assert script(steps, "h", 1, 2, check=None, dialect=other, **texts) == ""
    text = script(steps[:1], "h", None, 2, check=Check("answer", "tcp 1"), dialect=other, **texts)
    assert "take(tcp_1, 0.5)" in text
    assert "finish" not in text
    compile(text, "finding.py", "exec")
