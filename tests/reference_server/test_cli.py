"""The command: its arguments, its one line of output and its exit codes."""

import errno
import re
import signal
import socket
import subprocess
import sys

import pytest

from reference_server.sockets import _bind_error_text, show_address
from tcrp import __version__
from tests.reference_server import wire
from tests.reference_server.server_process import ServerProcess, StartServer


def run(*options: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a server that is not expected to start."""
    done = subprocess.run(
        [sys.executable, "-m", "reference_server", *options], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_ready_line(server: ServerProcess) -> None:
    assert re.fullmatch(r"ready tcp=127\.0\.0\.1:\d+ udp=127\.0\.0\.1:\d+ dialect=tcrp\n", server.ready)
    assert 0 not in (server.tcp[1], server.udp[1])


def test_the_ready_line_puts_ipv6_in_brackets(start: StartServer, ipv6: str) -> None:
    server = start("--host", ipv6, family=socket.AF_INET6)
    assert re.fullmatch(r"ready tcp=\[::1\]:\d+ udp=\[::1\]:\d+ dialect=tcrp\n", server.ready)


def test_no_address_is_shown_as_a_hyphen() -> None:
    assert show_address(None) == "-"
    assert show_address(("127.0.0.1", 1)) == "127.0.0.1:1"
    assert show_address(("::1", 2, 0, 0)) == "[::1]:2"


def test_a_name_is_resolved_to_one_address(start: StartServer) -> None:
    server = start("--host", "localhost")
    assert server.tcp[0] == server.udp[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tcp-port", "65536"], "--tcp-port: '65536' is no port: 0 (a free one) to 65535"),
        (["--udp-port", "-"], "--udp-port: '-' is no port"),
        (["--udp-port", "-1"], "--udp-port: '-1' is no port"),
        (["--udp-port", "٣"], "is no port"),
        (["--host", "no.such.name.invalid"], "--host 'no.such.name.invalid' is no address and no name that resolves"),
        (["--host", "fe80::1"], "is a link-local address: write its interface too, as fe80::1%eth0"),
        (["--host", ""], "--host '' is no address"),
        (["--host", "a" * 70], "is no address and no name"),
        (["--dialect", "tcpr"], "--dialect: there is no dialect 'tcpr': choose from tcrp"),
        (["--idle-timeout", "0"], "--idle-timeout: '0' is no time: seconds above 0"),
        (["--idle-timeout", "nan"], "'nan' is no time"),
        (["--idle-timeout", "inf"], "'inf' is no time"),
        (["--handshake-timeout", "-1"], "'-1' is no time"),
        (["--payload-limit", "1023"], "'1023' is not a whole number from 1024 to 536870912"),
        (["--payload-limit", str(2**29 + 1)], "is not a whole number from 1024 to 536870912"),
        (["--payload-limit", "64K"], "'64K' is not a whole number"),
        (["--max-connections", "15"], "--max-connections: '15' is not a whole number, at least 16"),
        (["--max-rooms", "15"], "--max-rooms: '15' is not a whole number, at least 16"),
        (["--max-members", "15"], "--max-members: '15' is not a whole number, at least 16"),
        (["--max-rooms", "9" * 5000], "is not a whole number"),
        (["--max-connections-per-address", "15"], "'15' is not a whole number, at least 16 or 0"),
        (["--max-rooms-per-address", "15"], "'15' is not a whole number, at least 16 or 0"),
        (["--max-members-per-address", "-1"], "'-1' is not a whole number, at least 16 or 0"),
        (["--requests-per-second", "49"], "'49' is not a whole number, at least 50 or 0"),
        (["--messages-per-second", "0.5"], "'0.5' is not a whole number, at least 50 or 0"),
        (["--hashes-per-address", "1"], "'1' is not a whole number, at least 16 or 0"),
        (["--exempt", "10.0.0.1/8"], "'10.0.0.1/8' is no network: 192.0.2.0/24, 2001:db8::/32"),
        (["--exempt", "localhost"], "'localhost' is no network"),
        (["--state", "f", "--dialect", "stage1"], "--state: dialect stage1 has no tokens by which members could go on"),
        (["--log-level", "loud"], "--log-level: invalid choice: 'loud'"),
        (["--log-format", "xml"], "--log-format: invalid choice: 'xml'"),
        (["--log-rate", "-1"], "--log-rate: '-1' is no rate: lines a second, 0 (all) or more"),
        (["--log-rate", "nan"], "'nan' is no rate"),
        (["--log-rate", "x"], "'x' is no rate"),
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert"),
        (["--tls-cert", "/none.pem"], "/none.pem: No such file or directory"),
        (["--tcp", "0"], "unrecognized arguments: --tcp 0"),
        (["--tcp-port"], "--tcp-port: expected one argument"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_line_and_exit_4(options: list[str], said: str) -> None:
    code, out, error = run(*options)
    assert (code, out) == (4, "")
    assert error.startswith("tcrp-server: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")])
def test_a_port_in_use_is_one_line_and_exit_1(kind: socket.SocketKind, name: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        ports = {"TCP": "0", "UDP": "0", name: str(port)}
        code, out, error = run("--tcp-port", ports["TCP"], "--udp-port", ports["UDP"])
    assert (code, out) == (1, "")
    option = f"--{name.lower()}-port"
    assert error == (
        f"tcrp-server: {name} port {port} on 127.0.0.1 is in use: stop the program that holds it, "
        f"or choose another with {option} (0: a free one)\n"
    )


def test_an_address_of_another_machine_is_one_line_and_exit_1() -> None:
    code, out, error = run("--host", "192.0.2.77", "--tcp-port", "0", "--udp-port", "0")
    assert (code, out) == (1, "")
    assert "no such address" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, "privileged: choose one above 1023 with --tcp-port"), (errno.EMFILE, "Too many open files")],
)
def test_other_reasons_not_to_bind_are_told(number: int, said: str) -> None:
    text = _bind_error_text(OSError(number, "Too many open files"), "TCP", "127.0.0.1", 80)
    assert text.startswith("TCP port 80 on 127.0.0.1 ")
    assert said in text


def test_the_version() -> None:
    assert run("--version") == (0, f"tcrp-server {__version__}\n", "")


def test_help_names_every_option() -> None:
    code, out, error = run("--help")
    assert (code, error) == (0, "")
    for option in ("--host", "--tcp-port", "--udp-port", "--dialect", "--idle-timeout", "--log-level"):
        assert option in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_tells_every_member_and_exits_0(server: ServerProcess, number: signal.Signals) -> None:
    """TCRP-5.7"""
    tokens = {"a": server.create("r", "a"), "b": server.join("r", "b"), "z": server.create("s", "z")}
    members = {name: server.datagrams() for name in tokens}
    for name, room in (("a", "r"), ("b", "r"), ("z", "s")):
        members[name].send(wire.packet(room, tokens[name]))
    members["b"].send(wire.packet("r", tokens["b"], b"fence"))
    assert members["a"].recv(5000) == b"b: fence"
    log = server.stop(number)
    assert server.code == 0
    for member in members.values():
        assert member.recv(5000).startswith(b"\x04")
    assert "stopping" in log
    assert "Traceback" not in log


def test_nothing_but_the_ready_line_is_on_stdout(server: ServerProcess) -> None:
    server.create()
    server.stop()
    assert server.stdout.read() == b""


def test_stalled_connections_do_not_keep_it_from_ending(server: ServerProcess) -> None:
    server.connect()
    server.connect().send(b"\x01")
    server.connect().send(wire.request(1, "r", '{"username": "a", "password": "p"}'))
    server.create("s")
    log = server.stop()
    assert server.code == 0
    assert "Traceback" not in log
