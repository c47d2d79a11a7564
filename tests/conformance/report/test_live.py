"""What a run prints while it goes on: in a pipe, at a terminal (a pty here), and once its reader has gone away."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.conformance.commands import Commands
from tests.pty_process import PATIENCE, PtyProcess

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
SOME = ("2.1", "2.2", "3.2h", "3.11", "4.5a", "5.3c", "5.3b")
BAR = re.compile(r"\d+/\d+  \d+:\d\d")


def lines_of(text: str) -> list[str]:
    """What was printed while it ran, without the first line, which names the seed."""
    return text.split("\n", 1)[1].splitlines()


class Terminal(PtyProcess):
    """A command on a terminal of this many columns."""

    def __init__(self, folder: Path, words: list[str], columns: int, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        given = {**inherited, "TERM": "xterm", "LANG": "C.UTF-8", **environment}
        super().__init__(words, given, folder=folder, size=(30, columns))

    @property
    def text(self) -> str:
        return self.shown.decode(errors="replace")

    def until(self, pattern: str) -> None:
        while not re.search(pattern, self.text):
            assert self.read(), f"ended without {pattern!r}: {self.text}"

    def interrupt(self) -> int:
        """Press Ctrl-C, and again every two seconds if the process goes on: Python loses a signal that comes during a
        callback of its garbage collector. Returns the exit code.
        """
        pressed = 0.0
        while True:
            if time.monotonic() - pressed > 2.0:
                pressed = time.monotonic()
                self.press(b"\x03")
            if not self.read():
                return self.popen.wait(PATIENCE)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGINT)  # so that it ends the server it has started
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(5)
        super().close()


Run = Callable[..., Terminal]
"""Starts `tcrp-conformance run` with these words at a terminal of so many `columns`."""


@pytest.fixture
def terminal(command: Commands) -> Iterator[Run]:
    started: list[Terminal] = []

    def run(*words: str, columns: int = 100, **environment: str) -> Terminal:
        started.append(Terminal(command.folder, command.words("run", *words), columns, **environment))
        return started[-1]

    yield run
    for each in started:
        each.close()


def left_on(text: str) -> list[str]:
    """The lines that a terminal shows at the end, without what was overwritten."""
    rows, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            rows += [""] * (row == len(rows))
        elif token == "\x1b[2K":
            rows[row] = ""
        elif up := re.fullmatch(r"\x1b\[(\d*)A", token):
            row = max(0, row - int(up[1] or 1))
        elif not token.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + token + rows[row][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in rows]


def test_in_a_pipe_each_section_is_a_few_plain_lines(command: Commands) -> None:
    done = command("run", *SOME, "--exec", command.reference)
    assert done.returncode == 0
    assert done.stderr == ""
    assert all(c.isprintable() or c == "\n" for c in done.stdout)
    lines = lines_of(done.stdout)
    end = lines.index("after the others")
    assert lines[:2] == ["", "2 The TCP frame"]
    assert lines[2] == "  pass        2.1 2.2"
    assert lines[3:5] == ["", "3 Control operations"]
    assert lines[5].startswith("  info        3.2h  what JSON parsers differ in may be malformed (")
    assert "  pass        4.5a" in lines
    assert "  unsupported 5.3c (needs --idle-timeout, the server's idle time)" in lines
    late = ["  pass        3.11", "  unsupported 5.3b (needs --idle-timeout, the server's idle time)", ""]
    assert lines[end + 1 : end + 4] == late
    assert lines[end + 4].startswith("4 pass, 1 info, 2 unsupported in ")
    assert max(map(len, lines)) <= 100


def test_many_clauses_that_pass_are_wrapped(command: Commands) -> None:
    done = command("run", "3.1", "3.4", "3.5", "3.7", "3.8", "--exec", command.reference)
    lines = [line for line in lines_of(done.stdout) if line]
    start = next(n for n, line in enumerate(lines) if line.startswith("  pass        3.1a "))
    assert lines[start + 1].startswith(" " * 14 + "3.")
    assert all(len(line) <= 100 for line in lines)


def test_a_finding_is_told_in_its_section_before_what_passes(command: Commands) -> None:
    done = command("run", "2.1", "2.5a", "2.6a", "--exec", command.faulty("header-in-one-recv"))
    assert lines_of(done.stdout)[:4] == [
        "", "2 The TCP frame", "  fail        2.5a  a request is reassembled whatever its segmentation",
        "  pass        2.1 2.6a",
    ]  # fmt: skip


def test_verbose_is_every_clause_and_every_test(command: Commands) -> None:
    done = command("run", "-v", "2.3b", "5.3c", "--exec", command.reference)
    lines = lines_of(done.stdout)
    assert lines[2] == "  pass        2.3b  a room name of 1 to 255 bytes of any valid UTF-8 is accepted"
    tests = [line for line in lines if line.startswith(" " * 14 + "test_")]
    assert re.fullmatch(r" +test_any_room_name_of_valid_utf8_is_accepted: pass, \d+\.\d\d s, \d+ examples", tests[0])
    assert len(tests) == 4
    assert any(line.startswith("  unsupported 5.3c  ") for line in lines)


def test_quiet_says_nothing_while_it_runs(command: Commands) -> None:
    done = command("run", "-q", *SOME, "--exec", command.reference)
    assert re.fullmatch(
        r"\n4 pass, 1 info, 2 unsupported in \d+\.\d s\nreport: tcrp-report/report.json\nexit 0: conforms\n",
        done.stdout,
    )


def test_a_mute_server_takes_few_lines(command: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        done = command("run", "-t", f"127.0.0.1:{tcp.getsockname()[1]}:{udp.getsockname()[1]}")
    lines = lines_of(done.stdout)
    assert lines[:2] == ["", "the plain conversation"]
    assert lines[2] == "  fail        3.4a  the ACK echoes operation and room; its payload is one status byte"
    assert re.fullmatch(r"  unsupported \d+ clauses \(blocked by TCRP-3\.4a\)", lines[3])
    assert "This server does not speak the dialect tcrp: nothing but the plain conversation could be judged." in lines
    assert done.stdout.count("blocked by") == 1
    assert len(lines) < 40


@pytest.mark.parametrize("columns", [100, 50])
def test_at_a_terminal_one_line_lives_and_findings_stay(terminal: Run, command: Commands, columns: int) -> None:
    process = terminal(
        "2.1", "2.2", "2.5a", "4.5a", "5.3c", "--exec", command.faulty("header-in-one-recv"), columns=columns
    )
    assert process.wait() == 1
    text = process.text
    bars = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)) if BAR.search(line)]
    assert len(bars) > 1
    assert any("1 fail" in bar for bar in bars)
    assert any(bar.rstrip().endswith("2.5a") for bar in bars)
    assert all(cell_len(bar) <= columns for bar in bars)
    assert "\x1b[1;31mfail" in text
    assert text.count(HIDE) == 1
    assert text.rindex(SHOW) > text.rindex(HIDE)
    left = left_on(text)
    assert not any(BAR.search(line) for line in left)
    assert sum(line.startswith("  fail        2.5a  a request is") for line in left) == 1
    assert not any(re.match(r"  (pass|unsupported) +(2\.2|4\.5a|5\.3c)\b", line) for line in left)
    assert left[-2] == "next: tcrp-conformance explain 2.5a"


def test_verbose_at_a_terminal(terminal: Run, command: Commands) -> None:
    process = terminal("-v", "2.2", "5.3c", "--exec", command.reference)
    assert process.wait() == 0
    left = left_on(process.text)
    assert "  pass        2.2   the body is the room name, then the payload, and nothing else" in left
    assert any("test_a_reply_is_room_name_and_payload_and_nothing_else: pass" in line for line in left)
    assert any(line.startswith("  unsupported 5.3c") for line in left)
    assert HIDE in process.text


def test_quiet_at_a_terminal(terminal: Run, command: Commands) -> None:
    process = terminal("-q", "2.2", "--exec", command.reference)
    assert process.wait() == 0
    assert HIDE not in process.text
    assert not BAR.search(process.text)


def test_a_dumb_terminal_gets_plain_lines(terminal: Run, command: Commands) -> None:
    process = terminal("2.1", "2.2", "--exec", command.reference, TERM="dumb")
    assert process.wait() == 0
    assert "\x1b" not in process.text
    assert "  pass        2.1 2.2" in process.text


def test_no_colour_where_none_is_wanted(terminal: Run, command: Commands) -> None:
    process = terminal("2.5a", "--exec", command.faulty("header-in-one-recv"), NO_COLOR="1")
    assert process.wait() == 1
    assert BAR.search(process.text)
    colours = {c for found in re.findall(r"\x1b\[([0-9;]*)m", process.text) for c in found.split(";")}
    assert not [c for c in colours if c and int(c) >= 30]


def test_ctrl_c_leaves_the_terminal_as_it_was(terminal: Run, command: Commands) -> None:
    process = terminal("--exec", command.reference)
    process.until(r"\d+ (\x1b\[[0-9;]*m)*pass")
    assert process.interrupt() == 2
    text = process.text
    assert text.rindex(SHOW) > text.rindex(HIDE)
    assert "Traceback" not in text
    left = left_on(text)
    assert not any(BAR.search(line) for line in left)
    assert "exit 2: interrupted: not everything was judged" in left
    assert command.report()["exit_code"] == 2


def test_ctrl_c_before_the_first_test(terminal: Run, command: Commands) -> None:
    process = terminal("--exec", command.reference)
    process.until("seed")
    assert process.interrupt() == 2
    assert "Traceback" not in process.text
    assert process.text.count(HIDE) == process.text.count(SHOW)


@pytest.mark.parametrize("words", [("2",), ("-v", "2"), ("-q", "2.2")])
def test_a_reader_that_goes_away_changes_nothing_but_the_words(command: Commands, words: tuple[str, ...]) -> None:
    """The report and the exit code stay the same."""
    run = shlex.join(command.words("run", *words, "--exec", command.faulty("header-in-one-recv")))
    done = command.run("bash", "-c", f"{run} | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert done.returncode == json.loads((command.folder / "tcrp-report" / "report.json").read_text())["exit_code"]
    assert done.returncode == (0 if words == ("-q", "2.2") else 1)


def test_a_reader_that_is_gone_before_it_begins(command: Commands) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command.words("run", "2.2", "--exec", command.reference), stdout=writing, stderr=subprocess.PIPE, text=True,
        cwd=command.folder, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert command.report()["exit_code"] == 0
