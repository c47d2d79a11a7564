"""The script of a finding: a program that is run here against wrong servers and a right one."""

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

from conformance.outcome.findings import Check
from conformance.report.repro.script import script
from conformance.trace.recording import BEFORE, KEEP_ALIVE, Recorder, Step, StepKind, Steps
from tcrp import Create, Join, Joined, Membership, Status, UpKind, dialects
from tcrp.dialects import Capabilities
from tcrp.dialects.tcrp import Tcrp
from tests.conformance.commands import faulty

DIALECT = dialects.get()
REFERENCE = [str(Path(sys.executable).with_name("tcrp-server")), "--tcp-port", "0", "--udp-port", "0"]
PATIENCE = 5.0
RIGHT, WRONG, UNTOLD = (0, "FIXED"), (1, "FAILED"), (2, "CANNOT BE TOLD")


class Ports(NamedTuple):
    """Where a server listens."""

    tcp: int
    udp: int


@contextlib.contextmanager
def running(fault: str | None) -> Iterator[Ports]:
    """Run the server with this fault, or the reference server if there is none."""
    command = [*faulty(fault).split()] if fault else REFERENCE
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
    """Talks with a server and records the conversation."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.recorder = Recorder()
        self.members: dict[str, Membership] = {}
        self.sockets: dict[str, socket.socket] = {}

    def ask(self, data: bytes, want: Create | Join, cuts: tuple[int, ...] = ()) -> str:
        """One exchange on its own connection. Whoever gets a token is a member with the name `want.user`. Returns the
        name of the connection.
        """
        take, who = self.recorder.take, self.recorder.connection()
        conversation = DIALECT.client(want, None, 0.0)
        with socket.create_connection(("127.0.0.1", self.ports.tcp), PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            take(who, StepKind.CONNECT)
            for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
                time.sleep(0.05 if start else 0)  # so that the server sees them apart
                with contextlib.suppress(OSError):
                    connection.sendall(data[start:end])
                take(who, StepKind.SEND, data[start:end])
            connection.settimeout(1.0)
            while not conversation.closing:
                try:
                    received = connection.recv(65536)
                except TimeoutError:
                    take(who, StepKind.WAIT, note="1.0 s")
                    break
                except OSError:
                    received = b""
                take(who, StepKind.HEAR if received else StepKind.END, received)
                if not received:
                    break
                for event in conversation.receive_data(received, 0.0):
                    if isinstance(event, Joined):
                        take(who, StepKind.TOKEN, event.token)
                        self.members[want.user] = Membership(want.room, want.user, event.token, False)
        take(who, StepKind.CLOSE)
        return who

    def enter(self, want: Create | Join, cuts: tuple[int, ...] = ()) -> str:
        return self.ask(DIALECT.client(want, None, 0.0).data_to_send(), want, cuts)

    def open(self, user: str) -> str:
        who = self.recorder.peer(user)
        self.sockets[who] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sockets[who].bind(("127.0.0.1", 0))
        self.recorder.take(who, StepKind.OPEN, local="127.0.0.1")
        return who

    def send(self, who: str, data: bytes, note: str = "") -> None:
        self.sockets[who].sendto(data, ("127.0.0.1", self.ports.udp))
        self.recorder.take(who, StepKind.SEND, data, note=note)

    def hear(self, who: str, seconds: float = PATIENCE) -> bytes | None:
        self.sockets[who].settimeout(seconds)
        try:
            data = self.sockets[who].recv(65536)
        except TimeoutError:
            self.recorder.take(who, StepKind.WAIT, note=f"{seconds} s")
            return None
        self.recorder.take(who, StepKind.HEAR, data)
        return data

    def room(self) -> None:
        """alicia and bob enter a room and register."""
        for want in (Create("the room", "alicia"), Join("the room", "bob")):
            self.enter(want)
            self.open(want.user)
            self.say(want.user, b"")

    def say(self, user: str, message: bytes, who: str | None = None, token: bytes | None = None) -> None:
        member = self.members[user]
        member = member._replace(token=member.token if token is None else token)
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
    """No server knows the recorded token: the forged one must be made of the new token as it was of the old one."""
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
    """Run the script by a Python with the standard library alone. Returns its exit code and output."""
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
        Step(0, "tcp 1", StepKind.CONNECT),
        Step(0, "tcp 1", StepKind.SEND, request),
        Step(0, "tcp 1", StepKind.HALF_CLOSE),
        Step(0, "tcp 1", StepKind.HEAR, b"."),
        Step(0, "tcp 1", StepKind.END),
        Step(0, "tcp 2", StepKind.SEND, request[:20]),
        Step(0, "tcp 2", StepKind.RESET),
        Step(0, "tcp 3", StepKind.CONNECT),
        Step(0, "tcp 3", StepKind.CLOSE),
        Step(0, "bob", StepKind.OPEN, local="=tcp 1"),
        Step(0, "bob", StepKind.SEND),
        Step(0, "bob", StepKind.NOTE, note="the end"),
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
        Step(0, "print", StepKind.SEND, b"x"),
        Step(
            0, "tcp 1", StepKind.SEND, b"\x01\x01\x00" + bytes(28) + b"\x03" + "".join(texts).encode(errors="replace")
        ),
        *(Step(0, text, StepKind.SEND, b"\xff") for text in texts),
        *(Step(0, "x", StepKind.NOTE, note=text) for text in texts),
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
    Step, st.floats(0, 99), WHO, st.sampled_from(StepKind), st.binary(max_size=80),
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


def test_statuses_are_written_as_numbers() -> None:
    """A check may hold members of Status, which the program does not know."""
    check = Check("answer", "tcp 1", statuses=(Status.ROOM_NOT_FOUND, Status.MALFORMED))
    text = write((Step(0, "tcp 1", StepKind.SEND, b"x"),), Ports(1, 2), check)
    assert "finish(status in (2, 4))" in text


def test_tokens_need_frames_to_be_cut_out_of() -> None:
    other = dataclasses.replace(Tcrp(), name="other", can=Capabilities(frames=False))
    texts = {"title": "", "quote": "", "expected": "", "actual": ""}
    steps = (Step(0, "tcp 1", StepKind.HEAR, b"tok"), Step(0, "tcp 1", StepKind.TOKEN, b"tok"))
    assert script(steps, "h", 1, 2, check=None, dialect=other, **texts) == ""
    text = script(steps[:1], "h", None, 2, check=Check("answer", "tcp 1"), dialect=other, **texts)
    assert "take(tcp_1, 0.5)" in text
    assert "finish" not in text
    compile(text, "finding.py", "exec")
