"""What one address may take of a server, against the real process. Everything here comes from loopback addresses."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.reference_server import wire
from tests.reference_server.server_process import PATIENCE, ServerProcess, StartServer

ME = "127.0.0.1"
JSON = '{"username":"a","password":"right"}'
WRONG = '{"username":"a","password":"wrong"}'
LIMIT_REACHED = 6


@pytest.fixture
def other(second_address: str) -> str:
    """Another address, which must be served whatever `ME` does."""
    return second_address


def ask(server: ServerProcess, source: str, operation: int, room: str, payload: str = "a") -> int | bytes:
    """Make a request from an address; the token, or the status of the refusal."""
    sock = server.connect(source)
    sock.sendall(wire.request(operation, room, payload))
    answer = wire.everything(sock)
    sock.close()
    refused = re.fullmatch(re.escape(wire.refusal(operation, room, 0)[:-1]) + b"(.)", answer, re.DOTALL)
    return refused[1][0] if refused and refused[1] != b"\0" else wire.token(answer, operation, room)


def open_and_send(server: ServerProcess, count: int, request: bytes) -> list[socket.socket]:
    """So many connections of `ME`, each with this request sent."""
    opened = []
    for _ in range(count):
        opened.append(server.connect(ME))
        opened[-1].sendall(request)
    return opened


def read_and_close(socks: list[socket.socket]) -> list[bytes]:
    """What the server says on each connection until it closes."""
    answers = [wire.everything(sock) for sock in socks]
    for sock in socks:
        sock.close()
    return answers


def ask_at_once(server: ServerProcess, count: int, request: bytes) -> list[bytes]:
    """The answers to so many requests of `ME` that were sent before an answer was read."""
    return read_and_close(open_and_send(server, count, request))


def lines(log: str, limit: str) -> list[str]:
    """The lines of the log that say that a limit was reached."""
    return [line for line in log.splitlines() if f"has reached {limit}:" in line]


def test_idle_connections_of_one_address_lock_nobody_out(start: StartServer, other: str) -> None:
    server = start("--exempt", "none", "--max-connections", "200")
    idle = [server.connect(ME) for _ in range(620)]
    assert isinstance(ask(server, other, wire.CREATE, "r"), bytes)
    assert isinstance(ask(server, other, wire.JOIN, "r"), bytes)
    idle[-1].sendall(wire.request(wire.CREATE, "s", "a"))
    log = server.stop()
    assert len(lines(log, "silent-connections")) == 1
    assert "Traceback" not in log


def test_of_the_silent_connections_of_one_address_the_oldest_is_closed(start: StartServer) -> None:
    server = start("--exempt", "none", "--max-connections-per-address", "40")
    silent = [server.connect(ME) for _ in range(21)]
    assert silent[0].recv(1) == b""
    for number, sock in enumerate(silent[1:]):
        sock.sendall(wire.request(wire.CREATE, f"r{number}", "a"))
        wire.token(wire.everything(sock), wire.CREATE, f"r{number}")


def test_connections_of_one_address_beyond_its_limit_are_told_so_and_beyond_those_closed(
    start: StartServer, other: str
) -> None:
    """TCRP-6.3a: 16 are served"""
    server = start("--exempt", "none", "--max-connections-per-address", "16")
    begun = [server.connect(ME) for _ in range(16)]
    for sock in begun:
        sock.sendall(wire.request(wire.CREATE, "r", "a")[:1])
    assert ask(server, ME, wire.CREATE, "s") == LIMIT_REACHED
    assert isinstance(ask(server, other, wire.CREATE, "s"), bytes)
    for number, sock in enumerate(begun):
        sock.sendall(wire.request(wire.CREATE, "r", "a")[1:])
        answer = wire.everything(sock)
        assert answer == wire.refusal(wire.CREATE, "r", 1) if number else wire.token(answer, wire.CREATE, "r")


def test_one_address_does_not_take_all_rooms(start: StartServer, other: str) -> None:
    """TCRP-6.3b: 16 are served"""
    server = start("--exempt", "none", "--max-rooms-per-address", "16", "--max-rooms", "20")
    for number in range(16):
        assert isinstance(ask(server, ME, wire.CREATE, f"r{number}"), bytes)
    assert [ask(server, ME, wire.CREATE, f"s{number}") for number in range(4)] == [LIMIT_REACHED] * 4
    assert isinstance(ask(server, other, wire.CREATE, "s"), bytes)
    (line,) = lines(server.stop(), "max-rooms-per-address")
    assert "127.0.0.1" in line


def test_one_address_does_not_fill_a_room(start: StartServer, other: str) -> None:
    """TCRP-6.3c: 16 are served"""
    server = start("--exempt", "none", "--max-members-per-address", "16", "--max-members", "20")
    assert isinstance(ask(server, other, wire.CREATE, "r"), bytes)
    for _ in range(16):
        assert isinstance(ask(server, ME, wire.JOIN, "r"), bytes)
    assert [ask(server, ME, wire.JOIN, "r") for _ in range(4)] == [LIMIT_REACHED] * 4
    assert isinstance(ask(server, other, wire.JOIN, "r"), bytes)
    assert len(lines(server.stop(), "max-members-per-address")) == 1


def test_requests_beyond_the_rate_are_refused_and_those_of_others_are_not(start: StartServer, other: str) -> None:
    """TCRP-6.3d: 50 in a second are served"""
    server = start("--exempt", "none", "--requests-per-second", "50")
    assert isinstance(ask(server, other, wire.CREATE, "r"), bytes)
    for burst in range(20):  # a slow machine grants more in the time that a burst takes
        statuses = [answer[-1] for answer in ask_at_once(server, 90, wire.request(wire.JOIN, "nowhere", "a"))]
        assert set(statuses) <= {2, LIMIT_REACHED}
        assert burst or statuses.count(2) >= 50
        assert isinstance(ask(server, other, wire.JOIN, "r"), bytes)
        if LIMIT_REACHED in statuses:
            break
    else:
        pytest.fail("no request was refused")
    assert len(lines(server.stop(), "requests-per-second")) == 1


def test_messages_beyond_the_rate_are_not_relayed_and_those_of_others_are(start: StartServer, other: str) -> None:
    server = start("--exempt", "none", "--messages-per-second", "50", "--host", "127.0.0.1")
    tokens = [ask(server, source, wire.CREATE if room else wire.JOIN, "r")
              for source, room in ((other, True), (other, False), (ME, False))]  # fmt: skip
    host, guest, loud = (token for token in tokens if isinstance(token, bytes))
    hears, speaks, floods = server.datagrams(other), server.datagrams(other), server.datagrams(ME)
    hears.sendall(wire.packet("r", host))
    said = 0
    while not lines(server.log, "messages-per-second"):
        assert said < 100_000
        for _ in range(100):
            floods.sendall(wire.packet("r", loud, b"flood"))
            said += 1
    for number in range(50):
        speaks.sendall(wire.packet("r", guest, b"%d" % number))
        while (heard := hears.recv(100)) == b"a: flood":
            pass
        assert heard == b"a: %d" % number


def test_passwords_of_one_address_keep_nobody_waiting(start: StartServer, other: str) -> None:
    server = start("--exempt", "none", "--hashes-per-address", "16")
    assert isinstance(ask(server, other, wire.CREATE, "r", JSON), bytes)
    assert isinstance(ask(server, other, wire.CREATE, "mine", JSON), bytes)
    for _ in range(3):
        crowd = open_and_send(server, 80, wire.request(wire.JOIN, "r", JSON))
        for _ in range(5):
            assert isinstance(ask(server, other, wire.JOIN, "mine", JSON), bytes)
        answers = read_and_close(crowd)
        assert sum(answer != wire.refusal(wire.JOIN, "r", LIMIT_REACHED) for answer in answers) >= 16
    assert lines(server.stop(), "hashes-per-address")


def test_who_guesses_a_password_is_slowed_down_and_others_are_not(start: StartServer, other: str) -> None:
    server = start("--exempt", "none")
    assert isinstance(ask(server, other, wire.CREATE, "r", JSON), bytes)
    assert isinstance(ask(server, other, wire.CREATE, "s", JSON), bytes)
    guesses = 0
    while not lines(server.log, "password-guesses"):
        assert guesses < 500
        assert ask(server, ME, wire.JOIN, "r", WRONG) == 3
        guesses += 1
    assert guesses > 16
    assert isinstance(ask(server, ME, wire.JOIN, "s", JSON), bytes)
    assert isinstance(ask(server, other, wire.JOIN, "r", JSON), bytes)
    assert isinstance(ask(server, ME, wire.JOIN, "r", JSON), bytes)
    statuses = [answer[-1] for answer in ask_at_once(server, 20, wire.request(wire.JOIN, "r", WRONG))]
    assert set(statuses) == {3, LIMIT_REACHED}


@pytest.mark.parametrize("exempt", [[], ["--exempt", "192.0.2.0/24", "--exempt", "127.0.0.1"]])
def test_an_exempt_address_has_no_limits_of_its_own(start: StartServer, exempt: list[str]) -> None:
    server = start("--max-rooms-per-address", "16", "--max-members-per-address", "16", *exempt)
    for number in range(20):
        server.create(f"r{number}")
        server.join("r0")


@pytest.mark.parametrize("option", ["--max-rooms-per-address", "--max-members-per-address", "--hashes-per-address",
                                    "--requests-per-second", "--messages-per-second",
                                    "--max-connections-per-address"])  # fmt: skip
def test_0_lifts_a_limit(start: StartServer, option: str) -> None:
    others = ["--max-rooms-per-address", "0", "--max-members-per-address", "0", "--requests-per-second", "0"]
    server = start("--exempt", "none", option, "0", *others)
    for number in range(120):
        server.create(f"r{number}")
    assert "has reached" not in server.stop()


def test_limits_hold_for_ipv6(start: StartServer, ipv6: str) -> None:
    server = start("--host", ipv6, "--exempt", "none", "--max-rooms-per-address", "16", family=socket.AF_INET6)
    for number in range(16):
        server.create(f"r{number}")
    assert server.ask(wire.request(wire.CREATE, "s", "a")) == wire.refusal(wire.CREATE, "s", LIMIT_REACHED)
    (line,) = lines(server.stop(), "max-rooms-per-address")
    assert "::/64" in line


# ---------------------------------------------------------------------------------------- nothing to strangers


def declare(server: ServerProcess, operation: int, address: tuple[str, int]) -> dict[str, object]:
    """A json-status request that declares this address; the object of its first reply."""
    sock = server.connect(ME)
    payload = json.dumps({"user_name": "a", "user_address": address})
    sock.sendall(wire.request(operation, "r", payload))
    header = sock.recv(32, socket.MSG_WAITALL)
    reply = json.loads(sock.recv(int.from_bytes(header[3:], "big"), socket.MSG_WAITALL))
    assert isinstance(reply, dict)
    return reply


def test_nothing_is_sent_to_an_address_that_somebody_else_declares(start: StartServer, other: str) -> None:
    server = start("--dialect", "json-status")
    assert declare(server, wire.CREATE, (other, 9))["status"] == 500
    assert declare(server, wire.CREATE, (ME, 9))["status"] == 202
    assert declare(server, wire.JOIN, (other, 9))["status"] == 500


def test_declared_addresses_can_be_trusted(start: StartServer, other: str) -> None:
    server = start("--dialect", "json-status", "--trust-declared-addresses")
    with socket.socket(type=socket.SOCK_DGRAM) as victim:
        victim.bind((other, 0))
        victim.settimeout(PATIENCE)
        assert declare(server, wire.CREATE, victim.getsockname())["status"] == 202
        token = declare(server, wire.JOIN, (ME, 9))["token"]
        assert isinstance(token, str)
        server.datagrams(ME).sendall(wire.packet("r", token.encode(), b"hi"))
        assert victim.recv(100) == b"a: hi"


# --------------------------------------------------------------------------------------------- whoever does not read

HASH = "$2b$04$" + "a" * 53
GET = wire.request(2, "", json.dumps({"type": "GET", "password": ""}))


@pytest.fixture
def envelope(start: StartServer) -> ServerProcess:
    """A json-envelope server with 300 rooms of 255 bytes."""
    pytest.importorskip("bcrypt")
    server = start("--dialect", "json-envelope", "--handshake-timeout", "0.5", "--log-level", "debug")
    payload = json.dumps({"type": "", "password": HASH})
    with server.connect() as sock:
        sock.sendall(b"".join(wire.request(1, f"{number:0255}", payload) for number in range(300)))
        for _ in range(2 * 300):
            read_reply(sock)
    return server


def read_reply(sock: socket.socket) -> bytes:
    """The payload of one frame."""
    header = sock.recv(32, socket.MSG_WAITALL)
    return sock.recv(int.from_bytes(header[3:], "big"), socket.MSG_WAITALL)


def test_a_list_has_an_end(envelope: ServerProcess) -> None:
    sock = envelope.connect()
    sock.sendall(GET)
    read_reply(sock)
    names = json.loads(read_reply(sock))["room_list"]
    assert names == [f"{number:0255}" for number in range(257)]


def test_who_reads_no_answer_is_closed_and_takes_little_memory(envelope: ServerProcess) -> None:
    socks = [envelope.connect() for _ in range(16)]
    for sock in socks:
        sock.setblocking(False)
    many = GET * 1000
    while socks:  # until the server has closed all
        for sock in list(socks):
            try:
                sock.send(many)
            except BlockingIOError:  # the server reads no further request
                continue
            except ConnectionError:
                socks.remove(sock)
    memory = Path(f"/proc/{envelope.pid}/status")
    if memory.exists():
        (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", memory.read_text())
        assert int(peak) < 120_000
    assert "Traceback" not in envelope.stop()
