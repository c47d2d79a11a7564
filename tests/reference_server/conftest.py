"""The real server as a process on free ports, and hand-made bytes to speak to it."""

import signal
import socket
import subprocess
import sys

import pytest

WAIT = 10.0  # seconds, for whatever must come; nothing waits this long where all is well


class Running:
    """A server process. `tcp`, `udp`: its addresses. `stop` ends it and returns what it logged."""

    def __init__(self, tmp_path, *options, family=socket.AF_INET):
        self.family = family
        self.log_path = tmp_path / "server.log"
        self.log = self.log_path.open("wb")
        command = [sys.executable, "-m", "reference_server", "--tcp-port", "0", "--udp-port", "0", *options]
        self.process = subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        self.ready = self.process.stdout.readline().decode()
        fields = dict(field.split("=", 1) for field in self.ready.split()[1:])
        self.tcp, self.udp = (self._address(fields[name]) for name in ("tcp", "udp"))
        self.sockets = []

    def _address(self, text):
        host, _, port = text.rpartition(":")
        return host.strip("[]"), int(port)

    def connect(self, source="", host=None):
        family = self.family if host is None else socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self._keep(socket.socket(family, socket.SOCK_STREAM))
        if source:
            sock.bind((source, 0))
        sock.connect((host or self.tcp[0], self.tcp[1]))
        return sock

    def datagrams(self, source=None, host=None):
        family = self.family if host is None else socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self._keep(socket.socket(family, socket.SOCK_DGRAM))
        sock.bind((source or self.udp[0], 0))
        sock.connect((host or self.udp[0], self.udp[1]))
        return sock

    def _keep(self, sock):
        sock.settimeout(WAIT)
        self.sockets.append(sock)
        return sock

    def ask(self, data, **where):
        """Every byte that comes back until the server closes."""
        with self.connect(**where) as sock:
            sock.sendall(data)
            return everything(sock)

    def create(self, room="r", user="a", **where):
        return token(self.ask(request(1, room, user), **where), 1, room)

    def join(self, room="r", user="b", **where):
        return token(self.ask(request(2, room, user), **where), 2, room)

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.code = self.process.wait(WAIT)
        return self.read_log()

    def read_log(self):
        return self.log_path.read_text("utf-8")

    def close(self):
        for sock in self.sockets:
            sock.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        self.process.stdout.close()
        self.log.close()


def request(operation, room, payload, *, state=0, size=None):
    room = room if isinstance(room, bytes) else room.encode()
    payload = payload if isinstance(payload, bytes) else payload.encode()
    size = len(payload) if size is None else size
    return bytes([len(room), operation, state]) + size.to_bytes(29, "big") + room + payload


def reply(operation, room, state, payload):
    return request(operation, room, payload, state=state)


def refusal(operation, room, status):
    return reply(operation, room, 1, bytes([status]))


def token(data, operation, room):
    """The token of a good answer, which is held against every byte that is due."""
    ack = refusal(operation, room, 0)
    assert data[: len(ack)] == ack
    complete = data[len(ack) :]
    found = complete[32 + len(room.encode()) :]
    assert found
    assert complete == reply(operation, room, 2, found)
    return found


def everything(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def packet(room, token, message=b""):
    return bytes([len(room.encode()), len(token)]) + room.encode() + token + message


@pytest.fixture
def start(tmp_path):
    """`start("--option", "value", ...)`: a server with these options."""
    running = []

    def starter(*options, **how):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Running(folder, *options, **how))
        return running[-1]

    yield starter
    for server in running:
        server.close()


@pytest.fixture
def server(start):
    return start("--log-level", "debug")


@pytest.fixture
def wire():
    """The functions that make and take apart bytes."""

    class Wire:
        request = staticmethod(request)
        reply = staticmethod(reply)
        refusal = staticmethod(refusal)
        token = staticmethod(token)
        packet = staticmethod(packet)
        everything = staticmethod(everything)

    return Wire


@pytest.fixture
def second_address():
    """Another loopback address, where the machine has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.2", 0))
        except OSError:
            pytest.skip("this machine has no 127.0.0.2")
    return "127.0.0.2"


@pytest.fixture
def ipv6():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no ::1")
    return "::1"
