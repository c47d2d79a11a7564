"""The log blocks nobody and floods nobody, and no stream that is closed, full or unread stops the server."""

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reference_server.logs import (
    MAX_QUEUED_BYTES,
    JsonFormatter,
    LogHandler,
    RateLimit,
    log_loop_errors,
    write_all,
)
from tests.reference_server import wire
from tests.reference_server.server_process import PATIENCE, StartServer
from tests.reference_server.spawned import Spawned

SERVER = (sys.executable, "-m", "reference_server", "--tcp-port", "0", "--udp-port", "0")


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        (">&- 2>err", False),
        (">/dev/full 2>err", True),
        (">out 2>&-", None),
        (">out 2>/dev/full", None),
        (">&- 2>&- <&-", None),
        (">/dev/full 2>/dev/full </dev/null", None),
    ],
)
def test_closed_and_full_streams_stop_nothing(
    tmp_path: Path, spawned: list[Spawned], streams: str, told: bool | None
) -> None:
    server = Spawned(tmp_path, streams, "--log-level", "debug")
    spawned.append(server)
    server.chat()
    server.chat()
    assert server.stop() == 0
    if told is not None:
        log = server.read("err")
        assert "Traceback" not in log
        assert ("standard output is closed or full: nobody was told 'ready " in log) == told
        assert "created room='chat'" in log
    elif ">out" in streams:
        assert server.read("out").startswith("ready tcp=")


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_into_a_full_stream_is_no_traceback(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*SERVER, *words], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert done.stderr == b""


def test_wrong_arguments_with_a_full_standard_error_exit_4() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*SERVER, "--host", "no.such.name.invalid"], stderr=full, timeout=PATIENCE, check=False)
    assert done.returncode == 4


def test_a_pipe_that_nobody_reads_freezes_nothing_and_the_loss_is_told(tmp_path: Path, spawned: list[Spawned]) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    real, stderr = os.dup(2), 2
    os.dup2(writing, stderr)  # the shell inherits it
    try:
        server = Spawned(tmp_path, ">out", "--log-level", "debug")
    finally:
        os.dup2(real, stderr)
        os.close(real)
        os.close(writing)
    spawned.append(server)
    with server.member() as sock:
        for number in range(30):  # a line of the log for each datagram, far more than queue and pipe hold
            for _ in range(1000):
                sock.send(b"\xff" * 3)
            server.token(1, f"r{number}", "a")
    server.chat()
    log = io.BytesIO()
    os.set_blocking(reading, True)
    server.process.send_signal(signal.SIGTERM)
    while part := os.read(reading, 65536):
        log.write(part)
    os.close(reading)
    assert server.process.wait(PATIENCE) == 0
    text = log.getvalue().decode()
    assert " lines of the log were lost: they were not read in time\n" in text
    assert "Traceback" not in text
    assert text.count("\n") < 30_000


def test_lines_of_one_kind_are_limited_and_the_rest_is_counted(start: StartServer) -> None:
    server = start("--log-rate", "1")
    for number in range(60):
        server.create(f"r{number}")
    log = server.stop()
    told = log.count("created room='")
    (left_out,) = (line for line in log.splitlines() if "left out" in line and "created" in line)
    assert 50 <= told < 60
    assert left_out.endswith(f"left out {60 - told} lines of the form: created room=%r user=%r peer=%s")


def test_without_a_rate_every_line_is_written(start: StartServer) -> None:
    server = start("--log-rate", "0")
    for number in range(60):
        server.create(f"r{number}")
    assert server.stop().count("created room=") == 60


def test_json_lines_have_fields(start: StartServer) -> None:
    server = start("--log-format", "json", "--log-level", "debug")
    room = 'r"\n\u202e'
    token = server.create(room, "a")
    sock = server.datagrams()
    sock.send(wire.packet(room, token, b"exit"))
    server.ask(wire.request(2, "nowhere", "b"))
    log = server.stop()
    lines = [json.loads(line) for line in log.splitlines()]
    assert log.isascii()
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    (created,) = (line for line in lines if line["message"].startswith("created"))
    assert {key: created[key] for key in ("level", "room", "user", "peer")} == {
        "level": "info", "room": room, "user": "a", "peer": "127.0.0.1",
    }  # fmt: skip
    (left,) = (line for line in lines if line["message"].startswith("left"))
    assert left["why"] == "left"
    (refused,) = (line for line in lines if "refused" in line["message"])
    assert refused["room"] == "nowhere"
    assert (refused["level"], token.decode() in log) == ("debug", False)


