"""`--metrics`: each counter equals a count that was taken outside the process."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tcrp import Create, Join, Joined, Membership, UpKind, dialects
from tests.reference_server import wire
from tests.reference_server.server_process import PATIENCE, ServerProcess, StartServer
from tests.reference_server.spawned import Spawned

METRICS = ("--metrics", "127.0.0.1:0")
PASSWORD = '{"username": "a", "password": "p"}'


def fetch(where: str, path: str = "/metrics", method: str = "GET") -> tuple[int, str, str]:
    """(status, type, content)."""
    host, _, port = where.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], content


class Scrape:
    """All samples of one scrape: `scrape["tcrp_rooms"]`, `scrape["tcrp_requests_total", "ok"]`."""

    def __init__(self, server: ServerProcess) -> None:
        status, _, text = fetch(server.fields["metrics"])
        assert status == 200
        self.text = text
        found = re.findall(r'^(\w+)(?:\{\w+="([^"]*)"(?:,[^}]*)?\})? (\S+)$', text, re.MULTILINE)
        self._samples = {(name, label): float(value) for name, label, value in found}

    def __getitem__(self, key: str | tuple[str, str]) -> float:
        return self._samples[key if isinstance(key, tuple) else (key, "")]

    def labels(self, name: str) -> dict[str, float]:
        """By label, without those that are 0."""
        return {label: value for (one, label), value in self._samples.items() if one == name and value}


def drained(sock: socket.socket) -> Iterator[bytes]:
    """What has come in on a socket so far."""
    sock.setblocking(False)
    try:
        while True:
            yield sock.recv(70_000)
    except BlockingIOError:
        sock.settimeout(PATIENCE)


def test_counts_of_requests_rooms_and_members(start: StartServer) -> None:
    server = start("--handshake-timeout", "0.2", *METRICS)
    for number in range(3):
        server.create(f"r{number}")
    for number in range(5):
        server.join("r0", f"guest{number}")
    wire.token(server.ask(wire.request(1, "locked", PASSWORD)), 1, "locked")
    for data in (
        wire.request(1, "r0", "x"),  # room_exists
        *[wire.request(2, "nowhere", "x")] * 2,  # room_not_found
        *[wire.request(2, "locked", "x")] * 3,  # wrong_password
        *[wire.request(9, "r", "x")] * 4,  # malformed
    ):
        assert server.ask(data)
    assert server.ask(b"\x01") == b""  # timed_out
    with server.connect() as early:
        early.send(b"\x01\x01")
        early.shutdown(socket.SHUT_WR)
        assert early.recv(1) == b""  # ended_early
    with server.connect() as open_connection:
        scrape = Scrape(server)
        while scrape["tcrp_connections"] != 1:  # those that were answered are drained until they have closed
            scrape = Scrape(server)
        assert scrape.labels("tcrp_requests_total") == {
            "ok": 9, "room_exists": 1, "room_not_found": 2, "wrong_password": 3, "malformed": 4, "timed_out": 1,
            "ended_early": 1,
        }  # fmt: skip
        assert (scrape["tcrp_rooms"], scrape["tcrp_members"]) == (4, 9)
        assert open_connection.fileno() >= 0


def test_counts_of_datagrams_and_messages(start: StartServer, second_address: str) -> None:
    server = start(*METRICS)
    tokens = [server.create("r", "m0"), *(server.join("r", f"m{number}") for number in range(1, 8))]
    members = [server.datagrams() for _ in tokens]
    sent = 0

    def send(sock: socket.socket, data: bytes) -> None:
        nonlocal sent
        sock.send(data)
        sent += 1

    for sock, token in zip(members, tokens, strict=True):
        send(sock, wire.packet("r", token))
    messages = 0
    for number in range(40):
        send(members[number % 8], wire.packet("r", tokens[number % 8], b"message %d" % number))
        messages += 1
    foreign = server.datagrams(second_address)
    for _ in range(3):
        send(foreign, wire.packet("r", tokens[0], b"stolen"))
    for _ in range(4):
        send(members[0], wire.packet("r", b"no token", b"strange"))
    for junk in (b"", b"\x01", b"\xff" * 4000, b"x" * 60_000, b"\x01\x24r"):
        send(members[0], junk)
    long = server.join("r", "n" * 255)
    send(members[0], wire.packet("r", long, b"z" * (4096 - 3 - len(long))))  # told, and from now on m0's port is n's
    send(members[7], wire.packet("r", tokens[7], b"exit"))
    send(members[1], wire.packet("r", tokens[1], b"fence"))
    messages += 1
    assert members[2].recv(5000).startswith(b"m")
    scrape = Scrape(server)
    while scrape["tcrp_datagrams_received_total"] < sent:
        scrape = Scrape(server)
    heard = [data for sock in members for data in drained(sock)]
    chat = [data for data in heard if not data.startswith((b"\x04", b"\x05"))]
    assert scrape["tcrp_datagrams_received_total"] == sent
    assert scrape["tcrp_messages_total"] == messages
    assert scrape["tcrp_deliveries_total"] == len(chat) + 1  # the one that was awaited above
    assert scrape["tcrp_datagrams_sent_total"] == len(heard) + 1
    assert scrape["tcrp_datagrams_unsent_total"] == 0
    assert scrape.labels("tcrp_datagrams_dropped_total") == {"foreign": 3, "stranger": 4, "malformed": 5, "too_long": 1}
    assert scrape["tcrp_members"] == 8
    server.stop()
    assert len(list(drained(members[2]))) == 1  # the server stops


def test_refusals_are_counted_by_limit(start: StartServer) -> None:
    server = start("--exempt", "none", "--max-rooms-per-address", "16", "--max-members-per-address", "16", *METRICS)
    answers = [server.ask(wire.request(1, f"r{number}", "a")) for number in range(21)]
    joins = [server.ask(wire.request(2, "r0", "b")) for _ in range(18)]
    refused = [answers.count(wire.refusal(1, f"r{number}", 6)) for number in range(21)]
    scrape = Scrape(server)
    assert scrape.labels("tcrp_refusals_total") == {
        "max-rooms-per-address": sum(refused),
        "max-members-per-address": joins.count(wire.refusal(2, "r0", 6)),
    }
    assert (sum(refused), scrape["tcrp_requests_total", "limit_reached"]) == (5, 8)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it has dropped")
def test_what_the_system_drops_is_what_the_system_says(start: StartServer) -> None:
    server = start(*METRICS)
    sock = server.datagrams()
    server.send_signal(signal.SIGSTOP)
    sent = 3000
    for _ in range(sent):
        sock.send(b"\xff" * 8000)  # more than its buffer holds
    server.send_signal(signal.SIGCONT)
    scrape = Scrape(server)
    while scrape["tcrp_datagrams_received_total"] + scrape["tcrp_datagrams_lost_total"] < sent:
        scrape = Scrape(server)
    port = f":{server.udp[1]:04X}"
    (row,) = (line.split() for line in Path("/proc/net/udp").read_text().splitlines() if port in line.split()[1])
    assert scrape["tcrp_datagrams_lost_total"] == int(row[-1]) > 0
    assert scrape["tcrp_datagrams_received_total"] == sent - int(row[-1])


def test_what_the_system_does_not_take_is_counted(start: StartServer) -> None:
    """A member of `json-status` declares an address to which nothing can be sent."""
    dialect = dialects.get("json-status")
    server = start("--dialect", dialect.name, "--trust-declared-addresses", *METRICS)
    speaker, hearer = server.datagrams(), server.datagrams()
    tokens = []
    for want, declared in (
        (Create("r", "a"), ("240.0.0.1", 9)),
        (Join("r", "b"), speaker.getsockname()),
        (Join("r", "c"), hearer.getsockname()),
    ):
        conversation = dialect.client(want, declared, 0.0)
        with server.connect() as sock:
            sock.sendall(conversation.data_to_send())
            while not conversation.closing:  # in this dialect the client closes
                events = conversation.receive_data(sock.recv(65536), 0.0)
                tokens += [event.token for event in events if isinstance(event, Joined)]
    for _ in range(2):
        speaker.send(dialect.write_up(Membership("r", "b", tokens[1], False), UpKind.CHAT, b"hello") or b"")
        assert hearer.recv(5000).endswith(b"hello")
    scrape = Scrape(server)
    assert scrape["tcrp_deliveries_total"] == 4
    assert scrape["tcrp_datagrams_unsent_total"] == 2
    assert scrape["tcrp_datagrams_sent_total"] == 2


def test_passwords_that_wait_are_shown(start: StartServer) -> None:
    server = start(*METRICS)
    asking = [server.connect() for _ in range(24)]
    for number, sock in enumerate(asking):
        sock.sendall(wire.request(1, f"r{number}", PASSWORD))
    pending = [Scrape(server)["tcrp_passwords_pending"] for _ in range(5)]
    for number, sock in enumerate(asking):
        wire.token(wire.everything(sock), 1, f"r{number}")
    assert all(0 <= value <= 24 for value in pending)
    assert max(pending) > 0
    assert Scrape(server)["tcrp_passwords_pending"] == 0


def test_connections_that_cannot_be_served_are_counted(tmp_path: Path, spawned: list[Spawned]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Spawned(tmp_path, ">out 2>err", "--metrics", f"127.0.0.1:{port}", files=40)
    spawned.append(server)
    idle = [socket.create_connection(server.tcp, PATIENCE) for _ in range(100)]
    for sock in idle:
        sock.setblocking(False)
    served, closed = list(idle), 0
    while closed < 70:
        for sock in tuple(served):
            try:
                if sock.recv(1) == b"":
                    served.remove(sock)
                    closed += 1
            except BlockingIOError:
                continue
    for number, sock in enumerate(served):  # whoever is served is answered; the others were closed without a byte
        sock.settimeout(PATIENCE)
        try:
            sock.sendall(wire.request(1, f"r{number}", "x"))
            closed += sock.recv(1) == b""
        except ConnectionError:
            closed += 1
    for sock in idle:
        sock.close()
    content = ""
    while "tcrp_connections_unserved_total " not in content:
        try:
            content = fetch(f"127.0.0.1:{port}")[2]
        except (ConnectionError, TimeoutError):  # its own connection may be one that cannot be served
            continue
    counted = int(float(re.findall(r"^tcrp_connections_unserved_total (\S+)$", content, re.MULTILINE)[0]))
    assert counted == closed


def test_lines_of_the_log_that_are_lost_are_counted(tmp_path: Path, spawned: list[Spawned]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Spawned(tmp_path, ">out 2>/dev/full", "--metrics", f"127.0.0.1:{port}", "--log-rate", "0")
    spawned.append(server)
    for number in range(25):
        server.token(1, f"r{number}", "a")
    content = ""
    while "tcrp_log_lines_lost_total 25.0" not in content:  # one line for each room
        content = fetch(f"127.0.0.1:{port}")[2]


def test_a_loop_that_was_held_up_is_seen(start: StartServer) -> None:
    server = start(*METRICS)
    before = Scrape(server)
    server.send_signal(signal.SIGSTOP)
    time.sleep(1.0)  # so long it does nothing
    server.send_signal(signal.SIGCONT)
    after = Scrape(server)
    while after["tcrp_loop_lag_seconds_count"] < before["tcrp_loop_lag_seconds_count"] + 2:
        after = Scrape(server)
    assert after["tcrp_loop_lag_seconds_sum"] - before["tcrp_loop_lag_seconds_sum"] > 0.5
    slow = [one["tcrp_loop_lag_seconds_count"] - one["tcrp_loop_lag_seconds_bucket", "0.5"] for one in (before, after)]
    assert slow[1] == slow[0] + 1


def test_the_process_itself_is_measured(start: StartServer) -> None:
    server = start(*METRICS)
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir())) if sys.platform == "linux" else 0
    scrape = Scrape(server)
    if descriptors:
        assert scrape["process_open_fds"] >= descriptors
        assert scrape["process_resident_memory_bytes"] > 1 << 20
    assert 'tcrp_info{dialect="tcrp",version=' in scrape.text


def test_the_pages(start: StartServer) -> None:
    server = start(*METRICS)
    where = server.fields["metrics"]
    assert fetch(where, "/healthz") == (200, "text/plain", "ok\n")
    assert fetch(where, "/metrics?name=x")[0] == 200
    assert fetch(where, "/metrics", "HEAD")[::2] == (200, "")
    assert fetch(where, "/")[0] == 404
    assert fetch(where, "/metrics", "POST")[0] == 405
    assert fetch(where)[1].startswith("text/plain; version=")


def test_whoever_does_not_ask_is_closed(start: StartServer) -> None:
    server = start(*METRICS)
    host, _, port = server.fields["metrics"].rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as endless:
        endless.sendall(b"GET /metrics HTTP/1.1\r\n" + b"x" * 20_000)
        assert endless.recv(100).startswith((b"HTTP/1.1 431", b""))
    stalled = [socket.create_connection((host, int(port)), PATIENCE) for _ in range(60)]
    assert stalled[-1].recv(1) == b""  # only so many at once
    assert stalled[0].recv(1) == b""  # and not for long
    for sock in stalled:
        sock.close()
    server.create()
    assert "Traceback" not in server.stop()


def test_ipv6(start: StartServer, ipv6: str) -> None:
    server = start("--metrics", f"[{ipv6}]:0")
    assert fetch(server.fields["metrics"], "/healthz")[0] == 200


def test_without_the_option_there_is_none(start: StartServer) -> None:
    assert "metrics" not in start().fields


def test_an_address_in_use_is_one_line_and_exit_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_server("--metrics", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"tcrp-server: TCP port {port} on 127.0.0.1 is in use: ")
    assert done.stderr.count("\n") == 1
    assert "another with --metrics" in done.stderr


def test_without_the_package_it_says_how_to_install_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from reference_server.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "--tcp-port", "0", "--udp-port", "0", *METRICS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=tmp_path)
    assert done.returncode == 4
    assert (
        done.stderr
        == "tcrp-server: --metrics needs prometheus-client: install tcrp with the extra 'metrics', in a clone: "
        "pip install '.[metrics]'\n"
    )


def run_server(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_server", "--tcp-port", "0", "--udp-port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
