"""Servers that nobody has written, as processes: what a probe learns of them, and what it makes of what is none."""

import importlib.util
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance.endpoint import AddressTarget, ProcessTarget, Unreachable, parse_ready
from conformance.probe.learning import answer
from conformance.probe.probe import Probed, probe
from conformance.verdicts import Exit
from tcrp.dialects import Ports
from tcrp.dialects.file import dumps, loads
from tcrp.dialects.framed import Framed
from tcrp.endpoint import Endpoint

TESTS = Path(__file__).parent.parent.parent
PORTS = Ports(9001, 9002)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


combinations = _module(Path(__file__).with_name("combinations.py"))
ALL = os.environ.get("TCRP_PROBE_ALL") is not None
CHOSEN = combinations.COMBINATIONS if ALL else {name: combinations.COMBINATIONS[name] for name in combinations.QUICK}


def command(options: dict[str, Any]) -> str:
    words = [sys.executable, str(TESTS / "probed" / "server.py"), json.dumps(options)]
    return shlex.join(words)


def probed(options: dict[str, Any]) -> Probed:
    target = ProcessTarget(command(options), None, PORTS)
    target.start()
    try:
        return probe(target)
    finally:
        target.stop()


@contextmanager
def started(words: list[str]) -> Iterator[tuple[subprocess.Popen[str], Endpoint]]:
    """A server that somebody else has started."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ports = parse_ready(process.stdout.readline(), PORTS)
            assert ports is not None
            yield process, Endpoint("127.0.0.1", *ports)
        finally:
            process.kill()


@contextmanager
def running(options: dict[str, Any]) -> Iterator[Endpoint]:
    with started(shlex.split(command(options))) as (_, endpoint):
        yield endpoint


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CHOSEN)
def test_learns_what_an_unknown_server_does(name: str) -> None:
    options, expected = CHOSEN[name]
    found = probed(options)
    assert isinstance(found.dialect, Framed), found.lines
    assert not found.part, found.lines
    assert "verified: create, join, two-way chat" in found.lines[0]
    assert found.toml is not None
    answers = loads(found.toml)
    assert loads(dumps(answers)) == answers == found.dialect.answers
    assert {key: answer(answers, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HTTP", "HTTP server"),
        ("TLS", "TLS"),
        ("closes at once", "closed without an answer"),
        pytest.param("answers nothing", "not answered", marks=pytest.mark.skipif(not ALL, reason="takes its time")),
        pytest.param("random bytes", "answers everything", marks=pytest.mark.skipif(not ALL, reason="takes its time")),
    ],
)
def test_says_what_is_no_chat_server(name: str, said: str) -> None:
    found = probed(combinations.NOT_CHAT[name])
    assert found.dialect is None
    assert found.code is Exit.FAILED
    assert said in "\n".join(found.lines)


def test_names_the_canonical_dialect() -> None:
    target = ProcessTarget(
        f"{Path(sys.executable).with_name('tcrp-server')} --tcp-port {{tcp}} --udp-port {{udp}}", None, PORTS
    )
    target.start()
    try:
        found = probe(target)
    finally:
        target.stop()
    assert found.name == "tcrp", found.lines
    assert found.toml is None


def test_starts_a_server_of_its_own_anew_and_says_what_it_died_of() -> None:
    found = probed({"dies_of": "state"})
    assert found.code is Exit.CONFORMS
    assert not found.part
    assert any("ended by" in line and "State 7" in line for line in found.lines)


def test_a_server_of_somebody_else_that_dies_ends_the_probe_with_what_was_sent_last() -> None:
    with running({"dies_of": "state"}) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert found.code is Exit.DIED
    assert found.died is not None
    assert "CREATE with State 7" in found.died
    assert isinstance(found.dialect, Framed)
    assert "verified: create, join, two-way chat" in found.lines[0]


def test_the_rooms_that_were_made_are_left() -> None:
    with started(shlex.split(command({}))) as (process, endpoint):
        assert process.stdout is not None
        assert probe(AddressTarget(endpoint)).code is Exit.CONFORMS
        rooms = ""
        while rooms != "rooms 0\n":  # the last datagrams may still wait to be read
            process.send_signal(signal.SIGUSR1)
            rooms = process.stdout.readline()
            assert rooms


@contextmanager
def udp_alone(serve: Callable[[socket.socket], None]) -> Iterator[Endpoint]:
    """A server without TCP, until an empty datagram comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        serving = threading.Thread(target=serve, args=(sock,), daemon=True)
        serving.start()
        yield Endpoint("127.0.0.1", None, sock.getsockname()[1])
        sock.sendto(b"", sock.getsockname())
        serving.join()