def test_without_files_members_chat_on_and_one_line_says_so(tmp_path: Path, spawned: list[Spawned]) -> None:
    server = Spawned(tmp_path, ">out 2>err", files=40)
    spawned.append(server)
    a, b = server.token(1, "r", "a"), server.token(2, "r", "b")
    with server.member() as hears_a, server.member() as hears_b:
        hears_b.send(wire.packet("r", b))
        idle = []
        closed = 0
        for _ in range(300):
            sock = socket.create_connection(server.tcp, PATIENCE)
            sock.settimeout(PATIENCE)
            idle.append(sock)
        for sock in idle[100:]:
            closed += sock.recv(1) == b""
        hears_a.send(wire.packet("r", a, b"still here"))
        assert hears_b.recv(5000) == b"a: still here"
        for sock in idle:
            sock.close()
        assert closed == 200
        assert any(served(server) for _ in range(1000))  # once the server has seen that its files are free again
        server.chat()
    assert server.stop() == 0
    log = server.read("err")
    assert "Traceback" not in log
    lines = [line for line in log.splitlines() if "closed unserved" in line]
    assert lines[0].endswith("closed unserved connections=1: Too many open files")
    assert len(lines) == 2  # the first one, and when the server stops the rest
    assert sum(int(line.partition("connections=")[2].partition(":")[0]) for line in lines) >= closed


def served(server: Spawned) -> bool:
    try:
        return server.ask(wire.request(2, "nowhere", "a")) == wire.refusal(2, "nowhere", 2)
    except ConnectionError:
        return False


def record(
    message: str, *values: object, level: int = logging.INFO, name: str = "reference_server"
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, values, None)


def test_each_kind_has_its_own_limit() -> None:
    limit = RateLimit(0.001)
    assert [limit.filter(record("a %s", number)) for number in range(3)] == [True, False, False]
    assert limit.filter(record("b"))
    assert all(limit.filter(record("a %s", number, level=logging.DEBUG)) for number in range(9))
    assert [limit.filter(record(f"other {number}", name="other")) for number in range(2)] == [True, False]
    assert limit.pending == 3
    assert limit.report() == []
    assert limit.report(everything=True) == [
        "left out 2 lines of the form: a %s",
        "left out 1 lines of the form: other",
    ]
    assert limit.pending == 0


def test_a_line_that_was_left_out_is_told_before_others_of_its_kind_pass() -> None:
    limit = RateLimit(1e6)
    limit._burst = 1.0
    passed = [limit.filter(record("a")) for _ in range(5)]
    while limit.pending and not limit.report():
        pass
    assert passed[0]
    assert limit.filter(record("a"))


def test_lines_that_nobody_reads_are_dropped_and_counted(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    handler = LogHandler(writing, RateLimit(0))
    size = 1000
    count = 3 * MAX_QUEUED_BYTES // size
    for _ in range(count):
        handler.emit(record("x" * (size - 1)))
    assert handler.dropped > count // 2
    dropped = handler.dropped
    with (tmp_path / "read").open("wb") as file:
        reader = subprocess.Popen(["cat"], stdin=reading, stdout=file)
    os.close(reading)
    handler.close()
    os.close(writing)
    reader.wait(PATIENCE)
    read = (tmp_path / "read").read_bytes()
    assert sum(map(int, re.findall(rb"(\d+) lines of the log were lost", read))) == dropped
    assert read.count(b"x\n") == count - dropped


def test_a_call_with_wrong_arguments_is_a_line_and_no_error() -> None:
    reading, writing = os.pipe()
    handler = LogHandler(writing, RateLimit(0))
    handler.handle(record("%d", "x"))
    handler.close()
    os.close(writing)
    assert os.read(reading, 1000).startswith(b"a line of the log cannot be made: TypeError(")
    os.close(reading)


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    size = 1 << 20
    done = subprocess.Popen(["wc", "-c"], stdin=reading, stdout=subprocess.PIPE)
    os.close(reading)
    assert write_all(writing, b"x" * size)
    os.close(writing)
    assert int(done.communicate(timeout=PATIENCE)[0]) == size
    with Path("/dev/full").open("wb") as full:
        assert not write_all(full.fileno(), b"x")


def test_json_of_an_exception_has_its_traceback() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        made = logging.LogRecord("x", logging.ERROR, __file__, 1, "100%% wrong a=%r", ("b",), sys.exc_info())
    line = json.loads(JsonFormatter().format(made))
    assert (line["message"], line["a"], line["level"]) == ("100% wrong a='b'", "b", "error")
    assert "ValueError: no" in line["traceback"]


def test_what_the_system_refuses_is_a_line_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    loop = asyncio.new_event_loop()
    log_loop_errors(loop, {"message": "accept", "exception": OSError(24, "Too many open files")})
    log_loop_errors(loop, {"message": "a callback", "exception": ValueError("a mistake")})
    loop.close()
    assert [(line.levelname, line.getMessage(), bool(line.exc_info)) for line in caplog.records] == [
        ("WARNING", "accept: [Errno 24] Too many open files", False),
        ("ERROR", "a callback", True),
    ]