def test_a_server_without_tcp_speaks_stage_1_or_what_it_says_is_told() -> None:
    words = [str(Path(sys.executable).with_name("tcrp-server")), "--dialect", "stage1", "--udp-port", "0"]
    with started(words) as (_, endpoint):
        assert probe(AddressTarget(endpoint)).name == "stage1"
    with udp_alone(_answers) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert found.dialect is None
    assert "bob heard what?" in "\n".join(found.lines)


def test_a_server_without_tcp_that_speaks_otherwise_gets_a_dialect_file() -> None:
    with udp_alone(_relays) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert isinstance(found.dialect, Framed), found.lines
    assert "verified: two-way chat" in found.lines[0]
    assert found.toml is not None
    answers = loads(found.toml)
    assert answers.ports.tcp is False
    assert answers.up.layout == ("user-size", "user", "message")
    assert answers.down.template == "{user}: {message}"
    assert not answers.chat.echo


def _relays(relay: socket.socket) -> None:
    """Tells what one says to the others as a line of text, until an empty datagram comes."""
    known = set()
    while (received := relay.recvfrom(65536))[0]:
        data, source = received
        size = data[0] + 1
        known.add(source)
        for one in known - {source}:
            relay.sendto(data[1:size] + b": " + data[size:], one)


def test_a_datagram_that_ends_chat_is_named_and_a_server_of_its_own_started_anew() -> None:
    options = {"dies_of": "datagram", "up": "text:{token}:{user}:{message}", "down": "text:{user}:{message}"}
    with running(options) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert "any more after a datagram, room-size token-size" in found.part
    assert any("ended by" in line and "a datagram, room-size token-size" in line for line in found.lines)
    found = probed(options)
    assert isinstance(found.dialect, Framed), found.lines
    assert not found.part, found.lines
    assert found.dialect.answers.up.template == "{token}:{user}:{message}"


def _answers(echo: socket.socket) -> None:
    """Answers every datagram alike, until an empty one comes."""
    while data := echo.recvfrom(65536):
        if not data[0]:
            return
        echo.sendto(b"what?", data[1])


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    with running({}) as endpoint:
        pass
    with pytest.raises(Unreachable, match="no TCP connection"):
        probe(AddressTarget(endpoint))


def test_no_evidence_holds_a_token() -> None:
    found = probed({"token": "digits", "payload": "raw"})
    assert found.toml is not None
    assert "<token of 10 bytes>" in found.toml
    assert not any(word.isdigit() and len(word) == 10 for word in found.toml.replace("<", " ").split())


def test_a_server_without_udp_gets_a_dialect_for_what_it_does() -> None:
    with running({"payload": "raw"}) as endpoint, running({}) as other:
        silent = endpoint._replace(udp=_closed(other))
        found = probe(AddressTarget(silent))
    assert found.code is Exit.CONFORMS
    assert "nothing listens on UDP" in found.part
    assert "verified: create, join" in found.lines[0]


def _closed(endpoint: Endpoint) -> int:
    """A UDP port that is free: the TCP one of another server."""
    assert endpoint.tcp is not None
    return endpoint.tcp


def test_the_command_writes_the_file_and_says_so(tmp_path: Path) -> None:
    words = [
        Path(sys.executable).with_name("tcrp-conformance"),
        "probe",
        "--exec",
        command({"payload": "raw"}),
        "-o",
        "odd.toml",
    ]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "written to odd.toml" in done.stdout
    answers = loads((tmp_path / "odd.toml").read_text(encoding="utf-8"))
    assert answers.name == "odd"
    assert answers.request.payload == "raw"


def test_the_command_says_that_a_built_in_dialect_needs_no_file(tmp_path: Path) -> None:
    server = (
        f"{Path(sys.executable).with_name('tcrp-server')} --tcp-port {{tcp}} --udp-port {{udp}} --dialect json-status"
    )
    program = Path(sys.executable).with_name("tcrp-conformance")
    words = [program, "probe", "--exec", server, "-o", "new.toml"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "new.toml is not written, since none is needed: run --dialect json-status" in done.stdout
    assert not (tmp_path / "new.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 4, "no server to probe"),
        (["-t", "127.0.0.1:x"], 4, "TCP port"),
        (["--exec", "/nonexistent-server"], 6, "cannot start"),
        (["--exec", "/nonexistent-server", "--ready-timeout", "0"], 4, "--ready-timeout is 0: seconds, more than 0"),
        (
            ["--exec", "/nonexistent-server", "-o", "/nonexistent/odd.toml"],
            4,
            "-o '/nonexistent/odd.toml': No such file",
        ),
    ],
)
def test_the_command_refuses_in_one_line(words: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("tcrp-conformance"), "probe", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
